"""Rows of the state on their way to the ranks that own them, ending in the order of their keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .communicator import Communicator
from .cuts import Cuts
from .keys import search

CHUNK = 16 << 20  # bytes that one rank sends or receives at a time


class Migration:
    """A transfer of rows from where they lie to the owners of their keys, in ascending order there.

    Made once per exchange from the keys (collective); `forward` then moves one array after the other, so that
    no more than one array and two chunks of `CHUNK` bytes exist twice.  Only leaving rows are packed, and
    only ranks with rows for each other talk.  `hi`, `lo`, `count`: keys and number of the rows after the
    transfer; `leaving`, `arriving`: rows that change their rank.
    """

    def __init__(
        self,
        communicator: Communicator,
        cuts: Cuts,
        order: np.ndarray,
        hi: np.ndarray,
        lo: np.ndarray | None,
        identity: np.ndarray,
    ):
        """order: (n,) integers, row of the state with the k-th key; hi, lo: (n,) uint64 ascending keys (lo
        None on all ranks: all zero); identity: (n,) integers in the state's order, unique over all ranks.

        Rows with equal keys are put in the order of their identity: the order of all rows is then the same
        for every history and, joined over the ranks, for every number of ranks.
        """
        self._communicator = communicator
        rank = communicator.rank
        bounds = cuts.bounds(hi, lo)
        self._counts = np.diff(bounds)
        self._counts[rank] = 0
        self._arriving_from = communicator.alltoall_counts(self._counts)
        self.leaving, self.arriving = int(self._counts.sum()), int(self._arriving_from.sum())
        self._most_rows = communicator.allreduce(max(self.leaving, self.arriving), "max")

        stays = slice(bounds[rank], bounds[rank + 1])
        # Without the rows that stay, the others lie in the order of their ranks.
        leaves = np.delete(np.arange(len(hi)), stays)
        self._leaving = order[leaves]
        arrived_hi = self._arrivals(hi, leaves)
        if lo is None:
            self._merge(order[stays], hi[stays], None, arrived_hi, None)
        else:
            self._merge(order[stays], hi[stays], lo[stays], arrived_hi, self._arrivals(lo, leaves))
        self._order_ties(identity, self._arrivals(identity, self._leaving))

    @property
    def count(self) -> int:
        """Rows on this rank after the transfer."""
        return len(self.hi)

    def forward(self, array: np.ndarray, gather: Callable | None = None) -> np.ndarray:
        """The rows of `array` (n, ...) after the transfer: (count, ...).  Collective.

        gather: a faster array[rows], given rows as uint32 and the array.
        """
        array = np.ascontiguousarray(array)
        return self._arrivals(array, self._leaving, self._kept(array, gather), self._places)

    def apply(self, arrays: Any, names: Iterable[str] | None = None, gather: Callable | None = None) -> None:
        """Replace the arrays of the mapping, one after the other, by what `forward` makes of them.

        names: default all, in sorted order; the same on all ranks.  If all leaving rows fit into one chunk,
        they travel in one message to each rank instead of one for each array.
        """
        names = sorted(arrays) if names is None else list(names)
        widths = [_row_bytes(arrays[name]) for name in names]
        if self._most_rows * sum(widths) > CHUNK:
            for name in names:
                arrays[name] = self.forward(arrays[name], gather)
            return
        leaving = [
            np.ascontiguousarray(arrays[name][self._leaving])
            .view(np.uint8)
            .reshape(len(self._leaving), width)
            for name, width in zip(names, widths, strict=True)
        ]
        packed = np.concatenate(leaving, axis=1) if names else np.empty((0, 0), np.uint8)
        arrived = self._arrivals(packed, np.arange(len(packed)))
        end = 0
        for name, width in zip(names, widths, strict=True):
            array = arrays[name]
            rows = np.ascontiguousarray(arrived[:, end : end + width]).view(array.dtype)
            kept = self._kept(np.ascontiguousarray(array), gather)
            kept[self._places] = rows.reshape(len(arrived), *array.shape[1:])
            arrays[name] = kept
            del array
            end += width

    def _kept(self, array: np.ndarray, gather: Callable | None) -> np.ndarray:
        """(count, ...): the rows that stay in their new places; arrivals' places hold some other row."""
        if len(array) == 0:
            return np.empty((self.count, *array.shape[1:]), dtype=array.dtype)
        return np.take(array, self._rows, axis=0) if gather is None else gather(self._rows, array)

    def _merge(self, staying, staying_hi, staying_lo, arrived_hi, arrived_lo) -> None:
        """Set keys and the source of each new row: an old row, or −1 − k for the k-th arrival."""
        if arrived_lo is None:
            by_key = np.argsort(arrived_hi, kind="stable")
            wanted_lo = np.broadcast_to(np.uint64(0), arrived_hi.shape)
        else:
            by_key = np.lexsort((arrived_lo, arrived_hi))
            wanted_lo = arrived_lo[by_key]
        places = search(staying_hi, staying_lo, arrived_hi[by_key], wanted_lo) + np.arange(len(by_key))
        total = len(staying) + len(by_key)
        stays = np.ones(total, dtype=bool)
        stays[places] = False
        self._source = np.empty(total, dtype=np.int64)
        self._source[stays] = staying
        self._source[places] = -1 - by_key
        self.hi = np.empty(total, dtype=np.uint64)
        self.hi[stays], self.hi[places] = staying_hi, arrived_hi[by_key]
        self.lo = None
        if staying_lo is not None:
            self.lo = np.empty(total, dtype=np.uint64)
            self.lo[stays], self.lo[places] = staying_lo, wanted_lo

    def _order_ties(self, identity: np.ndarray, arrived_identity: np.ndarray) -> None:
        """Put rows of equal keys in the order of their identity; then set rows to gather and places of
        arrivals."""
        same = self.hi[1:] == self.hi[:-1]
        if self.lo is not None:
            same &= self.lo[1:] == self.lo[:-1]
        if same.any():
            tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
            source = self._source[tied]
            names = np.empty(len(tied), dtype=identity.dtype)
            old = source >= 0
            names[old] = identity[source[old]]
            names[~old] = arrived_identity[-1 - source[~old]]
            low = () if self.lo is None else (self.lo[tied],)
            self._source[tied] = source[np.lexsort((names, *low, self.hi[tied]))]
        new = np.flatnonzero(self._source < 0)
        self._places = np.empty(len(new), dtype=np.int64)
        self._places[-1 - self._source[new]] = new
        # While the arrays move, the rows are needed in half the width; an arrival's place holds any row.
        self._source[new] = 0
        self._rows = self._source.astype(np.uint32)
        del self._source

    def _arrivals(
        self,
        array: np.ndarray,
        leaving: np.ndarray,
        into: np.ndarray | None = None,
        places: np.ndarray | None = None,
    ) -> np.ndarray:
        """Move the rows array[leaving] in rounds of at most `CHUNK` bytes per rank.

        Arrivals go to into[places], by default to a new array in the order of the ranks they come from.
        """
        if into is None:
            into = np.empty((self.arriving, *array.shape[1:]), dtype=array.dtype)
        rounds = -(-self._most_rows * _row_bytes(array) // CHUNK)
        for turn in range(rounds):
            leave, leave_counts = _share(self._counts, turn, rounds)
            arrive, arrive_counts = _share(self._arriving_from, turn, rounds)
            exchange = self._communicator.start_exchange(array[leaving[leave]], leave_counts, arrive_counts)
            into[arrive if places is None else places[arrive]] = exchange.wait()[0]
        return into


def _row_bytes(array: np.ndarray) -> int:
    """Bytes of one row."""
    return array.dtype.itemsize * math.prod(array.shape[1:])


def _share(counts: np.ndarray, turn: int, rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """The part of each rank's run of `counts` rows that moves in this round: positions among all rows, and
    how many per rank."""
    begin = counts * turn // rounds
    number = counts * (turn + 1) // rounds - begin
    starts = np.cumsum(counts) - counts + begin
    # Position k of the joined parts lies k − (rows of earlier parts) after its own part's beginning.
    earlier = np.cumsum(number) - number
    return np.repeat(starts - earlier, number) + np.arange(number.sum()), number
