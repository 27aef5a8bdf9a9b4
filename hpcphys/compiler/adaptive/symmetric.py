"""Global adaptive steps that stay time-symmetric.

The controller keeps one number, the last step, and chooses at the synchronised state z_n

    h_{n+1/2} h_{n-1/2} = h(z_n)²,

where h(z) is the step that a criterion asks for, even under reversal of the velocities.  Exchanging the two
steps leaves the relation as it is, so a run retraces itself when the velocities are reversed, and the energy
error does not drift.  It costs no extra evaluation.  This is the adaptive Verlet method of Huang & Leimkuhler
(1997, SIAM J. Sci. Comput. 18, 239) with their arithmetic mean of 1/h replaced by the geometric mean, which
keeps h positive however suddenly h(z) drops.

Such a rule cannot damp: for a rule h_{n+1/2} = F(h_{n-1/2}, h(z_n)) symmetry says that F is its own inverse,
so a deviation x = log h_step/h(z) alternates in sign for ever, and noise in h(z) adds to it like a random
walk.  Three things keep it small: the first step is h(z_0), criteria are smooth means instead of noisy
maxima, and a step that leaves [h(z)/limit, h(z) limit] is set back to h(z).  A set-back breaks the symmetry
once; it is counted in state.scalars["controller.resets"].  (The integrating controller of Hairer & Söderlind
2005, SIAM J. Sci. Comput. 26, 1838, has no alternating mode, but it needs the time derivative of the
criterion, that is the jerk, and what it loses by a sudden drop it never finds again.)

The last step of a run is not shortened to hit an end time: that would break the symmetry as well.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import Protocol

from hpcphys.compiler.state import State

STEP = "controller.step"
RESETS = "controller.resets"


class StepError(ValueError):
    """No step can be chosen; the message says why and what to change."""


class Criterion(Protocol):
    """Says how fast a state moves: rate(state) = 1/h(z) [1/time], equal on all ranks, even in the velocities.

    reads: arrays that rate needs at the synchronised state
    outputs_at_start: optional outputs of fields that `start` needs once, before the first step
    """

    reads: frozenset[str]
    outputs_at_start: frozenset[str]

    def start(self, state: State) -> None: ...

    def rate(self, state: State) -> float: ...

    def describe(self) -> str: ...


class SymmetricSteps:
    """h_{n+1/2} = h(z_n)²/h_{n-1/2} with h(z) = min(1/criterion.rate(z), max_step).

    criterion: the object that gives 1/h(z)
    max_step: bound of h(z) and of the step [time]
    min_step: if h(z) falls below it, the run fails: a longer step than h(z) would be a wrong one [time]
    limit: a step outside [h(z)/limit, h(z) limit] or outside the bounds is set back to h(z)

    Explicit, time-symmetric where no set-back happens, one memory in state.scalars["controller.step"], so
    that a restart goes on bit for bit.  Raises ValueError for bounds that make no sense.
    """

    def __init__(
        self, criterion: Criterion, *, min_step: float = 0.0, max_step: float = inf, limit: float = 2.0
    ):
        if not 0.0 <= min_step < max_step:
            raise ValueError(
                f"min_step = {min_step!r}, max_step = {max_step!r}; needed: 0 <= min_step < max_step"
            )
        if not limit > 1.0:
            raise ValueError(f"limit = {limit!r}; it must be above 1 (2 is usual)")
        self.criterion = criterion
        self.min_step = min_step
        self.max_step = max_step
        self.limit = limit

    @property
    def reads(self) -> frozenset[str]:
        """Arrays that must be valid at the synchronised state."""
        return frozenset(self.criterion.reads)

    @property
    def outputs_at_start(self) -> frozenset[str]:
        """Optional outputs that must be valid when `start` is called."""
        return frozenset(self.criterion.outputs_at_start)

    def started(self, state: State) -> bool:
        """True if the state carries the controller's memory (a restored state does)."""
        return RESETS in state.scalars

    def start(self, state: State) -> None:
        """Fix what the criterion needs from the first state. The first step will be h(z_0)."""
        self.criterion.start(state)
        state.scalars[RESETS] = 0

    def wanted(self, state: State) -> float:
        """h(z) [time]: the step that the criterion asks for, at most max_step.

        Raises StepError if it is no step or below min_step.
        """
        rate = self.criterion.rate(state)
        if not (isfinite(rate) and rate >= 0.0):
            raise StepError(f"the criterion gave 1/h = {rate!r}: the state holds NaN or infinity")
        step = min(1.0 / rate if rate > 0.0 else inf, self.max_step)
        if not isfinite(step):
            raise StepError(
                "nothing moves, so that the criterion gives no step; set a largest step (max_step)"
            )
        if step < self.min_step:
            raise StepError(
                f"the criterion asks for a step of {step:.3e}, below the smallest allowed, "
                f"{self.min_step:.3e} (min_step); lower min_step, or raise the softening or the accuracy"
            )
        return step

    def choose(self, state: State) -> float:
        """The next step [time]; remembers it in the state.  Raises StepError as `wanted` does."""
        wanted = self.wanted(state)
        step = wanted
        if STEP in state.scalars:
            step = wanted * (wanted / state.scalars[STEP])
            shortest = max(wanted / self.limit, self.min_step)
            longest = min(wanted * self.limit, self.max_step)
            if not shortest <= step <= longest:
                step = wanted
                state.scalars[RESETS] += 1
        state.scalars[STEP] = step
        return step

    def reverse(self, state: State) -> None:
        """After the velocities changed sign: the next step will be the last one again."""
        if STEP in state.scalars:
            wanted = self.wanted(state)
            state.scalars[STEP] = wanted * (wanted / state.scalars[STEP])

    def describe(self) -> str:
        """One line for `explain`."""
        bounds = f"{self.min_step:g} <= h <= {self.max_step:g}"
        return f"h_next = h(z)²/h_last, time-symmetric; {self.criterion.describe()}; {bounds}"
