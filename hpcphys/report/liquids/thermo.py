"""Figures of what is watched over time: energies, temperature, pressure; and of the errors of their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED
from hpcphys.report.liquids.transport import with_error

COLOURS = (BLUE, RED, GREEN, "black")
MARGINS = {"left": 0.14, "right": 0.97, "hspace": 0.22}


def thermo_figure(
    series: Mapping[str, np.ndarray], names: Sequence[str], *, time: str = r"\tau",
    estimates: Mapping[str, Any] | None = None, begin: float | None = None,
) -> Figure:  # fmt: skip
    """A panel for each series, with its mean and error where they are given.

    series: "time" and the names -> (rows,);  estimates: name -> Estimate;  begin: of the means
    """
    height = 0.55 + 1.25 * len(names)
    figure = Figure(figsize=(FIGURE_WIDTH, height))
    edges = {"bottom": 0.45 / height, "top": 1.0 - 0.25 / height}
    grid = {**MARGINS, **edges}
    panels = figure.subplots(len(names), 1, sharex=True, squeeze=False, gridspec_kw=grid)[:, 0]
    for axes, name, colour in zip(panels, names, COLOURS * len(names), strict=False):
        axes.plot(series["time"], series[name], color=colour, linewidth=0.7, alpha=0.6)
        axes.set_ylabel(name.replace("_", " "))
        axes.ticklabel_format(axis="y", useOffset=False)
        if estimates and name in estimates:
            found = estimates[name]
            axes.axhline(found.value, color="black", linewidth=1.0, linestyle=(0, (4, 3)))
            axes.set_title(with_error(found.value, found.error), loc="right", color=GREY, pad=2)
        if begin is not None and begin > series["time"][0]:
            axes.axvspan(series["time"][0], begin, color=GREY, alpha=0.12, linewidth=0)
    panels[-1].set_xlabel(f"$t$ [${time}$]")
    panels[-1].set_xlim(series["time"][0], series["time"][-1])
    figure.align_ylabels(panels)
    return figure


def block_figure(average: Any, names: Sequence[str]) -> Figure:
    """The error of the mean over the length of blocks: flat where blocks are independent.

    average: BlockAverage;  the length that is used is marked
    """
    figure = Figure(figsize=(FIGURE_WIDTH, 3.5))
    axes = figure.subplots(gridspec_kw={"left": 0.13, "right": 0.97, "bottom": 0.14, "top": 0.9})
    for name, colour in zip(names, COLOURS, strict=False):
        length, error, spread = average.levels(name)
        found = average.estimate(name)
        shown = np.isfinite(spread)
        axes.errorbar(
            length[shown], error[shown], spread[shown], color=colour, marker="o", markersize=3, linewidth=0.9,
            capsize=2, label=name.replace("_", " "),
        )  # fmt: skip
        axes.plot(
            found.block, found.error, marker="o", markersize=9, markerfacecolor="none", color=colour,
            linestyle="none",
        )  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xlabel("samples in a block")
    axes.set_ylabel("error of the mean")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(names), borderaxespad=0.0)
    return figure
