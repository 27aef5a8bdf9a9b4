"""The right-hand side and its integrating-factor step in plain NumPy, on one rank: the judge of the engine.

    dω/dt + u·∇ω = -ν (-Δ)^p ω - μ (-Δ)^-q ω,    ω = ∂x v - ∂y u,   û = i k_y ω̂/k²,   v̂ = -i k_x ω̂/k²

on the periodic square [0, L)², with the same arrays as the engine: ω̂ (k_x = 0 ... K; k_y = 0 ... K, -K ...
-1), true Fourier amplitudes, ω(x, y) = Σ ω̂ exp(2πi (k_x x + k_y y)/L). Every transform here is a full complex
one of numpy.fft, nothing is fused and nothing is pruned: slow, and short enough to be seen to be right.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class ReferenceEngine:
    """Interface of the engine, for one rank.

    grid: VorticityGrid of one rank;  damping: Damping, or None
    Raises ValueError for a grid that is shared among ranks.
    """

    def __init__(self, grid: Any, damping: Any = None):
        if grid.size != 1:
            raise ValueError(f"the reference runs on one rank; the grid is shared by {grid.size}")
        self.grid = grid
        unit = 2.0 * np.pi / grid.length
        kx, ky = unit * grid.kx[:, None], unit * grid.ky[None, :]
        k2, inverse = grid.k2, grid.inverse_k2
        self._velocity = (1j * ky * inverse, -1j * kx * inverse)
        self._products = (-kx * ky * np.ones_like(k2), kx**2 - ky**2)
        self._filter = grid.filter
        self.decay = np.zeros_like(k2) if damping is None else damping.rates(grid)

    def tendency(self, vorticity: np.ndarray) -> np.ndarray:
        """-u·∇ω, truncated:  -k_x k_y FT(u² - v²) + (k_x² - k_y²) FT(u v).

        vorticity: (K + 1, 2K + 1) complex;  returns the same shape.  With the 2/3 rule this is the exact
        convolution of the kept modes: energy and enstrophy are conserved to rounding.
        Source: Basdevant (1983) J. Comput. Phys. 50, 209.
        """
        u, v = (self._to_grid(factor * vorticity) for factor in self._velocity)
        first, second = self._products
        rate = first * self._from_grid(u * u - v * v) + second * self._from_grid(u * v)
        rate *= self._filter
        rate[0, 0] = 0.0
        return rate.astype(vorticity.dtype)

    def advance(self, state: Any, dt: float, stages: str = "rk4", measure_speed: bool = False) -> None:
        """One step of the classical Runge-Kutta method for exp(dt D) ω, D the damping: exact for it, in
        place.

        Source: Canuto, Hussaini, Quarteroni & Zang (2006), Spectral Methods, section D.4 (integrating
        factors).
        """
        start = state["vorticity"]
        half = np.exp(-0.5 * dt * self.decay)
        k1 = self.tendency(start)
        k2 = self.tendency(half * (start + 0.5 * dt * k1))
        k3 = self.tendency(half * start + 0.5 * dt * k2)
        k4 = self.tendency(half * (half * start + dt * k3))
        new = half * (half * (start + dt / 6.0 * k1) + dt / 3.0 * (k2 + k3)) + dt / 6.0 * k4
        state["vorticity"][...] = new

    def velocity(self, vorticity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(u, v) on the grid: (n, n) each, first index along y."""
        u, v = (self._to_grid(factor * vorticity) for factor in self._velocity)
        return u.T, v.T

    def largest_speed(self, state: Any) -> float:
        """max |(u, v)| over the grid."""
        u, v = self.velocity(state["vorticity"])
        return float(np.sqrt((u * u + v * v).max()))

    def physical(self, vorticity: np.ndarray) -> np.ndarray:
        """ω on the grid: (n, n) real, first index along y."""
        return self._to_grid(vorticity).T.astype(self.grid.real_type)

    def spectral(self, rows: np.ndarray) -> np.ndarray:
        """Inverse of `physical`, truncated; the mean is dropped."""
        modes = self._from_grid(rows.T)
        modes[0, 0] = 0.0
        return modes.astype(self.grid.complex_type)

    def _to_grid(self, modes: np.ndarray) -> np.ndarray:
        """Σ modes exp(i k·x) on the grid: (n, n) real, first index along x."""
        n, kx, ky = self.grid.n, self.grid.kx, self.grid.ky
        whole = np.zeros((n, n), np.complex128)
        whole[kx[:, None], ky[None, :]] = modes
        whole[-kx[1:, None], -ky[None, :]] = np.conj(modes[1:])
        return np.fft.ifft2(whole).real * n**2

    def _from_grid(self, field: np.ndarray) -> np.ndarray:
        """The kept Fourier amplitudes of a real field (n, n), first index along x."""
        whole = np.fft.fft2(field) / self.grid.n**2
        return whole[self.grid.kx[:, None], self.grid.ky[None, :]]
