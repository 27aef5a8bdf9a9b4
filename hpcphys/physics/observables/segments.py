"""Sums over equal stretches of a run, from which any function of averages gets its error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST = 32
"""Stretches kept; when there are so many, neighbours go together and stretches become twice as long."""


@dataclass(frozen=True)
class Measured:
    """A function of averages.  value, error: arrays of one shape, or floats; error by the jackknife.

    coarse_error: the same from stretches twice as long; where it is much larger, stretches are correlated and
        the error is too small: run longer.
    segments: independent stretches behind the error (below 4 the error is infinite)
    """

    value: np.ndarray
    error: np.ndarray
    coarse_error: np.ndarray
    segments: int


class Segments:
    """Named arrays of sums, kept apart for at most MOST equal stretches of the run.

    `add` is one sample.  `measured(f)` is f of the sums over the whole run, with the error from leaving out
    one stretch at a time: σ² = (S-1)/S Σ (f_s - f̄)².
    Source: Quenouille (1956), Biometrika 43, 353; Efron (1982), The Jackknife, eq. 3.4.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]):
        """shapes: of the sums, by name"""
        self._sums = {name: np.zeros((MOST, *shape)) for name, shape in shapes.items()}
        self._current = {name: np.zeros(shape) for name, shape in shapes.items()}
        self._filled, self._length, self._inside = 0, 1, 0

    @property
    def samples(self) -> int:
        """Samples so far."""
        return self._filled * self._length + self._inside

    def add(self, **sums) -> None:
        """Add one sample's contribution to each of the sums named; the others gain nothing."""
        for name, value in sums.items():
            self._current[name] += value
        self.advance()

    def current(self, name: str) -> np.ndarray:
        """The present stretch's sum, to be added to in place before `advance`: for sparse contributions."""
        return self._current[name]

    def advance(self) -> None:
        """One more sample has been added to the `current` sums."""
        self._inside += 1
        if self._inside < self._length:
            return
        for name, whole in self._sums.items():
            whole[self._filled] = self._current[name]
            self._current[name][...] = 0.0
        self._filled, self._inside = self._filled + 1, 0
        if self._filled == MOST:
            for whole in self._sums.values():
                whole[: MOST // 2] = whole[0::2] + whole[1::2]
                whole[MOST // 2 :] = 0.0
            self._filled, self._length = MOST // 2, 2 * self._length

    def totals(self) -> dict[str, np.ndarray]:
        """The sums over the whole run."""
        return {name: whole.sum(axis=0) + self._current[name] for name, whole in self._sums.items()}

    def measured(self, function: Callable[[dict[str, np.ndarray]], Any]) -> Measured:
        """function: of the totals, smooth in them; returns an array or a float."""
        total = self.totals()
        value = np.asarray(function(total), dtype=np.float64)
        parts = [{name: whole[s] for name, whole in self._sums.items()} for s in range(self._filled)]
        pairs = [
            {name: a[name] + b[name] for name in a} for a, b in zip(parts[0::2], parts[1::2], strict=False)
        ]
        return Measured(
            value, _jackknife(function, total, parts, value), _jackknife(function, total, pairs, value),
            self._filled,
        )  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that is remembered, by name, for Saved."""
        state = np.array([self._filled, self._length, self._inside], dtype=np.int64)
        kept = {f"segments.{name}": whole.copy() for name, whole in self._sums.items()}
        current = {f"current.{name}": part.copy() for name, part in self._current.items()}
        return {"segments": state, **kept, **current}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what `arrays` gave."""
        self._filled, self._length, self._inside = (int(n) for n in arrays["segments"])
        self._sums = {name: np.array(arrays[f"segments.{name}"]) for name in self._sums}
        self._current = {name: np.array(arrays[f"current.{name}"]) for name in self._current}


def _jackknife(function, total, parts, value: np.ndarray) -> np.ndarray:
    count = len(parts)
    if count < 4:
        return np.full(value.shape, np.inf)
    with np.errstate(invalid="ignore", divide="ignore"):
        left_out = np.array([function({name: total[name] - part[name] for name in total}) for part in parts])
    return np.sqrt((count - 1) / count * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
