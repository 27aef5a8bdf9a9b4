"""Isotropic spectra, transfers and fluxes in shells of the wavenumber.

Shell s holds the modes with |k| L/2π in [s - ½, s + ½). With N_s resolved modes in it

    E(k) = (L/2π) (2π s/N_s) Σ_s ½ |ω̂|²/k²         so that  ∫ E(k) dk = E in the mean,  k = 2π s/L
    T_E(s) = Σ_s Re(ω̂* N̂)/k²,   T_Z(s) = Σ_s Re(ω̂* N̂),     N = -u·∇ω
    Π_E(k) = -Σ_{s' <= s} T_E(s'),   Π_Z(k) likewise        the flux from below k to above

The factor 2πs/N_s makes E(k) a mean over modes: the numbers of lattice points in narrow shells scatter by
tens of per cent, which at small k would be taken for a slope. Π < 0 at wavenumbers across which energy goes
to large scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.physics.vorticity.diagnostics import power, total_of

COLUMNS_PER_PIECE = 32


class Shells:
    """Sums over shells, collective; this rank's modes are looked through in pieces of a few columns.

    grid: VorticityGrid of this rank;  communicator: allreduce, sum_reproducible
    reproducible: the same bits for any number of ranks, at the price of a row of shells for each column
    `wavenumber`: (S,) k of the shells [1/length];  `modes`: (S,) number of modes in each, on all ranks
    `resolved`: number of shells whose modes are all resolved (s <= K); the last ones hold corners of the
    square
    """

    def __init__(self, grid: Any, communicator: Any, reproducible: bool = False):
        self.grid, self.communicator, self.reproducible = grid, communicator, reproducible
        self.unit = grid.unit
        self.count = int(np.rint(np.sqrt(2.0) * grid.cutoff)) + 1
        self.wavenumber = self.unit * np.arange(self.count)
        self.resolved = grid.cutoff + 1
        self.modes = self._sum((np.ones(grid.shape),))[0]

    def spectrum(self, vorticity: np.ndarray) -> np.ndarray:
        """E(k) of each shell: (S,) [energy · length]; collective.  vorticity: (columns, 2K + 1) complex"""
        energy = self._sum((self._over_k2(0.5 * power(vorticity)),))[0]
        return energy * self._density()

    def transfers(self, vorticity: np.ndarray, tendency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(T_E, T_Z) of each shell: (S,) each; collective.  tendency: N̂ = FT(-u·∇ω), truncated"""
        product = vorticity.real.astype(np.float64) * tendency.real
        product += vorticity.imag.astype(np.float64) * tendency.imag
        energy, enstrophy = self._sum((self._over_k2(product), product))
        return energy, enstrophy

    def _density(self) -> np.ndarray:
        """What a sum over a shell is multiplied by to become a spectrum."""
        shells = np.arange(self.count)
        return np.divide(
            2.0 * np.pi * shells, self.unit * self.modes, out=np.zeros(self.count), where=self.modes > 0
        )

    def _over_k2(self, values: np.ndarray) -> np.ndarray:
        return values * self.grid.inverse_k2

    def _sum(self, fields: tuple[np.ndarray, ...]) -> np.ndarray:
        """(fields, S): sums over the full plane of wavenumbers of each field, in double precision."""
        grid, columns = self.grid, 1 if self.reproducible else COLUMNS_PER_PIECE
        pieces = range(0, len(grid.kx), columns)
        sums = np.zeros((len(pieces), len(fields), self.count))
        for number, start in enumerate(pieces):
            piece = slice(start, start + columns)
            shell = np.rint(np.hypot(grid.kx[piece, None], grid.ky)).astype(np.int64).ravel()
            for total, field in zip(sums[number], fields, strict=True):
                weighted = (field[piece] * grid.weight[piece]).ravel()
                total += np.bincount(shell, weights=weighted, minlength=self.count)
        return total_of(sums, self.communicator, self.reproducible)


def fluxes(transfer: np.ndarray) -> np.ndarray:
    """Π(k) = -Σ_{k' <= k} T(k').  transfer: (..., S)"""
    return -np.cumsum(transfer, axis=-1)


@dataclass(frozen=True)
class Fit:
    """A power law E = amplitude k^slope through the window, and how good it is.

    slope, error: least squares through logarithmic bins, and its standard error;  amplitude: E at k = 1
    """

    slope: float
    error: float
    amplitude: float


BINS_PER_OCTAVE = 4


def fitted_slope(wavenumber: np.ndarray, spectrum: np.ndarray, k_min: float, k_max: float) -> Fit | None:
    """The slope of log E over log k in [k_min, k_max], from equal weights for bins of a quarter octave.

    Shells crowd at large k: a fit through all of them would see little but the upper end of the window. Each
    bin is the mean of log k and log E of its shells. None where fewer than three bins have shells, or E is
    not positive.
    """
    inside = (
        (wavenumber >= k_min * (1.0 - 1e-12)) & (wavenumber <= k_max * (1.0 + 1e-12)) & (wavenumber > 0.0)
    )
    if inside.sum() < 3 or not np.all(spectrum[inside] > 0.0):
        return None
    x, y = np.log(wavenumber[inside]), np.log(spectrum[inside])
    bins = max(3, round(BINS_PER_OCTAVE * np.log2(k_max / k_min)))
    place = (x - np.log(k_min)) / np.log(k_max / k_min) * bins
    filled, where = np.unique(np.clip((place + 1e-9).astype(int), 0, bins - 1), return_inverse=True)
    if len(filled) < 3:
        return None
    held = np.bincount(where)
    x, y = np.bincount(where, x) / held, np.bincount(where, y) / held
    spread = x - x.mean()
    slope = float(spread @ y / (spread @ spread))
    residual = y - y.mean() - slope * spread
    error = float(np.sqrt(residual @ residual / max(1, len(x) - 2) / (spread @ spread)))
    return Fit(slope, error, float(np.exp(y.mean() - slope * x.mean())))
