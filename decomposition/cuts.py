"""Where the Hilbert curve is cut between the ranks: by measured work, never through a group of the octree."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .communicator import Communicator
from .keys import DEEPEST, WORD_BITS, cell_starts, search

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

    @cached_property
    def surroundings(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The smallest octree cell that each cut lies inside of: first keys of its eight children and of what
        follows, hi and lo (size − 1, 9), and the child (size − 1,) that begins at the cut, 1…7; 0 for a cut
        at an end of the curve."""
        starts: list[list[int]] = []
        child = []
        for high, low in zip(self.hi, self.lo, strict=True):
            key = (int(high) << WORD_BITS) | int(low)
            shift = 3 * (((key & -key).bit_length() - 1) // 3) if 0 < key < 1 << 3 * DEEPEST else 0
            place = (key >> shift) & 7 if shift or key & 7 else 0
            starts.append([key + ((step - place) << shift) for step in range(9)])
            child.append(place)
        table = np.array(
            [[divmod(key, 1 << WORD_BITS) for key in row] for row in starts], dtype=np.uint64
        ).reshape(-1, 9, 2)
        return table[:, :, 0].copy(), table[:, :, 1].copy(), np.array(child, dtype=np.int64)


def cuts(
    communicator: Communicator,
    hi: np.ndarray,
    lo: np.ndarray | None,
    work: np.ndarray,
    group_size: int,
    sparse: int = SPARSE,
    last: Cuts | None = None,
) -> Cuts:
    """Cuts of the curve that share Σ work evenly, to half a per cent of a share or one octree group.

    hi, lo: (n,) uint64, this rank's keys in ascending order (lo None: all zero); work: (n,) in the same
    order, rounded to integers ≥ 1; group_size: most particles in an octree group, that is, in a run of
    neighbouring children of a larger cell (see `runs`), counting the particles of all ranks; a cell of the
    deepest level is a group whatever it holds; sparse: as in `runs`; last: cuts, the same on all ranks, that
    are kept if they still share the work to half a per cent of a share and go through no group: this one
    round is all that most steps of a run need.

    For each cut the octree is followed down from the root along the cells that hold the wanted share of the
    work, until one is of a group or holds too little work to matter; the cut is the nearer end of that group
    or cell.  No group is cut, because no cell with more than group_size particles lies inside a group.
    Several levels are opened per round: one sum over the ranks of the counts and work of the opened cells,
    of size O(ranks).  The result depends on the set of all (key, work) and on `last`, not on where the rows
    lie now.
    """
    if group_size < 1:
        raise ValueError(f"group_size is {group_size}; it must be at least 1")
    if communicator.size == 1:
        return Cuts(np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64))
    prefix = np.zeros(len(hi) + 1, dtype=np.int64)
    np.cumsum(np.maximum(np.rint(work), 1), out=prefix[1:], dtype=np.int64)
    size = communicator.size
    if last is None:
        count, total = (int(value) for value in communicator.allreduce(np.array([len(hi), prefix[-1]])))
    else:
        starts_hi, starts_lo, child = last.surroundings
        rows = search(hi, lo, starts_hi.reshape(-1), starts_lo.reshape(-1)).reshape(-1, 9)
        before = prefix[rows[np.arange(size - 1), child]]
        told = np.concatenate(([len(hi), prefix[-1]], before, np.diff(rows).reshape(-1)))
        told = communicator.allreduce(told)
        count, total, before = int(told[0]), int(told[1]), told[2 : size + 1]
        if _still_good(before, total, child, told[size + 1 :].reshape(-1, 8), group_size, sparse):
            return last
    descent = _Descent(count, total, size, group_size, sparse)
    levels_per_round = 3 if size <= 16 else 2
    while descent.active.size:
        cells_hi, cells_lo, cell = descent.cells()
        children = 8**levels_per_round
        level = descent.level + levels_per_round
        start_hi, start_lo = cell_starts(cells_hi[:, None], cells_lo[:, None], np.arange(children + 1), level)
        rows = search(hi, lo, start_hi.reshape(-1), start_lo.reshape(-1)).reshape(-1, children + 1)
        opened = communicator.allreduce(np.stack((np.diff(rows), np.diff(prefix[rows]))))
        descent.follow(opened[0], opened[1], cell, levels_per_round)
    return Cuts(*descent.nearest_ends())


