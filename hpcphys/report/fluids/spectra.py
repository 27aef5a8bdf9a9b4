"""Figures of spectra and fluxes: with the window of the fit, which the job states before the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.physics.vorticity.cascade import averaged
from hpcphys.physics.vorticity.spectra import fitted_slope
from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED

MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.14, "top": 0.92, "wspace": 0.27}
KOLMOGOROV = 5.0 / 3.0


class Window:
    """What the job says of averages, fit and forcing."""

    def __init__(self, job: Mapping[str, Any]):
        seen = job.get("diagnostics", {})
        self.begin, self.end = float(seen.get("average_from", 0.0)), seen.get("average_to")
        self.low, self.high = seen.get("fit_min"), seen.get("fit_max")
        unit = 2.0 * np.pi / float(job.get("grid", {}).get("length", 2.0 * np.pi))
        forcing = job.get("forcing") or {}
        self.forced = float(forcing["wavenumber"]) * unit if "wavenumber" in forcing else None
        self.forced_from = (self.forced - float(forcing["width"]) * unit) if forcing else None
        self.rate = float(forcing["energy_rate"]) if forcing else None

    @property
    def is_fitted(self) -> bool:
        """Whether the job states a window."""
        return self.low is not None and self.high is not None

    def shade(self, axes: Any) -> None:
        """Mark the window, and the wavenumber of the forcing."""
        if self.is_fitted:
            axes.axvspan(self.low, self.high, color=GREY, alpha=0.12, linewidth=0)
        if self.forced is not None:
            axes.axvline(self.forced, color=GREY, linewidth=0.7, linestyle=(0, (3, 3)))
            axes.annotate(
                "forcing", (self.forced, 0.02), xycoords=("data", "axes fraction"), xytext=(-3, 0),
                textcoords="offset points", color=GREY, fontsize=8, ha="right",
            )  # fmt: skip


def spectra_figure(
    wavenumber: np.ndarray, resolved: int, rows: Mapping[str, np.ndarray], job: Mapping[str, Any]
) -> Figure:
    """E(k) on the left, averaged with its fit, or at several times; what it is compensated by on the
    right."""
    window = Window(job)
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 3.5))
    plain, compensated = figure.subplots(1, 2, gridspec_kw=MARGINS)
    k = wavenumber[1:resolved]
    if window.is_fitted or window.forced is not None:
        means, count = averaged(rows, window.begin, window.end)
        spectrum, flux = means["spectrum"][1:resolved], means["energy_flux"][1:resolved]
        plain.plot(k, spectrum, color=BLUE, label=f"mean of {count} spectra")
        _draw_fit(plain, k, spectrum, window)
        _draw_compensated(compensated, k, spectrum, flux, window)
    else:
        _draw_times(plain, compensated, k, rows, resolved)
    window.shade(plain)
    window.shade(compensated)
    plain.set_ylabel("E(k)", labelpad=0)
    plain.set_yscale("log")
    for axes in (plain, compensated):
        axes.set_xscale("log")
        axes.set_xlabel("k")
        axes.set_xlim(k[0], k[-1])
        axes.legend(fontsize=8, loc="lower left" if axes is plain else "best")
    return figure


def flux_figure(
    wavenumber: np.ndarray, resolved: int, rows: Mapping[str, np.ndarray], job: Mapping[str, Any]
) -> Figure:
    """Π_E(k) and Π_Z(k), averaged: below zero goes to large scales, above to small ones."""
    window = Window(job)
    means, count = averaged(rows, window.begin, window.end)
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 3.3))
    panels = figure.subplots(1, 2, gridspec_kw=MARGINS)
    k = wavenumber[1:resolved]
    rates = (window.rate, None if window.forced is None else window.rate * window.forced**2)
    drawn = (
        ("energy_flux", r"$\Pi_E$", r"\varepsilon"),
        ("enstrophy_flux", r"$\Pi_Z$", r"\varepsilon k_f^2"),
    )
    for axes, (name, label, unit), rate, colour in zip(panels, drawn, rates, (BLUE, RED), strict=True):
        axes.axhline(0.0, color=GREY, linewidth=0.6)
        window.shade(axes)
        axes.plot(k, means[name][1:resolved] / (rate or 1.0), color=colour)
        axes.set_xscale("log")
        axes.set_xlim(k[0], k[-1])
        axes.set_xlabel("k")
        axes.set_ylabel(f"{label}(k)" + (f" $/\\,{unit}$" if rate else ""), labelpad=2)
    panels[0].set_title(f"mean of {count}", loc="right", color=GREY)
    return figure


def _draw_fit(axes: Any, k: np.ndarray, spectrum: np.ndarray, window: Window) -> None:
    if not window.is_fitted:
        return
    fit = fitted_slope(k, spectrum, window.low, window.high)
    if fit is not None:
        ends = np.array([window.low / 1.5, window.high * 1.5])
        label = rf"$k^{{{fit.slope:.2f} \pm {fit.error:.2f}}}$, fitted for {window.low:g} – {window.high:g}"
        axes.plot(ends, 2.0 * fit.amplitude * ends**fit.slope, color=RED, linewidth=1.1, label=label)


def _draw_compensated(
    axes: Any, k: np.ndarray, spectrum: np.ndarray, flux: np.ndarray, window: Window
) -> None:
    """E k^(5/3) over ε^(2/3), and over |Π(k)|^(2/3) where energy goes to large scales: C where the theory
    holds."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    rate = window.rate or float(np.abs(flux).max()) or 1.0
    law = spectrum * k**KOLMOGOROV
    axes.plot(k, law / rate ** (2.0 / 3.0), color=BLUE, label=r"$E\,k^{5/3}\,/\,\varepsilon^{2/3}$")
    cascading = (flux < -0.02 * rate) & (k < (window.forced_from or np.inf))
    by_flux = np.where(cascading, law / np.abs(np.where(cascading, flux, 1.0)) ** (2.0 / 3.0), np.nan)
    axes.plot(k, by_flux, color=GREEN, label=r"$E\,k^{5/3}\,/\,|\Pi(k)|^{2/3}$")
    shown = law[(law > 0.0) & (k <= 1.5 * (window.forced or k[-1]))] / rate ** (2.0 / 3.0)
    if shown.size:
        axes.set_ylim(0.25 * np.median(shown), 4.0 * max(shown.max(), 1e-300))
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("compensated E(k)", labelpad=2)


def _draw_times(plain: Any, right: Any, k: np.ndarray, rows: Mapping[str, np.ndarray], resolved: int) -> None:
    """E(k) at the start, at two times between, and at the end; on the right times k³, the enstrophy
    cascade's."""
    last = len(rows["time"]) - 1
    chosen = sorted({round(last * part / 3) for part in range(4)})
    for row, shade in zip(chosen, np.linspace(0.35, 1.0, len(chosen)), strict=True):
        colour = tuple(1.0 - shade * (1.0 - np.array([0.13, 0.40, 0.67])))
        spectrum = rows["spectrum"][row][1:resolved]
        seen = np.where(spectrum > 1e-16 * max(spectrum.max(), 1e-300), spectrum, np.nan)
        plain.plot(k, seen, color=colour, label=f"t = {rows['time'][row]:.3g}")
        right.plot(k, seen * k**3, color=colour, label=f"t = {rows['time'][row]:.3g}")
    right.set_yscale("log")
    right.set_ylabel("E(k) k³", labelpad=0)
