"""Figures of motions in the plane: ellipses, eights, sections, pendulums, vortices."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.physics.zoo.henon_heiles import section
from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

COLOURS = (BLUE, RED, GREEN, "#e08214", "#762a83", "black")
Series = dict[str, np.ndarray]


def kepler_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The orbit with the exact ellipse, and the distance from the exact position in periods."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.2, 3.5))
    orbit, error = figure.subplots(
        1, 2, gridspec_kw={"left": 0.09, "right": 0.97, "bottom": 0.14, "top": 0.92, "wspace": 0.32}
    )
    period, q = system.facts["period"], series["q"][:, 0]
    ellipse = system.reference(np.linspace(0.0, period, 400))["q"]
    orbit.plot(*q.T, ".", color=BLUE, markersize=1.5, alpha=min(1.0, 2000 / len(q)), rasterized=True)
    orbit.plot(*ellipse.T, color=RED, linewidth=0.8)
    orbit.plot(0, 0, "*", color="black", markersize=7)
    orbit.set_aspect("equal", adjustable="datalim")
    orbit.set_xlabel("x")
    orbit.set_ylabel("y")
    distance = np.linalg.norm(q - system.reference(series["time"])["q"], axis=1)
    error.plot(series["time"] / period, np.maximum(distance, 1e-17), color="black", linewidth=0.7)
    error.set_yscale("log")
    error.set_xlabel("periods")
    error.set_ylabel("distance from the exact position")
    figure.suptitle(system.title, fontsize=9, color=GREY)
    return figure


def three_bodies_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The three paths and where the bodies are at the end."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 3.3))
    axes = figure.subplots(gridspec_kw={"left": 0.11, "right": 0.97, "bottom": 0.15, "top": 0.92})
    q = series["q"][:, 0].reshape(-1, 3, 2)
    shown = q[-min(len(q), 4000) :]
    for body, colour in enumerate((BLUE, RED, GREEN)):
        axes.plot(*shown[:, body].T, color=colour, linewidth=0.7, alpha=0.8)
        axes.plot(
            *q[-1, body], "o", color=colour, markersize=6 + 2 * float(system.parameters["m"][body]) ** 0.3
        )
        axes.plot(*q[0, body], "o", color=colour, markersize=10, fillstyle="none", markeredgewidth=0.7)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    periods = series["time"][-1] / system.facts["period"]
    axes.set_title(f"after {periods:.4g} periods; circles: the start", loc="right", color=GREY)
    return figure


def henon_heiles_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Poincaré's section q_0 = 0, p_0 > 0: each trajectory has its colour."""
    if "q" not in series:
        return None
    from matplotlib import colormaps

    figure = Figure(figsize=(5.6, 5.2))
    axes = figure.subplots(gridspec_kw={"left": 0.13, "right": 0.97, "bottom": 0.1, "top": 0.94})
    points = section(series)
    spread = [np.ptp(y) * np.ptp(v) if len(y) else 0.0 for y, v in points]
    order = np.argsort(np.argsort(spread)) / max(1, len(spread) - 1)
    for (y, v), place in zip(points, order, strict=True):
        axes.plot(y, v, ".", markersize=1.3, color=colormaps["turbo"](0.05 + 0.9 * place), markeredgewidth=0)
    level = float(system.parameters["level"])
    grid = np.linspace(-0.6, 1.05, 1001)
    inside = 2.0 * level - grid**2 + 2.0 / 3.0 * grid**3
    grid, inside = grid[(inside >= 0) & (grid < 1.0)], inside[(inside >= 0) & (grid < 1.0)]
    for sign in (-1, 1):
        axes.plot(grid, sign * np.sqrt(inside), color="black", linewidth=0.6)
    axes.set_xlabel("$q_1$")
    axes.set_ylabel("$p_1$")
    axes.set_title(f"{system.title}: section $q_0 = 0$, $p_0 > 0$", loc="left", color=GREY)
    return figure


def pendulum_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The path of the lower bob, and both angles against time."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.0, 3.6))
    path, angles = figure.subplots(
        1, 2, width_ratios=(1, 1.3), gridspec_kw={"left": 0.08, "right": 0.98, "bottom": 0.14, "top": 0.93}
    )
    q, l = series["q"][:, 0], system.parameters["l"]  # noqa: E741
    middle = np.stack([l[0] * np.sin(q[:, 0]), -l[0] * np.cos(q[:, 0])])
    bob = middle + np.stack([l[1] * np.sin(q[:, 1]), -l[1] * np.cos(q[:, 1])])
    path.plot(*bob, color=BLUE, linewidth=0.5)
    rods = np.stack([[0.0, 0.0], middle[:, -1], bob[:, -1]]).T
    path.plot(*rods, color="black", linewidth=1.2, marker="o", markersize=4)
    path.set_aspect("equal", adjustable="datalim")
    path.set_xlabel("x")
    path.set_ylabel("y")
    for k, colour, label in ((0, RED, "upper"), (1, BLUE, "lower")):
        angles.plot(series["time"], q[:, k] / (2 * np.pi), color=colour, linewidth=0.9, label=label)
    angles.set_xlabel("time")
    angles.set_ylabel("angle [turns]")
    angles.set_xlim(series["time"][0], series["time"][-1])
    angles.legend()
    return figure


def vortices_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Paths of the vortices; the sense of each by its colour."""
    if "x" not in series:
        return None
    x, y = series["x"][:, 0], series["y"][:, 0]
    wide = np.ptp(x) > 2.5 * np.ptp(y)
    figure = Figure(figsize=(FIGURE_WIDTH + 1.0, 2.6) if wide else (4.8, 4.6))
    axes = figure.subplots(
        gridspec_kw={"left": 0.1, "right": 0.97, "bottom": 0.18 if wide else 0.11, "top": 0.9}
    )
    strengths = system.parameters["Gamma"]
    for k, strength in enumerate(strengths):
        colour = (RED, "#e08214")[k // 2 % 2] if strength > 0 else (BLUE, "#4393c3")[k // 2 % 2]
        axes.plot(x[:, k], y[:, k], color=colour, linewidth=0.9)
        axes.plot(x[-1, k], y[-1, k], "o", color=colour, markersize=5)
    axes.set_aspect("equal", adjustable="box" if wide else "datalim")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.set_title(system.title, loc="left", color=GREY)
    return figure
