"""Figures over time: energies, the charge residual, and modes with what was measured of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, MARGINS, RED
from hpcphys.report.plasmas.run import Run

COLOURS = (RED, "#e08214", "#8073ac", "#35978f")
FLOOR = 1e-12
"""Parts of the energy below this share of the largest are not drawn."""


def energy_figure(run: Run) -> Figure | None:
    """Field and kinetic energies on a logarithmic scale above, the error of their sum below."""
    series = run.series
    if "energy" not in series or len(series["time"]) < 2:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 4.8))
    parts, error = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2), gridspec_kw=MARGINS)
    time, size = series["time"], np.max(np.abs(series["energy"])) or 1.0
    drawn: list[tuple[str, np.ndarray, str]] = [("total", series["energy"], "black")]
    for name, colour in (("electric", BLUE), ("magnetic", GREEN)):
        if f"{name}_energy" in series:
            drawn.append((name, series[f"{name}_energy"].sum(axis=1), colour))
    for name, colour in zip(run.species, COLOURS * 8, strict=False):
        drawn.append((name, series[f"kinetic_{name}"], colour))
    for name, values, colour in drawn:
        shown = np.where(values > FLOOR * size, values, np.nan)
        if np.isfinite(shown).any():
            parts.semilogy(time, shown, color=colour, label=name)
    parts.legend(ncols=3, loc="best", fontsize=8)
    parts.set_ylabel("energy")
    error.plot(time, series["energy_error"], color="black")
    error.axhline(0.0, color=GREY, linewidth=0.4)
    error.ticklabel_format(axis="y", style="sci", scilimits=(-2, 2), useMathText=True)
    error.set_ylabel(r"$(E - E_0)\,/\,|E_0|$")
    error.set_title(f"largest change {np.abs(series['energy_error']).max():.1e}", loc="right", color=GREY)
    error.set_xlabel(run.time_label)
    error.set_xlim(time[0], time[-1])
    return figure


def charge_figure(run: Run) -> Figure | None:
    """max|ε0 ∇·E - ρ| over the largest charge density of the species."""
    residual = run.series.get("charge_residual")
    if residual is None or len(residual) < 2:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 2.8))
    panel = figure.subplots(gridspec_kw={**MARGINS, "bottom": 0.18, "top": 0.93})
    panel.semilogy(run.series["time"], np.maximum(residual, 1e-18), color=BLUE)
    panel.set_ylabel(r"$\max|\varepsilon_0\nabla\cdot E-\rho|\,/\,\rho_{max}$")
    panel.set_xlabel(run.time_label)
    panel.set_xlim(run.series["time"][0], run.series["time"][-1])
    return figure


def modes_figure(run: Run) -> Figure | None:
    """Amplitudes of Fourier modes, and lines of the rates that were measured and that theory says."""
    modes = {name: values for name, values in run.series.items() if name.startswith("mode_")}
    if not modes or len(run.series["time"]) < 2:
        return None
    figure = Figure(figsize=(FIGURE_WIDTH, 3.8))
    panel = figure.subplots(gridspec_kw=MARGINS)
    time = run.series["time"]
    for (name, values), colour in zip(modes.items(), ("black", BLUE, RED, GREEN, *COLOURS) * 8, strict=False):
        size = np.hypot(values[:, 0], values[:, 1])
        panel.semilogy(
            time, np.where(size > 0, size, np.nan), color=colour, linewidth=1.0, label=_label(name)
        )
        for measure in run.job.get("measure", {}):
            if run.job["measure"][measure].get("mode") == name:
                _rate_lines(panel, run, measure, time, size)
    panel.set_ylabel("amplitude")
    panel.set_xlabel(run.time_label)
    panel.set_xlim(time[0], time[-1])
    panel.legend(loc="best", fontsize=8)
    return figure


def _label(name: str) -> str:
    _, field, axis, *index = name.split("_")
    return rf"$|{field}_{axis}|$ of wave {' '.join(index)}"


def _rate_lines(panel: Any, run: Run, measure: str, time: np.ndarray, size: np.ndarray) -> None:
    """exp(γt) through the middle of the window: measured, and of theory."""
    found = run.measured.get(measure) or run.measured.get(f"{measure}_growth")
    if not found or "window" not in found or run.job["measure"][measure]["quantity"] == "frequency":
        return
    low, high = found["window"]
    inside = (time >= low) & (time <= high)
    unit = run.job["measure"][measure].get("unit", 1.0)
    for kind, colour, style, width in (("value", RED, "-", 2.0), ("exact", BLUE, "--", 1.0)):
        if kind not in found:
            continue
        rate = found[kind] * unit
        # A growing mode's line goes through it, a decaying wave's along its crests.
        above = np.log(size[inside]) - rate * time[inside]
        line = np.exp((np.mean(above) if rate > 0.0 else np.max(above)) + rate * time[inside])
        word = "measured" if kind == "value" else "theory"
        panel.semilogy(
            time[inside], line, style, color=colour, linewidth=width, label=f"{word}: {found[kind]:.6g}"
        )
