"""What a run says about its cascade: averages in time, the slope in a window, flux, Kolmogorov's constant."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hpcphys.physics.vorticity.spectra import fitted_slope


def averaged(
    series: Mapping[str, np.ndarray], begin: float, end: float | None
) -> tuple[dict[str, np.ndarray], int]:
    """Means over the rows with begin <= time <= end, and their number; the last row where none is in the
    window.

    series: time (rows,), and arrays (rows, S)
    """
    time = series["time"]
    inside = (time >= begin * (1.0 - 1e-12)) & (time <= (np.inf if end is None else end * (1.0 + 1e-12)))
    if not inside.any():
        inside[-1] = True
    means = {name: rows[inside].mean(axis=0) for name, rows in series.items() if rows.ndim == 2}
    return means, int(inside.sum())


def window_results(
    wavenumber: np.ndarray, spectrum: np.ndarray, flux: np.ndarray, k_min: float, k_max: float
) -> dict[str, float]:
    """The numbers of a cascade in the window k_min <= k <= k_max.

    spectral_slope, spectral_slope_error: of E(k), see spectra.fitted_slope
    compensated_slope, compensated_slope_error: of E(k)/|Π(k)|^(2/3), which a constant flux would not need
    energy_flux, energy_flux_variation: mean of Π_E, and half its range over |mean|
    kolmogorov_constant: mean of E(k) k^(5/3)/|Π(k)|^(2/3)
    wavenumber, spectrum, flux: (S,) averages in time.  Only what can be computed is there.
    """
    inside = (wavenumber >= k_min * (1.0 - 1e-12)) & (wavenumber <= k_max * (1.0 + 1e-12))
    found: dict[str, float] = {}
    if not inside.any():
        return found
    mean = float(flux[inside].mean())
    found["energy_flux"] = mean
    if mean != 0.0:
        found["energy_flux_variation"] = 0.5 * float(np.ptp(flux[inside])) / abs(mean)
    if fit := fitted_slope(wavenumber, spectrum, k_min, k_max):
        found |= {"spectral_slope": fit.slope, "spectral_slope_error": fit.error}
    if np.all(flux[inside] != 0.0):
        scale = np.abs(np.where(inside, flux, 1.0)) ** (2.0 / 3.0)
        found["kolmogorov_constant"] = float(
            np.mean(spectrum[inside] * wavenumber[inside] ** (5.0 / 3.0) / scale[inside])
        )
        if fit := fitted_slope(wavenumber, spectrum / scale, k_min, k_max):
            found |= {"compensated_slope": fit.slope, "compensated_slope_error": fit.error}
    return found
