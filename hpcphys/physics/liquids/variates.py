"""Random numbers of the whole system, the same on all ranks: functions of (seed; place, step, draw)."""

from __future__ import annotations

from math import exp, log, sqrt

from hpcphys.compiler.flows.noise import SEED, normals
from hpcphys.compiler.state import State

THERMOSTAT, BAROSTAT = 1 << 62, (1 << 62) + 1
"""Places beyond every atom's id."""


class Variates:
    """Draws for `place` in the present step of a state; each draw takes a new block of random numbers."""

    def __init__(self, state: State, place: int):
        self._state, self._place = state, place

    def pair(self) -> tuple[float, float]:
        """Two independent standard normal variates."""
        state = self._state
        x, y = normals(int(state.scalars.get(SEED, 0)), [self._place], state.step, state.blocks_drawn, 2)
        state.blocks_drawn += 1
        return float(x[0]), float(y[0])

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
