"""Figures of rotating bodies: curves on spheres, angles against time."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED
from hpcphys.report.trajectories import draw_sphere

Series = dict[str, np.ndarray]


def rigid_body_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The angular momentum on its sphere and its components against Jacobi's functions."""
    if "m" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.4, 3.8))
    sphere = figure.add_axes((0.0, 0.02, 0.40, 0.94), projection="3d")
    parts = figure.add_axes((0.49, 0.42, 0.49, 0.51))
    error = figure.add_axes((0.49, 0.14, 0.49, 0.22), sharex=parts)
    m, time = series["m"][:, 0], series["time"]
    draw_sphere(sphere, m[: min(len(m), 5000)], "angular momentum in the body")
    exact = system.reference(time)["m"]
    last = min(len(time), max(2, int(np.searchsorted(time, 60.0))))
    for k, colour in enumerate((BLUE, RED, GREEN)):
        parts.plot(time[:last], m[:last, k], color=colour, linewidth=1.0, label=f"$m_{k}$")
        parts.plot(time[:last], exact[:last, k], color="black", linewidth=0.6, linestyle=(0, (4, 4)))
    parts.legend(ncols=3, loc="upper right", fontsize=8)
    parts.set_title("dashed: Jacobi's functions", loc="left", color=GREY)
    parts.tick_params(labelbottom=False)
    distance = np.linalg.norm(m - exact, axis=1)
    error.plot(time[:last], np.maximum(distance[:last], 1e-17), color="black", linewidth=0.8)
    error.set_yscale("log")
    error.set_ylabel("error")
    error.set_xlabel("time")
    parts.set_xlim(time[0], time[last - 1])
    return figure


def top_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The vertical seen from the body, and the tilt of the axis against time."""
    if "gamma" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.0, 3.6))
    sphere = figure.add_axes((0.0, 0.02, 0.42, 0.92), projection="3d")
    tilt = figure.add_axes((0.53, 0.16, 0.45, 0.74))
    draw_sphere(sphere, series["gamma"][:, 0], "the vertical, seen from the body")
    tilt.plot(series["time"], np.degrees(series["tilt"]), color=BLUE, linewidth=0.9)
    tilt.set_xlabel("time")
    tilt.set_ylabel("centre of mass from the vertical [deg]")
    tilt.set_xlim(series["time"][0], series["time"][-1])
    tilt.set_title(system.title, loc="left", color=GREY)
    return figure


def satellite_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Pitch and roll in orbits, with the libration that small angles would have."""
    figure = Figure(figsize=(FIGURE_WIDTH, 3.6))
    axes = figure.subplots(gridspec_kw={"left": 0.12, "right": 0.97, "bottom": 0.14, "top": 0.92})
    rate = float(system.parameters["rate"])
    orbits = series["time"] * rate / (2.0 * np.pi)
    for name, colour in (("pitch", BLUE), ("roll", RED)):
        axes.plot(orbits, np.degrees(series[name]), color=colour, label=name)
    small = np.degrees(series["pitch"][0]) * np.cos(system.facts["libration_frequency"] * series["time"])
    axes.plot(orbits, small, color=GREY, linewidth=0.8, linestyle="--", label="pitch, for small angles")
    axes.set_xlabel("orbits")
    axes.set_ylabel("angle [deg]")
    axes.set_xlim(orbits[0], orbits[-1])
    axes.legend(ncols=3, loc="upper right", fontsize=8)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.15 * (high - low))
    return figure