def _still_good(before, total: int, child, counts, group_size: int, sparse: int) -> bool:
    """Whether cuts share the work and go through no group.

    before: (cuts,) work before each; child: (cuts,) and counts: (cuts, 8) of `Cuts.surroundings`.  A cut goes
    through a group if the smallest cell around it is small enough for one, or if the group is a run of that
    cell's children on both sides of the cut.
    """
    size = len(before) + 1
    wanted = total * np.arange(1, size) // size
    if (child == 0).any() or (np.abs(before - wanted) > total // (TOLERANCE * size)).any():
        return False
    if (counts.sum(axis=1) <= group_size).any():
        return False
    start, stop = runs(counts, group_size, sparse)
    return not ((start < child[:, None]) & (child[:, None] < stop)).any()


class _Descent:
    """The cells that hold the wanted shares of the work, one per cut, on their way down the octree."""

    def __init__(self, count: int, total: int, size: int, group_size: int, sparse: int):
        cut_count = size - 1
        self.group_size, self.sparse = group_size, sparse
        self.smallest = total // (TOLERANCE * size)
        self.target = np.array([total * (cut + 1) // size for cut in range(cut_count)], dtype=np.int64)
        self.hi = np.zeros(cut_count, dtype=np.uint64)
        self.lo = np.zeros(cut_count, dtype=np.uint64)
        self.before = np.zeros(cut_count, dtype=np.int64)  # work of all keys before the cell
        self.work = np.full(cut_count, total, dtype=np.int64)
        self.width = np.ones(cut_count, dtype=np.int64)  # cells of this level that go together
        self.cell_level = np.zeros(cut_count, dtype=np.int64)
        self.level = 0
        self.active = np.arange(cut_count if count > group_size else 0)

    def cells(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Start keys of the different cells to be opened, and which of them each active cut is in."""
        hi, lo = self.hi[self.active], self.lo[self.active]
        new = np.ones(len(hi), dtype=bool)
        new[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
        return hi[new], lo[new], np.cumsum(new) - 1

    def follow(self, counts: np.ndarray, work: np.ndarray, cell: np.ndarray, levels: int) -> None:
        """Go down `levels` levels.  counts, work: (cells, 8^levels) of all ranks; cell: (active,)."""
        place = np.zeros(len(self.active), dtype=np.int64)
        for step in range(1, levels + 1):
            self.level += 1
            shape = (len(counts), 8**step, -1)
            counts_here = counts.reshape(shape).sum(axis=2)
            work_here = work.reshape(shape).sum(axis=2)
            eight = 8 * place[:, None] + np.arange(8)
            ends = self.before[self.active, None] + np.cumsum(work_here[cell[:, None], eight], axis=1)
            child = (ends <= self.target[self.active, None]).sum(axis=1)
            place = 8 * place + child
            inside = work_here[cell, place]
            self.work[self.active] = inside
            self.before[self.active] = ends[np.arange(len(child)), child] - inside
            self.hi[self.active], self.lo[self.active] = cell_starts(
                self.hi[self.active], self.lo[self.active], child, self.level
            )
            self.cell_level[self.active] = self.level
            small = counts_here[cell, place] <= self.group_size
            self._widen(
                small, counts_here[cell[:, None], eight], ends, work_here[cell[:, None], eight], child
            )
            going_on = (counts_here[cell, place] > self.group_size) & (inside > self.smallest)
            going_on &= self.level < DEEPEST
            self.active, cell, place = self.active[going_on], cell[going_on], place[going_on]

    def _widen(self, small, counts, ends, work, child) -> None:
        """Cuts whose cell is a group's: take the whole run of neighbouring children that form the group.

        counts, ends, work: (active, 8) of the children of the parent cells; child: (active,) the cell itself.
        """
        if not small.any():
            return
        rows = np.flatnonzero(small)
        cut, child = self.active[rows], child[rows]
        start, stop = (
            edge[np.arange(len(rows)), child] for edge in runs(counts[rows], self.group_size, self.sparse)
        )
        first = ends[rows, start] - work[rows, start]
        self.work[cut] = ends[rows, stop - 1] - first
        self.before[cut] = first
        self.width[cut] = stop - start
        # Back from the cell's own start to that of its run.
        back = (child - start).astype(np.uint64) << np.uint64(3 * (DEEPEST - self.level) % WORD_BITS)
        if self.level <= DEEPEST // 2:
            self.hi[cut] -= back
        else:
            self.lo[cut] -= back

    def nearest_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """The start or the end of each cut's cell or run of cells, whichever shares the work better."""
        hi, lo = self.hi.copy(), self.lo.copy()
        later = 2 * (self.target - self.before) > self.work
        for level in np.unique(self.cell_level[later]):
            here = later & (self.cell_level == level)
            hi[here], lo[here] = cell_starts(hi[here], lo[here], self.width[here], int(level))
        return hi, lo


def runs(counts: np.ndarray, group_size: int, sparse: int = SPARSE) -> tuple[np.ndarray, np.ndarray]:
    """The runs of neighbouring children that are groups: each child's first of its run, and the one after it.

    counts: (cells, 8) particles in the children of each cell, in the order of the curve.  Small children are
    joined from the left while they hold at most group_size together, exactly as the octree's split does it;
    a larger child stands alone, and so does every child of a cell with more than sparse·group_size particles.
    """
    start = np.tile(np.arange(8), (len(counts), 1))
    stop = start + 1
    joinable = counts.sum(axis=1) <= sparse * group_size
    here = np.zeros(len(counts), dtype=np.int64)  # first child of the open run
    held = np.full(len(counts), group_size + 1, dtype=np.int64)  # no run is open
    for child in range(8):
        count = counts[:, child]
        fits = (count <= group_size) & (count > 0)
        joins = fits & (held + count <= group_size) & joinable
        here = np.where(fits & ~joins, child, here)
        held = np.where(
            joins, held + count, np.where(fits, count, np.where(count > group_size, group_size + 1, held))
        )
        start[fits, child] = here[fits]
    for first in range(8):
        for child in range(first, 8):
            stop[:, first] = np.where(
                (counts[:, child] > 0) & (start[:, child] == start[:, first]), child + 1, stop[:, first]
            )
    return start, stop
