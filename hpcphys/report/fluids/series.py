"""Figures of the time series: budgets that close, and Casimirs that drift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.12, "top": 0.93, "wspace": 0.3, "hspace": 0.16}
Series = Mapping[str, np.ndarray]


def budget_figure(series: Series) -> Figure:
    """What is there, came in and was dissipated, of energy and of enstrophy; below, what this leaves
    unexplained."""
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 4.4))
    panels = figure.subplots(2, 2, sharex=True, height_ratios=(3, 1.6), gridspec_kw=MARGINS)
    time = series["time"]
    for column, name in enumerate(("energy", "enstrophy")):
        parts, error = panels[:, column]
        parts.plot(time, series[name], color="black", label=name)
        for key, colour, label in (
            ("injected", GREEN, "injected"), ("dissipated_viscous", RED, "lost to viscosity"),
            ("dissipated_drag", BLUE, "lost to drag"),
        ):  # fmt: skip
            values = series[f"{name}_{key}"]
            if np.any(values):
                parts.plot(time, values, color=colour, linewidth=1.1, label=label)
        parts.set_ylim(bottom=min(0.0, parts.get_ylim()[0]))
        parts.legend(fontsize=8)
        parts.set_ylabel(name)
        residual = series[f"{name}_error"]
        error.plot(time, residual, color="black", linewidth=1.1)
        error.axhline(0.0, color=GREY, linewidth=0.4)
        error.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
        error.set_ylabel("unexplained share")
        error.set_title(f"largest {np.abs(residual).max():.1e}", loc="right", color=GREY)
        error.set_xlabel("time")
    panels[0, 0].set_xlim(time[0], time[-1])
    figure.align_ylabels(panels[:, 0])
    figure.align_ylabels(panels[:, 1])
    return figure


FLOOR = 1e-17


def casimir_figure(series: Series) -> Figure | None:
    """How Casimirs and energy change, relative to <ω²>^(n/2) or themselves, in decades.

    Casimirs are the traces of Zeitlin's model where the run is one, else the moments <ω^n> on the grid.
    """
    kind = "casimir" if "casimir_2" in series else "moment"
    sign = r"\mathrm{tr}\,W" if kind == "casimir" else r"\langle\omega"
    close = "" if kind == "casimir" else r"\rangle"
    orders = sorted(int(name.removeprefix(f"{kind}_")) for name in series if name.startswith(f"{kind}_"))
    time, start = series["time"], series[f"{kind}_2"][0]
    if start <= 0.0:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 3.7))
    axes = figure.subplots(gridspec_kw={"left": 0.12, "right": 0.8, "bottom": 0.13, "top": 0.94})
    shades = np.linspace(0.4, 1.0, max(1, len(orders)))
    for order, shade in zip(orders, shades, strict=True):
        values = series[f"{kind}_{order}"]
        size = max(abs(values[0]), start ** (0.5 * order))
        colour = tuple(1.0 - shade * (1.0 - np.array([0.70, 0.09, 0.17])))
        _draw_drift(axes, time, np.abs(values - values[0]) / size, colour, f"${sign}^{order}{close}$")
    energy = series["energy"]
    _draw_drift(axes, time, np.abs(energy - energy[0]) / (abs(energy[0]) or 1.0), "black", "energy")
    axes.set_yscale("log")
    axes.set_xlim(time[0], time[-1])
    axes.set_xlabel("time")
    axes.set_ylabel("relative change")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _draw_drift(axes, time: np.ndarray, drift: np.ndarray, colour, label: str) -> None:
    axes.plot(time[1:], np.maximum(drift[1:], FLOOR), color=colour, label=label)
