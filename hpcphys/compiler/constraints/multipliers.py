"""The linear systems of Lagrange multipliers: A x = y with few unknowns, in NumPy and as native statements.

A = G M^-1 G0^T is close to symmetric and positive definite, so that elimination needs no pivoting.  Which of
its entries can differ from zero is known from the expressions: a chain of links gives a band, and stays one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import sympy

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer

Entries = Mapping[tuple[int, int], str]
"""(row, column) -> name of a value; what is not there is zero."""


def emit_solution(writer: Writer, entries: Entries, right: Sequence[str]) -> list[str]:
    """Statements that solve A x = y by elimination; the names of x.

    entries: the structural non-zeros of A, all of its diagonal among them;  right: names of y
    """
    size = len(right)
    a, y = dict(entries), list(right)
    pivots: list[str] = []
    for k in range(size):
        below = [i for i in range(k + 1, size) if (i, k) in a]
        beside = [j for j in range(k + 1, size) if (k, j) in a]
        local: dict[sympy.Symbol, str] = {}
        pivot = 1 / _symbol(local, a[k, k])
        targets: list[tuple[int, int | None]] = []
        expressions: list[sympy.Expr] = [pivot]
        for i in below:
            factor = _symbol(local, a[i, k]) * pivot
            for j in beside:
                old = _symbol(local, a[i, j]) if (i, j) in a else sympy.S.Zero
                expressions.append(old - factor * _symbol(local, a[k, j]))
                targets.append((i, j))
            expressions.append(_symbol(local, y[i]) - factor * _symbol(local, y[k]))
            targets.append((i, None))
        first, *names = writer.evaluate(expressions, local)
        pivots.append(first)
        for (i, j), name in zip(targets, names, strict=True):
            if j is None:
                y[i] = name
            else:
                a[i, j] = name
    x = list(y)
    for k in reversed(range(size)):
        local = {}
        rest = [_symbol(local, a[k, j]) * _symbol(local, x[j]) for j in range(k + 1, size) if (k, j) in a]
        value = (_symbol(local, y[k]) - sympy.Add(*rest)) * _symbol(local, pivots[k])
        (x[k],) = writer.evaluate([value], local)
    return x


def _symbol(local: dict[sympy.Symbol, str], name: str) -> sympy.Symbol:
    """The symbol that stands for the value of that name in one `evaluate`."""
    symbol = sympy.Symbol(f"entry({name})", real=True)
    local[symbol] = name
    return symbol


def dependent(matrix: np.ndarray, least: float) -> tuple[int, int] | None:
    """(system, row) of the first row of symmetric A that depends on those before it, or None.

    matrix: (systems, m, m);  least: a pivot smaller than this beside its diagonal counts as zero
    """
    a = matrix.copy()
    diagonal = np.einsum("skk->sk", matrix)
    for k in range(a.shape[1]):
        lost = ~(a[:, k, k] > least * diagonal[:, k])
        if lost.any():
            return int(np.flatnonzero(lost)[0]), k
        a[:, k + 1 :] -= (a[:, k + 1 :, k] / a[:, k, k, None])[..., None] * a[:, None, k]
    return None
