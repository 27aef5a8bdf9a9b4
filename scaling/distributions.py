"""The particles that forces are measured on; only the Plummer sphere was ever tuned for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hpcphys.initial import models

SEED = 1
FRACTAL_DIMENSION = 1.6

Arrays = dict[str, np.ndarray]


def plummer(count: int, seed: int = SEED) -> Arrays:
    """The reference's sphere: Hénon units, equal masses."""
    return models["plummer"](count, seed)


def plummer_unequal(count: int, seed: int = SEED) -> Arrays:
    """The same sphere with masses from dN/dm ∝ m^-2 over a factor of 1000, total 1."""
    arrays = plummer(count, seed)
    share = np.random.default_rng(seed).random(count)
    mass = 1.0 / (1.0 - share * (1.0 - 1e-3))
    arrays["mass"] = mass / mass.sum()
    return arrays


def hernquist(count: int, seed: int = SEED) -> Arrays:
    """A sphere with a 1/r cusp."""
    return models["hernquist"](count, seed)


def king(count: int, seed: int = SEED) -> Arrays:
    """A King model, W0 = 6: a core with a sharp edge."""
    return models["king"](count, seed)


def disc(count: int, seed: int = SEED) -> Arrays:
    """An exponential disc in a halo: two components, two masses, one of them flat."""
    return models["disc"](count, seed)


def merging(count: int, seed: int = SEED) -> Arrays:
    """Two Plummer spheres of masses 3 : 1 that overlap, on a parabola."""
    large, small = ({"model": "plummer", "mass": mass} for mass in (0.75, 0.25))
    return models["encounter"](count, seed, primary=large, secondary=small, pericentre=0.3, separation=1.0)


def fractal(count: int, seed: int = SEED) -> Arrays:
    """A fractal of dimension 1.6 in a cube of side 2, equal masses, total 1, at rest.

    Each cube hands its particle to those of its eight children that survive, with probability 2^(D-3), a
    little displaced.
    Source: Goodwin & Whitworth (2004), A&A 413, 929, §2.1.
    """
    rng = np.random.default_rng(seed)
    position, side = np.zeros((1, 3)), 1.0
    corners = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)], dtype=np.float64)
    # The first generations are made whole: a fractal that dies out early would never reach `count`.
    while len(position) < count:
        side *= 0.5
        children = (position[:, None, :] + side * corners).reshape(-1, 3)
        if len(position) >= 64:
            children = children[rng.random(len(children)) < 2.0 ** (FRACTAL_DIMENSION - 3.0)]
        position = children + 0.2 * side * rng.standard_normal(children.shape)
    position = position[rng.permutation(len(position))[:count]]
    return {
        "position": np.ascontiguousarray(position - position.mean(axis=0)),
        "velocity": np.zeros((count, 3)),
        "mass": np.full(count, 1.0 / count),
        "id": np.arange(count, dtype=np.int64),
    }


UNSEEN: dict[str, Callable[..., Arrays]] = {
    "Hernquist sphere": hernquist,
    "King model": king,
    "disc in a halo": disc,
    "two merging spheres": merging,
    "fractal, D = 1.6": fractal,
}
"""Distributions that the settings were never tuned for."""
