"""The cube in which positions are turned into keys."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .communicator import Communicator

BLOCK = 4096  # rows per partial bound


@dataclass(frozen=True)
class Cube:
    """Lowest corner (3,) and side [length] of a cube that holds all particles of all ranks."""

    corner: tuple[float, float, float]
    side: float

    @classmethod
    def around(cls, backend: Any, communicator: Communicator, position: Any) -> Cube:
        """The cube about the bounding box of all positions (n, 3) on all ranks; its side is a power of two.

        Raises FloatingPointError if a position is not finite.
        """
        count = len(position)
        blocks = -(-count // BLOCK)
        partial = backend.empty((blocks, 7))
        if count:
            backend.module("hilbert").launch("position_bounds", blocks, count, BLOCK, position, partial)
        partial = backend.host(partial)
        extreme = np.full(7, -math.inf)
        if count:
            extreme[:3], extreme[3:6] = -partial[:, :3].min(axis=0), partial[:, 3:6].max(axis=0)
            extreme[6] = 0.0 if np.all(partial[:, 6] == 0) else 1.0
        extreme = communicator.allreduce(extreme, "max")
        if extreme[6] > 0:
            raise FloatingPointError("a position is not a finite number")
        if not np.isfinite(extreme[0]):  # no particles at all
            return cls((-0.5, -0.5, -0.5), 1.0)
        low, high = -extreme[:3], extreme[3:6]
        extent = float((high - low).max())
        side = 2.0 ** math.ceil(math.log2(extent * (1 + 1e-9))) if extent > 0 else 1.0
        x, y, z = (float(c) for c in 0.5 * (low + high) - 0.5 * side)
        return cls((x, y, z), side)
