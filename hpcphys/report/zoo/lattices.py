"""Figures of chains: waves in space and time, modes, integrals."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.physics.zoo.fput import CYCLE, MODES
from hpcphys.physics.zoo.toda import lax_eigenvalues
from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

COLOURS = (BLUE, RED, GREEN, "#e08214", "#762a83")
ROWS = 400
"""Times of a picture of space and time at most."""

WAVES = 40.0
"""Time of Toda's lattice that is shown in space and time."""
Series = dict[str, np.ndarray]


def space_time(axes, time: np.ndarray, values: np.ndarray, label: str) -> Any:
    """values (rows, sites) as colours over time and site."""
    rows = np.unique(np.linspace(0, len(time) - 1, min(ROWS, len(time))).astype(int))
    most = float(np.abs(values).max()) or 1.0
    drawn = axes.imshow(
        values[rows].T, aspect="auto", origin="lower", cmap="RdBu_r", vmin=-most, vmax=most,
        extent=(time[0], time[-1], -0.5, values.shape[1] - 0.5), interpolation="nearest",
    )  # fmt: skip
    axes.set_ylabel("site")
    bar = axes.figure.colorbar(drawn, ax=axes, pad=0.02)
    bar.set_label(label)
    bar.outline.set_visible(False)
    return drawn


def chain_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Displacements in space and time, and the difference from the exact mode."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 4.4), layout="constrained")
    wave, error = figure.subplots(2, 1, height_ratios=(3, 2), sharex=True)
    q = series["q"][:, 0]
    space_time(wave, series["time"], q, "displacement")
    exact = system.reference(series["time"])["q"]
    error.plot(series["time"], np.abs(q - exact).max(axis=1), color="black", linewidth=0.8)
    error.set_ylabel("difference\nfrom the exact mode")
    error.set_xlabel("time")
    error.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
    wave.set_title(system.title, loc="left", color=GREY)
    return figure


def toda_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Compressions in space and time, and the eigenvalues of the Lax matrix, which stand still."""
    if "q" not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 4.8), layout="constrained")
    wave, levels = figure.subplots(2, 1)
    q, p, time = series["q"][:, 0], series["p"][:, 0], series["time"]
    first = max(2, int(np.searchsorted(time, WAVES)))  # of a long run the waves would be too fine to see
    space_time(wave, time[:first], (q - np.roll(q, -1, axis=1))[:first], "compression")
    spectrum = lax_eigenvalues(q, p)
    levels.plot(series["time"], spectrum, color=BLUE, linewidth=0.9)
    levels.plot(series["time"], -p / 2, color=GREY, linewidth=0.3, alpha=0.5)
    change = np.abs(spectrum - spectrum[0]).max()
    levels.set_title(
        f"eigenvalues change by {change:.1e}; grey: the diagonal, $-p_j/2$", loc="right", color=GREY
    )
    levels.set_ylabel("eigenvalues of L")
    levels.set_xlabel("time")
    wave.set_title(system.title, loc="left", color=GREY)
    return figure


def fput_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """Energies of the first modes, as in figure 1 of the report: in thousands of its cycles."""
    figure = Figure(figsize=(FIGURE_WIDTH + 0.6, 3.6))
    axes = figure.subplots(gridspec_kw={"left": 0.1, "right": 0.97, "bottom": 0.14, "top": 0.84})
    cycles = series["time"] / CYCLE / 1000.0
    total = series["energy"][0]
    for k in range(1, MODES + 1):
        axes.plot(cycles, series[f"mode_{k}"] / total, color=COLOURS[k - 1], linewidth=1.1, label=f"mode {k}")
    axes.set_xlabel("time [1000 cycles of the report, dt² = 1/8]")
    axes.set_ylabel("share of the energy")
    axes.set_xlim(cycles[0], cycles[-1])
    axes.set_ylim(0.0, 1.02)
    periods = 1000.0 * CYCLE / system.facts["period"]

    def in_periods(cycles: Any) -> Any:
        return cycles * periods

    def in_cycles(periods_done: Any) -> Any:
        return periods_done / periods

    above = axes.secondary_xaxis("top", functions=(in_periods, in_cycles))
    above.set_xlabel("periods of mode 1")
    axes.legend(ncols=5, loc="lower center", bbox_to_anchor=(0.41, 0.85), fontsize=8)
    return figure


def spin_figure(series: Series, system: Any, states: Series) -> Figure | None:
    """The first component of every spin in space and time: a spin wave that goes round the ring."""
    names = [v.partition("[")[0] for v in system.variables]
    if names[0] not in series:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 4.6), layout="constrained")
    wave, third = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    spins = np.stack([series[name][:, 0] for name in names], axis=1)
    space_time(wave, series["time"], spins[:, :, 0], "$S_x$")
    phase = np.unwrap(np.arctan2(spins[:, 0, 1], spins[:, 0, 0]))
    third.plot(series["time"], phase, color=BLUE, label="measured")
    third.plot(
        series["time"], phase[0] + np.sign(phase[-1] - phase[0]) * system.facts["frequency"] * series["time"],
        color=RED, linewidth=0.9, linestyle="--", label="spin wave theory",
    )  # fmt: skip
    third.set_ylabel("phase of spin 0")
    third.set_xlabel("time")
    third.legend()
    wave.set_title(system.title, loc="left", color=GREY)
    return figure
