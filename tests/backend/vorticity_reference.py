"""The vorticity equation in plain NumPy, for tests: another form of the right-hand side, on full arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def whole(grid: Any, amplitudes: np.ndarray) -> np.ndarray:
    """(n, n) amplitudes of all modes, indexed [k_x, k_y], from the columns k_x = 0 … K of one rank."""
    full = np.zeros((grid.n, grid.n), dtype=np.complex128)
    kx, ky = grid.kx[:, None], grid.ky[None, :]
    full[kx, ky] = amplitudes
    full[-kx[1:], -ky] = amplitudes[1:].conj()
    return full


def field(full: np.ndarray) -> np.ndarray:
    """Values [x, y] of a real field."""
    return np.fft.ifft2(full).real * full.size


def velocity(grid: Any, amplitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """u, v [x, y]."""
    kx, ky = grid.unit * grid.kx[:, None], grid.unit * grid.ky
    return tuple(field(whole(grid, 1j * k * grid.inverse_k2 * amplitudes)) for k in (ky[None, :], -kx))


def tendency(grid: Any, amplitudes: np.ndarray) -> np.ndarray:
    """-(u·∇ω)^: advective with the 2/3 rule, where every form is the same; else ∂∂ of u u, as the engine."""
    kx, ky = grid.unit * grid.kx[:, None], grid.unit * grid.ky[None, :]
    u, v = velocity(grid, amplitudes)

    def transform(values):
        return (np.fft.fft2(values) / values.size)[grid.kx[:, None], grid.ky[None, :]]

    if grid.dealias == "two_thirds":
        along_x, along_y = (field(whole(grid, 1j * k * amplitudes)) for k in (kx, ky))
        return -transform(u * along_x + v * along_y)
    return grid.filter * (-kx * ky * transform(u * u - v * v) + (kx**2 - ky**2) * transform(u * v))


def convolution(grid: Any, amplitudes: np.ndarray) -> np.ndarray:
    """-(u·∇ω)^(k) = Σ_{p+q=k} (p_y q_x - p_x q_y)/p² ω̂_p ω̂_q, exact on the kept modes."""
    cutoff = grid.cutoff
    centred = np.fft.fftshift(whole(grid, amplitudes))
    index = np.fft.fftshift(np.fft.fftfreq(grid.n, 1 / grid.n)).astype(int)
    kept = np.abs(index) <= cutoff
    table = centred[np.ix_(kept, kept)]
    found = np.zeros(grid.shape, dtype=np.complex128)
    numbers = np.arange(-cutoff, cutoff + 1)
    px, py = np.meshgrid(numbers, numbers, indexing="ij")
    p2 = np.where((px == 0) & (py == 0), np.inf, px**2 + py**2)
    for i, kx in enumerate(grid.kx):
        for j, ky in enumerate(grid.ky):
            qx, qy = kx - px, ky - py
            inside = (np.abs(qx) <= cutoff) & (np.abs(qy) <= cutoff)
            other = table[np.clip(qx + cutoff, 0, 2 * cutoff), np.clip(qy + cutoff, 0, 2 * cutoff)]
            found[i, j] = (inside * (py * qx - px * qy) / p2 * table * other).sum()
    return found


def random_vorticity(grid: Any, seed: int = 1, scale: float = 4.0) -> np.ndarray:
    """A smooth random flow of one rank, Hermitian, energy 1/2."""
    rng = np.random.default_rng(seed)
    radius = np.sqrt(grid.k2) / grid.unit
    phases = np.exp(2j * np.pi * rng.random(grid.shape))
    amplitudes = radius / (1 + (radius / scale) ** 4) * phases
    amplitudes[0, grid.cutoff + 1 :] = amplitudes[0, grid.cutoff : 0 : -1].conj()
    amplitudes[0, 0] = 0
    energy = float((0.5 * grid.weight * np.abs(amplitudes) ** 2 * grid.inverse_k2).sum())
    return (amplitudes / np.sqrt(2 * energy)).astype(grid.complex_type)


def energy(grid: Any, amplitudes: np.ndarray) -> float:
    return float((0.5 * grid.weight * np.abs(amplitudes.astype(complex)) ** 2 * grid.inverse_k2).sum())


def enstrophy(grid: Any, amplitudes: np.ndarray) -> float:
    return float((0.5 * grid.weight * np.abs(amplitudes.astype(complex)) ** 2).sum())
