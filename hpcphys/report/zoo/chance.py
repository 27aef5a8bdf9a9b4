"""Figures of stationary states: histograms against densities."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

MARGINS = {"left": 0.09, "right": 0.98, "bottom": 0.14, "top": 0.9, "wspace": 0.28}
Series = dict[str, np.ndarray]


def double_well_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Positions at the end against exp(-V/kT), and how the right well fills."""
    figure = Figure(figsize=(FIGURE_WIDTH + 1.0, 3.4))
    density, filling = figure.subplots(1, 2, gridspec_kw=MARGINS)
    barrier, tilt, kt = (float(system.parameters[name]) for name in ("barrier", "tilt", "kT"))
    q = np.linspace(-2.2, 2.2, 500)
    weight = np.exp(-(barrier * (q * q - 1.0) ** 2 + tilt * q) / kt)
    if "q" in states and len(states["q"]) > 100:
        bins = min(80, max(12, int(len(states["q"]) ** 0.4)))
        density.hist(states["q"], bins=bins, range=(-2.2, 2.2), density=True, color=BLUE, alpha=0.5)
    density.plot(q, weight / (weight.sum() * (q[1] - q[0])), color=RED)
    density.set_xlabel("q at the end")
    density.set_ylabel("density")
    density.set_title("line: exp(-V/kT)/Z", loc="right", color=GREY)
    time = series["time"]
    for name, colour, label in (
        ("q_squared", BLUE, r"$\langle q^2\rangle$"), ("p_squared", GREEN, r"$\langle p^2\rangle$"),
        ("right", RED, "share of the right well"),
    ):  # fmt: skip
        filling.plot(time, series[name], color=colour, linewidth=0.9, label=label)
        filling.axhline(system.facts[f"exact_{name}"], color=colour, linewidth=0.7, linestyle=(0, (4, 4)))
    filling.set_xlabel("time")
    filling.set_xlim(time[0], time[-1])
    filling.legend(fontsize=8)
    filling.set_title("dashed: exact", loc="right", color=GREY)
    return figure


def nose_hoover_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Where the trajectory has been in the plane of q and p, and the marginal densities against Gaussians."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.0, 3.6))
    plane, marginal = figure.subplots(1, 2, gridspec_kw=MARGINS)
    kt = float(system.parameters["kT"])
    q, p = (series[name].ravel() / np.sqrt(kt) for name in "qp")
    plane.hist2d(q, p, bins=90, range=((-4, 4), (-4, 4)), cmap="Blues", rasterized=True)
    plane.set_aspect("equal")
    plane.set_xlabel(r"$q/\sqrt{kT}$")
    plane.set_ylabel(r"$p/\sqrt{kT}$", labelpad=0)
    for values, colour, label in ((q, BLUE, "q"), (p, RED, "p")):
        marginal.hist(
            values, bins=80, range=(-4, 4), density=True, histtype="step", color=colour, label=label
        )
    x = np.linspace(-4.0, 4.0, 300)
    marginal.plot(x, np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi), color="black", linewidth=0.9, linestyle="--")
    marginal.legend()
    marginal.set_title("dashed: Gaussian", loc="right", color=GREY)
    plane.set_title(system.title, loc="left", color=GREY)
    return figure
