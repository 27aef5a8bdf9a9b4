"""Autocorrelation of a few long series at lags from one sample to the whole run, in little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpcphys.physics.observables.lags import verify_levels
from hpcphys.physics.observables.saved import Saved, require_same
from hpcphys.physics.observables.segments import Measured, Segments


@dataclass(frozen=True)
class MultiTau:
    """Where the lags of a multiple-τ correlator lie: level l averages `spread` values of the level below.

    Lags, in samples: 0 … points-1 at level 0, (points/spread … points-1)·spread^l at the others.  Averaging
    smooths the correlation function over spread^l samples at lags of at least points·spread^(l-1): a relative
    error of the order (spread/points)² where it varies as a power of the lag.
    Source: Ramírez, Sukumaran, Vorselaars & Likhtman (2010), J. Chem. Phys. 133, 154103, sec. II.
    """

    points: int = 32
    levels: int = 16
    spread: int = 2

    def __post_init__(self) -> None:
        verify_levels(self.points, self.levels, self.spread)

    @property
    def values(self) -> np.ndarray:
        """(lags,) int64, ascending, in samples."""
        upper = [
            self.spread**level * np.arange(self.points // self.spread, self.points)
            for level in range(1, self.levels)
        ]
        return np.concatenate([np.arange(self.points), *upper]).astype(np.int64)


class MultiTauCorrelator:
    """C_c(k) = ⟨x_c(t) x_c(t + k)⟩ of several channels at the lags of `MultiTau`."""

    def __init__(self, channels: int, scheme: MultiTau):
        """channels: number of series"""
        self.channels, self.scheme = int(channels), scheme
        levels, points = scheme.levels, scheme.points
        self._past = np.zeros((levels, points, channels))
        self._seen = np.zeros(levels, np.int64)
        self._part = np.zeros((levels, channels))
        self._number = np.arange(points)
        lags = len(scheme.values)
        self.segments = Segments({"products": (lags, channels), "origins": (lags,)})

    def add(self, values: np.ndarray) -> None:
        """One sample of all channels: (channels,)."""
        points, spread = self.scheme.points, self.scheme.spread
        lower = points // spread
        products, origins = self.segments.current("products"), self.segments.current("origins")
        value = np.array(values, dtype=np.float64)
        for level in range(self.scheme.levels):
            seen = int(self._seen[level])
            self._past[level, seen % points] = value
            first = 0 if level == 0 else lower
            count = min(points, seen + 1) - first
            if count > 0:
                start = 0 if level == 0 else points + (level - 1) * (points - lower)
                back = (seen - first - self._number[:count]) % points
                products[start : start + count] += value * self._past[level, back]
                origins[start : start + count] += 1.0
            self._seen[level] += 1
            self._part[level] += value
            if self._seen[level] % spread:
                break
            value = self._part[level] / spread
            self._part[level] = 0.0
        self.segments.advance()

    @property
    def filled(self) -> np.ndarray:
        """(lags,) bool: where there is at least one pair."""
        return self.segments.totals()["origins"] > 0

    def measured(self, function) -> Measured:
        """function of C (lags, channels) restricted to the lags that have data, with its error."""
        there = self.filled
        return self.segments.measured(lambda t: function(t["products"][there] / t["origins"][there][:, None]))

    def saved(self) -> Saved:
        """All that it remembers."""
        numbers = {"kind": "multiple tau", "channels": self.channels, "scheme": self._numbers()}
        return Saved(
            numbers,
            {
                **self.segments.arrays(), "past": self._past.copy(), "seen": self._seen.copy(),
                "part": self._part.copy(),
            },
        )  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave."""
        require_same("multiple tau", saved.numbers, channels=self.channels, scheme=self._numbers())
        self.segments.restore(saved.arrays)
        self._past, self._seen, self._part = (
            np.array(saved.arrays[name]) for name in ("past", "seen", "part")
        )

    def _numbers(self) -> list[int]:
        return [self.scheme.points, self.scheme.levels, self.scheme.spread]
