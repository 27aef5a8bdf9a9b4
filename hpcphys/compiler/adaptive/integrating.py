"""The integrating controller: the density of steps is integrated along with the motion.

With R(z) = 1/h(z) the density of steps that a criterion asks for, and G(z) = d log R/dt along the motion,

    R_{n+1/2} = R_{n-1/2} + G(z_n),     R_{1/2} = R(z_0) + G(z_0)/2,     h_{n+1/2} = 1/R_{n+1/2}.

The pair (z, R) is moved by a symmetric splitting of dz/ds = f(z)/R, dR/ds = G(z): the steps retrace
themselves, the order is that of the composition, and no mode of the controller alternates in sign.  What it
cannot do is to find back: a jump of R(z) that one step does not see is lost, so that R is set back to R(z)
    where the two differ
by more than `limit`.

Source: Hairer & Söderlind (2005) SIAM J. Sci. Comput. 26, 1838, eqs. 3.2 and 3.4.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import Protocol

from hpcphys.compiler.adaptive.symmetric import RESETS, Criterion, StepError
from hpcphys.compiler.state import State

DENSITY = "controller.density"


class DensityCriterion(Criterion, Protocol):
    """A criterion that knows its time derivative.

    rate(state) = R = 1/h(z) [1/time], even in the velocities; growth(state) = dR/dt [1/time²] along the
    motion, odd in the velocities.  Both are equal on all ranks.  For R = C r^(-3/2) of a Kepler orbit
    growth = -3/2 R (r·v)/r².
    """

    def growth(self, state: State) -> float: ...


class IntegratingSteps:
    """h_{n+1/2} = 1/R_{n+1/2}, R_{n+1/2} = R_{n-1/2} + (dR/dt)/R at z_n.

    criterion: gives R(z) and dR/dt
    min_step: if the step falls below it, the run fails: a longer step would be a wrong one [time]
    max_step: bound of the step [time]: the density is never below 1/max_step
    limit: a density outside [R(z)/limit, R(z) limit] is set back to R(z) + (dR/dt)/2R

    Explicit, time-symmetric where no set-back happens (they are counted in
    state.scalars["controller.resets"]), one memory in state.scalars["controller.density"], so that a
    restart goes on bit for bit.  Raises ValueError for bounds that make no sense.
    """

    def __init__(
        self,
        criterion: DensityCriterion,
        *,
        min_step: float = 0.0,
        max_step: float = inf,
        limit: float = 2.0,
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
        """Fix what the criterion needs from the first state. The first step will be 1/(R + G/2)."""
        self.criterion.start(state)
        state.scalars[RESETS] = 0

    def wanted(self, state: State) -> tuple[float, float]:
        """R(z) and G(z) = (dR/dt)/R, both [1/time].  Raises StepError if they are no numbers, or R is 0."""
        rate, growth = self.criterion.rate(state), self.criterion.growth(state)
        if not (isfinite(rate) and rate > 0.0 and isfinite(growth)):
            raise StepError(
                f"the criterion gave 1/h = {rate!r} and its derivative {growth!r}; allowed: finite numbers, "
                "1/h above 0; the state holds NaN, or nothing moves"
            )
        return rate, growth / rate

    def choose(self, state: State) -> float:
        """The next step [time]; remembers its density in the state.  Raises StepError below min_step."""
        rate, growth = self.wanted(state)
        fresh = rate + 0.5 * growth
        density = state.scalars[DENSITY] + growth if DENSITY in state.scalars else fresh
        if not rate / self.limit <= density <= rate * self.limit:
            density = fresh if fresh > 0.0 else rate
            state.scalars[RESETS] += 1
        state.scalars[DENSITY] = density
        step = min(1.0 / density, self.max_step)
        if step < self.min_step:
            raise StepError(
                f"the criterion asks for a step of {step:.3e}, below the smallest allowed, "
                f"{self.min_step:.3e} (min_step); lower min_step, or raise the softening or the accuracy"
            )
        return step

    def reverse(self, state: State) -> None:
        """After the velocities changed sign: the next step will be the last one again."""
        if DENSITY in state.scalars:
            # The next density is to be the last one: R = memory + G, and G has just changed its sign.
            state.scalars[DENSITY] -= self.wanted(state)[1]

    def describe(self) -> str:
        """One line for `explain`."""
        bounds = f"{self.min_step:g} <= h <= {self.max_step:g}"
        rule = "1/h_next = 1/h_last + d log R/dt with R = 1/h(z), time-symmetric"
        return f"{rule}; {self.criterion.describe()}; {bounds}"
