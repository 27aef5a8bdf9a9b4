"""Random numbers of the whole system, the same on all ranks: functions of (seed; place, step, draw)."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np

from hpcphys.compiler.flows.noise import BLOCKS, HALF, LOW, SEED, philox
from hpcphys.compiler.state import State

THERMOSTAT, BAROSTAT = 1 << 62, (1 << 62) + 1
"""Places beyond every atom's id."""

AHEAD = 8
"""Blocks that are computed at once: one call of NumPy costs more than eight blocks."""


class Variates:
    """Draws for `place` in the present step of a state; each draw takes a new block of random numbers.

    The numbers are those of compiler.flows.noise.normals for the system `place`.
    """

    def __init__(self, state: State, place: int):
        self._state, self._place = state, place
        self._ready: dict[int, tuple[float, float]] = {}

    def pair(self) -> tuple[float, float]:
        """Two independent standard normal variates."""
        block = self._state.blocks_drawn
        if block not in self._ready:
            self._compute(block)
        self._state.blocks_drawn += 1
        return self._ready[block]

    def _compute(self, first: int) -> None:
        """Blocks `first` and those after it.  Source: as compiler.flows.noise."""
        if first + AHEAD > BLOCKS:
            raise ValueError(f"a step draws more than {BLOCKS - AHEAD} blocks of random numbers")
        step, seed = self._state.step, int(self._state.scalars.get(SEED, 0))
        blocks = np.arange(first, first + AHEAD, dtype=np.uint64)
        last = blocks | np.uint64(step >> 32 << 16)
        place = np.uint64(self._place)
        counter = (place & LOW, place >> HALF, np.uint64(step & 0xFFFFFFFF), last)
        a, b, c, d = philox(counter, (seed & 0xFFFFFFFF, seed >> 32))
        u, w = ((((low | high << HALF) >> np.uint64(12)) * 2.0**-52) for low, high in ((a, b), (c, d)))
        radius = np.sqrt(-2.0 * np.log(1.0 - u))
        x, y = radius * np.cos(2.0 * np.pi * w), radius * np.sin(2.0 * np.pi * w)
        self._ready.update(zip(blocks.tolist(), zip(x.tolist(), y.tolist(), strict=True), strict=True))

    def normal(self) -> float:
        """A standard normal variate."""
        return self.pair()[0]

    def gamma(self, shape: float) -> float:
        """A variate of the density x^(shape-1) e^-x / Gamma(shape), shape > 0.

        Below 1:  gamma(a) = gamma(a + 1) u^(1/a), u uniform.
        Source: Marsaglia & Tsang (2000) ACM Trans. Math. Softw. 26, 363.
        """
        if shape < 1.0:
            x, y = self.pair()
            return self.gamma(shape + 1.0) * exp(-0.5 * (x * x + y * y) / shape)
        d = shape - 1.0 / 3.0
        c = 1.0 / sqrt(9.0 * d)
        while True:
            x = self.normal()
            v = (1.0 + c * x) ** 3
            # e^(-r²/2) of a pair of normal variates is uniform in (0, 1].
            a, b = self.pair()
            if v > 0.0 and -0.5 * (a * a + b * b) < 0.5 * x * x + d - d * v + d * log(v):
                return d * v

    def sum_of_squares(self, count: int) -> float:
        """The sum of the squares of `count` standard normal variates, count >= 0."""
        return 2.0 * self.gamma(0.5 * count) if count else 0.0
