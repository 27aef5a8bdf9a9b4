"""Averages of correlated series and their errors, by blocks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hpcphys.physics.observables.saved import Saved, require_same

LEVELS = 48
FEWEST_BLOCKS = 8
"""Blocks below which the variance of their means says nothing."""


@dataclass(frozen=True)
class Estimate:
    """A number with what is known of its error.

    value: the mean;  error: its standard error;  error_of_error: standard error of that
    autocorrelation_time: integrated, τ = Δ(½ + Σ ρ_k) with the step Δ between samples
    samples: how many;  block: length of the blocks that gave the error, in samples
    converged: blocks were long enough for the error not to depend on their length
    """

    value: float
    error: float
    error_of_error: float
    autocorrelation_time: float
    samples: int
    block: int
    converged: bool

    def __str__(self) -> str:
        return f"{self.value:.6g} ± {self.error:.1g}{'' if self.converged else ' (not converged)'}"


class BlockAverage:
    """Means, errors and autocorrelation times of series that grow, in memory that does not.

    At level l a block is 2^l samples long; each level keeps the number, the mean and the sum of squared
    deviations of its blocks, and the one that waits for its partner.  With B blocks of variance s² the error
    of the mean is √(s²/B), to a relative error 1/√(2(B-1)).  It grows with the length of blocks until they
    are independent; used is the shortest length with n_B³ > 2 n c², c = n_B s_B²/s_0² (the statistical
    inefficiency), and τ = c Δ/2.
    Source: Flyvbjerg & Petersen (1989), J. Chem. Phys. 91, 461, eq. 26-28; choice of length: Lee et al.
    (2011), Phys. Rev. E 83, 066706, sec. III.
    """

    def __init__(self, names: tuple[str, ...] | list[str], step: float = 1.0):
        """names: of the series;  step: Δ, between samples [time]"""
        self.names, self.step = tuple(names), float(step)
        width = len(self.names)
        self._count = np.zeros(LEVELS, np.int64)
        self._mean = np.zeros((LEVELS, width))
        self._squares = np.zeros((LEVELS, width))
        self._waiting = np.zeros((LEVELS, width))
        self._occupied = np.zeros(LEVELS, bool)

    @property
    def samples(self) -> int:
        """Samples so far."""
        return int(self._count[0])

    def add(self, values) -> None:
        """One sample of each series: (names,).  Raises ValueError for numbers that are not finite."""
        block = np.array(values, dtype=np.float64).reshape(len(self.names))
        if not np.isfinite(block).all():
            name = self.names[int(np.argmin(np.isfinite(block)))]
            raise ValueError(f"sample {self.samples} of '{name}' is not a finite number")
        for level in range(LEVELS):
            self._count[level] += 1
            change = block - self._mean[level]
            self._mean[level] += change / self._count[level]
            self._squares[level] += change * (block - self._mean[level])
            if not self._occupied[level]:
                self._waiting[level], self._occupied[level] = block, True
                return
            block = 0.5 * (self._waiting[level] + block)
            self._occupied[level] = False

    def estimate(self, name: str) -> Estimate:
        """The mean of a series and its error.  Raises KeyError for an unknown name."""
        if name not in self.names:
            raise KeyError(f"no series '{name}'; there are {', '.join(self.names)}")
        column, total = self.names.index(name), self.samples
        if total < 2:
            return Estimate(float(self._mean[0, column]), np.inf, np.inf, np.inf, total, 1, False)
        usable = np.flatnonzero(self._count >= 2)
        variance = self._squares[usable, column] / (self._count[usable] - 1)
        error = np.sqrt(variance / self._count[usable])
        if variance[0] == 0.0:
            return Estimate(float(self._mean[0, column]), 0.0, 0.0, 0.5 * self.step, total, 1, True)
        length = 2.0**usable
        inefficiency = length * variance / variance[0]
        enough = (length**3 > 2.0 * total * inefficiency**2) & (self._count[usable] >= FEWEST_BLOCKS)
        converged = bool(enough.any())
        if converged:
            level = int(np.argmax(enough))
        else:
            level = int(np.argmax(np.where(self._count[usable] >= min(FEWEST_BLOCKS, total), error, -1.0)))
        blocks = int(self._count[usable[level]])
        return Estimate(
            float(self._mean[0, column]), float(error[level]),
            float(error[level] / np.sqrt(2.0 * (blocks - 1))), float(0.5 * self.step * inefficiency[level]),
            total, int(length[level]), converged,
        )  # fmt: skip

    def estimates(self) -> dict[str, Estimate]:
        """All series by name."""
        return {name: self.estimate(name) for name in self.names}

    def levels(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Length of blocks, error of the mean, error of the error at every level with two blocks or more."""
        column, usable = self.names.index(name), np.flatnonzero(self._count >= 2)
        blocks = self._count[usable]
        error = np.sqrt(self._squares[usable, column] / (blocks - 1) / blocks)
        return 2**usable, error, error / np.sqrt(2.0 * (blocks - 1))

    def saved(self) -> Saved:
        """All that it remembers."""
        return Saved(
            {"kind": "block average", "names": list(self.names), "step": self.step},
            {
                "count": self._count.copy(), "mean": self._mean.copy(), "squares": self._squares.copy(),
                "waiting": self._waiting.copy(), "occupied": self._occupied.copy(),
            },
        )  # fmt: skip

    def restore(self, saved: Saved) -> None:
        """Go on from what `saved` gave.  Raises ValueError when it belongs to other series."""
        require_same("block average", saved.numbers, names=list(self.names), step=self.step)
        self._count, self._mean, self._squares, self._waiting, self._occupied = (
            np.array(saved.arrays[name]) for name in ("count", "mean", "squares", "waiting", "occupied")
        )


def block_estimate(series: np.ndarray, step: float = 1.0) -> Estimate:
    """The mean of a whole series (n,) and its error, as BlockAverage has it.  step: between samples"""
    average = BlockAverage(("series",), step)
    for value in np.asarray(series, dtype=np.float64):
        average.add(value)
    return average.estimate("series")
