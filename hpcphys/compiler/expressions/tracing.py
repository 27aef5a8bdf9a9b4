"""`trace`: the expression that a Python function computes, found by calling it with symbols."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import TIME, Coordinates
from hpcphys.compiler.expressions.errors import ExpressionError, suggestion
from hpcphys.compiler.expressions.reality import unreal
from hpcphys.compiler.expressions.traced import Traced, plain


def trace(function: Callable[..., Any], coordinates: Coordinates, *, time: bool = False) -> sympy.Expr:
    """The real expression of H(q, p, ...), a function of arguments named like variables and parameters.

    Scalars arrive as traced numbers, vectors as NumPy arrays of them, so that + - * / ** @, indices, loops,
    np.sqrt, np.cos, np.dot, np.sum, np.cross, np.linalg.norm and the functions of
    `hpcphys.compiler.expressions.functions` do what they do with numbers. An argument with a default may be
    undeclared and keeps it. The function is called once; it must not change what it is given.

    time: whether an argument t (the time) is allowed
    Raises ExpressionError when an argument is not declared, the function branches on a traced number, turns
    one into a float, fails, or returns something that is not one real, finite number.
    """
    name = f"function {getattr(function, '__name__', 'H')}"
    arguments = _arguments(function, coordinates, time, name)
    try:
        with np.errstate(all="ignore"):
            result = function(**arguments)
    except ExpressionError as error:
        raise ExpressionError(error.message, name=name) from None
    except Exception as error:
        raise ExpressionError(
            f"calling it with symbols failed: {type(error).__name__}: {error}; use arithmetic, NumPy's "
            "functions or those of hpcphys.compiler.expressions.functions",
            name=name,
        ) from error
    return _expression(result, coordinates, time, name)


def _arguments(
    function: Callable[..., Any], coordinates: Coordinates, time: bool, name: str
) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    known = coordinates.named
    for label, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise ExpressionError(f"argument {label!r}: only arguments with a name are allowed", name=name)
        if label in known:
            traced = [Traced(symbol) for symbol in known[label].symbols]
            arguments[label] = traced[0] if known[label].size is None else _array(traced)
        elif label == "t" and time:
            arguments[label] = Traced(TIME)
        elif parameter.default is parameter.empty:
            raise ExpressionError(
                f"argument {label!r} is not declared{suggestion(label, known)} (known: {', '.join(known)})",
                name=name,
            )
    return arguments


def _array(values: list[Traced]) -> np.ndarray:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    array.flags.writeable = False
    return array


def _expression(result: Any, coordinates: Coordinates, time: bool, name: str) -> sympy.Expr:
    if isinstance(result, np.ndarray) and result.ndim == 0:
        result = result.item()
    if result is None:
        raise ExpressionError("it returns nothing; end it with: return <the Hamiltonian>", name=name)
    try:
        expr = plain(result)
    except TypeError:
        shape = f" of shape {np.shape(result)}" if np.shape(result) else ""
        raise ExpressionError(
            f"it returns {type(result).__name__}{shape}; one number is needed (sum it over the components)",
            name=name,
        ) from None
    problem = unreal(expr)
    if problem:
        raise ExpressionError(f"{problem} ({expr})"[:200], name=name)
    allowed = {*coordinates.symbols, *coordinates.parameter_symbols, *((TIME,) if time else ())}
    foreign = sorted(str(symbol) for symbol in expr.free_symbols - allowed)
    if foreign:
        raise ExpressionError(f"it returns symbols that are not declared: {', '.join(foreign)}", name=name)
    return expr
