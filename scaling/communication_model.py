"""From the ranks that were measured to thousands: bytes and messages per rank and step.

Imports: a rank of n particles needs its neighbours' surfaces and, of all that is farther, cells that thin out
with distance:  I = a n^(2/3) + b log₂ R + c  (Salmon 1991, PhD thesis, Caltech), fitted with a, b, c ≥ 0.
Messages: collective operations, each ⌈log₂ R⌉ (a tree), and one for each rank that something is asked of or
sent to: P = p + q log₂ R, since partners are those near on each scale.
The top of the tree is told to all: roots per rank × R records, the only thing that grows with R.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ROOT_BYTES = 64 + 24 + 16 + 8
"""One root told to all ranks: node, box, key, number of particles (single precision)."""


SMALLEST_FIT = 3


@dataclass(frozen=True)
class Measured:
    """Means over the ranks of one measured run; n: particles per rank."""

    ranks: int
    particles: float
    imported_bytes: float
    collectives: float
    direct_messages: float
    roots: float


@dataclass(frozen=True)
class CommunicationModel:
    """The fit; `residual`: largest relative deviation of the imports from it."""

    imports: tuple[float, float, float]
    partners: tuple[float, float]
    collectives: float
    roots: tuple[float, float]
    residual: float

    @classmethod
    def fitted(cls, measured: Sequence[Measured]) -> CommunicationModel:
        """Least squares of relative deviations over the runs of 4 ranks and more, if there are 4 of them;
        else over all of at least 2 ranks.  Raises ValueError for fewer than SMALLEST_FIT of these.
        """
        from scipy.optimize import nnls

        several = [m for m in measured if m.ranks > 1]
        if len(several) < SMALLEST_FIT:
            raise ValueError(
                f"a model of communication was given {len(several)} runs on 2 ranks or more; "
                f"it needs at least {SMALLEST_FIT}"
            )
        used = [m for m in several if m.ranks >= 4] if sum(m.ranks >= 4 for m in several) >= 4 else several
        depth = np.log2([m.ranks for m in used])
        surface = np.array([m.particles for m in used]) ** (2.0 / 3.0)
        one = np.ones(len(used))

        def fit(columns, values):
            values = np.maximum(np.array(values, dtype=float), 1e-30)
            return nnls(np.stack(columns, axis=1) / values[:, None], np.ones(len(values)))[0]

        imports = fit((surface, depth, one), [m.imported_bytes for m in used])
        predicted = imports @ np.stack((surface, depth, one))
        actual = np.maximum([m.imported_bytes for m in used], 1e-30)
        return cls(
            tuple(imports),
            tuple(fit((one, depth), [m.direct_messages for m in used])),
            max(m.collectives for m in several),
            tuple(fit((one, depth), [m.roots for m in used])),
            float(np.abs(predicted / actual - 1.0).max()),
        )

    def imported_bytes(self, ranks: int, particles: float) -> float:
        """Bytes of essential tree that a rank of n particles receives."""
        a, b, c = self.imports
        return a * particles ** (2.0 / 3.0) + b * np.log2(ranks) + c

    def messages(self, ranks: int) -> float:
        """Messages that a rank sends in one step."""
        direct = self.partners[0] + self.partners[1] * np.log2(ranks)
        return direct + self.collectives * np.ceil(np.log2(ranks))

    def top_bytes(self, ranks: int) -> float:
        """Bytes of roots that every rank holds of all ranks."""
        return ROOT_BYTES * ranks * (self.roots[0] + self.roots[1] * np.log2(ranks))
