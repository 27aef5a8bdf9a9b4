"""Coordinates in a box, number by number: the bits do not depend on how many rows stand together."""

from __future__ import annotations

import numpy as np


def fractional(position: np.ndarray, vectors: np.ndarray, origin) -> np.ndarray:
    """Coordinates along the box vectors, in [0, 1).

    position: (n, 3);  vectors: rows a, b, c, lower triangular;  origin: (3,)
    """
    x, y, z = (position[:, k] - float(origin[k]) for k in range(3))
    place = np.empty((len(position), 3))
    place[:, 2] = z / vectors[2, 2]
    place[:, 1] = (y - place[:, 2] * vectors[2, 1]) / vectors[1, 1]
    place[:, 0] = (x - place[:, 1] * vectors[1, 0] - place[:, 2] * vectors[2, 0]) / vectors[0, 0]
    place -= np.floor(place)
    place[place >= 1.0] = 0.0  # -1e-17 becomes 1 by rounding
    return place


def unwrapped(position: np.ndarray, image: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """position + image·vectors: where an atom would be, had it never been put back into the box."""
    result = np.array(position, dtype=np.float64)
    for axis in range(3):
        for row in range(axis, 3):
            result[:, axis] += image[:, row] * float(vectors[row, axis])
    return result


def periodic_box(box) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of a periodic box and the distances between its opposite faces.

    box: vectors (3, 3), periodic.  Raises ValueError if open, or not lower triangular.
    """
    if not all(box.periodic):
        raise ValueError(
            f"a box with periodic = {tuple(box.periodic)} has no density: all axes must be periodic"
        )
    vectors = np.asarray(box.vectors, dtype=np.float64)
    if vectors.shape != (3, 3) or np.triu(vectors, 1).any() or not (np.diag(vectors) > 0.0).all():
        raise ValueError(
            f"box vectors {vectors.tolist()}: needed are rows a, b, c, a along x, b in the xy plane, with a "
            "positive diagonal"
        )
    return vectors, 1.0 / np.linalg.norm(np.linalg.inv(vectors), axis=0)
