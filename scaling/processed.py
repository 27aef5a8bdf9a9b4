"""Does a processed method pay?  The leapfrog with a force gradient, between a processor and its inverse.

    python -m scaling.processed

The kernel kicks by V - h²|F|²/24 and has order 2, but is conjugate to a method of order 4 (Rowlands 1991, J.
Comput. Phys. 97, 235).  The processor is solved from the order conditions.  Errors at equal cost are printed
beside those of fourth-order methods that need none; a force gradient counts as nothing, then as one force.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import least_squares

from hpcphys.compiler.compositions import compositions
from hpcphys.compiler.compositions.order_conditions import StageOfTwo, residuals, stages_of_two
from scaling.compositions import PERIODS, PROBLEMS, TIME, Problem
from scaling.printed import Table

KERNEL: tuple[StageOfTwo, ...] = (("B", 0.5, 1 / 48), ("A", 1.0, 0.0), ("B", 0.5, 1 / 48))
OTHERS = ("chin4a", "chin4b", "omelyan4_gradient", "blanes_moan_rkn4")


def processor(values: Sequence[float]) -> list[StageOfTwo]:
    """Alternating flows of A and B whose coefficients sum to 0 each."""
    a, b = np.split(np.asarray(values), 2)
    pairs = zip([*a, -a.sum()], [*b, -b.sum()], strict=True)
    return [stage for x, y in pairs for stage in (("A", x, 0.0), ("B", y, 0.0))]


def inverse(stages: Sequence[StageOfTwo]) -> list[StageOfTwo]:
    """The flows that undo `stages`."""
    return [(letter, -c, -g) for letter, c, g in reversed(stages)]


def solved(pairs: int = 5, trials: int = 30) -> list[StageOfTwo]:
    """A processor that makes the kernel fourth order: of many, the one with the smallest next terms."""

    def whole(values: Sequence[float]) -> list[StageOfTwo]:
        before = processor(values)
        return [*before, *KERNEL, *inverse(before)]

    def conditions(values: Sequence[float]) -> Any:
        return np.concatenate(list(residuals(whole(values), 4, nystrom=True).values()))

    random, best, smallest = np.random.default_rng(0), None, np.inf
    for _ in range(trials):
        found = least_squares(
            conditions, random.normal(0, 0.4, 2 * pairs - 2), xtol=1e-15, ftol=1e-15, gtol=1e-15
        )
        left = np.abs(residuals(whole(found.x), 5, nystrom=True)[5]).max()
        if np.abs(found.fun).max() < 1e-11 and left < smallest:
            best, smallest = found.x, left
    if best is None:
        raise RuntimeError(f"no processor of {pairs} pairs of flows was found in {trials} trials")
    return processor(best)


def error(problem: Problem, before: Sequence[StageOfTwo], step: Sequence[StageOfTwo], steps: int) -> float:
    """Largest error of the position at TIME."""
    system, h = problem.system(), TIME / steps
    drift, kick = system.pieces
    for letter, c, g in [*before, *(tuple(step) * steps), *inverse(before)]:
        if letter == "A":
            drift.flow(system.state, c * h)
        else:
            kick.gradient_flow(system.state, c * h, g * h**3)
    return float(np.abs(system.state["position"] - problem.exact()).max())


def main() -> None:
    """Print one table for each problem."""
    before = solved()
    # Forces and gradients of a step: those at its two ends are shared with its neighbours.
    methods = {"processed": (before, KERNEL, 1, 1)}
    for name in OTHERS:
        stages = stages_of_two(compositions[name])
        kicks = [stage for stage in stages if stage[0] == "B"]
        forces = len(kicks) - (stages[0][0] == "B")
        methods[name] = ((), stages, forces, sum(bool(g) for *_, g in kicks))
    for problem in PROBLEMS:
        for weight in (0, 1):
            title = f"{problem.name}: a gradient counts as {weight} evaluations"
            table = Table(title, "evaluations per period", *methods)
            for per_period in (64, 128, 256, 512):
                costs = [(m, m[2] + weight * m[3]) for m in methods.values()]
                found = [error(problem, m[0], m[1], round(per_period * PERIODS / c)) for m, c in costs]
                table.add(str(per_period), *found)
            table.show()


if __name__ == "__main__":
    main()
