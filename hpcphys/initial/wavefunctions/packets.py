"""Wave packets: Gaussians, products of functions of one coordinate each, and boosts.  ħ = 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def gaussian_factor(x: np.ndarray, centre: float, width: float, momentum: float = 0.0) -> np.ndarray:
    """(2π s²)^(-1/4) exp(-(x - c)²/4s² + i k (x - c)): ⟨x⟩ = c, Δx = s, ⟨p⟩ = k, Δp = 1/2s.

    x: (n,) points [length];  centre: c;  width: s, the standard deviation of |ψ|²;  momentum: k [1/length]
    Returns complex128 (n,), of norm 1 on the line.
    Source: Schrödinger (1926) Naturwiss. 14, 664.
    """
    away = x - centre
    amplitude = (2.0 * np.pi * width**2) ** -0.25
    return amplitude * np.exp(-((away / (2.0 * width)) ** 2) + 1j * momentum * away)


def outer_product(factors: Sequence[np.ndarray]) -> np.ndarray:
    """ψ(x, y, …) = f_0(x) f_1(y) …: (n0, n1, …) from one array (n_j,) for each axis."""
    total = np.asarray(factors[0])
    for factor in factors[1:]:
        total = total[..., None] * factor
    return total


def boosted(psi: np.ndarray, axes: Sequence[np.ndarray], momentum: Sequence[float]) -> np.ndarray:
    """exp(i k·x) ψ: all momenta raised by k, the density unchanged (a Galilean boost).

    psi: (n0, …) on the points of `axes`;  momentum: k, one number for each axis [1/length]
    Returns a new array.
    """
    phases = [np.exp(1j * k * x) for x, k in zip(axes, momentum, strict=True)]
    return psi * outer_product(phases)
