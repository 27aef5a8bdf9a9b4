"""The radial distribution function of every pair of types, by cells, up to half the box."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.ring import meetings
from hpcphys.physics.observables.displacement import types_of
from hpcphys.physics.observables.geometry import fractional, periodic_box
from hpcphys.physics.observables.saved import Saved, require_same
from hpcphys.physics.observables.segments import Segments

GROUPS = 256  # histograms that work items fill by themselves
ATOMS_PER_CELL = 4
CELLS_PER_REACH = 2


@dataclass(frozen=True)
class PairDistribution:
    """radius (bins,): middle of the bins;  value, error: g(r) (bins,);  counted: pairs per sample (bins,);
    coordination (bins,): mean number of neighbours of type b around one of type a inside the bin's outer edge
    """

    radius: np.ndarray
    value: np.ndarray
    error: np.ndarray
    counted: np.ndarray
    coordination: np.ndarray


class RadialDistribution:
    """g_ab(r) = V ⟨n_ab(r)⟩ / (N_ab v(r)): n_ab pairs of types a, b with a distance in the bin [r, r + dr) of
    volume v = 4π/3((r + dr)³ - r³), N_ab = N_a N_b, or N_a (N_a - 1)/2 for a = b: exactly 1 on average in an
    ideal gas of any size.

    The box may change from sample to sample; a distance is that of the nearest images, so that `largest` may
    be half the smallest distance between faces.  Pairs are counted as integers: the result does not depend on
    the number of ranks or threads.  Ranks meet in a ring (decomposition/ring.py): each has its own atoms and
    one visiting block.
    Source: Allen & Tildesley (2017), Computer Simulation of Liquids, 2nd ed., sec. 8.2.
    """

    def __init__(
        self, backend: Any, communicator: Communicator, *, largest: float, bins: int = 200, types: int = 1
    ):
        """largest: distances below it are counted [length];  types: number of types of atoms

        Raises ValueError for a range or number that cannot be.
        """
        if not largest > 0.0 or bins < 1 or types < 1:
            raise ValueError(
                f"largest {largest}, bins {bins}, types {types}: needed are a length > 0, a bin and a type"
            )
        self.backend, self.communicator = backend, communicator
        self.largest, self.bins, self.types = float(largest), int(bins), int(types)
        first, second = np.triu_indices(types)
        self.pairs = list(zip(first.tolist(), second.tolist(), strict=True))
        self._number = np.zeros((types, types), np.int32)
        self._number[first, second] = self._number[second, first] = np.arange(len(first))
        self._module = backend.module("radial_distribution", REAL="double")
        shape = (len(self.pairs), self.bins)
        self.segments = Segments({"scaled": shape, "counted": shape, "samples": ()})
        self.numbers = np.zeros(types, np.int64)

    def sample(self, state, box) -> None:
        """Count the pairs of one sample.  Collective.

        state: position (n, 3) on the backend, perhaps type (n,);  box: vectors (3, 3), origin (3,), periodic
        Raises ValueError when the box is open, or smaller than twice `largest`.
        """
        vectors, widths = periodic_box(box)
        if self.largest > 0.5 * widths.min() * (1.0 + 1e-12):
            raise ValueError(
                f"distances up to {self.largest:g} were asked; the box, {widths.min():g} between its nearest "
                f"faces, allows half of that: choose largest ≤ {0.5 * widths.min():g}"
            )
        host = self.backend.host
        place = fractional(host(state["position"]), vectors, box.origin)
        kind = np.asarray(host(types_of(state)), dtype=np.int32)
        numbers = self.communicator.allreduce(np.bincount(kind, minlength=self.types))
        if len(numbers) > self.types:
            raise ValueError(f"types must be 0 … {self.types - 1}; found {len(numbers) - 1}")
        if self.segments.samples and not np.array_equal(numbers, self.numbers):
            raise ValueError(
                f"the numbers of atoms changed from {self.numbers.tolist()} to {numbers.tolist()}; begin a "
                "new radial distribution"
            )
        self.numbers = numbers
        counts = self.communicator.allreduce(self._counted(place, kind, vectors, widths))
        volume = abs(float(np.linalg.det(vectors)))
        self.segments.add(scaled=volume * counts, counted=counts, samples=1.0)

    def _counted(self, place, kind, vectors, widths) -> np.ndarray:
        """(pairs, bins) int64: this rank's share of all pairs."""
        grid = _Grid(widths, self.largest, int(self.numbers.sum()))
        order, _ = grid.sorted(place)
        rows = np.concatenate((place, kind[:, None]), axis=1)[order]
        extent = np.concatenate((place.min(axis=0), place.max(axis=0))) if len(place) else np.zeros(6)

        def near(a: np.ndarray, b: np.ndarray) -> bool:
            gap = np.maximum(np.maximum(b[:3] - a[3:], a[:3] - b[3:]), 0.0)
            round_the_box = np.maximum(1.0 - np.maximum(a[3:], b[3:]) + np.minimum(a[:3], b[:3]), 0.0)
            return bool((np.minimum(gap, round_the_box) * widths < self.largest).all())

        counts = np.zeros((len(self.pairs), self.bins), np.int64)
        for own, visiting in meetings(self.communicator, rows, extent, near):
            counts += self._meeting(grid, rows, visiting, vectors, own)
        return counts

    def _meeting(self, grid: _Grid, rows, visiting, vectors, own: bool) -> np.ndarray:
        be = self.backend
        _, start = grid.sorted(visiting[:, :3])
        groups = max(1, min(GROUPS, len(rows) // 16))
        counts = be.zeros((groups, len(self.pairs), self.bins + 1), np.uint64)
        box = np.array([vectors[0, 0], vectors[1, 0], vectors[1, 1], *vectors[2]])
        self._module.launch(
            "count_distances", groups, len(rows), be.array(rows[:, :3].T), be.array(rows[:, 3], np.int32),
            len(visiting), be.array(visiting[:, :3].T), be.array(visiting[:, 3], np.int32), be.array(start),
            *grid.cells, len(grid.columns), be.array(grid.columns), grid.reach[2], be.array(box),
            self.bins / self.largest, self.bins, self.types, be.array(self._number), len(self.pairs),
            int(own), counts,
        )  # fmt: skip
        return be.host(counts).sum(axis=0)[:, : self.bins].astype(np.int64)

    def result(self, first: int = 0, second: int = 0) -> PairDistribution:
        """g(r) of two types.  Raises ValueError before the first sample or for an unknown type."""
        if not (0 <= first < self.types and 0 <= second < self.types):
            raise ValueError(f"types {first}, {second}: there are 0 … {self.types - 1}")
        if self.segments.samples == 0:
            raise ValueError("the radial distribution has no sample yet")
        row = int(self._number[first, second])
        edges = np.linspace(0.0, self.largest, self.bins + 1)
        shell = 4.0 / 3.0 * math.pi * np.diff(edges**3)
        a, b = int(self.numbers[first]), int(self.numbers[second])
        pairs = a * (a - 1) / 2 if first == second else a * b
        measured = self.segments.measured(lambda t: t["scaled"][row] / t["samples"] / (max(pairs, 1) * shell))
        totals = self.segments.totals()
        counted = totals["counted"][row] / totals["samples"]
        around = np.cumsum(counted) * (2 if first == second else 1) / max(a, 1)
        return PairDistribution(
            0.5 * (edges[1:] + edges[:-1]), measured.value, measured.error, counted, around
        )

    def saved(self) -> Saved:
        """All that it remembers."""
        numbers = {
            "kind": "radial distribution", "largest": self.largest, "bins": self.bins, "types": self.types,
        }  # fmt: skip
        return Saved(numbers, {**self.segments.arrays(), "numbers": self.numbers})

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave."""
        require_same(
            "radial distribution", saved.numbers, largest=self.largest, bins=self.bins, types=self.types
        )
        self.segments.restore(saved.arrays)
        self.numbers = np.array(saved.arrays["numbers"])


class _Grid:
    """Cells over the whole box, several per reach; those of one (x, y) column are neighbours in memory."""

    def __init__(self, widths: np.ndarray, largest: float, atoms: int):
        most = max(1, int(np.cbrt(atoms / ATOMS_PER_CELL)))
        cells = np.clip((CELLS_PER_REACH * widths / largest).astype(int), 1, most)
        self.cells = tuple(int(n) for n in cells)
        self.reach = tuple(math.ceil(largest * n / w) for n, w in zip(cells, widths, strict=True))
        shifts = [
            np.arange(n) if 2 * r + 1 >= n else np.arange(-r, r + 1)
            for n, r in zip(self.cells[:2], self.reach[:2], strict=True)
        ]
        self.columns = np.array([(x, y) for x in shifts[0] for y in shifts[1]], dtype=np.int32)

    def sorted(self, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Order of the rows by cell, and the first row of each cell (cells + 1,)."""
        cells = np.array(self.cells)
        index = np.minimum((place * cells).astype(np.int64), cells - 1)
        number = (index[:, 0] * cells[1] + index[:, 1]) * cells[2] + index[:, 2]
        counts = np.bincount(number, minlength=int(cells.prod()))
        return np.argsort(number, kind="stable"), np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
