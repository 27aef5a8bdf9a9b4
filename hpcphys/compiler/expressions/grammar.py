"""`parse`: the expression that a text states over declared coordinates.  Strict; never Python's eval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import RESERVED, TIME, Coordinates
from hpcphys.compiler.expressions.errors import ExpressionError
from hpcphys.compiler.expressions.functions import FUNCTIONS, RANGES, VECTOR_FUNCTIONS
from hpcphys.compiler.expressions.meaning import Meaning, Value
from hpcphys.compiler.expressions.reality import unreal
from hpcphys.compiler.expressions.syntax import Syntax

MAX_DEFINITIONS = 100


def parse(
    text: str,
    coordinates: Coordinates,
    *,
    name: str = "expression",
    locals: Mapping[str, Any] | None = None,
    where: Mapping[str, str] | None = None,
    time: bool = False,
) -> sympy.Expr:
    """The real expression that `text` states, in the symbols of `coordinates`.

    Numbers, names of variables and parameters, components q[0], + - * / ^ (or **), parentheses, pi, and the
    functions of `functions.FUNCTIONS`. Vectors of one size may be added, scaled and subtracted; dot(a, b),
    norm(a) and cross(a, b) make use of them. sum(term, i, first, last) and product(...) run over
    i = first ... last, both included; inside an index + - * // % of integers are allowed: q[(i + 1) % 8].
    Decimal numbers of up to 15 digits are exact (0.5 is 1/2), longer ones are rounded to double precision.

    name: what the text is, for messages
    locals: further names -> expression, or sequence of expressions for a vector
    where: named sub-expressions -> text; each may use the ones before it, and may be a vector
    time: whether t, the time, is allowed
    Raises ExpressionError, which shows the place, for everything else: an unknown name or function, an
    attribute, a wrong number of arguments, an index out of range, unbalanced brackets, a vector where a
    number should be, a value that is not real or not finite, a text beyond the limits.
    """
    names = _names(coordinates, locals or {}, time)
    definitions = dict(where or {})
    if len(definitions) > MAX_DEFINITIONS:
        raise ExpressionError(
            f"{len(definitions)} definitions; at most {MAX_DEFINITIONS} are allowed", name=name
        )
    for defined, body in definitions.items():
        _check_definition(defined, names, name)
        names[defined] = _value(body, names, f"{name}, where {defined}")
    value = _value(text, names, name)
    if value.vector:
        raise ExpressionError(
            f"the value is {value.kind}; a number is needed: use dot, norm or [index]",
            text,
            0,
            name,
        )
    return value.parts[0]


def _value(text: str, names: Mapping[str, Value], name: str) -> Value:
    if not isinstance(text, str):
        raise ExpressionError(f"found {type(text).__name__}; a text is needed", name=name)
    value = Meaning(text, names, name).value(Syntax(text, name).tree())
    for part in value.parts:
        problem = unreal(part)
        if problem:
            raise ExpressionError(f"{problem}; only real, finite expressions are allowed", text, 0, name)
    return value


def _names(coordinates: Coordinates, extra: Mapping[str, Any], time: bool) -> dict[str, Value]:
    names = {item.name: Value(item.symbols, item.size is not None) for item in coordinates.named.values()}
    for key, given in extra.items():
        vector = isinstance(given, Sequence | sympy.MatrixBase)
        names[key] = Value(tuple(sympy.sympify(x) for x in (given if vector else (given,))), vector)
    names["pi"] = Value((sympy.pi,))
    if time:
        names["t"] = Value((TIME,))
    return names


def _check_definition(defined: str, names: Mapping[str, Value], name: str) -> None:
    taken = names.keys() | FUNCTIONS.keys() | VECTOR_FUNCTIONS.keys() | RANGES | RESERVED
    if not (defined.isascii() and defined.isidentifier()):
        raise ExpressionError(f"{defined!r} cannot name a definition; use letters, digits and _", name=name)
    if defined in taken:
        raise ExpressionError(
            f"the definition {defined!r} has a name that is taken; choose another", name=name
        )
