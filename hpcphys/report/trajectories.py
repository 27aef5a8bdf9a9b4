"""Trajectories of stated systems: paths, phase portraits, spheres, or components against time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

COLOURS = (BLUE, RED, GREEN, "#e08214", "#762a83", "black")
MARGINS = {"left": 0.13, "right": 0.95, "bottom": 0.12, "top": 0.94}
MOST = 6


def trajectory_figure(
    series: dict[str, np.ndarray], variables: Sequence[str], structure: str
) -> Figure | None:
    """The first system's motion: its path in the plane, its phase portrait, or its components against time.

    variables: declarations as in the job;  structure: its name there
    """
    sizes = {
        m[1]: int(m[2]) if m[2] else None for v in variables if (m := re.match(r"(\w+)(?:\[(\d+)\])?", v))
    }
    known = {name: size for name, size in sizes.items() if name in series}
    if not known:
        return None
    names = list(known)
    if structure in ("so3", "se3"):
        return sphere_figure({name: series[name][:, 0] for name in names if known[name] == 3})
    if known[names[0]] == 2:
        return path_figure(series[names[0]][:, 0], names[0])
    if len(names) >= 2 and all(known[name] in (None, 1) for name in names[:2]):
        return portrait_figure(series, names[0], names[1])
    return components_figure(series, names)


def path_figure(points: np.ndarray, name: str) -> Figure:
    """A path in the plane.  points: (rows, 2)"""
    figure = Figure(figsize=(4.8, 4.6))
    axes = figure.subplots(gridspec_kw={**MARGINS, "left": 0.16})
    axes.plot(*points.T, color=BLUE, linewidth=0.7)
    axes.plot(*points[-1], "o", color=RED, markersize=4)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(f"{name}[0]")
    axes.set_ylabel(f"{name}[1]")
    return figure


def portrait_figure(series: dict[str, np.ndarray], q: str, p: str) -> Figure:
    """The phase portrait of all trajectories that were kept."""
    figure = Figure(figsize=(4.8, 4.6))
    axes = figure.subplots(gridspec_kw={**MARGINS, "left": 0.16})
    x, y = series[q].reshape(len(series["time"]), -1), series[p].reshape(len(series["time"]), -1)
    for k in range(x.shape[1]):
        axes.plot(x[:, k], y[:, k], color=COLOURS[k % len(COLOURS)], linewidth=0.8)
    axes.set_xlabel(q)
    axes.set_ylabel(p)
    return figure


def components_figure(series: dict[str, np.ndarray], names: Sequence[str]) -> Figure:
    """The first components of each variable against time."""
    figure = Figure(figsize=(FIGURE_WIDTH, 1.2 + 1.5 * min(len(names), 3)))
    panels = figure.subplots(min(len(names), 3), 1, sharex=True, squeeze=False, gridspec_kw=MARGINS)[:, 0]
    for panel, name in zip(panels, names, strict=False):
        values = series[name][:, 0].reshape(len(series["time"]), -1)
        for k in range(min(values.shape[1], MOST)):
            panel.plot(series["time"], values[:, k], color=COLOURS[k % len(COLOURS)], linewidth=0.9)
        panel.set_ylabel(name)
    panels[-1].set_xlabel("time")
    panels[-1].set_xlim(series["time"][0], series["time"][-1])
    return figure


def sphere_figure(vectors: dict[str, np.ndarray]) -> Figure:
    """Vectors of nearly constant length as curves on their spheres."""
    figure = Figure(figsize=(3.6 * len(vectors), 3.7))
    for k, (name, path) in enumerate(vectors.items(), 1):
        draw_sphere(figure.add_subplot(1, len(vectors), k, projection="3d"), path, name)
    return figure


def draw_sphere(axes, path: np.ndarray, name: str, colour: str = BLUE) -> None:
    """A curve and the sphere that it lies on, seen from an angle."""
    radius = float(np.linalg.norm(path, axis=1).max())
    angle = np.linspace(0.0, 2.0 * np.pi, 97)
    for tilt in np.linspace(-60, 60, 5) * np.pi / 180.0:
        ring = np.stack(
            [np.cos(angle) * np.cos(tilt), np.sin(angle) * np.cos(tilt), 0 * angle + np.sin(tilt)]
        )
        axes.plot(*(radius * ring), color=GREY, linewidth=0.3, alpha=0.6)
    for turn in np.arange(6) * np.pi / 6.0:
        ring = np.stack([np.cos(angle) * np.cos(turn), np.cos(angle) * np.sin(turn), np.sin(angle)])
        axes.plot(*(radius * ring), color=GREY, linewidth=0.3, alpha=0.6)
    axes.plot(*path.T, color=colour, linewidth=0.9)
    axes.plot(*path[-1:].T, "o", color=RED, markersize=4)
    axes.set_box_aspect((1, 1, 1))
    axes.set_axis_off()
    axes.view_init(22, 35)
    axes.set_title(name.replace("_", " "))
