"""A Hamiltonian as it is stated: its structure, its expression, and the check of where it starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import TIME, Coordinates, Variable, declared
from hpcphys.compiler.expressions.errors import ExpressionError, suggestion
from hpcphys.compiler.expressions.grammar import parse, unreal
from hpcphys.compiler.expressions.tracing import trace
from hpcphys.compiler.initial import InitialError
from hpcphys.compiler.structures.registry import structure_named
from hpcphys.compiler.structures.symbolic import SymbolicStructure, compiled_rows

Stated: TypeAlias = str | sympy.Expr | Callable[..., Any]
"""One Hamiltonian: a text, an expression, or a function."""


def structure_of(
    variables: Sequence[Any],
    structure: str | SymbolicStructure,
    parameters: tuple[Variable, ...],
    options: Mapping[str, Any],
) -> SymbolicStructure:
    """The structure over coordinates that know all parameters."""
    if isinstance(structure, SymbolicStructure):
        if options:
            raise InitialError(f"options {', '.join(options)} are for a structure that is given by name")
        return structure.with_parameters(parameters)
    flat, pairs = [], []
    for item in variables:
        if isinstance(item, str | Variable):
            flat.append(declared(item))
        else:
            flat += [declared(name) for name in item]
            pairs.append([declared(name).name for name in item])
    options = {**options, "pairs": pairs} if pairs else dict(options)
    return structure_named(structure, Coordinates(tuple(flat), parameters), options)


def added_by(structure: SymbolicStructure, variables: Sequence[Any]) -> dict[str, float]:
    """Name -> initial value of the variables that a structure adds to the declared ones; they start at 0."""
    if not variables:
        return {}
    named = {
        declared(name).name
        for item in variables
        for name in ([item] if isinstance(item, str | Variable) else item)
    }
    return {v.name: 0.0 for v in structure.coordinates.variables if v.name not in named}


def expression_of(
    stated: Stated | Mapping[str, Stated] | Sequence[Stated] | None,
    structure: SymbolicStructure,
    where: Mapping[str, str],
) -> tuple[sympy.Expr, dict[str, sympy.Expr] | None]:
    """H, and its terms by name where they were stated apart.

    Raises ExpressionError; InitialError if nothing is stated and the structure has no H of its own.
    """
    coordinates = structure.coordinates
    if stated is None:
        own = getattr(structure, "hamiltonian", getattr(structure, "energy", None))
        if own is None:
            raise InitialError(
                f"no Hamiltonian is given, and structure {structure.name!r} has none of its own"
            )
        return own, None
    if isinstance(stated, Mapping):
        pieces = {name: one(h, coordinates, where, name) for name, h in stated.items()}
    elif isinstance(stated, Sequence) and not isinstance(stated, str):
        pieces = {f"piece_{k}": one(h, coordinates, where, f"piece {k}") for k, h in enumerate(stated, 1)}
    else:
        return one(stated, coordinates, where, "hamiltonian"), None
    if not pieces:
        raise ExpressionError("the sum has no terms; give at least one", name="hamiltonian")
    return sympy.Add(*pieces.values()), pieces


def one(stated: Stated, coordinates: Coordinates, where: Mapping[str, str], name: str) -> sympy.Expr:
    """The expression of one statement, in the symbols of the coordinates."""
    if isinstance(stated, str):
        return parse(stated, coordinates, name=name, where=where, time=True)
    if where:
        raise ExpressionError("definitions (where) are for texts; a function has variables", name=name)
    if isinstance(stated, sympy.Basic | int | float):
        return _in_symbols(sympy.sympify(stated), coordinates, name)
    if callable(stated):
        return trace(stated, coordinates, time=True)
    raise ExpressionError(
        f"found {type(stated).__name__}; allowed: a text, a function, a SymPy expression", name=name
    )


def _in_symbols(expr: sympy.Expr, coordinates: Coordinates, name: str) -> sympy.Expr:
    """An expression of the user's, its symbols replaced by those of the coordinates by name."""
    own = {s.name: s for s in (*coordinates.symbols, *coordinates.parameter_symbols, TIME)}
    unknown = sorted({s.name for s in expr.free_symbols} - own.keys())
    if unknown:
        known = ", ".join(own)
        hint = suggestion(unknown[0], own)
        raise ExpressionError(f"unknown symbol {unknown[0]!r}{hint}; declared: {known}", name=name)
    expr = expr.xreplace({s: own[s.name] for s in expr.free_symbols})
    problem = unreal(expr)
    if problem:
        raise ExpressionError(f"{problem}; only real, finite expressions are allowed", str(expr), 0, name)
    return expr


def check_start(
    hamiltonian: sympy.Expr,
    structure: SymbolicStructure,
    arrays: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> None:
    """Evaluate dz/dt at the initial state.  Raises InitialError naming the system and component that
    fails."""
    coordinates = structure.coordinates
    values = {**parameters, **arrays}
    motion = structure.vector_field(hamiltonian)
    needed = frozenset().union(*(rate.free_symbols for rate in motion.values())) - {TIME}
    missing = sorted(v.name for v in coordinates.parameters if needed & {*v.symbols} and v.name not in values)
    if missing:
        raise InitialError(f"no value is given for the parameter {', '.join(missing)}")
    timeless = {s: rate.xreplace({TIME: sympy.Float(0.5)}) for s, rate in motion.items()}
    with np.errstate(all="ignore"):
        rates = compiled_rows(coordinates, timeless)(values)
    for name, array in rates.items():
        bad = np.argwhere(~np.isfinite(np.asarray(array, dtype=np.float64)))
        if bad.size:
            system, *component = map(int, bad[0])
            label = name + "".join(f"[{k}]" for k in component)
            raise InitialError(
                f"d{label}/dt is {array[tuple(bad[0])]} at the initial state of system {system}: H is not "
                "finite or not real there; look for a mass of zero, positions that coincide, or a root of "
                "a negative "
                "number"
            )
