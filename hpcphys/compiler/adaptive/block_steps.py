"""Block steps: every row has a step of its own, max_step/2^level, and all meet at the ends of the longest.

V is split by levels: V_k are the pairs of rows whose coarser row has level k.  V_0 kicks once per longest
step, V_1 twice, and so on, nested symmetrically as in r-RESPA, while all rows drift together over the
shortest step. V_k is the potential among the rows of level k and finer, less that among those of level k +
1 and finer, so that each kick needs only forces within such a set:

    kick of V_k over h  =  kick of the set k over h,  kick of the set k + 1 over -h

Every kick conserves the momentum (its forces are internal to a set), and at fixed levels the map is
symplectic and time-symmetric.  A change of levels, at a synchronised state, breaks the symmetry once.

Source: Pelupessy, Jänes & Portegies Zwart (2012) New Astron. 17, 711; Springel, Pakmor, Zier & Reinecke
(2021) Mon. Not. R. Astron. Soc. 506, 2871, section 4.2 (hierarchical time integration of GADGET-4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import numpy as np

from hpcphys.compiler.adaptive.symmetric import StepError
from hpcphys.compiler.state import State

LEVEL = "level"


@dataclass(frozen=True)
class BlockStage:
    """Kicks at one set of positions, then a drift of all rows.

    kicks: (level k, fraction c of the longest step): rows of level k and finer are kicked over c max_step
        by the
        forces among themselves; c may be negative
    drift: fraction of the longest step; 0 in the last stage
    """

    kicks: tuple[tuple[int, float], ...]
    drift: float


@cache
def block_schedule(deepest: int) -> tuple[BlockStage, ...]:
    """The stages of one longest step for levels 0 ... deepest: 2^deepest drifts, kicks before and after each.

    Palindromic.  The kicks of one stage are ordered from the finest to the coarsest and their sets are
    nested, so that a stage evaluates the forces of each set once.  A set k takes part in 2^k + 1 of the
    stages (the first of a step repeats the last of the step before), its kicks sum to 1 for k = 0 and to 0
    for the others.
    Raises ValueError for a negative number.
    """
    if deepest < 0:
        raise ValueError(f"deepest level {deepest}; 0 or more is needed")
    steps = 2**deepest
    # At the ends of a step of level k the potential V_k kicks over half of it, on both sides.
    stages = []
    for index in range(steps + 1):
        share = [0.0] * (deepest + 2)
        for level in range(deepest + 1):
            stride = 2 ** (deepest - level)
            if index % stride:
                continue
            half = 0.5 if index in (0, steps) else 1.0
            share[level] += half * 2.0**-level
            share[level + 1] -= half * 2.0**-level
        kicks = tuple((level, share[level]) for level in range(deepest, -1, -1) if share[level])
        stages.append(BlockStage(kicks, 1.0 / steps if index < steps else 0.0))
    return tuple(stages)


class BlockSteps(Protocol):
    """What a program with block steps asks of its controller.

    max_step: the longest step [time]; deepest: the finest level
    levels: levels(state) -> (rows,) integers, chosen at a synchronised state and fixed for a longest step
    """

    max_step: float
    deepest: int

    def levels(self, state: State) -> Any: ...

    def describe(self) -> str: ...


class PowerOfTwoSteps:
    """Levels from a step wanted for each row: the longest max_step/2^level that is not longer than it.

    wanted: wanted(state) -> (rows,) steps [time], positive
    max_step: the longest step [time]
    deepest: the finest level; a row that asks for less than max_step/2^deepest is an error
    """

    def __init__(self, wanted: Callable[[State], Any], max_step: float, deepest: int = 20):
        if not max_step > 0.0:
            raise ValueError(f"max_step = {max_step!r}; it must be above 0")
        if not 0 <= deepest <= 60:
            raise ValueError(f"deepest = {deepest!r}; allowed: 0 to 60")
        self.wanted = wanted
        self.max_step = max_step
        self.deepest = deepest

    def levels(self, state: State) -> Any:
        """(rows,) int8 levels.  Raises StepError for a row whose step is no number or too short."""
        wanted = np.asarray(self.wanted(state), dtype=np.float64)
        shortest = self.max_step / 2**self.deepest
        bad = np.flatnonzero(~(wanted >= shortest))
        if bad.size:
            row = int(bad[0])
            raise StepError(
                f"row {row} asks for a step of {wanted[row]!r}, below the shortest block step {shortest:.3e} "
                f"= max_step/2^{self.deepest}; allow more levels (deepest), or raise the softening"
            )
        # frexp is exact at the powers of two, where a logarithm would round either way.
        mantissa, exponent = np.frexp(self.max_step / wanted)
        level = np.where(mantissa == 0.5, exponent - 1, exponent)
        return np.clip(level, 0, self.deepest).astype(np.int8)

    def describe(self) -> str:
        """One line for `explain`."""
        return f"block steps {self.max_step:g}/2^k, k <= {self.deepest}, symmetric at fixed levels"


def block_step(
    state: State,
    step: float,
    levels: Any,
    acceleration: Callable[[State, Any], Any],
) -> int:
    """One longest step of the arrays position and velocity, in place, at fixed levels: a reference in NumPy.

    step: the longest step [time];  levels: (rows,) integers
    acceleration: acceleration(state, rows) -> (len(rows), d), of those rows, by the forces among them
    Returns the number of rows whose forces were evaluated, summed over the stages.
    """
    position, velocity = state["position"], state["velocity"]
    evaluated = 0
    for stage in block_schedule(int(np.max(levels, initial=0))):
        for level, share in stage.kicks:
            rows = np.flatnonzero(levels >= level)
            velocity[rows] += share * step * acceleration(state, rows)
            evaluated += len(rows)
        position += stage.drift * step * velocity
    state.time += step
    state.step += 1
    return evaluated
