"""What tests of liquids share: a box, rows dealt to ranks, series with known correlations."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

TILTED = np.array([[10.0, 0.0, 0.0], [2.0, 9.0, 0.0], [1.0, -1.5, 11.0]])


def box_of(vectors, origin=(0.0, 0.0, 0.0), periodic=(True, True, True)):
    """What observables and files ask of a box."""
    return SimpleNamespace(
        vectors=np.asarray(vectors, dtype=float), origin=np.asarray(origin, dtype=float), periodic=periodic
    )


def cube(length: float):
    return box_of(np.eye(3) * length)


def atoms(count: int, vectors, seed: int = 1, types: int = 1) -> dict[str, np.ndarray]:
    """An ideal gas."""
    rng = np.random.default_rng(seed)
    return {
        "position": rng.random((count, 3)) @ np.asarray(vectors),
        "velocity": rng.normal(size=(count, 3)),
        "mass": rng.uniform(0.5, 2.0, count),
        "image": rng.integers(-2, 3, (count, 3)).astype(np.int32),
        "id": np.arange(count, dtype=np.int64),
        "type": rng.integers(0, types, count).astype(np.int32),
    }


def dealt(arrays: dict[str, np.ndarray], rank: int, size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """This rank's rows when every atom has gone to a random rank, in a random order."""
    rng = np.random.default_rng(seed)
    count = len(arrays["id"])
    order, owner = rng.permutation(count), rng.integers(0, size, count)
    rows = order[owner[order] == rank]
    return {name: array[rows] for name, array in arrays.items()}


def relaxing(count: int, width: int, decay: float, seed: int) -> np.ndarray:
    """(count, width) stationary AR(1) series of unit variance: ⟨x(0) x(k)⟩ = decay^k."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, width)) * np.sqrt(1.0 - decay**2)
    series = np.empty((count, width))
    series[0] = rng.normal(size=width)
    for k in range(1, count):
        series[k] = decay * series[k - 1] + noise[k]
    return series
