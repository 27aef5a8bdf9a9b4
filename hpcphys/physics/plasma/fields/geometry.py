"""The block of a grid as the kernels of kernels/fields.h see it, and what may be asked of its boundaries."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

PRECISIONS = {"single": np.dtype(np.float32), "double": np.dtype(np.float64)}
BOUNDARIES = ("periodic", "conducting", "absorbing")
AXES = "xyz"

# Which components of a field lie between the nodes of an axis: E_x, J_x along x; B_x along y and z.
ELECTRIC = ((True, False, False), (False, True, False), (False, False, True))
MAGNETIC = ((False, True, True), (True, False, True), (True, True, False))


class FieldGeometry:
    """Spacings, strides and boxes of this rank's block.

    blocks: hpcphys.decomposition.grids.GridBlocks;  spacing: dx of each axis, or one for all [length]
    precision: "single" or "double", of all arrays
    `spacing`: (dx, dy, dz) with infinity where the grid has no such axis; `volume`: of a cell
    Raises ValueError for spacings that are not positive or an unknown precision.
    """

    def __init__(self, blocks: Any, spacing: float | Sequence[float], precision: str):
        axes = len(blocks.shape)
        given = tuple(spacing) if isinstance(spacing, (Sequence, np.ndarray)) else (spacing,) * axes
        if len(given) != axes or not all(d > 0 and math.isfinite(d) for d in given):
            raise ValueError(f"spacing {given}: {axes} positive numbers are needed, one for each axis")
        if precision not in PRECISIONS:
            raise ValueError(f"precision {precision!r} is unknown; use one of {', '.join(PRECISIONS)}")
        self.blocks, self.backend, self.precision = blocks, blocks.backend, precision
        self.axes, self.dtype = axes, PRECISIONS[precision]
        self.spacing = (*(float(d) for d in given), *(math.inf,) * (3 - axes))
        self.volume = math.prod(self.spacing[:axes])
        local = blocks.local_shape
        self.strides = [math.prod(local[a + 1 :]) for a in range(axes)] + [0] * (3 - axes)
        self.component = math.prod(local)
        self._boxes: dict[tuple[Any, ...], tuple[int, Any]] = {}

    @cached_property
    def module(self) -> Any:
        """The kernels of kernels/fields.h in this precision and dimension."""
        real = "float" if self.precision == "single" else "double"
        return self.backend.module("fields", REAL=real, DIMENSIONS=self.axes)

    def per_cell(self, factor: float) -> tuple[float, float, float]:
        """factor/dx, factor/dy, factor/dz; 0 for axes that the grid does not have."""
        x, y, z = (factor / d for d in self.spacing)
        return x, y, z

    def zeros(self, components: int = 3) -> Any:
        """A field of this block, guards included."""
        lead = (components,) if components else ()
        return self.backend.zeros((*lead, *self.blocks.local_shape), self.dtype)

    def box(self, first: Sequence[int], length: Sequence[int]) -> tuple[int, Any]:
        """(cells, the box as kernels read it) from local indices and lengths along the grid's axes."""
        key = (*first, *length)
        if key not in self._boxes:
            missing = 3 - self.axes
            e = (1,) * missing + tuple(length)
            s = (0,) * missing + tuple(self.strides[: self.axes])
            start = sum(f * t for f, t in zip(first, s[missing:], strict=True))
            numbers = [*e, start, s[0], s[1], *self.strides, self.component]
            self._boxes[key] = (math.prod(e), self.backend.array(np.array(numbers, dtype=np.int64)))
        return self._boxes[key]

    @cached_property
    def owned(self) -> tuple[int, Any]:
        """The box of this rank's own cells."""
        return self.box((self.blocks.guards,) * self.axes, self.blocks.count)

    @property
    def rows(self) -> int:
        """Rows of the box of owned cells."""
        return math.prod(self.blocks.count[:-1])

    def inner_nodes(self) -> tuple[int, Any]:
        """The box of owned nodes that lie on no wall."""
        blocks = self.blocks
        walls = [int(blocks.boundary(axis, 0)) for axis in range(self.axes)]
        first = [blocks.guards + w for w in walls]
        return self.box(first, [n - w for n, w in zip(blocks.count, walls, strict=True)])

    def face(self, axis: int, side: int) -> tuple[int, Any]:
        """(lines, the face as kernels/field_walls.h reads it) of an outer face of this block."""
        blocks, g = self.blocks, self.blocks.guards
        others = [a for a in range(self.axes) if a != axis]
        lengths = [1] * (2 - len(others)) + [blocks.local_shape[a] for a in others]
        strides = [0] * (2 - len(others)) + [self.strides[a] for a in others]
        node = (g if side == 0 else g + blocks.count[axis]) * self.strides[axis]
        into = self.strides[axis] * (1 if side == 0 else -1)
        numbers = [*lengths, node, *strides, into, self.component]
        return math.prod(lengths), self.backend.array(np.array(numbers, dtype=np.int64))

    def coordinates(self, between: Sequence[bool], origin: Sequence[float]) -> list[np.ndarray]:
        """Positions along each axis of a component, guards included [length]; between: half a cell off."""
        blocks = self.blocks
        return [
            origin[a]
            + self.spacing[a]
            * (blocks.start[a] - blocks.guards + np.arange(blocks.local_shape[a]) + 0.5 * bool(between[a]))
            for a in range(self.axes)
        ]


def checked_boundaries(blocks: Any, boundaries: Mapping[int, Any] | None) -> tuple[tuple[str, str], ...]:
    """(lower, upper) of each axis; None: periodic where the blocks are, else conducting.

    Raises ValueError for unknown names and for boundaries that contradict the blocks.
    """
    found = []
    given = dict(boundaries or {})
    for axis, periodic in enumerate(blocks.periodic):
        pair = given.pop(axis, "periodic" if periodic else "conducting")
        pair = (pair, pair) if isinstance(pair, str) else tuple(pair)
        name = AXES[axis]
        if len(pair) != 2 or any(b not in BOUNDARIES for b in pair):
            raise ValueError(f"boundaries {pair} along {name}: two of {', '.join(BOUNDARIES)} are needed")
        if ("periodic" in pair) != periodic or (periodic and pair != ("periodic", "periodic")):
            raise ValueError(
                f"boundaries {pair} along {name}, which is {'periodic' if periodic else 'not periodic'} in "
                "the blocks; make blocks and boundaries agree"
            )
        found.append(pair)
    if given:
        raise ValueError(f"boundaries for axes {sorted(given)}; the grid has {len(blocks.periodic)} axes")
    return tuple(found)
