"""Figures of oscillators, populations and the qubit: the motion with its exact solution."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREY, RED

MARGINS = {"left": 0.09, "right": 0.98, "bottom": 0.14, "top": 0.92, "wspace": 0.25, "hspace": 0.15}
Series = dict[str, np.ndarray]


def oscillator_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The phase portrait; position against time with the exact solution; their difference."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.4, 3.5))
    grid = figure.add_gridspec(2, 2, width_ratios=(1, 1.5), height_ratios=(2, 1), **MARGINS)
    portrait = figure.add_subplot(grid[:, 0])
    motion = figure.add_subplot(grid[0, 1])
    error = figure.add_subplot(grid[1, 1], sharex=motion)
    q, p, time = series["q"][:, 0], series["p"][:, 0], series["time"]
    exact = system.reference(time)
    portrait.plot(q, p, color=BLUE, linewidth=0.9)
    portrait.plot(q[-1], p[-1], "o", color=RED, markersize=4)
    portrait.set_xlabel("q")
    portrait.set_ylabel("p", labelpad=0)
    motion.plot(time, q, color=BLUE)
    motion.plot(time, exact["q"], color="black", linewidth=0.6, linestyle=(0, (4, 4)))
    motion.set_ylabel("q")
    motion.set_title(f"{system.title}; dashed: exact", loc="left", color=GREY)
    motion.tick_params(labelbottom=False)
    error.plot(time, q - exact["q"], color="black", linewidth=0.8)
    error.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
    error.set_ylabel("difference")
    error.set_xlabel("time")
    motion.set_xlim(time[0], time[-1])
    return figure


def cycle_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Prey and predators: the closed orbit among level curves of H, and both against time."""
    if "u" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH + 1.4, 3.5))
    orbit, motion = figure.subplots(1, 2, width_ratios=(1, 1.4), gridspec_kw=MARGINS)
    u, v, time = series["u"][:, 0], series["v"][:, 0], series["time"]
    x, y = np.meshgrid(np.linspace(0.05, 1.3 * u.max(), 160), np.linspace(0.05, 1.3 * v.max(), 160))
    birth, hunger = (float(system.parameters[name]) for name in ("birth", "hunger"))
    level = x - hunger * np.log(x) + y - birth * np.log(y)
    orbit.contour(x, y, level, levels=12, colors=GREY, linewidths=0.4)
    orbit.plot(u, v, color=BLUE)
    orbit.plot(hunger, birth, "+", color="black")
    orbit.set_xlabel("prey")
    orbit.set_ylabel("predators")
    motion.plot(time, u, color=BLUE, label="prey")
    motion.plot(time, v, color=RED, label="predators")
    motion.set_xlabel("time")
    motion.set_xlim(time[0], time[-1])
    motion.set_ylim(0.0, 1.25 * max(u.max(), v.max()))
    motion.legend(ncols=2, loc="upper right")
    return figure


def qubit_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The state on Bloch's sphere, and the excited state's share with Rabi's formula."""
    if "x" not in series:
        return None
    from hpcphys.report.trajectories import draw_sphere

    figure = Figure(figsize=(FIGURE_WIDTH + 1.0, 3.5))
    sphere = figure.add_axes((0.0, 0.02, 0.40, 0.92), projection="3d")
    share = figure.add_axes((0.50, 0.16, 0.48, 0.76))
    psi = (series["x"][:, 0] + 1j * series["y"][:, 0]) / np.sqrt(2.0)
    coherence = np.conj(psi[:, 0]) * psi[:, 1]
    bloch = np.stack(
        [2 * coherence.real, 2 * coherence.imag, np.abs(psi[:, 0]) ** 2 - np.abs(psi[:, 1]) ** 2], axis=1
    )
    draw_sphere(sphere, bloch, "Bloch's sphere")
    rabi, w = float(system.parameters["rabi"]), system.facts["frequency"]
    share.plot(series["time"], series["excited"], color=BLUE)
    share.plot(
        series["time"], (rabi / w * np.sin(0.5 * w * series["time"])) ** 2, color="black", linewidth=0.7,
        linestyle=(0, (4, 4)),
    )  # fmt: skip
    share.set_xlabel("time")
    share.set_ylabel("share of the excited state")
    share.set_ylim(0.0, 1.05)
    share.set_xlim(series["time"][0], series["time"][-1])
    share.set_title("dashed: Rabi's formula", loc="right", color=GREY)
    return figure
