"""What files of atoms hold: this rank's rows, and the box."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Configuration:
    """arrays: name -> this rank's rows, as a state has them (position, image, velocity, mass, id, type, …)
    vectors: (3, 3) rows a, b, c of the box, lower triangular;  origin: (3,);  periodic: of each axis
    step, time: where the file says so;  names: of the types, where the file has them
    bonds: {"type": (b,), "id": (b, 2)} this rank's share of the bonds, or empty
    extra: other per-atom columns by name
    """

    arrays: dict[str, np.ndarray]
    vectors: np.ndarray
    origin: np.ndarray
    periodic: tuple[bool, bool, bool] = (True, True, True)
    step: int = 0
    time: float = 0.0
    names: tuple[str, ...] = ()
    bonds: dict[str, np.ndarray] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def unwrapped(position: np.ndarray, image: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """position + image·vectors (n, 3)."""
    return position + np.asarray(image, dtype=np.float64) @ np.asarray(vectors)


def wrapped(position: np.ndarray, vectors, origin, periodic) -> tuple[np.ndarray, np.ndarray]:
    """Positions brought into the box along its periodic axes, and the images (n, 3) int32 that this took."""
    place = (position - np.asarray(origin)) @ np.linalg.inv(vectors)
    image = np.floor(place) * np.asarray(periodic, dtype=np.float64)
    return position - image @ np.asarray(vectors), image.astype(np.int32)


def lower_triangular(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box turned so that a lies along x and b in the xy plane, and the rotation R: new = old @ R.

    Raises ValueError when the vectors are not right-handed.
    """
    edges = np.asarray(vectors, dtype=np.float64)
    if not np.linalg.det(edges) > 0.0:
        raise ValueError(f"box vectors {edges.tolist()} must be right-handed and not in one plane")
    if not np.triu(edges, 1).any() and (np.diag(edges) > 0.0).all():
        return edges, np.eye(3)
    # edges = L Qᵀ: from the QR factors of the transpose, with the signs that make L's diagonal positive.
    q, r = np.linalg.qr(edges.T)
    signs = np.sign(np.diag(r))
    return np.tril((r * signs[:, None]).T), q * signs
