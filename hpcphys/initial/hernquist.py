"""Hernquist sphere, with its exact distribution function."""

from __future__ import annotations

import functools

import numpy as np

from hpcphys.initial.blocks import row_range
from hpcphys.initial.parameters import positive, within
from hpcphys.initial.spherical import IsotropicSphere, equal_masses, radius_grid


def hernquist(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    mass: float = 1.0,
    scale_radius: float = 1.0,
    cutoff: float = 100.0,
    virial_ratio: float = 1.0,
    G: float = 1.0,
) -> dict[str, np.ndarray]:
    """Equal masses drawn from ρ(r) = M a / (2π r (r + a)³) and its f(E).

    mass M of the whole model [mass]: the particles carry M (c/(1 + c))², 98 % for a cutoff c = 100, which
    keeps the force inside the cutoff exact;  scale_radius a [length];  cutoff: largest radius
      drawn, in units of a
    virial_ratio: 2T/|W|, 1 is equilibrium
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,) of the rows [first, last).
    Raises ValueError for a parameter out of its range.
    Source: Hernquist (1990), ApJ 356, 359, eqs. 2, 5, 17.
    """
    positive(mass=mass, scale_radius=scale_radius, cutoff=cutoff, G=G)
    within(0.0, 2.0, virial_ratio=virial_ratio)
    first, last = row_range(count, first, last)
    sphere = hernquist_sphere(mass, scale_radius, cutoff, G)
    return equal_masses(sphere, count, rng_seed, first, last, virial_ratio, sphere.drawn_mass)


def hernquist_density(radius: np.ndarray, mass: float, scale_radius: float) -> np.ndarray:
    """ρ(r) = M a / (2π r (r + a)³).  Hernquist (1990), eq. 2."""
    return mass * scale_radius / (2.0 * np.pi * radius * (radius + scale_radius) ** 3)


def hernquist_distribution(q: np.ndarray) -> np.ndarray:
    """f(E) up to its unit: (1 − q²)^(−5/2) [3 arcsin q + q √(1 − q²) (1 − 2q²)(8q⁴ − 8q² − 3)].

    q = √(E a / GM) in (0, 1), E the relative energy.  Hernquist (1990), eq. 17.
    """
    rest = 1.0 - q * q
    polynomial = (1.0 - 2.0 * q**2) * (8.0 * q**4 - 8.0 * q**2 - 3.0)
    return (3.0 * np.arcsin(q) + q * np.sqrt(rest) * polynomial) * rest**-2.5


@functools.lru_cache(maxsize=4)
def hernquist_sphere(mass: float, scale_radius: float, cutoff: float, G: float) -> IsotropicSphere:
    """Tables of the model in its own potential ψ = GM/(r + a)."""
    # Far out the bracket of f cancels to q⁵ of its terms: the table ends before that loses digits.
    radius = radius_grid(1e-6 * scale_radius, max(3000.0, 10.0 * cutoff) * scale_radius)
    enclosed = mass * (radius / (radius + scale_radius)) ** 2
    psi = G * mass / (radius + scale_radius)
    f = hernquist_distribution(np.sqrt(scale_radius / (radius + scale_radius)))
    return IsotropicSphere(radius, enclosed, psi, f, cutoff=cutoff * scale_radius)
