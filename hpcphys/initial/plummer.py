"""Plummer sphere with any virial ratio."""

from __future__ import annotations

import math

import numpy as np

from hpcphys.initial.blocks import isotropic, row_range, sampled_rows
from hpcphys.initial.parameters import positive, within

MASS_FRACTION = 0.999
"""Radii enclose at most this fraction of the mass (Aarseth, Hénon & Wielen 1974): r < 38.7 a."""

HENON_SCALE_RADIUS = 3.0 * math.pi / 16.0
"""Scale radius a for G = M = 1, total energy −1/4 (Hénon units; W = −3πGM²/32a = −1/2)."""


def plummer(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    mass: float = 1.0,
    scale_radius: float = HENON_SCALE_RADIUS,
    virial_ratio: float = 1.0,
    G: float = 1.0,
) -> dict[str, np.ndarray]:
    """Equal masses drawn from ρ(r) = 3M/(4πa³) (1 + r²/a²)^(−5/2), f(E) ∝ (−E)^(7/2).

    Radius: r = a (X^(−2/3) − 1)^(−1/2), X uniform on (0, 0.999).
    Speed: v = q v_escape √Q with v_escape² = 2GM/√(r² + a²) and q² ~ Beta(3/2, 9/2), which is exactly the
    density g(q) ∝ q²(1 − q²)^(7/2) that Aarseth et al. draw by rejection.  Q is virial_ratio = 2T/|W|.
    mass M [mass], scale_radius a [length]; virial_ratio ≥ 0: 1 is equilibrium, 0.1 cold, 0 at rest
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,) of the rows [first, last).
    Raises ValueError for a parameter out of its range.
    Source: Aarseth, Hénon & Wielen (1974), A&A 37, 183, appendix.
    """
    positive(mass=mass, scale_radius=scale_radius, G=G)
    within(0.0, 2.0, virial_ratio=virial_ratio)
    first, last = row_range(count, first, last)

    def sample(generator: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        enclosed = MASS_FRACTION * (1.0 - generator.random(rows))  # (0, 0.999]: never zero
        radius = scale_radius / np.sqrt(enclosed ** (-2.0 / 3.0) - 1.0)
        escape = np.sqrt(2.0 * G * mass / np.sqrt(radius**2 + scale_radius**2))
        speed = np.sqrt(virial_ratio * generator.beta(1.5, 4.5, rows)) * escape
        return {"position": isotropic(generator, radius), "velocity": isotropic(generator, speed)}

    arrays = sampled_rows(count, rng_seed, sample, first=first, last=last)
    arrays["mass"] = np.full(last - first, mass / count)
    arrays["id"] = np.arange(first, last, dtype=np.int64)
    return arrays
