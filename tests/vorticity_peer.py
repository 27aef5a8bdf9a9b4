"""The truncated vorticity equation in plain NumPy on one rank: what tests put in an engine's place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Modes:
    """The modes |k_x|, |k_y| <= cutoff of the periodic square; columns k_x = first … last - 1."""

    cutoff: int
    length: float = 2 * np.pi
    rank: int = 0
    size: int = 1

    @cached_property
    def kx(self):
        bounds = [(self.cutoff + 1) * rank // self.size for rank in range(self.size + 1)]
        return np.arange(bounds[self.rank], bounds[self.rank + 1])

    @cached_property
    def ky(self):
        return np.r_[0 : self.cutoff + 1, -self.cutoff : 0]

    @cached_property
    def k2(self):
        return (2 * np.pi / self.length) ** 2 * (self.kx[:, None] ** 2.0 + self.ky**2)

    @cached_property
    def weight(self):
        return np.where(self.kx == 0, 1.0, 2.0)[:, None]

    def random(self, largest, slope=-1.0, seed=1):
        """Amplitudes of a random field of mean square 1 with modes |k| <= largest, all columns."""
        rng = np.random.default_rng(seed)
        noise = np.fft.fft2(rng.standard_normal((2 * self.cutoff + 2,) * 2))
        kx = np.arange(self.cutoff + 1)
        squares = kx[:, None] ** 2.0 + self.ky**2
        envelope = np.where((squares > 0) & (squares <= largest**2), np.maximum(squares, 1) ** (slope / 2), 0)
        amplitudes = noise[np.ix_(kx, self.ky)] * envelope
        weight = np.where(kx == 0, 1.0, 2.0)[:, None]
        return amplitudes / np.sqrt(np.sum(weight * np.abs(amplitudes) ** 2))

    def energy(self, vorticity):
        """½∫ψω of one rank's columns."""
        squares = np.where(self.k2 > 0, self.k2, np.inf)
        return 0.5 * self.length**2 * np.sum(self.weight * np.abs(vorticity) ** 2 / squares)

    def enstrophy(self, vorticity):
        """½∫ω² of one rank's columns."""
        return 0.5 * self.length**2 * np.sum(self.weight * np.abs(vorticity) ** 2)


class PlainAdvection:
    """N(ω) = -(u·∇ω) by products on a grid of 3K + 1 points or more."""

    def __init__(self, modes: Modes):
        self.modes, self.points = modes, 3 * modes.cutoff // 2 * 2 + 2
        self.calls = 0

    def physical(self, amplitudes):
        modes, points = self.modes, self.points
        spectrum = np.zeros((points // 2 + 1, points), dtype=complex)
        spectrum[: modes.cutoff + 1, modes.ky] = amplitudes
        return np.fft.irfft(np.fft.ifft(spectrum, axis=1), points, axis=0) * points**2

    def tendency(self, vorticity):
        self.calls += 1
        modes = self.modes
        unit = 2 * np.pi / modes.length
        ikx, iky = 1j * unit * modes.kx[:, None], 1j * unit * modes.ky[None, :]
        stream = vorticity / np.where(modes.k2 > 0, modes.k2, np.inf)
        u, v, wx, wy = map(self.physical, (iky * stream, -ikx * stream, ikx * vorticity, iky * vorticity))
        spectrum = np.fft.fft(np.fft.rfft(-(u * wx + v * wy), axis=0), axis=1) / self.points**2
        return spectrum[: modes.cutoff + 1][:, modes.ky]
