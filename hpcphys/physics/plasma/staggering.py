"""Where the components of fields lie in the cells of Yee's grid, and what follows from their places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def place_in_cell(field: str, component: int, dimension: int) -> tuple[float, ...]:
    """Place of a component in its cell, 0 or ½ along each axis of the grid.

    field: "E" or "J" (E_x at (½, 0, 0)), "B" (B_x at (0, ½, ½)), or "" for what lies on the nodes
    component: 0, 1, 2;  Axes that the grid has not do not stagger.
    Source: Yee (1966) IEEE Trans. Antennas Propag. 14, 302.
    """
    if not field:
        return (0.0,) * dimension
    along = {"E": True, "J": True, "B": False}[field]
    return tuple(0.5 * ((axis == component) == along) for axis in range(dimension))


class FourierMode:
    """A Fourier amplitude of a component,  F(k) = (1/N) Σ F exp(-i k·x),  k = 2π index/length.

    blocks: of the grid, communicator included;  field, component: which numbers;  index: waves in the box
    """

    def __init__(
        self, blocks: Any, lower: Sequence[float], spacing: Sequence[float], field: str, component: int,
        index: Sequence[int],
    ):  # fmt: skip
        self.blocks, self.component, self.index = blocks, component, tuple(index)
        place = place_in_cell(field, component, len(lower))
        self._factors = []
        for axis, (waves, d) in enumerate(zip(self.index, spacing, strict=True)):
            x = (blocks.start[axis] + np.arange(blocks.count[axis]) + place[axis]) * d
            self._factors.append(np.exp(-2j * np.pi * waves / (blocks.shape[axis] * d) * x))

    def local(self, array: np.ndarray) -> complex:
        """This rank's part of the sum for a field (3, *local) on the host; add those of all ranks."""
        values = array[(self.component, *self.blocks.owned)]
        for factor in reversed(self._factors):
            values = values @ factor
        return complex(values) / float(np.prod(self.blocks.shape))
