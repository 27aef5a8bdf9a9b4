"""King model: a lowered isothermal sphere with a finite edge."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from hpcphys.initial.blocks import row_range
from hpcphys.initial.parameters import positive, within
from hpcphys.initial.spherical import IsotropicSphere, enclosed_mass, equal_masses

SMALLEST_RADIUS = 1e-4  # King radii; inside it W = W0 to 10^-8
POINTS = 4096


def king(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    mass: float = 1.0,
    scale_radius: float = 1.0,
    w0: float = 6.0,
    virial_ratio: float = 1.0,
    G: float = 1.0,
) -> dict[str, np.ndarray]:
    """Equal masses drawn from f(E) ∝ exp(E/σ²) − 1 for E > 0, central potential ψ(0) = W0 σ².

    mass: total [mass];  scale_radius: King (core) radius r₀ = √(9σ²/4πGρ₀) [length];  w0: 0.1 to 16
    virial_ratio: 2T/|W|, 1 is equilibrium
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,) of the rows [first, last).
    Raises ValueError for a parameter out of its range.
    Source: King (1966), AJ 71, 64; Binney & Tremaine (2008), §4.3.3c.
    """
    positive(mass=mass, scale_radius=scale_radius, G=G)
    within(0.1, 16.0, w0=w0)
    within(0.0, 2.0, virial_ratio=virial_ratio)
    first, last = row_range(count, first, last)
    sphere = king_sphere(mass, scale_radius, w0, G)
    return equal_masses(sphere, count, rng_seed, first, last, virial_ratio, mass)


def king_density(potential: np.ndarray) -> np.ndarray:
    """ρ(W) up to its unit: e^W erf(√W) − √(4W/π) (1 + 2W/3).  Binney & Tremaine (2008), eq. 4.111."""
    from scipy.special import erf

    root = np.sqrt(potential)
    return np.exp(potential) * erf(root) - np.sqrt(4.0 / np.pi) * root * (1.0 + 2.0 * potential / 3.0)


def king_profile(w0: float) -> tuple[np.ndarray, np.ndarray]:
    """Radii x = r/r₀ and W(x) of W'' + 2W'/x = −9 ρ(W)/ρ(W0), W(0) = W0, W'(0) = 0, up to W → 0.

    Returns x (n,) and W (n,) > 0; the last radius is the tidal radius to 10^-6.
    """
    from scipy.integrate import solve_ivp

    central = float(king_density(np.array(w0)))

    def slope(x, y):
        inside = max(y[0], 0.0)
        return y[1], -9.0 * float(king_density(np.array(inside))) / central - 2.0 * y[1] / x

    def edge(x, y):
        return y[0]

    outermost: Any = edge
    outermost.terminal = True
    start = SMALLEST_RADIUS
    solution = solve_ivp(
        slope, (start, 1e6), (w0 - 1.5 * start**2, -3.0 * start), events=outermost, rtol=1e-9, atol=1e-12,
        method="DOP853", dense_output=True,
    )  # fmt: skip
    tidal = float(solution.t_events[0][0])
    # Logarithmic from the centre outward and from the edge inward, where W falls to zero.
    half = POINTS // 2
    inner = np.geomspace(start, 0.5 * tidal, half, endpoint=False)
    outer = tidal - np.geomspace(0.5 * tidal, 1e-6 * tidal, half)
    x = np.concatenate((inner, outer))
    return x, solution.sol(x)[0]


@functools.lru_cache(maxsize=4)
def king_sphere(mass: float, scale_radius: float, w0: float, G: float) -> IsotropicSphere:
    """Tables of the model in its own potential, in which f vanishes at the tidal radius."""
    x, potential = king_profile(w0)
    enclosed = enclosed_mass(x, king_density(potential))
    central = float(king_density(np.array(w0)))
    # σ² = 4πGρ₀r₀²/9 with M = ρ₀ r₀³ (enclosed/central) at the edge.
    dispersion = 4.0 * np.pi * G * mass * central / (9.0 * enclosed[-1] * scale_radius)
    return IsotropicSphere(
        x * scale_radius, enclosed * (mass / enclosed[-1]), potential * dispersion, np.expm1(potential)
    )
