"""Spectra and fluxes of several runs of one cascade, seeds say, in one figure; their numbers in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from hpcphys.io.rows import DataFileError, open_hdf5
from hpcphys.io.series import read_series
from hpcphys.physics.vorticity.cascade import averaged, window_results
from hpcphys.report.figures import BLUE, FIGURE_WIDTH, GREEN, GREY, RED
from hpcphys.report.fluids.spectra import KOLMOGOROV, Window
from hpcphys.report.plots import used_job

COLOURS = (BLUE, RED, GREEN)
MARGINS = {"left": 0.1, "right": 0.98, "bottom": 0.08, "top": 0.97, "wspace": 0.27, "hspace": 0.14}


@dataclass(frozen=True)
class Cascade:
    """Averages of a run in the window of its job.

    wavenumber, spectrum, flux: (S,) k, E(k), Π_E(k) of the resolved shells, without k = 0
    window: Window;  energy_error: the largest of the budget during the run;  rows: number of spectra
    """

    wavenumber: np.ndarray
    spectrum: np.ndarray
    flux: np.ndarray
    window: Window
    energy_error: float
    rows: int

    @property
    def cascading(self) -> np.ndarray:
        """(S,) whether energy goes to large scales there, by more than 2 % of what is injected."""
        below = self.wavenumber < (self.window.forced_from or np.inf)
        return (self.flux < -0.02 * (self.window.rate or np.abs(self.flux).max())) & below

    def numbers(self) -> dict[str, float]:
        """Slopes, flux and constant in the window: see cascade.window_results."""
        window = self.window
        return window_results(self.wavenumber, self.spectrum, self.flux, window.low, window.high)


def read_cascade(folder: Path) -> Cascade:
    """The averages of a run's folder, over the times that its job states.

    Raises DataFileError for a folder without spectra, without diagnostics, or whose job states no window.
    """
    window = Window(used_job(folder))
    if not window.is_fitted:
        raise DataFileError(
            f"{folder}: its job states no window: set diagnostics fit_min and fit_max, run again"
        )
    with open_hdf5(folder / "spectra.h5") as file:
        wavenumber, resolved = np.asarray(file.attrs["wavenumber"]), int(file.attrs["resolved"])
    means, rows = averaged(read_series(folder / "spectra.h5"), window.begin, window.end)
    error = float(np.abs(read_series(folder / "diagnostics.h5")["energy_error"]).max())
    seen = slice(1, resolved)
    return Cascade(wavenumber[seen], means["spectrum"][seen], means["energy_flux"][seen], window, error, rows)


def cascades_figure(runs: Mapping[str, Cascade]) -> Figure:
    """E(k), E k^(5/3)/ε^(2/3), E k^(5/3)/|Π(k)|^(2/3) and Π(k)/ε, a line for each run.

    runs: label -> averages.  Windows and forcing are drawn of the first.  Raises ValueError for no run.
    """
    if not runs:
        raise ValueError("a figure of cascades needs at least one run; found none")
    figure = Figure(figsize=(FIGURE_WIDTH + 1.6, 5.6))
    panels = figure.subplots(2, 2, sharex=True, gridspec_kw=MARGINS)
    for index, (label, run) in enumerate(runs.items()):
        style: dict[str, Any] = {"color": COLOURS[index % len(COLOURS)], "linewidth": 1.1}
        k, rate = run.wavenumber, run.window.rate or 1.0
        law = run.spectrum * k**KOLMOGOROV
        flux = np.where(run.cascading, run.flux, np.nan)
        slope = run.numbers().get("spectral_slope", np.nan)
        panels[0, 0].plot(k, run.spectrum, **style)
        panels[0, 1].plot(k, law / rate ** (2.0 / 3.0), **style)
        panels[1, 0].plot(k, law / np.abs(flux) ** (2.0 / 3.0), **style)
        panels[1, 1].plot(k, run.flux / rate, label=rf"{label}: $E \sim k^{{{slope:.2f}}}$", **style)
    _finish(panels, next(iter(runs.values())))
    return figure


def _finish(panels: Any, run: Cascade) -> None:
    """Scales, names, the window of the fit, the law of Kraichnan above the spectra."""
    k, window = run.wavenumber, run.window
    names = (
        ("E(k)", r"$E\,k^{5/3}\,/\,\varepsilon^{2/3}$"),
        (r"$E\,k^{5/3}\,/\,|\Pi(k)|^{2/3}$", r"$\Pi(k)\,/\,\varepsilon$"),
    )
    for row, titles in zip(panels, names, strict=True):
        for axes, title in zip(row, titles, strict=True):
            axes.set_xscale("log")
            axes.set_xlim(k[0], k[-1])
            axes.set_ylabel(title, labelpad=2)
            window.shade(axes)
    ends = np.array([window.low, window.high])
    inside = (k >= window.low) & (k <= window.high)
    law = run.spectrum * k**KOLMOGOROV
    height = 2.0 * float(np.mean(law[inside]))
    panels[0, 0].plot(ends, height * ends**-KOLMOGOROV, color="black", linewidth=0.8)
    middle = float(np.sqrt(window.low * window.high))
    panels[0, 0].annotate(
        "$k^{-5/3}$", (middle, height * middle**-KOLMOGOROV), xytext=(5, 3), textcoords="offset points"
    )
    panels[0, 0].set_yscale("log")
    panels[1, 1].legend(fontsize=8, loc="upper left")
    for axes, scale in ((panels[0, 1], window.rate or 1.0), (panels[1, 0], np.abs(run.flux[inside]))):
        axes.set_ylim(0.0, 2.5 * float(np.median(law[inside] / scale ** (2.0 / 3.0))))
    panels[1, 1].axhline(0.0, color=GREY, linewidth=0.6)
    panels[1, 1].set_ylim(bottom=1.3 * float(run.flux.min()) / (window.rate or 1.0))
    for axes in panels[1]:
        axes.set_xlabel("k")


def cascades_table(runs: Mapping[str, Cascade]) -> str:
    """A line of Markdown for each run: slopes with their errors, flux, constant, error of the budget."""
    lines = [
        "| run | slope of E | slope of E/\\|Π\\|^(2/3) | Π in the window | C | budget |",
        "|---|---|---|---|---|---|",
    ]
    for label, run in runs.items():
        found = run.numbers()
        lines.append(
            f"| {label} | {found['spectral_slope']:.3f} ± {found['spectral_slope_error']:.3f} "
            f"| {found['compensated_slope']:.3f} ± {found['compensated_slope_error']:.3f} "
            f"| {found['energy_flux']:.3f} ± {100 * found['energy_flux_variation']:.1f} % "
            f"| {found['kolmogorov_constant']:.2f} | {run.energy_error:.1e} |"
        )
    return "\n".join(lines)
