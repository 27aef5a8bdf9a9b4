"""Figures of g(r) and S(k), with points to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

MARGINS = {"left": 0.11, "right": 0.97, "bottom": 0.14, "top": 0.93}
COLOURS = (BLUE, RED, GREEN, GREY)
Reference = tuple[str, np.ndarray, np.ndarray]
"""Label, abscissae and ordinates of published points."""


def radial_figure(
    curves: Mapping[str, Any], *, unit: str = r"\sigma", reference: Reference | None = None,
    coordination: bool = False,
) -> Figure:  # fmt: skip
    """g(r) of each pair of types, with bands of one standard error and published points.

    curves: label -> PairDistribution (radius, value, error, coordination);  unit: of length, in TeX
    reference: drawn as open circles;  coordination: the running number of neighbours of the first curve, too
    """
    figure = Figure(figsize=(FIGURE_WIDTH, 3.7))
    axes = figure.subplots(gridspec_kw=MARGINS if not coordination else {**MARGINS, "right": 0.9})
    axes.axhline(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    for (label, curve), colour in zip(curves.items(), COLOURS, strict=False):
        draw_with_band(axes, curve.radius, curve.value, curve.error, colour, label)
    if reference is not None:
        _draw_points(axes, reference)
    first = next(iter(curves.values()))
    axes.set_xlim(0.0, first.radius[-1])
    axes.set_ylim(0.0, None)
    axes.set_xlabel(f"$r$ [${unit}$]")
    axes.set_ylabel("$g(r)$")
    if coordination:
        _draw_coordination(axes, first)
    if len(curves) > 1 or reference is not None:
        axes.legend(loc="upper right")
    return figure


def structure_figure(
    curves: Mapping[str, Any], *, unit: str = r"\sigma^{-1}", reference: Reference | None = None
) -> Figure:
    """S(k), with bands of one standard error and published points.

    curves: label -> Structure (wavenumber, value, error);  unit: of wavenumber, in TeX
    """
    figure = Figure(figsize=(FIGURE_WIDTH, 3.7))
    axes = figure.subplots(gridspec_kw=MARGINS)
    axes.axhline(1.0, color=GREY, linewidth=0.6, linestyle=(0, (4, 3)))
    for (label, curve), colour in zip(curves.items(), COLOURS, strict=False):
        draw_with_band(axes, curve.wavenumber, curve.value, curve.error, colour, label)
    if reference is not None:
        _draw_points(axes, reference)
    lowest = min(float(curve.value.min()) for curve in curves.values())
    axes.set_xlim(0.0, max(float(curve.wavenumber[-1]) for curve in curves.values()))
    axes.set_ylim(min(0.0, 1.1 * lowest), None)
    axes.set_xlabel(f"$k$ [${unit}$]")
    axes.set_ylabel("$S(k)$")
    if len(curves) > 1 or reference is not None:
        axes.legend(loc="upper right")
    return figure


def draw_with_band(
    axes: Any, x: np.ndarray, y: np.ndarray, error: np.ndarray, colour: str, label: str = ""
) -> None:
    """A line with a band of one standard error; no band where the error is not known."""
    axes.plot(x, y, color=colour, label=label or None)
    known = np.isfinite(error)
    if known.any():
        width = np.where(known, error, 0.0)
        axes.fill_between(x, y - width, y + width, color=colour, alpha=0.22, linewidth=0)


def _draw_points(axes: Any, reference: Reference) -> None:
    label, x, y = reference
    axes.plot(
        x, y, linestyle="none", marker="o", markersize=4, markerfacecolor="none", color="black", label=label
    )


def _draw_coordination(axes: Any, curve: Any) -> None:
    """The number of neighbours up to r on an axis of its own, for the nearest shells."""
    right = axes.twinx()
    near = curve.radius <= 0.4 * curve.radius[-1]
    right.plot(curve.radius[near], curve.coordination[near], color=GREY, linewidth=0.9)
    right.set_ylim(0.0, max(float(curve.coordination[near].max()), 1.0) * 1.5)
    right.set_ylabel("neighbours within $r$", color=GREY)
    right.spines["right"].set_visible(True)
