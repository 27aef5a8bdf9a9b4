"""An even split of rows by their global index: the layout of direct sums and of files."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .communicator import Communicator

BLOCK = 256


@dataclass(frozen=True)
class Rows:
    """`total` rows in blocks of `block`, shared evenly by `size` ranks in order of their index.

    Every boundary between ranks is a multiple of `block`; ranks may be empty.
    Raises ValueError for negative numbers of rows, and for fewer than one rank or row per block.
    """

    total: int
    size: int
    block: int = BLOCK

    def __post_init__(self):
        if self.total < 0 or self.size < 1 or self.block < 1:
            raise ValueError(
                f"{self.total} rows in blocks of {self.block} on {self.size} ranks: there must "
                "be at least 0 rows, 1 row per block and 1 rank"
            )

    @classmethod
    def even(cls, communicator: Communicator, local_count: int, block: int = BLOCK) -> Rows:
        """The even split of all ranks' rows.  Collective."""
        return cls(int(communicator.allreduce(int(local_count))), communicator.size, block)

    @property
    def bounds(self) -> np.ndarray:
        """(size + 1,) int64: rank r has the rows [bounds[r], bounds[r+1])."""
        blocks = -(-self.total // self.block)
        first_blocks = np.arange(self.size + 1, dtype=np.int64) * blocks // self.size
        return np.minimum(first_blocks * self.block, self.total)

    def first(self, rank: int) -> int:
        """Index of the first row of `rank`."""
        return int(self.bounds[rank])

    def count(self, rank: int) -> int:
        """Number of rows of `rank`."""
        return int(self.bounds[rank + 1] - self.bounds[rank])

    def transfer(self, communicator: Communicator, local_count: int) -> RowTransfer:
        """The transfer between rows as they lie, numbered from rank to rank, and this split.  Collective."""
        return RowTransfer(communicator, self, local_count)


class RowTransfer:
    """Rows between an uneven contiguous split and an even one; their global order does not change.

    forward(array (n, ...)) gives the rows of the even split, backward(array) brings them back.  Collective.
    """

    def __init__(self, communicator: Communicator, rows: Rows, local_count: int):
        self.rows = rows
        self._communicator = communicator
        first = communicator.exscan(local_count)
        bounds = np.clip(rows.bounds, first, first + local_count)
        self._there = np.diff(bounds)
        self._back = communicator.alltoall_counts(self._there)

    def forward(self, array: np.ndarray) -> np.ndarray:
        """array: (n, ...) rows as they lie; returns this rank's rows of the even split."""
        return self._move(array, self._there, self._back)

    def backward(self, array: np.ndarray) -> np.ndarray:
        """array: this rank's rows of the even split; returns the rows as they lay before `forward`."""
        return self._move(array, self._back, self._there)

    def _move(self, array: np.ndarray, leaving: np.ndarray, arriving: np.ndarray) -> np.ndarray:
        return self._communicator.start_exchange(np.ascontiguousarray(array), leaving, arriving).wait()[0]
