"""Figures of displacement, velocities and stress, with what follows from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREY, RED
from hpcphys.report.liquids.structure import draw_with_band

MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.15, "top": 0.92, "wspace": 0.3}


def displacement_figure(
    displacement: Any, *, window: tuple[float, float] | None = None, diffusion: Any = None,
    length: str = r"\sigma", time: str = r"\tau",
) -> Figure:  # fmt: skip
    """⟨Δr²⟩ on logarithmic axes with the line 6Dt of its fit; ⟨Δr²⟩/6t beside it, where it is flat if the fit
    is good.

    displacement: Displacement (time, msd, error);  window: of the fit;  diffusion: Measured (value, error)
    """
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 3.4))
    left, right = figure.subplots(1, 2, gridspec_kw=MARGINS)
    later = displacement.time > 0.0
    t, msd, error = (array[later] for array in (displacement.time, displacement.msd, displacement.error))
    draw_with_band(left, t, msd, error, BLUE)
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_ylabel(rf"$\langle\Delta r^2\rangle$ [${length}^2$]")
    draw_with_band(right, t, msd / (6.0 * t), error / (6.0 * t), BLUE)
    right.set_xscale("log")
    right.set_ylim(0.0, None)
    right.set_ylabel(rf"$\langle\Delta r^2\rangle/6t$ [${length}^2/{time}$]")
    if diffusion is not None:
        value, spread = float(diffusion.value), float(diffusion.error)
        ends = np.array([t[0], t[-1]])
        left.plot(ends, 6.0 * value * ends, color=RED, linewidth=1.0, linestyle="--", label="$6Dt$", zorder=1)
        left.set_ylim(0.5 * msd.min(), 2.0 * msd.max())
        right.axhline(value, color=RED, linewidth=1.0, linestyle="--")
        right.set_title(f"D = {with_error(value, spread)}", loc="right", color=RED)
        left.legend(loc="upper left")
    for axes in (left, right):
        if window is not None:
            axes.axvspan(*window, color=GREY, alpha=0.12, linewidth=0)
        axes.set_xlabel(f"$t$ [${time}$]")
        axes.set_xlim(t[0], t[-1])
    return figure


def velocity_figure(correlation: Any, *, last: float | None = None, time: str = r"\tau") -> Figure:
    """The normalised velocity autocorrelation, and the running integral that becomes D.

    correlation: Correlation (time, value, error, diffusion, diffusion_error);  last: end of the integral
    """
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 3.4))
    left, right = figure.subplots(1, 2, gridspec_kw=MARGINS)
    size = float(correlation.value[0]) or 1.0
    draw_with_band(left, correlation.time, correlation.value / size, correlation.error / size, BLUE)
    left.axhline(0.0, color=GREY, linewidth=0.6)
    left.set_ylabel(r"$\langle v(0)\cdot v(t)\rangle/\langle v^2\rangle$", labelpad=2)
    draw_with_band(right, correlation.time, correlation.diffusion, correlation.diffusion_error, BLUE)
    right.set_ylabel(r"$\frac{1}{3}\int_0^t\langle v(0)\cdot v(s)\rangle\,ds$")
    right.set_ylim(0.0, None)
    if last is not None:
        chosen = int(np.flatnonzero(correlation.time <= last)[-1])
        value, spread = correlation.diffusion[chosen], correlation.diffusion_error[chosen]
        right.axvline(correlation.time[chosen], color=RED, linewidth=0.8, linestyle="--")
        right.set_title(f"D = {with_error(float(value), float(spread))}", loc="right", color=RED)
    for axes in (left, right):
        axes.set_xlabel(f"$t$ [${time}$]")
        axes.set_xlim(0.0, correlation.time[-1])
    return figure


def viscosity_figure(stress: Any, *, last: float | None = None, time: str = r"\tau") -> Figure:
    """The stress autocorrelation, and the running integral that becomes the viscosity.

    stress: StressCorrelation (time, correlation, error, viscosity, viscosity_error);  last: of the integral
    """
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 3.4))
    left, right = figure.subplots(1, 2, gridspec_kw=MARGINS)
    later = stress.time > 0.0
    t, size = stress.time[later], float(stress.correlation[0]) or 1.0
    draw_with_band(left, t, stress.correlation[later] / size, stress.error[later] / size, BLUE)
    left.axhline(0.0, color=GREY, linewidth=0.6)
    left.set_ylabel(r"$\langle P_{xy}(0)P_{xy}(t)\rangle/\langle P_{xy}^2\rangle$", labelpad=2)
    value, error = stress.viscosity[later], stress.viscosity_error[later]
    draw_with_band(right, t, value, error, BLUE)
    right.set_ylabel(r"$\frac{V}{k_BT}\int_0^t\langle P_{xy}(0)P_{xy}(s)\rangle\,ds$")
    near = t <= (10.0 * last if last is not None else t[-1])
    known = np.where(np.isfinite(error), value + error, value)
    right.set_ylim(0.0, 1.1 * max(float(np.median(known[near])), float(known[t <= (last or t[-1])].max())))
    if last is not None:
        chosen = int(np.flatnonzero(t <= last)[-1])
        right.axvline(t[chosen], color=RED, linewidth=0.8, linestyle="--")
        text = with_error(float(value[chosen]), float(error[chosen]))
        right.set_title(rf"$\eta$ = {text}", loc="right", color=RED)
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xlabel(f"$t$ [${time}$]")
        axes.set_xlim(t[0], t[near][-1])
    return figure


def with_error(value: float, error: float) -> str:
    """A number with its standard error, both to two digits of the error: 0.0331 ± 0.0012."""
    if not (np.isfinite(error) and error > 0.0):
        return f"{value:.4g}".replace("-", "−")
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")
