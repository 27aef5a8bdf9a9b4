"""Which pairs of samples a correlation function is made from: lags of a fixed relative spacing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


def verify_levels(points: int, levels: int, spread: int) -> None:
    """Raise ValueError for numbers of which no levels of lags can be made."""
    if spread < 2 or levels < 1 or points < spread or points % spread:
        raise ValueError(
            f"{points} points with spread {spread} on {levels} levels: points must be a multiple of spread, "
            "spread at least 2, levels at least 1"
        )


@dataclass(frozen=True)
class Lags:
    """Level l looks at every (spread^l)-th sample and keeps the last `points` of them as time origins.

    Lags, in samples: 0, 1, …, points at level 0; (points/spread + 1, …, points)·spread^l at the others.
    Every lag is an exact difference of two samples; work and memory grow with the logarithm of the longest.
    points: a multiple of spread
    Source: the order-n scheme of Frenkel & Smit (2002), Understanding Molecular Simulation, sec. 4.4.2,
    without its sums over blocks.
    """

    points: int = 8
    levels: int = 8
    spread: int = 2

    def __post_init__(self) -> None:
        verify_levels(self.points, self.levels, self.spread)

    @property
    def count(self) -> int:
        """Number of different lags, 0 among them."""
        return 1 + self.points + (self.levels - 1) * (self.points - self.points // self.spread)

    @property
    def values(self) -> np.ndarray:
        """(count,) int64 lags in samples, ascending."""
        shorter = self.points // self.spread
        upper = [
            self.spread**level * np.arange(shorter + 1, self.points + 1) for level in range(1, self.levels)
        ]
        return np.concatenate([np.arange(self.points + 1), *upper]).astype(np.int64)

    def due(self, sample: int) -> list[int]:
        """The levels that look at this sample (0, 1, …)."""
        return [level for level in range(self.levels) if sample % self.spread**level == 0]

    def pairs(self, level: int, sample: int) -> Iterator[tuple[int, int]]:
        """(index of the lag, slot of the origin) for this sample at a level, before it is stored itself."""
        number = sample // self.spread**level
        first = 1 if level == 0 else self.points // self.spread + 1
        offset = (
            0 if level == 0 else 1 + self.points + (level - 1) * (self.points - self.points // self.spread)
        )
        for back in range(first, min(self.points, number) + 1):
            index = back if level == 0 else offset + back - first
            yield index, (number - back) % self.points

    def slot(self, level: int, sample: int) -> int:
        """Where this sample is stored at a level."""
        return (sample // self.spread**level) % self.points
