"""What a structure is told besides its coordinates: numbers, texts, lists of them, checked at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.expressions.grammar import parse
from hpcphys.compiler.structures.base import StructureError


def expression_of(given: Any, coordinates: Coordinates, name: str) -> sympy.Expr:
    """A text parsed by the grammar; numbers and SymPy expressions as they are."""
    if isinstance(given, str):
        return parse(given, coordinates, name=name)
    if isinstance(given, bool) or not isinstance(given, int | float | sympy.Expr):
        raise StructureError(f"{name}: found {given!r}; allowed: a number or an expression as text")
    # The shortest decimal that rounds to the number: 0.1 stays 1/10.
    return parse(repr(given), coordinates, name=name) if isinstance(given, float) else sympy.sympify(given)


def constant_of(given: Any, coordinates: Coordinates, name: str) -> sympy.Expr:
    """A number or an expression of parameters.  Raises StructureError if a variable is in it."""
    expr = expression_of(given, coordinates, name)
    moving = sorted(str(symbol) for symbol in expr.free_symbols if symbol in coordinates.symbols)
    if moving:
        raise StructureError(f"{name} = {expr} depends on {', '.join(moving)}; only parameters may be in it")
    return expr


def positive_of(
    given: Any, coordinates: Coordinates, name: str, *, zero: bool = False, negative: bool = False
) -> sympy.Expr:
    """A constant that is positive where it is a number; zero or negative ones only where allowed."""
    expr = constant_of(given, coordinates, name)
    if expr.is_number and not (expr > 0 or (zero and expr == 0) or (negative and expr < 0)):
        allowed = "not be zero" if negative else f"be positive{' or zero' if zero else ''}"
        raise StructureError(f"{name} is {expr}; it must {allowed}")
    return expr


def components_of(
    given: Any,
    variable: Variable,
    coordinates: Coordinates,
    name: str,
    *,
    zero: bool = False,
    negative: bool = False,
) -> tuple[sympy.Expr, ...]:
    """One positive constant per component of a variable.

    given: one number or text for all components, a list of one for each, or the name of a vector parameter of
        the variable's size;  zero: whether 0 is allowed;  negative: whether any sign is
    """
    parameter = coordinates.named.get(given) if isinstance(given, str) else None
    if parameter is not None and parameter.size is not None and parameter in coordinates.parameters:
        given = parameter.symbols
    if isinstance(given, str) or not isinstance(given, Sequence):
        given = [given] * variable.width
    if len(given) != variable.width:
        raise StructureError(f"{name}: {len(given)} values for {variable}; 1 or {variable.width} needed")
    return tuple(positive_of(value, coordinates, name, zero=zero, negative=negative) for value in given)


def by_name_of(
    given: Any, variables: Sequence[Variable], coordinates: Coordinates, name: str, *, zero: bool = False
) -> dict[sympy.Symbol, sympy.Expr]:
    """A positive constant for every component of several variables.

    given: what components_of accepts, for all of them, or a table: name of the variable -> that
    """
    if isinstance(given, Mapping):
        names = [variable.name for variable in variables]
        if sorted(given) != sorted(names):
            raise StructureError(
                f"{name} is given for {', '.join(given) or 'nothing'}; it is needed for {', '.join(names)}"
            )
    found: dict[sympy.Symbol, sympy.Expr] = {}
    for variable in variables:
        own = given[variable.name] if isinstance(given, Mapping) else given
        values = components_of(own, variable, coordinates, f"{name} of {variable.name}", zero=zero)
        found.update(zip(variable.symbols, values, strict=True))
    return found


def matrix_of(given: Any, coordinates: Coordinates, name: str, size: int | None = None) -> sympy.SparseMatrix:
    """A square matrix of expressions from rows of texts, numbers or expressions, or from a SymPy matrix.

    size: rows and columns; by default the dimension of the coordinates
    """
    size = coordinates.dimension if size is None else size
    rows = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise StructureError(f"matrix {name}: found {given!r}; allowed: a list of rows")
    shape = [len(row) if isinstance(row, Sequence) and not isinstance(row, str) else 0 for row in rows]
    if shape != [size] * size:
        components = ", ".join(symbol.name for symbol in coordinates.symbols)
        raise StructureError(
            f"matrix {name} has rows of {shape} entries; {size} rows of {size} are needed"
            + (f", one for each of {components}" if size == coordinates.dimension else "")
        )
    return sympy.SparseMatrix(
        [
            [expression_of(entry, coordinates, f"{name}[{i}][{j}]") for j, entry in enumerate(row)]
            for i, row in enumerate(rows)
        ]
    )
