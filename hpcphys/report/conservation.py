"""Errors of what is conserved, against time, as measured and as theory predicts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

COLOURS = ("black", BLUE, RED, GREEN, "#e08214", "#762a83", "#8c510a", "#4393c3")
MARGINS = {"left": 0.13, "right": 0.77, "bottom": 0.12, "top": 0.93}
LINES = 8
"""Quantities that are drawn: those of the largest errors."""

FLOOR = 1e-17


def conservation_figure(series: dict[str, np.ndarray], metrics: dict[str, Any]) -> Figure | None:
    """|error| of each conserved quantity on a logarithmic scale, measured as lines and predicted as dashes.

    metrics: of summary.json, with `predicted` (quantity -> largest relative error) and `trend`
    The lines are running maxima over a hundredth of the run, so that oscillations do not hide the size.
    """
    names = [name.removesuffix("_error") for name in series if name.endswith("_error")]
    if not names:
        return None
    largest = {name: float(np.abs(series[f"{name}_error"]).max()) for name in names}
    shown = sorted(sorted(names, key=lambda name: -largest[name])[:LINES], key=names.index)
    figure = Figure(figsize=(FIGURE_WIDTH, 3.6))
    axes = figure.subplots(gridspec_kw=MARGINS)
    time, predicted = series["time"], metrics.get("predicted") or {}
    ends = []
    for name, colour in zip(shown, COLOURS, strict=False):
        size = np.maximum(envelope(np.abs(series[f"{name}_error"])), FLOOR)
        axes.plot(time, size, color=colour, drawstyle="steps-mid" if len(time) > 500 else None)
        ends.append([np.log10(size[-1]), label_of(name), colour])
        if predicted.get(name):
            axes.axhline(predicted[name], color=colour, linewidth=0.8, linestyle=(0, (5, 4)), alpha=0.7)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, FLOOR / 2), max(high, 1e-15))
    write_labels(axes, ends)
    axes.set_xlim(time[0], time[-1])
    axes.set_xlabel("time")
    axes.set_ylabel("relative error of what is conserved")
    note = "dashed: predicted" if predicted else ""
    if "energy" in (metrics.get("trend") or {}) and np.isfinite(metrics["trend"]["energy"][1] or np.inf):
        slope, error = metrics["trend"]["energy"]
        note += f"{';  ' if note else ''}energy trend {slope:+.1e} ± {error:.0e} per time"
    axes.set_title(note, loc="right", color=GREY)
    return figure


def envelope(values: np.ndarray) -> np.ndarray:
    """The largest value in the hundredth of the series around each."""
    width = max(1, len(values) // 100)
    if width == 1:
        return values
    blocks = -(-len(values) // width)
    padded = np.pad(values, (0, blocks * width - len(values)), mode="edge").reshape(blocks, width)
    return np.repeat(padded.max(axis=1), width)[: len(values)]


def label_of(name: str) -> str:
    """casimir_m_m -> m·m, the others as they are."""
    if name.startswith("casimir_"):
        return name.removeprefix("casimir_").replace("_", "·")
    return name.replace("_", " ")


def write_labels(axes, ends: list) -> None:
    """Names at the right ends of their lines, pushed apart where they would overlap."""
    low, high = np.log10(axes.get_ylim())
    gap = 0.055 * (high - low)
    placed = sorted(ends, key=lambda end: end[0])
    for below, above in pairwise(placed):
        above[0] = max(above[0], below[0] + gap)
    excess = max(0.0, placed[-1][0] - high) if placed else 0.0
    for height, text, colour in placed:
        axes.annotate(
            text, (1.0, 10.0 ** (height - excess)), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", color=colour, va="center", annotation_clip=False,
        )  # fmt: skip
