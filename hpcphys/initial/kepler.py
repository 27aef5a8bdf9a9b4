"""Two bodies on a Kepler orbit."""

from __future__ import annotations

import math

import numpy as np

from hpcphys.initial.blocks import row_range
from hpcphys.initial.parameters import positive, within


def relative_orbit(
    gravitational_mass: float, pericentre: float, eccentricity: float, separation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Relative position and velocity at a separation, on the way in; pericentre on the +x axis, orbit flat.

    p = q(1 + e),  r = p/(1 + e cos ν),  v = √(μ/p) (−sin ν, e + cos ν), with ν in [−π, 0].
    gravitational_mass μ = G(m₁ + m₂) [length³/time²];  pericentre q, separation r [length];  eccentricity e
    Returns position (3,), velocity (3,) of the second body as seen from the first.
    Raises ValueError when the orbit never has that separation.
    Source: Murray & Dermott (1999), eqs. 2.20, 2.36.
    """
    positive(pericentre=pericentre, separation=separation)
    within(0.0, math.inf, eccentricity=eccentricity)
    bound = eccentricity < 1.0
    apocentre = pericentre * (1.0 + eccentricity) / (1.0 - eccentricity) if bound else math.inf
    if not pericentre * (1.0 - 1e-12) <= separation <= apocentre * (1.0 + 1e-12):
        raise ValueError(
            f"separation: found {separation:g}, but an orbit with pericentre {pericentre:g} and eccentricity "
            f"{eccentricity:g} stays between {pericentre:g} and {apocentre:g}; choose one in that range"
        )
    parameter = pericentre * (1.0 + eccentricity)
    cosine = (parameter / separation - 1.0) / eccentricity if eccentricity else 1.0
    cosine = min(1.0, max(-1.0, cosine))
    sine = -math.sqrt(1.0 - cosine * cosine)
    speed = math.sqrt(gravitational_mass / parameter)
    position = separation * np.array([cosine, sine, 0.0])
    velocity = speed * np.array([-sine, eccentricity + cosine, 0.0])
    return position, velocity


def two_body(
    count: int,
    rng_seed: int,
    *,
    first: int = 0,
    last: int | None = None,
    mass: float = 1.0,
    mass_ratio: float = 1.0,
    semi_major_axis: float = 1.0,
    eccentricity: float = 0.0,
    G: float = 1.0,
) -> dict[str, np.ndarray]:
    """Two point masses on an ellipse, starting at the apocentre; period 2π√(a³/GM).

    count: 2;  rng_seed: not used, nothing is random;  mass M = m₁ + m₂ [mass];  mass_ratio m₂/m₁ ≤ 1
    semi_major_axis a [length];  eccentricity 0 ≤ e < 1
    Returns position (n, 3), velocity (n, 3), mass (n,), id (n,) of the rows [first, last).
    Raises ValueError for a parameter out of its range or another count.
    """
    positive(mass=mass, mass_ratio=mass_ratio, semi_major_axis=semi_major_axis, G=G)
    within(0.0, 1.0, mass_ratio=mass_ratio)
    within(0.0, 0.9999, eccentricity=eccentricity)
    if count != 2:
        raise ValueError(f"particles: found {count}, the model 'two_body' has exactly 2")
    first, last = row_range(count, first, last)
    separation, velocity = relative_orbit(
        G * mass, semi_major_axis * (1.0 - eccentricity), eccentricity, semi_major_axis * (1.0 + eccentricity)
    )
    share = mass_ratio / (1.0 + mass_ratio)  # m₂/M
    place = np.array([-share, 1.0 - share])[:, None]
    return {
        "position": (place * separation)[first:last],
        "velocity": (place * velocity)[first:last],
        "mass": mass * np.array([1.0 - share, share])[first:last],
        "id": np.arange(first, last, dtype=np.int64),
    }
