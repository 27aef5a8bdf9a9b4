"""An initial flow that is stated as an expression of x and y."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions import Coordinates, CoordinatesError, ExpressionError, Variable, parse
from hpcphys.run.kind import Broken


def parsed(initial: Any) -> tuple[sympy.Expr, Coordinates]:
    """The expression and the names in it.  Raises ExpressionError or CoordinatesError."""
    names = Coordinates((Variable("x"), Variable("y")), tuple(Variable(name) for name in initial.parameters))
    return parse(initial.expression, names, name="expression"), names


def broken_expression(initial: Any) -> list[Broken]:
    """What is wrong with the expression, if anything."""
    try:
        parsed(initial)
    except ExpressionError as problem:
        return [(("initial", "expression"), str(problem))]
    except CoordinatesError as problem:
        return [(("initial", "parameters"), str(problem))]
    return []


def stated_rows(initial: Any, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(rows, n) values at the points.  x: (n,);  y: (rows,)"""
    expression, names = parsed(initial)
    values = [initial.parameters[str(symbol)] for symbol in names.parameter_symbols]
    function = sympy.lambdify([*names.symbols, *names.parameter_symbols], expression, "numpy")
    with np.errstate(all="ignore"):  # what is not finite is named before the first step
        rows = np.asarray(function(x[None, :], y[:, None], *values), dtype=np.float64)
    return np.broadcast_to(rows, (len(y), len(x)))
