"""Pieces and fields of expression systems: a flow in symbols beside the state that it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import DT, Coordinates, Variable
from hpcphys.compiler.flows import noise
from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State


class Values:
    """Where the symbols of a system have their values: columns of the state, or parameters that all share.

    parameters: name -> number or (size,) numbers;  derived: variables that fields compute
    """

    def __init__(
        self,
        coordinates: Coordinates,
        parameters: Mapping[str, Any],
        derived: Iterable[Variable] = (),
    ):
        self.known = Coordinates((*coordinates.variables, *derived), coordinates.parameters)
        self.single = {name: np.asarray(value, dtype=np.float64) for name, value in parameters.items()}

    def columns(self, state: State) -> dict[sympy.Symbol, Any]:
        """Symbol -> (systems,) column or number."""
        arrays = {name: state[name] for name in state.names() if name in self.known.named}
        return self.known.columns({**self.single, **arrays})

    def names(self, symbols: Iterable[sympy.Symbol]) -> frozenset[str]:
        """Names of the variables and parameters behind the symbols."""
        return self.known.names_in(symbols)

    def apply(self, code: FlowCode, state: State, dt: float) -> None:
        """Move the state by the flow, in NumPy.  Random numbers are those that the native kernel draws."""
        columns = self.columns(state) | drawn(code, state)
        for symbol, values in code.apply(columns, dt).items():
            variable = self.known.named[self.known.owner[symbol]]
            if variable.name not in state:
                shape = (state.count,) if variable.size is None else (state.count, variable.size)
                state[variable.name] = np.zeros(shape)
            array = state[variable.name]
            if variable.size is None:
                array[:] = values
            else:
                array[:, variable.symbols.index(symbol)] = values


def drawn(code: FlowCode, state: State) -> dict[sympy.Symbol, Any]:
    """Symbol -> (systems,) normal variates for this application of the flow, in the present step."""
    if not code.normals:
        return {}
    count, first = len(code.normals), state.blocks_drawn
    systems = np.arange(state.first, state.first + state.count)
    values = noise.normals(int(state.scalars.get(noise.SEED, 0)), systems, state.step, first, count)
    state.blocks_drawn = first + noise.blocks(count)
    return dict(zip(code.normals, values, strict=True))


def expression_piece(
    name: str,
    equation: str,
    code: FlowCode,
    values: Values,
    *,
    role: str = "",
    order: int | None = None,
    gradient: Callable[[], Mapping[sympy.Symbol, sympy.Expr]] | None = None,
) -> Piece:
    """The piece of a flow in symbols; alone it moves the state in NumPy, the native kernel's reference.

    gradient: gives the force gradient of each momentum of a kick (see Piece.gradient_flow), or None
    """

    def flow(state: State, dt: float) -> None:
        values.apply(code, state, dt)

    piece = Piece(
        name,
        equation,
        values.names(code.reads),
        values.names(code.writes),
        flow,
        code=code,
        role=role,
        order=order,
    )
    return piece if gradient is None else _with_gradient(piece, gradient, values)


def _with_gradient(
    piece: Piece, gradient: Callable[[], Mapping[sympy.Symbol, sympy.Expr]], values: Values
) -> Piece:
    """The kick with a flow by a modified potential; second derivatives are taken when first needed."""

    @cache
    def push() -> Update:
        return Update.of({p: p + DT * slope for p, slope in gradient().items()})

    def gradient_flow(state: State, dt: float, strength: float) -> None:
        piece.flow(state, dt)
        values.apply(push(), state, strength)

    @cache  # one object for each ratio: kernels tell flows apart by it
    def gradient_code(ratio: float) -> Update:
        slopes = gradient()
        kicks = dict(piece.code.assignments)
        return Update.of({p: kick + ratio * DT**3 * slopes[p] for p, kick in kicks.items()})

    return replace(
        piece,
        gradient_flow=gradient_flow,
        gradient_code=gradient_code,
        gradient_reads=frozenset(values.known.named) - piece.writes,
    )


class ExpressionField:
    """Derived arrays of an expression system: forces that several flows in a row read.

    assignments: symbol of a derived variable -> expression in coordinates and parameters
    """

    layout = None
    optional: frozenset[str] = frozenset()

    def __init__(self, name: str, variables: Iterable[Variable], code: Update, values: Values):
        self.name = name
        self.variables = tuple(variables)
        self.code = code
        self._values = values
        self.reads = values.names(code.reads)
        self.writes = frozenset(variable.name for variable in self.variables)

    def evaluate(self, state: State, outputs: frozenset[str] = frozenset()) -> None:
        """Fill the derived arrays from the present state, in NumPy."""
        self._values.apply(self.code, state, 0.0)

    def describe(self) -> str:
        """The equations, one per line."""
        return "\n".join(f"{symbol} = {value}" for symbol, value in self.code.assignments)
