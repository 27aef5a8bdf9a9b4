"""Momenta u = γv of particles: Maxwellian, and relativistic by Maxwell and Jüttner."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.initial.plasma.draws import Draws, radical_inverse

MOMENTUM_BLOCK = 1
"""First block of random numbers that momenta take; places take those before."""

BASES = (2, 3, 5)
"""Of the quiet sequences of u_x, u_y, u_z: the base of the first is the evenest."""

BLOCKS_PER_TRY = 3
MOST_TRIES = 200


def maxwellian(thermal: Any, draws: Draws, quiet_index: Any = None, quiet_total: int = 0) -> np.ndarray:
    """u of a Maxwellian at rest, (n, 3): each component normal with its own standard deviation.

    thermal: three numbers or arrays (n,), (T/m)^½ along each axis
    quiet_index: (n,) index of each particle among `quiet_total`: the components are then the normal
        distribution's values at Halton's points, which fill it evenly, not random ones
    """
    if quiet_index is not None:
        from scipy.special import ndtri  # slow to import

        normal = [ndtri(radical_inverse(quiet_index, base, quiet_total)) for base in BASES]
    else:
        first, second = draws.normal(MOMENTUM_BLOCK)
        normal = [first, second, draws.normal(MOMENTUM_BLOCK + 1)[0]]
    return np.stack([np.asarray(s) * n for s, n in zip(thermal, normal, strict=True)], axis=1)


def maxwell_juttner(temperature: Any, drift: Any, draws: Draws, light_speed: float = 1.0) -> np.ndarray:
    """u of the relativistic thermal distribution f ~ exp(-γ′ m c²/T) in a frame that moves with `drift`.

    temperature: T/(m c²), number or (n,), positive;  drift: (n, 3) or (3,), momentum γv of the moving frame
    Returns (n, 3).  The speed in the moving frame is drawn by rejection from gamma distributions of the
    kinetic energy, which takes about as many tries at any temperature; then the boost, with the flip that
    makes the moving plasma's density right.
    Source: Jüttner (1911) Ann. Phys. 339, 856; Canfield, Howard & Liang (1987) Astrophys. J. 323, 565;
    Zenitani (2015) Phys. Plasmas 22, 042116, section III.
    """
    count = len(np.asarray(draws.number))
    heat = np.broadcast_to(np.asarray(temperature, dtype=float), (count,))
    kinetic = _kinetic(heat, draws)
    size = np.sqrt(kinetic * (2.0 + kinetic))
    tries = MOMENTUM_BLOCK + BLOCKS_PER_TRY * MOST_TRIES
    cosine, turn, flip, _ = draws.uniform(tries)
    cosine = 2.0 * cosine - 1.0
    sine, angle = np.sqrt(1.0 - cosine**2), 2.0 * np.pi * turn
    u = size[:, None] * np.stack([sine * np.cos(angle), sine * np.sin(angle), cosine], axis=1)
    return light_speed * _boosted(u, np.asarray(drift, dtype=float) / light_speed, flip)


def _boosted(u: np.ndarray, drift: np.ndarray, flip: np.ndarray) -> np.ndarray:
    """Momenta of an isotropic plasma in a frame that it passes with the momentum `drift` (c = 1)."""
    drift = np.broadcast_to(drift, u.shape)
    speed = np.sqrt(np.sum(drift**2, axis=1))
    moving = speed > 0.0
    way = np.divide(drift, speed[:, None], out=np.zeros_like(u), where=moving[:, None])
    gamma, energy = np.sqrt(1.0 + speed**2), np.sqrt(1.0 + np.sum(u**2, axis=1))
    along = np.sum(u * way, axis=1)
    # The density of those that come towards the moving observer is larger: 1 + β v.
    along_flipped = np.where(-speed / gamma * along / energy > flip, -along, along)
    boosted = gamma * along_flipped + speed * energy
    return u + (boosted - along)[:, None] * way


def _kinetic(heat: np.ndarray, draws: Draws) -> np.ndarray:
    """γ - 1 of f(γ) ~ γ (γ² - 1)^½ exp(-γ/T).

    With x = (γ - 1)/T:  f ~ x^½ (1 + T x)(1 + T x/2)^½ exp(-x), below x^½ (1 + T x)(1 + (T x/2)^½) exp(-x),
    which is a sum of gamma distributions of the indices 3/2, 2, 5/2 and 3.
    """
    found = np.empty(len(heat))
    left = np.arange(len(heat))
    for attempt in range(MOST_TRIES):
        if not len(left):
            return found
        here, mine = heat[left], draws.rows(left)
        x, accept = _proposed(here, mine, MOMENTUM_BLOCK + BLOCKS_PER_TRY * attempt)
        root = np.sqrt(0.5 * here * x)
        good = accept * (1.0 + root) <= np.sqrt(1.0 + root**2)
        found[left[good]] = here[good] * x[good]
        left = left[~good]
    raise ArithmeticError(f"no momentum was found in {MOST_TRIES} tries; is T/(m c²) positive and finite?")


def _proposed(heat: np.ndarray, draws: Draws, block: int) -> tuple[np.ndarray, np.ndarray]:
    """x from the sum of gamma distributions, and a uniform number to accept it by."""
    weights = np.stack(
        [
            np.full(len(heat), 0.5 * np.sqrt(np.pi)),  # Γ(3/2)
            np.sqrt(0.5 * heat),  # Γ(2) (T/2)^½
            0.75 * np.sqrt(np.pi) * heat,  # Γ(5/2) T
            2.0 * heat * np.sqrt(0.5 * heat),  # Γ(3) T (T/2)^½
        ]
    )
    bounds = np.cumsum(weights, axis=0)
    choice, accept, *_ = draws.uniform(block)
    one, two, three, _ = draws.uniform(block + 1)
    index = np.sum(choice * bounds[-1] > bounds[:-1], axis=0)
    # A gamma variate of index k + 1/2 is one of index k, and half the square of a normal one.
    logarithms = np.cumsum(-np.log(np.stack([one, two, three])), axis=0)
    whole = np.take_along_axis(logarithms, np.array([0, 1, 1, 2])[index][None], axis=0)[0]
    half = np.where(index % 2 == 0, 0.5 * draws.normal(block + 2)[0] ** 2, 0.0)
    return whole + half, accept
