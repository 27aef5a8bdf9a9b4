"""Cells: which block of the box, and with it which rows, each rank owns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from hpcphys.kernels import Module, backend

from ..communicator import Communicator
from .balance import TOLERANCE, moved_planes
from .box import AXES, Box
from .exchange import exchanged
from .process_grid import chosen_grid

REMEMBERED = "cells."  # scalars of a state with this beginning are the planes between blocks


@dataclass(frozen=True, eq=False, kw_only=True)
class Cells:
    """A box cut by planes into p0 × p1 × p2 blocks, one for each rank, with halos of width `reach`.

    box: the box (any shape; `in_box` gives the same cut of another one)
    communicator: the ranks; rank r has the block with coordinates r = (c0 p1 + c1) p2 + c2
    reach: cutoff + buffer: pairs up to this distance are found [length]
    grid: (p0, p1, p2); None: the grid with the least surface
    borders: for each axis its p + 1 planes in fractional coordinates, ascending; None: evenly spaced.
        Along periodic axes they begin with 0 and end with 1.  Along open ones the first and the last block
        reach to infinity, whatever the outer planes are.
    molecules: rows with the same number in the state's array "molecule" (0 or more) live together on the rank
        that owns the first of them, the one with the smallest id
    backend: where the arrays live (hpcphys.kernels.backend); None: this machine's cores

    Blocks may be thinner than `reach`, or empty.  Nothing changes afterwards: `balanced` and `in_box` make
    new layouts.  Memory of a rank: O(its rows + its halo + ranks).
    Raises ValueError for a grid or planes that do not fit, and for a reach that is not positive.
    """

    box: Box = field(kw_only=False)
    communicator: Communicator = field(kw_only=False, repr=False)
    reach: float
    grid: Any = None
    borders: Any = None
    molecules: bool = False
    backend: Any = field(default=None, repr=False)
    coordinates: tuple[int, int, int] = field(init=False)
    # Which rows were whole molecules on this rank after the last exchange: see molecules.py.
    whole: dict = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not (self.reach > 0 and math.isfinite(self.reach)):
            raise ValueError(f"reach is {self.reach}; cutoff + buffer must be positive and finite")
        grid = chosen_grid(self.box, self.communicator.size, self.reach, self.grid)
        object.__setattr__(self, "reach", float(self.reach))
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "borders", _checked_planes(self.box, grid, self.borders))
        object.__setattr__(self, "backend", backend("cpu") if self.backend is None else self.backend)
        object.__setattr__(self, "coordinates", self.coordinates_of(self.communicator.rank))

    @property
    def rank_box(self) -> tuple[np.ndarray, np.ndarray]:
        """(3,) lower and (3,) upper planes of this rank's block, in fractional coordinates."""
        lower = np.array([planes[c] for planes, c in zip(self.borders, self.coordinates, strict=True)])
        upper = np.array([planes[c + 1] for planes, c in zip(self.borders, self.coordinates, strict=True)])
        return lower, upper

    @property
    def neighbours(self) -> tuple[int, ...]:
        """The other ranks whose blocks touch this one's, across periodic faces too, ascending: at most 26."""
        found = set()
        for step in np.ndindex(3, 3, 3):
            place = [self.beside(axis, step[axis] - 1) for axis in range(3)]
            if None not in place:
                found.add(self.rank_at(place))
        return tuple(sorted(found - {self.communicator.rank}))

    def coordinates_of(self, rank: int) -> tuple[int, int, int]:
        """Where in the grid a rank's block lies."""
        return tuple(int(c) for c in np.unravel_index(rank, self.grid))  # type: ignore[return-value]

    def rank_at(self, coordinates: Sequence[Any]) -> int:
        """The rank that owns the block at these coordinates."""
        (_, p1, p2), (c0, c1, c2) = self.grid, coordinates
        return (int(c0) * p1 + int(c1)) * p2 + int(c2)

    def beside(self, axis: int, step: int) -> int | None:
        """Coordinate of the block `step` blocks further along an axis; None beyond an open end."""
        to = self.coordinates[axis] + step
        if self.box.periodic[axis]:
            return to % self.grid[axis]
        return to if 0 <= to < self.grid[axis] else None

    def describe(self) -> str:
        """One line for `explain`."""
        blocks = " × ".join(map(str, self.grid))
        even = all(np.allclose(np.diff(planes), 1 / (len(planes) - 1)) for planes in self.borders)
        whole = "; molecules kept whole" if self.molecules else ""
        return (
            f"{self.box.describe()}, cut into {blocks} {'equal' if even else 'uneven'} blocks; halos of "
            f"{self.reach:.6g} on the upper sides (eighth shell){whole}"
        )

    def exchange(self, state: Any, order: Callable[[Any], Any] | None = None) -> int:
        """Wrap all rows into the box and move them, with all arrays of the state, to the ranks that own them.

        state: named arrays with rows (n, ...), among them position (n, 3) float64 and id (n,) int64, perhaps
            image (n, 3) int32, and molecule (n,) int64 where molecules are kept whole
        order: given the state, a permutation (n,) in which the rows are then put

        Rows may lie anywhere before.  Only rows that leave are packed and sent: to each of their new owners
        in one message, and no rank but a neighbour is asked unless some row goes farther.  With molecules
        kept whole, positions are wrapped with their molecule's first atom and may stick out of the box.
        Rows that stay are not moved: arrivals fill the gaps, then the last rows do; that order depends on the
        rows' history.  Arrays are changed in place where their length stays.
        Returns how many rows arrived.  Collective.  Raises FloatingPointError that names the ids whose
        position is not finite or too far outside, RuntimeError that names ids that were lost.
        """
        return exchanged(self, state, order)

    def balanced(self, work: Any, position: Any, tolerance: float = TOLERANCE, gain: float = 0.0) -> Cells:
        """The layout with its planes moved so that each layer of blocks has the same work.

        work: (n,) measured work of this rank's rows, or one number: this rank's time, shared by its rows
        position: (n, 3) the rows, where `exchange` has put them
        tolerance: this layout itself is returned if no rank has more than (1 + tolerance) times the mean
            work, or if moved planes would not be better
        gain: how much more than the largest work with moved planes the present one must be, as a fraction

        Planes go through the whole box: a density that is a product of functions of one axis each is shared
        evenly, any other as well as its three profiles allow.  Along open axes the outer planes follow the
        rows.  The same for every distribution of the same rows.  Collective.
        """
        planes = moved_planes(self, work, position, tolerance, gain)
        return self if planes is None else replace(self, borders=planes)

    def in_box(self, box: Box) -> Cells:
        """The same cut, in fractional coordinates, of a box of another shape."""
        return replace(self, box=box)

    def remember(self, scalars: dict) -> None:
        """Put the planes among the scalars of a state, so that a restart is cut in the same way."""
        for name in [name for name in scalars if name.startswith(REMEMBERED)]:
            del scalars[name]
        for axis, planes in zip(AXES, self.borders, strict=True):
            for k, plane in enumerate(planes):
                scalars[f"{REMEMBERED}{axis}.{k}"] = float(plane)

    def recalled(self, scalars: dict) -> Cells:
        """The layout with the planes that `remember` left there; itself if they are of another grid."""
        planes = []
        for axis, p in zip(AXES, self.grid, strict=True):
            found = [scalars.get(f"{REMEMBERED}{axis}.{k}") for k in range(p + 2)]
            if None in found[:-1] or found[-1] is not None:
                return self
            planes.append(np.array(found[:-1]))
        return replace(self, borders=planes)

    @cached_property
    def module(self) -> Module:
        """The kernels of kernels/halo.h."""
        return self.backend.module("halo")

    @cached_property
    def frame(self) -> Any:
        """(15,) the box for kernels: origin, V⁻¹ and V."""
        inverse, vectors = self.box.inverse, self.box.vectors
        lower = [(0, 0), (1, 0), (2, 0), (1, 1), (2, 1), (2, 2)]
        rows = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
        values = [*self.box.origin, *(inverse[at] for at in lower), *(vectors[at] for at in rows)]
        return self.backend.array(values, np.float64)

    @cached_property
    def planes(self) -> Any:
        """(p0 + p1 + p2 + 3,) all planes, for kernels."""
        return self.backend.array(np.concatenate(self.borders))


def _checked_planes(box: Box, grid: tuple[int, int, int], borders: Any) -> tuple[np.ndarray, ...]:
    """Three ascending arrays of planes that do not change any more."""
    if borders is None:
        borders = [np.arange(p + 1) / p for p in grid]
    planes = tuple(np.array(along, dtype=np.float64) for along in borders)
    for d, (axis, p) in enumerate(zip(AXES, grid, strict=True)):
        found = planes[d] if d < len(planes) else np.zeros(0)
        ends = box.periodic[d] and found.shape == (p + 1,) and (found[0] != 0 or found[-1] != 1)
        if found.shape != (p + 1,) or not np.isfinite(found).all() or (np.diff(found) < 0).any() or ends:
            raise ValueError(
                f"planes {found.tolist()} along {axis}; {p + 1} ascending fractional coordinates are needed "
                f"for {p} blocks{', the first 0 and the last 1' if box.periodic[d] else ''}"
            )
        found.setflags(write=False)
    return planes
