"""Rows of all ranks in the order of their ids: the order of files, and of what is remembered of each atom.

Rows migrate; ids stay.  What an observable remembers of each atom, and what a file lists, lies in this order,
which is the same for any number of ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .communicator import Communicator


class DuplicateId(ValueError):
    """Two rows of the system have one id; ends the job with exit code 1."""

    exit_code = 1


class ById:
    """The ids [lowest, highest] in `size` equal intervals: rank r holds the rows of interval r, sorted.

    Ids without gaps give even shares.  Nothing is of size (all rows) on a rank.
    lowest, highest: of all ranks' ids; the same on every rank
    """

    def __init__(self, communicator: Communicator, lowest: int, highest: int):
        self.communicator = communicator
        self.lowest, self.highest = int(lowest), int(highest)
        span, size = self.highest - self.lowest + 1, communicator.size
        self.bounds = np.array([self.lowest + span * r // size for r in range(size + 1)], dtype=np.int64)

    @classmethod
    def of(cls, communicator: Communicator, identity: np.ndarray) -> ById:
        """The intervals of the ids that the ranks hold now.  identity: (n,) int64.  Collective."""
        largest = np.iinfo(np.int64).max
        ends = np.array([largest, largest], dtype=np.int64)
        if len(identity):
            ends[:] = identity.min(), -int(identity.max())
        lowest, highest = communicator.allreduce(ends, "min").tolist()
        if lowest == largest:
            return cls(communicator, 0, -1)
        return cls(communicator, lowest, -highest)

    def forward(
        self, identity: np.ndarray, arrays: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Ids of this rank's interval, ascending, and the rows that belong to them.  Collective.

        identity: (n,) int64;  arrays: (n, ...) each, numbers of at most 8 bytes
        All arrays travel in one message for each pair of ranks.
        Raises DuplicateId on all ranks when two rows have one id.
        """
        parts = [np.ascontiguousarray(identity, dtype=np.int64)]
        parts += [np.ascontiguousarray(array) for array in arrays]
        record = np.dtype([(f"f{k}", part.dtype, part.shape[1:]) for k, part in enumerate(parts)])
        rows = np.empty(len(identity), record)
        for k, part in enumerate(parts):
            rows[f"f{k}"] = part
        if self.communicator.size > 1:
            owner = np.searchsorted(self.bounds, parts[0], side="right") - 1
            counts = np.bincount(owner, minlength=self.communicator.size).astype(np.int64)
            rows, _ = self.communicator.start_exchange(rows[np.argsort(owner, kind="stable")], counts).wait()
        if not (np.diff(rows["f0"]) > 0).all():
            rows = rows[np.argsort(rows["f0"], kind="stable")]
        self._require_unique(rows["f0"])
        return np.ascontiguousarray(rows["f0"]), [
            np.ascontiguousarray(rows[f"f{k}"]) for k in range(1, len(parts))
        ]

    def _require_unique(self, identity: np.ndarray) -> None:
        twice = identity[1:][np.diff(identity) == 0]
        if not self.communicator.agree(twice.size > 0):
            return
        found = np.concatenate([part[:4] for part in self.communicator.allgather(twice)])
        raise DuplicateId(
            f"ids must be unique; found more than once: {', '.join(map(str, found[:8].tolist()))}"
        )
