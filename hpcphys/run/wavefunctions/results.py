"""What a finished run is made for: the spectrum that follows from its autocorrelation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.series import read_series

WEAK = 1e-3
"""Peaks below this share of the strongest are not called lines; the window's own feet are below 3e-5."""

WINDOW = (0.35875, 0.48829, 0.14128, 0.01168)
"""Blackman and Harris' window sum_k a_k cos(k pi t/T), whose feet are 92 dB below its peak.
Source: Harris (1978) Proc. IEEE 66, 51, table 1.
"""

FILLED = 8
"""The spectrum is evaluated at so many points for each resolved energy."""


def results(job: Any, folder: Path) -> dict[str, Any]:
    """spectrum: energies and strengths of its lines, the resolution, the largest distance from exact levels.

    Reads the diagnostics of the folder; by one rank.
    """
    if not job.observables.autocorrelation:
        return {}
    series = read_series(folder / "diagnostics.h5")
    time, overlap = evenly_spaced(series)
    if len(time) < 8:
        return {}
    lines, strengths, resolution = spectral_lines(time, overlap)
    found: dict[str, Any] = {"lines": lines, "strengths": strengths, "resolution": resolution}
    from hpcphys.run.wavefunctions.assembly import declaration_of

    exact = declaration_of(job).levels
    if exact and lines:
        found["levels"] = exact
        found["error_max"] = max(min(abs(line - level) for level in exact) for line in lines)
    return {"spectrum": found}


def evenly_spaced(series: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Times and complex autocorrelation of the rows that are evenly spaced: all but, perhaps, the last."""
    time = series["time"]
    values = series["autocorrelation"][:, 0] + 1j * series["autocorrelation"][:, 1]
    if len(time) > 2 and abs((time[-1] - time[-2]) - (time[1] - time[0])) > 1e-6 * (time[1] - time[0]):
        return time[:-1], values[:-1]
    return time, values


def spectrum(time: np.ndarray, overlap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S(E) = Re ∫_-T^T w(t) C(t) exp(i E t) dt / ∫ w, C(-t) = C(t)*, on a grid of energies.

    C(t) = <psi(0)|psi(t)> = sum_n |c_n|² exp(-i E_n t), so that S has a line of height |c_n|² at each E_n.
    w is Blackman and Harris' window: lines have no feet.  Energies span ±π/dt of the rows.
    Source: Feit, Fleck & Steiger (1982) J. Comput. Phys. 47, 412, section 4.
    """
    step, count = time[1] - time[0], len(time)
    angle = np.pi * np.arange(count) / count
    window = np.array(WINDOW) @ np.cos(np.arange(len(WINDOW))[:, None] * angle)
    size = FILLED * 2 ** int(np.ceil(np.log2(2 * count)))
    padded = np.zeros(size, complex)
    padded[:count] = window * overlap
    padded[0] *= 0.5
    values = 2.0 * (np.fft.ifft(padded) * size).real / (2.0 * window.sum() - 1.0)
    energies = 2.0 * np.pi * np.fft.fftfreq(size, step)
    order = np.argsort(energies)
    return energies[order], values[order]


def spectral_lines(time: np.ndarray, overlap: np.ndarray) -> tuple[list[float], list[float], float]:
    """Energies and strengths |c_n|² of the lines, lowest first, and the width at which two lines merge."""
    energies, values = spectrum(time, overlap)
    resolution = 4.0 * np.pi / (time[-1] - time[0])  # half the width of the window's line
    peaks = np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1
    peaks = peaks[values[peaks] > max(WEAK * values.max(), 0.0)]
    step = energies[1] - energies[0]
    found = []
    for peak in peaks:
        low, middle, high = values[peak - 1 : peak + 2]
        shift = 0.5 * (low - high) / (low - 2.0 * middle + high)
        found.append((float(energies[peak] + shift * step), float(middle - 0.25 * (low - high) * shift)))
    return [energy for energy, _ in found], [strength for _, strength in found], float(resolution)
