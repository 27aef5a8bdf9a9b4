"""The octree layout: particles in the order of the Hilbert curve, each rank owning one stretch of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .communicator import Communicator
from .cube import Cube
from .cuts import SPARSE, Cuts, cuts
from .keys import curve, search
from .migrate import Migration


class Octree:
    """Keeps the rows of a state in Hilbert order and on the ranks that own their keys.

    After `exchange`: rows are sorted by (key, id); `hi`, `lo` are their keys (lo None where no key ties),
    `cuts` the borders between ranks, `cube` the keys' cube.  The curve is cut by the work of the last force
    evaluation (state["work"]), never through a group of at most `group_size` particles, so the octree and its
    groups do not depend on the number of ranks.  Cuts are kept as long as they serve; they are remembered in
    state.scalars, so that a restored state is cut as it would have been.
    """

    def __init__(self, backend: Any, communicator: Communicator, group_size: int, sparse: int = SPARSE):
        """group_size: most particles of one group of targets; sparse: SPARSE of the kernels' build."""
        self.backend = backend
        self.communicator = communicator
        self.group_size, self.sparse = group_size, sparse
        self.cube: Cube | None = None
        self.cuts: Cuts | None = None
        self.hi: Any = None
        self.lo: Any = None
        self.migrated = 0

    def describe(self) -> str:
        """One line for `explain`."""
        return (
            "Hilbert-ordered particles, cut between ranks by measured work, never through a group of "
            f"{self.group_size} targets"
        )

    def exchange(self, state: Any) -> None:
        """Sort the state's rows along the curve and move them to their owners.  Collective.

        state: named arrays with rows (n, ...), among them position (n, 3), id (n,) and, after the first force
        evaluation, work (n,).  Raises FloatingPointError if a position is not finite.
        """
        # No name here may hold the old rows of an array: each is replaced before the next is moved.
        self.cube = Cube.around(self.backend, self.communicator, state["position"])
        self.hi = self._keys("hilbert_keys", state["position"])
        order = self._sorted(self.hi)
        if self.communicator.size > 1:
            self._migrate(state, order)
        else:
            self.migrated = 0
            self.cuts = Cuts(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
            for name in state.names():
                state[name] = self._gather(order, state[name])
        self._order_ties(state)

    def release_keys(self) -> None:
        """Forget the keys once the tree is built."""
        self.hi = self.lo = None

    def _keys(self, kernel: str, position: Any) -> Any:
        key = self.backend.empty(len(position), np.uint64)
        if len(position):
            corner, side = self.cube.corner, self.cube.side
            self.backend.module("hilbert").launch(kernel, len(position), position, *corner, 1.0 / side, key)
        return key

    def _sorted(self, key: Any) -> Any:
        """Sort the keys in place; return the permutation (n,) uint32."""
        be = self.backend
        if be.name != "cpu":
            order = be.xp.argsort(key, kind="stable")
            key[...] = key[order]
            return order.astype(np.uint32)
        n = len(key)
        order, other = np.empty(n, np.uint32), np.empty(n, np.uint32)
        if n:
            be.module("hilbert").host("sort_keys", n, key, order, np.empty(n, np.uint64), other)
        return order

    def _gather(self, order: Any, array: Any) -> Any:
        """Rows of `array` in the new order."""
        if len(array) == 0:
            return array
        row_bytes = array.nbytes // len(array)
        unit = next(size for size in (8, 4, 1) if row_bytes % size == 0 and array.dtype.itemsize % size == 0)
        view = {8: np.float64, 4: np.float32, 1: np.uint8}[unit]
        result = self.backend.empty((len(order), *array.shape[1:]), array.dtype)
        self.backend.module("particles").launch(
            f"gather_rows{unit}", len(order), order, array.view(view), result.view(view), row_bytes // unit
        )
        return result

    def _migrate(self, state: Any, order: Any) -> None:
        be, comm = self.backend, self.communicator
        hi, order = be.host(self.hi), be.host(order)
        self.hi = None
        lo = None
        # A cell of the first word that may hold more than a group can be cut inside: the second word decides.
        if comm.agree(curve().host("longest_tie", len(hi), hi) * comm.size > self.group_size):
            lo = be.host(self._keys("hilbert_keys_low", state["position"]))[order]
            order, lo = _order_by_second_word(hi, lo, order)
        work = be.host(state["work"]) if "work" in state else None
        last = Cuts.remembered(state.scalars, comm.size)
        if last is not None and self.cuts is not None and last.equals(self.cuts):
            last = self.cuts
        self.cuts = cuts(comm, hi, lo, work, self.group_size, self.sparse, last, order)
        if self.cuts is not last:
            self.cuts.remember(state.scalars)
        del work
        move = Migration(comm, self.cuts, order, hi, lo, be.host(state["id"]))
        del hi, lo, order
        self.migrated = move.arriving
        if be.name == "cpu":
            move.apply(state, state.names(), self._gather)
        else:
            for name in state.names():
                state[name] = be.array(move.forward(be.host(state[name])))
        self.hi, self.lo = be.array(move.hi), None if move.lo is None else be.array(move.lo)

    def _order_ties(self, state: Any) -> None:
        """Order rows of equal first words by (second word, id), computing the second words if there are
        none."""
        be = self.backend
        hi = be.host(self.hi)
        if curve().host("longest_tie", len(hi), hi) <= 1:
            return
        same = hi[1:] == hi[:-1]
        if self.lo is None:
            self.lo = self._keys("hilbert_keys_low", state["position"])
        lo, identity = be.host(self.lo), be.host(state["id"])
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        order = np.arange(len(hi), dtype=np.uint32)
        order[tied] = tied[np.lexsort((identity[tied], lo[tied], hi[tied]))]
        if np.array_equal(order[tied], tied):
            return
        order = be.array(order)
        for name in state.names():
            state[name] = self._gather(order, state[name])
        self.lo = self.lo[order]

    def rows_of_cells(self, hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
        """Rows before which the keys (hi, lo) (m,) lie: (m,) integers."""
        own_lo = None if self.lo is None else self.backend.host(self.lo)
        return search(self.backend.host(self.hi), own_lo, hi, lo)


def _order_by_second_word(hi: np.ndarray, lo: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort the runs of equal hi by lo: the permuted order and lo."""
    same = hi[1:] == hi[:-1]
    tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    within = tied[np.lexsort((lo[tied], hi[tied]))]
    order, lo = order.copy(), lo.copy()
    order[tied], lo[tied] = order[within], lo[within]
    return order, lo
