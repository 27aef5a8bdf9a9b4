"""Implicit flows of arrays: y = F(y) by accelerated iteration to round-off, and where to begin it.

For states that are too large for matrices: fields and matrices, in whole or by rows on many ranks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpcphys.compiler.failures import ConvergenceError
from hpcphys.compiler.state import State

STAGNANT = 1e3
"""A residual below so many tolerances that no longer shrinks ends the iteration: only rounding is left."""

LIMIT = 100
"""Images of F after which a step has failed."""

DIVERGED = 1e6
"""A relative residual that is not below this ends the iteration as a failure."""

FARTHEST = 64.0
"""Largest sum of moduli of extrapolation coefficients; beyond it old values are left out."""

CLOCK, REMEMBERED = "midpoint.clock", "midpoint.remembered"


@dataclass
class FixedPoint:
    """Solve y = F(y) by Anderson's iteration; a window of 0 is the plain one, y <- F(y).

    With g = F(y) - y and the differences dG, dF of the last `window` images,
        y <- F - dF gamma,    gamma = argmin |g - dG gamma|.
    The iteration ends when |g| <= tolerance |reference|, or when |g| is below 1000 tolerances and no longer
    shrinks.

    tolerance: relative residual; None: 4 eps of the arrays' precision (9e-16 in double)
    total: sums a small NumPy array over the ranks
    images: how many F the last solve took;  residual: its last |g|/|reference|
    Raises ConvergenceError after `limit` images, or where the residual grows beyond bounds or is NaN.
    Source: Walker & Ni (2011) SIAM J. Numer. Anal. 49, 1715.
    """

    tolerance: float | None = None
    window: int = 0
    limit: int = LIMIT
    total: Callable[[np.ndarray], np.ndarray] = field(default=lambda values: values)
    images: int = field(default=0, init=False)
    residual: float = field(default=0.0, init=False)

    def solve(self, image: Callable[[Any, Any], Any], start: Any, reference: Any) -> Any:
        """The last F(y), where y agrees with it to the tolerance.

        image: image(y, spare) -> F(y), an array of its own; it may be `spare`, if that is not None
        start: first y, overwritten;  reference: array whose norm residuals are measured by
        """
        allowed = self.tolerance if self.tolerance is not None else 4.0 * float(np.finfo(start.dtype).eps)
        scale = float(np.sqrt(self._products([(reference, reference)])[0])) or 1.0
        y, spare, before = start, None, np.inf
        images: list[Any] = []
        defects: list[Any] = []
        self.images = 0
        while self.images < self.limit:
            self.images += 1
            value = image(y, spare)
            y -= value
            self.residual = float(np.sqrt(self._products([(y, y)])[0])) / scale
            if self.residual <= allowed or before <= self.residual <= STAGNANT * allowed:
                return value
            if not self.residual < DIVERGED:
                break
            before = self.residual
            if self.window == 0:
                y, spare = value, y
            else:
                images, defects = [value, *images][: self.window + 1], [y, *defects][: self.window + 1]
                y = self._mixed(images, defects)
        raise ConvergenceError(
            f"no convergence: after {self.images} iterations the residual is {self.residual:.1e} of the "
            f"state, allowed {allowed:.1e}"
        )

    def _mixed(self, images: list[Any], defects: list[Any]) -> Any:
        """F - dF gamma, from the newest images and defects."""
        count = len(images) - 1
        if count == 0:
            return images[0].copy()
        steps = [defects[i] - defects[i + 1] for i in range(count)]
        pairs = [(a, b) for a in steps for b in (*steps, defects[0])]
        table = self._products(pairs).reshape(count, count + 1)
        gamma = np.linalg.lstsq(table[:, :count], table[:, count], rcond=1e-12)[0]
        weights = np.diff(np.concatenate(([0.0], gamma, [0.0])))
        # F_0 - sum gamma_i (F_i - F_{i+1}) = sum of images with these weights
        weights = -weights + np.eye(1, count + 1)[0]
        return sum(float(weight) * value for weight, value in zip(weights, images, strict=True))

    def _products(self, pairs: list[tuple[Any, Any]]) -> np.ndarray:
        """Re <a, b> of each pair over all ranks."""
        return self.total(np.array([float(_real(a).dot(_real(b))) for a, b in pairs]))


def _real(array: Any) -> Any:
    """A contiguous array as a vector of its real components."""
    flat = array.reshape(-1)
    return flat.view(flat.real.dtype)


@dataclass(frozen=True)
class Midpoints:
    """The midpoints of past steps, from which the next one is extrapolated in time.

    They are arrays midpoint_1 (the newest), midpoint_2, … of the state, with their times as scalars: a
    restored state goes on bit for bit.  Only the number of iterations depends on them.

    name: the array that moves;  count: how many are kept (0: none; a step then begins at the state itself)
    """

    name: str
    count: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays that are kept."""
        return tuple(f"midpoint_{index}" for index in range(1, self.count + 1))

    def prepare(self, state: State) -> None:
        """Give the state the arrays that it lacks."""
        for name in self.names:
            if name not in state:
                state[name] = state[self.name].copy()
                state.scalars[REMEMBERED] = 0

    def start(self, state: State, dt: float) -> Any:
        """A new array near the midpoint of a step of dt from the present state: Lagrange extrapolation."""
        target = state.scalars.get(CLOCK, 0.0) + 0.5 * dt
        known = int(state.scalars.get(REMEMBERED, 0))
        times = [float(state.scalars[f"{name}.time"]) for name in self.names[:known]]
        # Two midpoints of one time (the stages of a composition may overlap) tell no derivative.
        apart = [
            index
            for index, time in enumerate(times)
            if all(abs(time - other) > 1e-3 * abs(dt) for other in times[:index])
        ]
        weights = _lagrange([times[index] for index in apart], target)
        while len(apart) > 1 and sum(map(abs, weights)) > FARTHEST:
            apart.pop()
            weights = _lagrange([times[index] for index in apart], target)
        if len(apart) < 2:
            return state[self.name].copy()
        names = [self.names[index] for index in apart]
        return sum(weight * state[name] for weight, name in zip(weights, names, strict=True))

    def remember(self, state: State, midpoint: Any, dt: float) -> None:
        """Keep the midpoint of the step dt that has just been done, and advance the clock by it."""
        clock = state.scalars.get(CLOCK, 0.0)
        state.scalars[CLOCK] = clock + dt
        if self.count == 0:
            return
        names = self.names
        oldest = state[names[-1]]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            state[older] = state[newer]
            state.scalars[f"{older}.time"] = state.scalars.get(f"{newer}.time", 0.0)
        oldest[...] = midpoint
        state[names[0]] = oldest
        state.scalars[f"{names[0]}.time"] = clock + 0.5 * dt
        state.scalars[REMEMBERED] = min(int(state.scalars.get(REMEMBERED, 0)) + 1, self.count)


def forget_midpoints(state: State) -> None:
    """Begin the next step at the state itself: what a reversal of time or a change of the state asks for."""
    state.scalars[REMEMBERED] = 0


def _lagrange(nodes: list[float], target: float) -> list[float]:
    """Weights of the values at `nodes` in the polynomial through them, at `target`."""
    return [
        float(np.prod([(target - other) / (node - other) for other in nodes if other != node]))
        for node in nodes
    ]
