"""Where the Hilbert curve is cut between the ranks: by measured work, never through a group of the octree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .communicator import Communicator
from .keys import WORD_BITS, curve, search

SPARSE = (
    64  # as in kernels/gravity_cells.h: small children of a cell with more groups' particles are not joined
)
REMEMBERED = "cuts."  # scalars of a state with this beginning are the cuts that served it last
TOLERANCE = 200  # a cell with less than 1/TOLERANCE of a rank's share of the work needs no further look


@dataclass(frozen=True)
class Cuts:
    """Rank r owns the keys in [cut r−1, cut r).  hi, lo: (size − 1,) uint64, ascending; equal cuts leave a
    rank empty.  Keys are pairs as in `decomposition.keys`."""

    hi: np.ndarray
    lo: np.ndarray

    def bounds(self, hi: np.ndarray, lo: np.ndarray | None) -> np.ndarray:
        """(size + 1,) int64: rows [bounds[r], bounds[r+1]) of the ascending keys belong to rank r."""
        inner = search(hi, lo, self.hi, self.lo)
        return np.concatenate(([0], inner, [len(hi)])).astype(np.int64)

    def owner(self, hi: np.ndarray, lo: np.ndarray | None = None) -> np.ndarray:
        """(n,) rank that owns each key, in any order."""
        if lo is None:
            lo = np.zeros_like(hi)
        # A key belongs to the rank after the last cut that is not above it.
        return search(self.hi, self.lo, hi, lo, side="right")

    def equals(self, other: Cuts) -> bool:
        """Whether the other cuts are the same."""
        return np.array_equal(self.hi, other.hi) and np.array_equal(self.lo, other.lo)

    def remember(self, scalars: dict) -> None:
        """Put the cuts among the scalars of a state, one integer for each, in place of any others."""
        for name in [name for name in scalars if name.startswith(REMEMBERED)]:
            del scalars[name]
        for rank, (high, low) in enumerate(zip(self.hi, self.lo, strict=True)):
            scalars[f"{REMEMBERED}{rank}"] = (int(high) << WORD_BITS) | int(low)

    @classmethod
    def remembered(cls, scalars: dict, size: int) -> Cuts | None:
        """The cuts for `size` ranks that `remember` has left there, or None."""
        keys = [scalars.get(f"{REMEMBERED}{rank}") for rank in range(size)]
        if None in keys[:-1] or keys[-1] is not None:
            return None
        words = np.array([divmod(key, 1 << WORD_BITS) for key in keys[:-1]], dtype=np.uint64)
        return cls(words[:, 0].copy(), words[:, 1].copy())


def cuts(
    communicator: Communicator,
    hi: np.ndarray,
    lo: np.ndarray | None,
    work: np.ndarray | None,
    group_size: int,
    sparse: int = SPARSE,
    last: Cuts | None = None,
    order: np.ndarray | None = None,
) -> Cuts:
    """Cuts of the curve that share Σ work evenly, to half a per cent of a share or one octree group.

    hi, lo: (n,) uint64, this rank's keys in ascending order (lo None: all zero); work: (n,) float32, rounded
    to integers ≥ 1 (None: 1 each); order: (n,) uint32, the rows of `work` in the order of the keys (None: as
    they are); group_size: most particles in an octree group, that is, in a run of neighbouring children of a
    larger cell (see find_runs in kernels/curve.h), counting the particles of all ranks; a cell of the deepest
    level is a group whatever it holds; sparse: children of cells with more than sparse·group_size are not
    joined; last: cuts, the same on all ranks, that are kept if they still share the work to half a per cent
    of a share and go through no group: this one round is all that many steps of a run need.

    For each cut the octree is followed down from the root along the cells that hold the wanted share of the
    work, until one is of a group or holds too little work to matter; the cut is the nearer end of that group
    or cell.  No group is cut, because no cell with more than group_size particles lies inside a group.
    Several levels are opened per round: one sum over the ranks of the counts and work of the opened cells,
    of size O(ranks).  The result depends on the set of all (key, work) and on `last`, not on where the rows
    lie now.
    """
    if group_size < 1:
        raise ValueError(f"group_size is {group_size}; it must be at least 1")
    size, rows = communicator.size, len(hi)
    if size == 1:
        return Cuts(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64))
    before = np.empty(rows + 1, dtype=np.int64)
    curve().host("work_along", rows, order, work, before)
    judged = (0, None, None) if last is None else (size - 1, last.hi, last.lo)
    told = np.empty(2 + 9 * judged[0], dtype=np.int64)
    curve().host("look_around", rows, hi, lo, before, *judged, told)
    told = communicator.allreduce(told)
    count, total = int(told[0]), int(told[1])
    smallest = total // (TOLERANCE * size)
    if last is not None and curve().host("cuts_serve", *judged, told, group_size, sparse, smallest):
        return last
    descent = _Descent(total, size)
    if count > group_size:
        descent.follow(communicator, (rows, hi, lo, before), (group_size, sparse, smallest))
    return descent.nearest_ends()


class _Descent:
    """The cells that hold the wanted shares of the work, one per cut, on their way down the octree."""

    def __init__(self, total: int, size: int):
        self.cuts = size - 1
        self.target = np.array([total * cut // size for cut in range(1, size)], dtype=np.int64)
        self.hi, self.lo = np.zeros((2, self.cuts), dtype=np.uint64)
        self.before = np.zeros(self.cuts, dtype=np.int64)  # work of all keys before the cell
        self.work = np.full(self.cuts, total, dtype=np.int64)
        self.width = np.ones(self.cuts, dtype=np.int32)  # cells of this level that go together
        self.level = np.zeros(self.cuts, dtype=np.int32)

    def follow(self, communicator: Communicator, rows: tuple, limits: tuple) -> None:
        """Go down until all cuts are in a group or in a cell with too little work to matter.  Collective.

        rows: number, hi, lo and `before` of this rank; limits: group_size, sparse, least work that matters.
        """
        levels = 3 if communicator.size <= 16 else 2
        active, cell = np.ones(self.cuts, np.uint8), np.empty(self.cuts, np.int32)
        opened = np.empty((self.cuts, 2, 8**levels), dtype=np.int64)
        level = 0
        while number := curve().host(
            "open_cells", *rows, self.cuts, self.hi, self.lo, active, level, levels, cell, opened
        ):
            curve().host(
                "follow_cuts", self.cuts, level, levels, cell, communicator.allreduce(opened[:number]),
                *limits, self.target, self.hi, self.lo, self.before, self.work, self.width, self.level,
                active,
            )  # fmt: skip
            level += levels

    def nearest_ends(self) -> Cuts:
        """Cuts at the start or the end of each one's cells, whichever shares the work better."""
        curve().host(
            "nearest_ends", self.cuts, self.target, self.before, self.work, self.width, self.level, self.hi,
            self.lo,
        )  # fmt: skip
        return Cuts(self.hi, self.lo)
