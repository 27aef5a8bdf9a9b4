"""Blocks of a grid: which cells each rank owns, and the guards around them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from hpcphys.kernels import backend

from ..communicator import Communicator
from .cutting import AXES, GAIN, GridError, balanced_borders, checked_borders, chosen_grid
from .guards import GuardTransfer
from .records import exchanged_records
from .regrid import Regrid


@dataclass(frozen=True, eq=False)
class OwnedPart:
    """This rank's box of a dataset: what hpcphys.io.blocks.Block.of(part.array, part) writes.

    array: its values on the host;  substart: its first index along each axis;  shape: of the dataset
    """

    array: np.ndarray
    substart: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class GridBlocks:
    """A grid of one to three axes cut by planes into blocks, one for each rank, with guards around each.

    shape: cells along each axis
    communicator: the ranks; the last axis of the process grid runs fastest
    guards: layers around a block, the same on all sides (for a stencil or a shape that reaches as far)
    periodic: for each axis whether the grid goes on at its other end
    grid: ranks along each axis; None: the process grid whose blocks have the least surface
    borders: for each axis its p + 1 planes [cells], uneven ones allowed; None: as even as whole granules are
    granule: cells that stay together along each axis (the edge of a tile of particles), one number or one for
        each axis; the last granule of an axis may be smaller
    backend: where arrays live (hpcphys.kernels.backend); None: this machine's cores

    **One rule of indices**: cell i and node i (the lower corner of cell i) have the local index
    l = i - start + guards, and a local array has `local_shape` = count + 2·guards along every axis, whatever
    lives on it.  A rank owns the cells and nodes start ≤ i < start + count.  Where an axis is not periodic
    its last node i = shape exists too; it has the local index guards + count of the last block, the first
    layer of the outer guards, which nobody else has: fills and sums along other axes take it with them.

    `start`, `count`: first cell and number of cells of this rank along each axis
    `coordinates`: this rank's place in the process grid `grid`
    `bytes`, `messages`: what this rank has sent through guards and records

    Nothing else changes afterwards: `balanced` makes other blocks.  Memory of a rank: O(its block + ranks).
    Raises GridError (a ValueError) for planes, granules or ranks that do not fit.
    """

    shape: tuple[int, ...]
    communicator: Communicator = field(repr=False)
    guards: int
    periodic: Any = field(default=True, kw_only=True)
    grid: Any = field(default=None, kw_only=True)
    borders: Any = field(default=None, kw_only=True)
    granule: Any = field(default=1, kw_only=True)
    backend: Any = field(default=None, repr=False, kw_only=True)
    # Where numbers lie in messages, kept for all steps: see guards.py.
    plans: dict = field(default_factory=dict, init=False, repr=False)
    _sent: dict[str, int] = field(default_factory=lambda: {"bytes": 0, "messages": 0}, init=False, repr=False)

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if not 1 <= len(shape) <= 3 or min(shape) < 1:
            raise GridError(f"a grid of {' × '.join(map(str, shape))} cells: one to three axes are needed")
        granule = _of_each_axis(self.granule, len(shape), "granule")
        guards = int(self.guards)
        if guards < 1 or min(granule) < 1:
            raise GridError(f"guards {guards}, granules of {granule} cells: at least 1 is needed of each")
        periodic = tuple(bool(p) for p in _of_each_axis(self.periodic, len(shape), "periodic"))
        grid = chosen_grid(shape, self.communicator.size, guards, granule, self.grid)
        values = {
            "shape": shape,
            "guards": guards,
            "periodic": periodic,
            "granule": granule,
            "grid": grid,
            "borders": checked_borders(shape, grid, guards, granule, self.borders),
            "backend": backend("cpu") if self.backend is None else self.backend,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    # -- where this rank's block lies -----------------------------------------------------------------------

    @cached_property
    def coordinates(self) -> tuple[int, ...]:
        """This rank's place in the process grid."""
        return self.coordinates_of(self.communicator.rank)

    @cached_property
    def start(self) -> tuple[int, ...]:
        """First cell of this rank along each axis."""
        return self.box_of(self.communicator.rank)[0]

    @cached_property
    def count(self) -> tuple[int, ...]:
        """Cells of this rank along each axis."""
        return self.box_of(self.communicator.rank)[1]

    @cached_property
    def local_shape(self) -> tuple[int, ...]:
        """Of an array with guards: count + 2·guards along each axis."""
        return tuple(n + 2 * self.guards for n in self.count)

    @property
    def owned(self) -> tuple[slice, ...]:
        """The owned cells (and nodes) in an array with guards."""
        return tuple(slice(self.guards, self.guards + n) for n in self.count)

    @property
    def nodes(self) -> tuple[slice, ...]:
        """The owned nodes, with the last ones of axes that are not periodic where this block ends there."""
        return tuple(
            slice(self.guards, self.guards + n + self.boundary(axis, 1)) for axis, n in enumerate(self.count)
        )

    def coordinates_of(self, rank: int) -> tuple[int, ...]:
        """Where in the process grid a rank's block lies."""
        return tuple(int(c) for c in np.unravel_index(rank, self.grid))

    def box_of(self, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(start, count) of a rank's block along each axis."""
        place = self.coordinates_of(rank)
        start = tuple(int(planes[c]) for planes, c in zip(self.borders, place, strict=True))
        end = (int(planes[c + 1]) for planes, c in zip(self.borders, place, strict=True))
        return start, tuple(b - a for a, b in zip(start, end, strict=True))

    def boundary(self, axis: int, side: int) -> bool:
        """Whether this block touches the lower (side 0) or upper (1) outer face of an axis not periodic."""
        return not self.periodic[axis] and self.coordinates[axis] == (0, self.grid[axis] - 1)[side]

    def neighbour(self, direction: Sequence[int]) -> int | None:
        """The rank of the block one further along each axis with +1, one back with -1; None beyond a face."""
        place = []
        for axis, step in enumerate(direction):
            to = self.coordinates[axis] + int(step)
            if not self.periodic[axis] and not 0 <= to < self.grid[axis]:
                return None
            place.append(to % self.grid[axis])
        return int(np.ravel_multi_index(place, self.grid))

    @cached_property
    def directions(self) -> tuple[tuple[int, ...], ...]:
        """All directions to other blocks, ascending: 2, 8 or 26 of them."""
        return tuple(d for d in itertools.product((-1, 0, 1), repeat=len(self.shape)) if any(d))

    # -- guards ----------------------------------------------------------------------------------------------

    def fill(self, *arrays: Any, width: int | None = None) -> None:
        """Guards ← the values of the ranks that own them, periodic images on one rank too.  Collective.

        arrays: contiguous, (*local_shape) or (components, *local_shape), all float64 or all float32; they
            travel together
        width: layers that are filled, counted from the block (all of them if None)
        One message to each side along each axis, one axis after the other, so that edges and corners are
        right.  Outer guards of axes that are not periodic are not filled along that axis, but travel along
        the others.  Copies: no bit depends on the cut.  Raises ValueError for arrays that do not fit.
        """
        self.start_fill(*arrays, width=width).finish()

    def start_fill(self, *arrays: Any, width: int | None = None) -> GuardTransfer:
        """Begin `fill`: `finish()` of what is returned completes it.

        Until then owned values may be read, not changed, and guards be neither read nor changed.
        """
        return GuardTransfer(self, arrays, width, adding=False)

    def sum(self, *arrays: Any) -> None:
        """Owned values += what lies in the guards of others that stand for them.  Collective.

        arrays: as in `fill`; guards hold afterwards what has been passed on: `fill` makes them copies.
        What lies in outer guards of axes that are not periodic stays there, summed over the other axes.
        The order is fixed by the layout: axes from the last to the first, along each what comes from below
        before what comes from above.  The same again for the same blocks.
        """
        self.start_sum(*arrays).finish()

    def start_sum(self, *arrays: Any) -> GuardTransfer:
        """Begin `sum`; no array may be used before `finish()` of what is returned has completed it."""
        return GuardTransfer(self, arrays, None, adding=True)

    # -- records (particles that leave) ----------------------------------------------------------------------

    def send_records(self, buffers: Mapping[tuple[int, ...], Any]) -> list[tuple[tuple[int, ...], Any]]:
        """Send records to the blocks around this one; what has come, with the direction it came from.

        buffers: {direction: uint8 array of whole records}, a direction being -1, 0 or 1 for each axis, not
            all 0; directions without records may be absent
        Returns [(direction, uint8 array)] in ascending order of directions, empty ones left out.  A direction
        whose block is this rank's own stays here: it comes back from the opposite direction.
        To each neighbour one message with the sizes and, if there are records, one with all of them.
        Collective.  Raises ValueError for a direction that leads out of the grid.
        """
        return exchanged_records(self, buffers)

    # -- other layouts ---------------------------------------------------------------------------------------

    def block(self, array: Any, *, nodes: bool = False) -> OwnedPart:
        """The owned part of an array with guards, for files: the parts of all ranks cover the grid once.

        array: (..., *local_shape); nodes: with the last nodes of axes that are not periodic, so that the
        dataset has shape + 1 points there
        """
        host = self.backend.host(array)
        lead = host.shape[: host.ndim - len(self.shape)]
        whole = tuple(n + (nodes and not p) for n, p in zip(self.shape, self.periodic, strict=True))
        owned = np.ascontiguousarray(host[(..., *(self.nodes if nodes else self.owned))])
        return OwnedPart(owned, (0,) * len(lead) + self.start, lead + whole)

    def regrid(self, other: Any, *, nodes: bool = False) -> Regrid:
        """What moves owned values from these blocks to another layout of the same grid: blocks or a Pencil.

        nodes: with the last nodes of axes that are not periodic (between blocks)
        """
        return Regrid(self, other, nodes)

    def moved(self, array: Any, other: GridBlocks) -> Any:
        """An array with guards of these blocks as one of `other` blocks of the same grid, guards filled.

        array: (*local_shape) or (components, *local_shape).  Of the outer guards of axes that are not
        periodic only the last node moves; the others are zero.  Collective.
        """
        lead = tuple(array.shape[: array.ndim - len(self.shape)])
        found = other.backend.zeros((*lead, *other.local_shape), array.dtype)
        owned = self.backend.xp.ascontiguousarray(array[(..., *self.nodes)])
        found[(..., *other.nodes)] = self.regrid(other, nodes=True).forward(owned)
        other.fill(found)
        return found

    def balanced(self, work: Any, gain: float = GAIN) -> GridBlocks:
        """Blocks with their planes moved so that each layer of blocks has the same work.

        work: measured work (or particles) of this rank's granules, an array with one number for each granule
            along each axis (`granules`); or one array of layers' work for each axis
        gain: this layout itself is returned unless the largest work of a rank falls by this factor
        Planes go through the whole grid, so that of a density that is no product of profiles only the
        profiles are shared evenly.  The same on all ranks; collective.
        """
        layers, exact = self._profiles(work)
        found = [
            balanced_borders(profile, n, g, p, self.guards)
            for profile, n, g, p in zip(layers, self.shape, self.granule, self.grid, strict=True)
        ]
        if any(planes is None for planes in found):
            return self
        before, after = (self._largest_work(layers, exact, planes) for planes in (self.borders, found))
        return replace(self, borders=found) if before > gain * after else self

    @property
    def granules(self) -> tuple[int, ...]:
        """Granules of this block along each axis."""
        return tuple(-(-n // g) for n, g in zip(self.count, self.granule, strict=True))

    def _profiles(self, work: Any) -> tuple[list[np.ndarray], np.ndarray | None]:
        """Work of each layer of granules of the whole grid along each axis; of this rank's granules."""
        axes = range(len(self.shape))
        exact = None
        if isinstance(work, (list, tuple)):
            mine = [np.asarray(along, dtype=np.float64) for along in work]
            found = tuple(len(along) for along in mine)
        else:
            exact = np.asarray(self.backend.host(work), dtype=np.float64)
            found = exact.shape
            mine = (
                [exact.sum(axis=tuple(a for a in axes if a != axis)) for axis in axes] if exact.ndim else []
            )
        if found != self.granules:
            raise ValueError(f"work of {found} granules; this block has {self.granules}")
        layers = []
        for axis in axes:
            profile = np.zeros(-(-self.shape[axis] // self.granule[axis]))
            first = self.start[axis] // self.granule[axis]
            profile[first : first + len(mine[axis])] = mine[axis]
            layers.append(self.communicator.allreduce(profile))
        return layers, exact

    def _largest_work(self, layers: list[np.ndarray], exact: np.ndarray | None, borders: Any) -> float:
        """Of a rank with these borders: measured where the work of granules is known, else by profiles."""
        firsts = [planes[:-1] // g for planes, g in zip(borders, self.granule, strict=True)]
        if exact is None:
            total = max(float(layers[0].sum()), 1e-300)
            shares = [
                np.add.reduceat(profile, first).max() for profile, first in zip(layers, firsts, strict=True)
            ]
            return math.prod(shares) / total ** (len(shares) - 1)
        owner = []
        for axis, first in enumerate(firsts):
            here = self.start[axis] // self.granule[axis] + np.arange(self.granules[axis])
            owner.append(np.searchsorted(first, here, side="right") - 1)
        ranks = np.ravel_multi_index(np.meshgrid(*owner, indexing="ij"), self.grid)
        sums = np.bincount(ranks.reshape(-1), weights=exact.reshape(-1), minlength=self.communicator.size)
        return float(self.communicator.allreduce(sums).max())

    # -- counters and words ----------------------------------------------------------------------------------

    @property
    def bytes(self) -> int:
        """Bytes that this rank has sent through guards and records."""
        return self._sent["bytes"]

    @property
    def messages(self) -> int:
        """Messages that this rank has sent through guards and records."""
        return self._sent["messages"]

    def count_sent(self, size_in_bytes: int, messages: int) -> None:
        """Add to `bytes` and `messages`."""
        self._sent["bytes"] += size_in_bytes
        self._sent["messages"] += messages

    def describe(self) -> str:
        """One line for `explain`."""
        cells, blocks = (" × ".join(map(str, numbers)) for numbers in (self.shape, self.grid))
        ends = ", ".join(
            f"{AXES[axis]} {'periodic' if p else 'bounded'}" for axis, p in enumerate(self.periodic)
        )
        thinnest = " × ".join(str(int(np.diff(planes).min())) for planes in self.borders)
        return f"{cells} cells ({ends}) in {blocks} blocks, the smallest {thinnest}, {self.guards} guards"


def _of_each_axis(value: Any, axes: int, what: str) -> tuple[Any, ...]:
    values = tuple(value) if isinstance(value, (Sequence, np.ndarray)) else (value,) * axes
    if len(values) != axes:
        raise GridError(f"{what} {values}: one value, or one for each of {axes} axes, is needed")
    return values
