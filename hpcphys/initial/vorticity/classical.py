"""Flows of the literature that are stated in space: ω at the points of the grid."""

from __future__ import annotations

import numpy as np

FIRST_ZERO = 3.8317059702075125
"""Of the Bessel function J_1."""


def lamb_dipole(
    x: np.ndarray, y: np.ndarray, length: float, *, radius: float = 0.5, speed: float = 1.0,
    centre: tuple[float, float] | None = None, angle: float = 0.0,
) -> np.ndarray:  # fmt: skip
    """The dipole of Lamb and Chaplygin, which moves through still fluid at `speed` without change of form.

        ω = -2 U κ J_1(κ r)/J_0(κ R) sin θ  inside r < R,  0 outside;     κ R = 3.8317, the first zero of J_1

    θ is the angle to the direction of motion.  radius: R [length];  speed: U [length/time];
    centre: (x, y), by default the middle of the box;  angle: of the direction of motion against x [degrees]
    Periodic images slow it down by a share of order (R/L)².
    Returns (rows, n).  Raises ValueError when it does not fit into the box.
    Source: Lamb (1932) Hydrodynamics, art. 165; Meleshko & van Heijst (1994) J. Fluid Mech. 272, 157.
    """
    from scipy.special import j0, j1

    if not 0.0 < radius < 0.5 * length:
        raise ValueError(
            f"radius: found {radius:g}; it must be above 0 and below half the box, {0.5 * length:g}"
        )
    middle = (0.5 * length, 0.5 * length) if centre is None else centre
    dx, dy = _nearest(x - middle[0], length), _nearest(y - middle[1], length)
    turn = np.deg2rad(angle)
    across = dy * np.cos(turn) - dx * np.sin(turn)
    distance = np.hypot(dx, dy)
    kappa = FIRST_ZERO / radius
    sine = np.divide(across, distance, out=np.zeros_like(distance), where=distance > 0.0)
    vorticity = -2.0 * speed * kappa * j1(kappa * distance) / j0(FIRST_ZERO) * sine
    return np.where(distance < radius, vorticity, 0.0)


def shear_layer(
    x: np.ndarray, y: np.ndarray, length: float, *, steepness: float = 30.0, perturbation: float = 0.05
) -> np.ndarray:
    """Two shear layers that roll up:  u = tanh(ρ (y - ¼)) below y = ½, tanh(ρ (¾ - y)) above;  v = δ sin 2πx,

    x and y in units of the box.  steepness: ρ, 30 is the thick layer and 80 to 100 the thin one;
    perturbation: δ
    Returns (rows, n) ω = ∂x v - ∂y u.
    Source: Brown & Minion (1995) J. Comput. Phys. 122, 165, eq. 1.
    """
    s, t = x / length, y / length
    lower = -steepness / np.cosh(np.minimum(np.abs(steepness * (t - 0.25)), 300.0)) ** 2
    upper = steepness / np.cosh(np.minimum(np.abs(steepness * (0.75 - t)), 300.0)) ** 2
    wave = 2.0 * np.pi * perturbation * np.cos(2.0 * np.pi * s)
    return (np.where(t <= 0.5, lower, upper) + wave) / length


def _nearest(distance: np.ndarray, length: float) -> np.ndarray:
    """The same distance to the nearest periodic image."""
    return distance - length * np.rint(distance / length)
