"""Coefficients of compositions to more digits than their source prints, by their order conditions.

    python -m scaling.refine_compositions yoshida8 calvo_sanz_serna4

Newton's method, with residuals in 40 digits, from the table as it stands.  Where the conditions leave
freedom, the nearest solution is taken, so that digits already there stay.  A symmetric table is refined in
its first half.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np

from hpcphys.compiler.compositions import Composition, composition
from hpcphys.compiler.compositions.order_conditions import StageOfTwo, residuals, stages_of_two

mpmath.mp.dps = 40


def unfolded(half: Sequence[Any], length: int, symmetric: bool) -> list[Any]:
    """The whole row of coefficients from those that are free."""
    return [*half, *reversed(half[: length // 2])] if symmetric else list(half)


def free_count(length: int, symmetric: bool) -> int:
    """How many of a row of coefficients are free."""
    return (length + 1) // 2 if symmetric else length


def stages_from(table: Composition) -> tuple[list[Any], Callable[[Sequence[Any]], list[StageOfTwo]]]:
    """The free coefficients of a table, and the function that makes stages from them."""
    rows = [row for row in (table.weights, table.a, table.b) if row]
    counts = [free_count(len(row), table.symmetric) for row in rows]
    start = [mpmath.mpf(x) for row, count in zip(rows, counts, strict=True) for x in row[:count]]

    def stages(free: Sequence[Any]) -> list[StageOfTwo]:
        ends = np.cumsum([0, *counts])
        values = [
            unfolded(free[ends[i] : ends[i + 1]], len(row), table.symmetric) for i, row in enumerate(rows)
        ]
        if table.weights:
            outer, inner = ("B", "A") if table.outer_first else ("A", "B")
            return [(x, w * c, 0) for w in values[0] for x, c in ((outer, 0.5), (inner, 1), (outer, 0.5))]
        position = {"A": iter(values[0]), "B": iter(values[1])}
        return [(letter, next(position[letter]), g) for letter, _, g in stages_of_two(table)]

    return start, stages


def conditions(table: Composition, stages: list[StageOfTwo]) -> np.ndarray:
    """What is left of the order conditions; a symmetric method meets those of even order by itself."""
    highest = table.order - 1 if table.symmetric and table.order % 2 == 0 else table.order
    return np.concatenate(list(residuals(stages, highest, nystrom=table.nystrom).values()))


def refined(table: Composition, iterations: int = 3) -> list[Any]:
    """The free coefficients of a table, from the order conditions up to its order.

    The slopes are those in double precision: each iteration then gains 7 digits or so.
    """
    free, stages = stages_from(table)
    start, step = [float(x) for x in free], 1e-6
    slopes = []
    for moving in range(len(start)):
        ahead, behind = ([x + s * (i == moving) for i, x in enumerate(start)] for s in (step, -step))
        slopes.append((conditions(table, stages(ahead)) - conditions(table, stages(behind))) / (2 * step))
    inverse = np.linalg.pinv(np.array(slopes, dtype=float).T, rcond=1e-7)
    for _ in range(iterations):
        left = conditions(table, stages(free))
        scale = max(abs(x) for x in left) or mpmath.mpf(1)
        change = inverse @ (left / scale).astype(float)
        free = [x - scale * mpmath.mpf(d) for x, d in zip(free, change, strict=True)]
    return free


def in_long_doubles(table: Composition) -> Composition:
    """The table with its coefficients continued to long doubles, for tests of high orders."""
    values = [np.longdouble(mpmath.nstr(x, 30)) for x in refined(table, 2)]
    rows, start = [], 0
    for row in (table.weights, table.a, table.b):
        count = free_count(len(row), table.symmetric)
        rows.append(tuple(unfolded(values[start : start + count], len(row), table.symmetric)) if row else ())
        start += count
    weights, a, b = rows
    return replace(table, weights=weights, a=a, b=b)


def main(names: Sequence[str]) -> None:
    """Print the refined coefficients of each table, in the order of its rows (weights, or a and b)."""
    for name in names:
        table = composition(name)
        values = refined(table)
        left = max(abs(x) for x in conditions(table, stages_from(table)[1](values)))
        print(f"{name}: largest residual {mpmath.nstr(left, 3)}")
        for value in values:
            print("   ", mpmath.nstr(value, 25))


if __name__ == "__main__":
    main(sys.argv[1:])
