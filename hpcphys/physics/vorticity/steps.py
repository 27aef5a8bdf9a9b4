"""Steps chosen by the Courant number: dt = C/(k_max u_max), held still as long as that is near enough."""

from __future__ import annotations

from math import inf, isfinite
from typing import Any

from hpcphys.compiler.adaptive import STEP, StepError
from hpcphys.compiler.state import State

CHANGES = "controller.changes"
MARGIN = 0.95
RAISE_AT = 1.25


class CourantSteps:
    """dt <= courant/(k_max u_max) with the largest speed of the present state, k_max = 2π K/L.

    engine: VorticityEngine; the transforms that measure the speed are those of the step that follows
    courant: C, above 0 and at most the engine's courant_limit
    max_step, min_step: bounds of the step [time]; if the rule asks for less than min_step, the run fails

    The step stays as it is while it is allowed and above 1/1.25 of what is allowed; else it becomes 0.95
    times that. So the damping factors are seldom computed anew. The only memory is the last step, in
    state.scalars["controller.step"]: a resumed run goes on bit for bit. Changes are counted in
    "controller.changes". The steps depend on the past, so the method is not time-symmetric; the flow is
    dissipative or its order 4 makes the drift. Raises ValueError for numbers out of range.
    """

    reads = frozenset({"vorticity"})
    outputs_at_start: frozenset[str] = frozenset()
    symmetric = False

    def __init__(self, engine: Any, courant: float = 0.8, *, max_step: float = inf, min_step: float = 0.0):
        if not 0.0 < courant <= engine.courant_limit:
            raise ValueError(f"courant = {courant!r}; allowed: above 0, at most {engine.courant_limit:g}")
        if not 0.0 <= min_step < max_step:
            raise ValueError(
                f"min_step = {min_step!r}, max_step = {max_step!r}; needed: 0 <= min_step < max_step"
            )
        self.engine, self.courant = engine, courant
        self.max_step, self.min_step = max_step, min_step

    def started(self, state: State) -> bool:
        """True if the state carries the controller's memory (a restored state does)."""
        return CHANGES in state.scalars

    def start(self, state: State) -> None:
        """The first step will be chosen from the first state."""
        state.scalars[CHANGES] = 0

    def choose(self, state: State) -> float:
        """The next step [time]; collective, equal on all ranks.  Raises StepError if there is none."""
        allowed = self._allowed(state)
        step = state.scalars.get(STEP)
        if step is None or step > allowed or (step * RAISE_AT < allowed and step < self.max_step):
            # a bound is met exactly: no margin to be kept from it
            step = allowed if allowed == self.max_step else MARGIN * allowed
            state.scalars[STEP] = step
            state.scalars[CHANGES] += 1
        return step

    def reverse(self, state: State) -> None:
        """Time reversed (ω changes sign): speeds are the same, and so is the step."""

    def describe(self) -> str:
        """One line for `explain`."""
        bound = "" if self.max_step == inf else f", dt <= {self.max_step:g}"
        return f"dt <= {self.courant:g}/(k_max u_max){bound}, changed only when it must"

    def _allowed(self, state: State) -> float:
        speed = self.engine.largest_speed(state, begin=True)
        if not isfinite(speed):
            raise StepError("the vorticity holds NaN or infinity; the step before was too long")
        longest = self.engine.longest_step(speed) * self.courant / self.engine.courant_limit
        allowed = min(longest, self.max_step)
        if not isfinite(allowed):
            raise StepError("nothing moves, so that no step can be chosen; set a largest step (max_step)")
        if allowed < self.min_step:
            raise StepError(
                f"the largest speed {speed:.4g} asks for a step of {allowed:.3e}, below the smallest "
                f"allowed, {self.min_step:.3e} (min_step); lower min_step or take more damping"
            )
        return allowed
