"""NFW halo with a smooth edge, its velocities by Eddington's inversion."""

from __future__ import annotations

import functools

import numpy as np

from hpcphys.initial.blocks import row_range
from hpcphys.initial.parameters import positive, within
from hpcphys.initial.spherical import (
    IsotropicSphere,
    eddington,
    enclosed_mass,
    equal_masses,
    radius_grid,
    relative_potential,
)

EDGE = 20.0  # truncation radii up to which mass is drawn: sech(20) = 4e-9


def nfw(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    mass: float = 1.0,
    scale_radius: float = 1.0,
    concentration: float = 10.0,
    virial_ratio: float = 1.0,
    G: float = 1.0,
) -> dict[str, np.ndarray]:
    """Equal masses drawn from ρ ∝ (r/r_s)^(−1) (1 + r/r_s)^(−2) sech(r/r_t), r_t = c r_s.

    mass: total, edge included [mass];  scale_radius r_s [length];  concentration c ≥ 1
    virial_ratio: 2T/|W|, 1 is equilibrium
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,) of the rows [first, last).
    Raises ValueError for a parameter out of its range.
    Source: Navarro, Frenk & White (1997), ApJ 490, 493; edge: McMillan & Dehnen (2007), MNRAS 378, 541.
    """
    positive(mass=mass, scale_radius=scale_radius, G=G)
    within(1.0, 1000.0, concentration=concentration)
    within(0.0, 2.0, virial_ratio=virial_ratio)
    first, last = row_range(count, first, last)
    sphere = nfw_sphere(mass, scale_radius, concentration, G)
    return equal_masses(sphere, count, rng_seed, first, last, virial_ratio, mass)


def nfw_density(radius: np.ndarray, scale_radius: float, concentration: float) -> np.ndarray:
    """ρ(r) up to its unit."""
    x = radius / scale_radius
    return 1.0 / (x * (1.0 + x) ** 2 * np.cosh(x / concentration))


@functools.lru_cache(maxsize=4)
def nfw_sphere(mass: float, scale_radius: float, concentration: float, G: float) -> IsotropicSphere:
    """Tables of the halo in its own potential."""
    radius = radius_grid(1e-6 * scale_radius, EDGE * concentration * scale_radius)
    density = nfw_density(radius, scale_radius, concentration)
    enclosed = enclosed_mass(radius, density)
    density, enclosed = density * (mass / enclosed[-1]), enclosed * (mass / enclosed[-1])
    psi = relative_potential(radius, enclosed, G)
    return IsotropicSphere(radius, enclosed, psi, eddington(psi, density))
