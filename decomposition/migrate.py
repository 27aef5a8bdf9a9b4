"""Rows of the state on their way to the ranks that own them, ending in the order of their keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .communicator import Communicator
from .cuts import Cuts
from .keys import curve

CHUNK = 16 << 20  # bytes that one rank sends or receives at a time


class Moves:
    """Rows that change their rank, array by array, in messages to each rank that gets some.

    `leaving`, `arriving`: how many rows this rank gives away and gets.
    """

    def __init__(self, communicator: Communicator, counts: np.ndarray, arriving_from: np.ndarray):
        """counts, arriving_from: (size,) int64 rows for and from each rank, 0 for this one.  Collective."""
        self._communicator, self._counts, self._arriving_from = communicator, counts, arriving_from
        self.leaving, self.arriving = int(counts.sum()), int(arriving_from.sum())
        self._most_rows = communicator.allreduce(max(self.leaving, self.arriving), "max")

    @property
    def any(self) -> bool:
        """Whether a row leaves or arrives anywhere; the same on all ranks."""
        return self._most_rows > 0

    def fits(self, arrays: list[np.ndarray]) -> bool:
        """Whether the rows that leave or arrive anywhere fit into one chunk; the same on all ranks."""
        return self._most_rows * sum(_row_bytes(array) for array in arrays) <= CHUNK

    def arrivals_of(self, leaving: list[np.ndarray]) -> list[np.ndarray]:
        """The rows that arrive in place of those that leave, (leaving, ...) of each array: all in one message
        to each rank if they fit into one chunk."""
        if not self.fits(leaving):
            return [self.arrivals(array, np.arange(self.leaving)) for array in leaving]
        record = np.dtype([(str(k), array.dtype, array.shape[1:]) for k, array in enumerate(leaving)])
        rows = np.empty(self.leaving, record)
        for name, array in zip(record.names or (), leaving, strict=True):
            rows[name] = array
        if self._most_rows:
            rows = self._communicator.start_exchange(rows, self._counts, self._arriving_from).wait()[0]
        return [rows[name] for name in record.names or ()]

    def arrivals(
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


class Migration(Moves):
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
        """order: (n,) uint32, row of the state with the k-th key; hi, lo: (n,) uint64 ascending keys (lo
        None on all ranks: all zero); identity: (n,) integers in the state's order, unique over all ranks.

        Rows with equal keys are put in the order of their identity: the order of all rows is then the same
        for every history and, joined over the ranks, for every number of ranks.
        """
        bounds = cuts.bounds(hi, lo)
        counts = np.diff(bounds)
        counts[communicator.rank] = 0
        super().__init__(communicator, counts, communicator.alltoall_counts(counts))

        begin, end = bounds[communicator.rank : communicator.rank + 2]
        order, identity = order.astype(np.uint32, copy=False), identity.astype(np.int64, copy=False)
        # Without the rows that stay, the others lie in the order of their ranks.
        self._leaving = np.concatenate((order[:begin], order[end:]))
        keys = [np.concatenate((word[:begin], word[end:])) for word in (hi, lo) if word is not None]
        arrived = self.arrivals_of([*keys, identity[self._leaving]])
        self._merge(order[begin:end], hi[begin:end], None if lo is None else lo[begin:end], identity, arrived)

    @property
    def count(self) -> int:
        """Rows on this rank after the transfer."""
        return len(self.hi)

    def forward(self, array: np.ndarray, gather: Callable | None = None) -> np.ndarray:
        """The rows of `array` (n, ...) after the transfer: (count, ...).  Collective.

        gather: a faster array[rows], given rows as uint32 and the array.
        """
        array = np.ascontiguousarray(array)
        return self.arrivals(array, self._leaving, self._kept(array, gather), self._places)

    def apply(self, arrays: Any, names: Iterable[str] | None = None, gather: Callable | None = None) -> None:
        """Replace the arrays of the mapping, one after the other, by what `forward` makes of them.

        names: default all, in sorted order; the same on all ranks.  If all leaving rows fit into one chunk,
        they travel in one message to each rank instead of one for each array.
        """
        names = sorted(arrays) if names is None else list(names)
        if not self.fits([arrays[name] for name in names]):
            for name in names:
                arrays[name] = self.forward(arrays[name], gather)
            return
        arrived = self.arrivals_of([arrays[name][self._leaving] for name in names])
        for name, rows in zip(names, arrived, strict=True):
            kept = self._kept(np.ascontiguousarray(arrays[name]), gather)
            kept[self._places] = rows
            arrays[name] = kept

    def _kept(self, array: np.ndarray, gather: Callable | None) -> np.ndarray:
        """(count, ...): the rows that stay in their new places; arrivals' places hold some other row."""
        if len(array) == 0:
            return np.empty((self.count, *array.shape[1:]), dtype=array.dtype)
        return np.take(array, self._rows, axis=0) if gather is None else gather(self._rows, array)

    def _merge(self, staying, hi, lo, identity, arrived: list[np.ndarray]) -> None:
        """Set the keys, the old row that comes to each place, and the places of arrivals."""
        arrived = [np.ascontiguousarray(word) for word in arrived]
        total = len(hi) + self.arriving
        self.hi = np.empty(total, dtype=np.uint64)
        self.lo = None if lo is None else np.empty(total, dtype=np.uint64)
        self._rows = np.empty(total, dtype=np.uint32)
        self._places = np.empty(self.arriving, dtype=np.int64)
        curve().host(
            "merge_rows", len(hi), hi, lo, staying, identity, self.arriving, arrived[0],
            None if lo is None else arrived[1], arrived[-1], self.hi, self.lo, self._rows, self._places,
        )  # fmt: skip


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
