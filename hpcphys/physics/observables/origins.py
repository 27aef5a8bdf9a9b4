"""What mean square displacement and velocity autocorrelation share: time origins of every atom, by id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hpcphys.decomposition.by_id import ById
from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.observables.lags import Lags
from hpcphys.physics.observables.saved import Saved, require_same
from hpcphys.physics.observables.segments import Segments

COLUMNS = 64  # numbers of an atom that go into one exact sum
PIECE = 1 << 14  # pairs of rows worked on at a time


class TimeOrigins:
    """Correlates a vector of every atom with its own past, at the lags of `Lags`, for each type of atom.

    The past lies in the order of ids, in even shares over the ranks, so that migration does not matter; each
    sample brings the vectors there.  Memory: 24·points·levels bytes per atom (12 with single=True).
    product(now (3, n), then (…, 3, n)) -> (…, k, n) terms of each atom, whose sums over atoms and origins are
    kept.
    """

    def __init__(
        self, kind: str, communicator: Communicator, interval: float, product: Callable[..., np.ndarray],
        terms: int, *, lags: Lags, types: int, reproducible: bool, single: bool,
        backend: Any = None,
    ):  # fmt: skip
        """interval: time between samples;  types: number of types of atoms;  terms: k
        reproducible: sums bit for bit the same for any number of ranks
        """
        if not interval > 0.0 or types < 1:
            raise ValueError(f"interval {interval}, types {types}: needed are an interval > 0 and a type")
        self.kind, self.communicator, self.interval, self.lags = kind, communicator, float(interval), lags
        self.types, self.terms, self.reproducible = int(types), int(terms), reproducible
        self.host = np.asarray if backend is None else backend.host
        self._real: Any = np.float32 if single else np.float64
        self._product = product
        self._samples = 0
        self._order: ById | None = None
        self._id = np.empty(0, np.int64)
        self._type = np.empty(0, np.int32)
        self._past = np.empty((lags.levels, lags.points, 3, 0), self._real)
        self.numbers = np.zeros(self.types, np.int64)
        self.segments = Segments({"sums": (lags.count, self.types, terms), "origins": (lags.count,)})

    @property
    def samples(self) -> int:
        """Samples so far."""
        return self._samples

    def sample(self, identity: np.ndarray, kind: np.ndarray, vector: np.ndarray) -> None:
        """One sample of this rank's rows: id (n,), type (n,), vector (n, 3).  Collective.

        Raises ValueError on all ranks when the atoms are not those of the first sample.
        """
        identity, kind, vector = (self.host(array) for array in (identity, kind, vector))
        if self._order is None:
            self._order = ById.of(self.communicator, identity)
        identity, (kind, vector) = self._order.forward(identity, (kind, vector))
        if self._samples == 0:
            self._remember(identity, kind)
        changed = not np.array_equal(identity, self._id)
        if self.communicator.agree(changed):
            raise ValueError(
                f"{self.kind}: the atoms differ from those of the first sample (on {len(identity)} ids of "
                f"rank {self.communicator.rank} there were {len(self._id)}); begin a new observable when "
                "atoms are added or removed"
            )
        due = self.lags.due(self._samples)
        pairs = [(0, -1, 0)] + [
            (index, level, slot) for level in due for index, slot in self.lags.pairs(level, self._samples)
        ]
        sums, origins = np.zeros((self.lags.count, self.types, self.terms)), np.zeros(self.lags.count)
        vector = np.ascontiguousarray(vector.T, dtype=np.float64)
        found = self._reduced(vector, pairs)
        for (index, _, _), total in zip(pairs, found, strict=True):
            sums[index], origins[index] = total, 1.0
        for level in due:
            self._past[level, self.lags.slot(level, self._samples)] = vector
        self.segments.add(sums=sums, origins=origins)
        self._samples += 1

    def _remember(self, identity: np.ndarray, kind: np.ndarray) -> None:
        self._id, self._type = identity, kind.astype(np.int32)
        wrong = int(kind.max(initial=0)) >= self.types or int(kind.min(initial=0)) < 0
        if self.communicator.agree(wrong):
            raise ValueError(
                f"{self.kind}: types must be 0 … {self.types - 1}; give `types` the number of them"
            )
        self._past = np.zeros((self.lags.levels, self.lags.points, 3, len(identity)), self._real)
        self.numbers = self.communicator.allreduce(np.bincount(self._type, minlength=self.types))

    def _reduced(self, vector: np.ndarray, pairs: list[tuple[int, int, int]]) -> np.ndarray:
        """(pairs, types, terms): for each lag that is due, the terms summed over the atoms of all ranks."""
        if self.reproducible:
            return self._exact_sums(vector, pairs)
        local = []
        for level in dict.fromkeys(level for _, level, _ in pairs):
            slots = [slot for _, at, slot in pairs if at == level]
            local.append(self._sums(vector, vector[None] if level < 0 else self._past[level], slots))
        return self.communicator.allreduce(np.concatenate(local))

    def _exact_sums(self, vector: np.ndarray, pairs: list[tuple[int, int, int]]) -> np.ndarray:
        """The same from exact sums, of a few lags in one reduction, so that memory stays bounded."""
        together = max(1, COLUMNS // (self.types * self.terms))
        parts = []
        for start in range(0, len(pairs), together):
            columns = [
                self._columns(self._product(vector, vector if level < 0 else self._past[level, slot]))
                for _, level, slot in pairs[start : start + together]
            ]
            parts.append(self.communicator.sum_reproducible(np.stack(columns, axis=1)))
        return np.concatenate(parts)

    def _sums(self, vector: np.ndarray, past: np.ndarray, slots: list[int]) -> np.ndarray:
        """(slots, types, terms) over the atoms of this rank, in pieces that stay in the cache."""
        sums = np.zeros((len(slots), self.types, self.terms))
        width = max(1, PIECE // len(slots))
        for start in range(0, vector.shape[1], width):
            rows = slice(start, start + width)
            terms = self._product(vector[:, rows], past[:, :, rows][slots])
            for kind in range(self.types):
                chosen = terms if self.types == 1 else terms[..., self._type[rows] == kind]
                sums[:, kind] += chosen.sum(axis=-1)
        return sums

    def _columns(self, terms: np.ndarray) -> np.ndarray:
        """(n, types, terms): each atom's terms (terms, n) in the columns of its type, 0 in the others."""
        atoms = terms.shape[1]
        columns = np.zeros((atoms, self.types, self.terms))
        columns[np.arange(atoms), self._type] = terms.T
        return columns

    def averages(self, totals: dict[str, np.ndarray], kind: int | None) -> np.ndarray:
        """(lags, terms): means over atoms (of a type, or of all) and origins; NaN where there is none."""
        sums = totals["sums"].sum(axis=1) if kind is None else totals["sums"][:, kind]
        atoms = self.numbers.sum() if kind is None else self.numbers[kind]
        with np.errstate(invalid="ignore", divide="ignore"):
            return sums / (totals["origins"][:, None] * float(atoms))

    @property
    def times(self) -> np.ndarray:
        """(lags,) the lags as times."""
        return self.lags.values * self.interval

    def saved(self) -> Saved:
        """All that it remembers; rows in the order of ids."""
        lags = [self.lags.points, self.lags.levels, self.lags.spread]
        numbers = {
            "kind": self.kind, "lags": lags, "types": self.types, "interval": self.interval,
            "samples": self._samples,
        }  # fmt: skip
        past = np.ascontiguousarray(np.moveaxis(self._past, 3, 0))
        width = int(np.prod(past.shape[1:]))  # -1 could not be told where there is no row, or no sample yet
        past = past.reshape(len(past), width)
        return Saved(numbers, self.segments.arrays(), {"id": self._id, "type": self._type, "past": past})

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave, whatever rank has which rows now.  Collective."""
        lags = [self.lags.points, self.lags.levels, self.lags.spread]
        require_same(self.kind, saved.numbers, lags=lags, types=self.types, interval=self.interval)
        self._samples = int(saved.numbers["samples"])
        self.segments.restore(saved.arrays)
        self._order = ById.of(self.communicator, saved.rows["id"])
        self._id, (self._type, past) = self._order.forward(
            saved.rows["id"], (saved.rows["type"], saved.rows["past"])
        )
        shaped = past.reshape(len(past), self.lags.levels, self.lags.points, 3)
        self._past = np.ascontiguousarray(np.moveaxis(shaped, 0, 3))
        self.numbers = self.communicator.allreduce(np.bincount(self._type, minlength=self.types))
