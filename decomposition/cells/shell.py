"""The eighth shell: which points around a block lie within reach of it on its upper sides, and how many.

Source: Bowers, Dror & Shaw (2007), J. Comput. Phys. 221, 303 (eighth shell); Hess, Kutzner, van der Spoel &
Lindahl (2008), J. Chem. Theory Comput. 4, 435, sec. 4 (staged communication, triclinic cells).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from .box import Box

POINTS = 24  # along each axis of the quadrature over a corner: good to a few parts in a thousand


def gram(box: Box) -> np.ndarray:
    """(9,) what `distance2` of kernels/halo.h wants of the faces' unit normals n: n_x·n_y, n_x·n_z, n_y·n_z,
    then the inverse of their matrix of products, G⁻¹, as 00, 11, 22, 01, 02, 12."""
    products = box.normals @ box.normals.T
    inverse = np.linalg.inv(products)
    places = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    return np.array([products[0, 1], products[0, 2], products[1, 2], *(inverse[place] for place in places)])


def distance(heights: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Distances of points from the cone {y : n_d·y ≤ 0}, given their heights h_d = n_d·r.

    heights: (m, k); normals: (k, 3) unit vectors.  By duality the largest λ·h/|Σ λ_d n_d| over λ ≥ 0: over
    each subset of the planes λ = G⁻¹h is best where it is not negative.
    """
    found = np.zeros(len(heights))
    for number in range(1, len(normals) + 1):
        for subset in itertools.combinations(range(len(normals)), number):
            h = heights[:, subset]
            weights = h @ np.linalg.inv(normals[list(subset)] @ normals[list(subset)].T)
            value = np.sqrt(np.maximum((weights * h).sum(axis=1), 0))
            found = np.where((weights >= 0).all(axis=1), np.maximum(found, value), found)
    return found


def volume(box: Box, extent: Sequence[float], reach: float, axes: Sequence[int]) -> float:
    """Volume of the eighth shell of a block: points beyond its upper face along one or more of the axes,
    beside or above it along the others, and within reach of it [length³].

    extent: (3,) fractional size of the block; axes: those that are cut and have something beyond.
    Σ_faces A r + Σ_edges L r² e + r³ k, where e and k are π/4 and π/6 for right angles.
    """
    normals = box.normals
    inside = np.asarray(extent, dtype=np.float64) * box.widths
    # dV = Π dh_d / |det n| in the heights h_d above the three faces.
    density = 1.0 / abs(np.linalg.det(normals))
    total = 0.0
    for number in range(1, len(axes) + 1):
        for subset in itertools.combinations(axes, number):
            others = [d for d in range(3) if d not in subset]
            total += density * math.prod(inside[others]) * reach**number * _unit(normals[list(subset)])
    return total


def _unit(normals: np.ndarray) -> float:
    """∫ dh over the heights of the points above all planes and within a distance of 1 from the cone."""
    if len(normals) == 1:
        return 1.0
    if len(normals) == 2:
        cosine = float(normals[0] @ normals[1])
        sine = math.sqrt(1 - cosine * cosine)
        # Above both planes, in the plane of the normals: the sector between the normals, whose points are
        # nearest to the edge, and two triangles over the faces; at an obtuse angle, a part of the sector.
        area = (math.acos(cosine) / 2 + cosine / sine) if cosine > 0 else (math.pi - math.acos(cosine)) / 2
        return area * sine
    # No point is nearer than its largest height: the unit cube holds all.
    middle = (np.arange(POINTS) + 0.5) / POINTS
    heights = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), axis=-1).reshape(-1, 3)
    return float(np.mean(distance(heights, normals) <= 1.0))
