"""Compensated summation of a whole system: a carry beside every coordinate that flows add to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

import sympy

from hpcphys.compiler.expressions.coordinates import Variable
from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.compensated import compensated, increments
from hpcphys.compiler.flows.pieces import Values
from hpcphys.compiler.passes import CompileError
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.system import PhysicalSystem


def carry_of(variable: Variable) -> Variable:
    """The array that holds what the sums of a variable have lost to rounding."""
    return Variable(f"carry_{variable.name}", variable.size)


def compensate(system: PhysicalSystem) -> PhysicalSystem:
    """The system with compensated sums (flows.compensated), natively and in NumPy.

    The state gets an array carry_<name> for every variable that a flow adds to; one that is there already,
    from a checkpoint, goes on. The coordinate is z + carry.
    Raises CompileError for a system without flows in symbols, with constraints, or in which nothing is a sum.
    """
    if system.coordinates is None or any(piece.code is None for piece in system.pieces):
        raise CompileError("compensated: the flows of this system are not known in symbols; run it without")
    if system.constraints is not None:
        raise CompileError(
            "compensated: projections onto constraints are not sums that could be compensated; run it without"
        )
    summed = {z for piece in system.pieces for z in increments(piece.code)}
    variables = [v for v in system.coordinates.variables if summed & {*v.symbols}]
    if not variables:
        raise CompileError(
            "compensated: no flow of this system has the form z <- z + increment "
            f"(pieces: {', '.join(piece.name for piece in system.pieces)}); run it without"
        )
    for variable in variables:
        name = carry_of(variable).name
        if name not in system.state:
            system.state[name] = system.state[variable.name].copy()
            system.state[name][...] = 0.0
    added = tuple(map(carry_of, variables))
    carries = {z: c for v in variables for z, c in zip(v.symbols, carry_of(v).symbols, strict=True)}
    derived = [variable for field in system.fields for variable in getattr(field, "variables", ())]
    values = Values(system.coordinates, system.parameters, (*derived, *added))
    pieces = tuple(_piece(piece, carries, values) for piece in system.pieces)
    return replace(system, pieces=pieces, carries=added)


def _piece(piece: Piece, carries: Mapping[sympy.Symbol, sympy.Symbol], values: Values) -> Piece:
    """The piece with compensated sums, its kick by a modified potential too."""
    code, make = compensated(piece.code, carries), piece.gradient_code

    def flow(state: State, dt: float) -> None:
        values.apply(code, state, dt)

    found = replace(
        piece, code=code, flow=flow, reads=values.names(code.reads), writes=values.names(code.writes)
    )
    if make is None:
        return found

    @cache  # one object for each ratio: kernels tell flows apart by it
    def gradient_code(ratio: float) -> FlowCode:
        return compensated(make(ratio), carries)

    def gradient_flow(state: State, dt: float, strength: float) -> None:
        values.apply(gradient_code(strength / dt**3), state, dt)

    return replace(found, gradient_code=gradient_code, gradient_flow=gradient_flow)


def reverse_carries(system: PhysicalSystem) -> None:
    """The reversal of time for the carries: that of their coordinates, which is linear."""
    state, variables = system.state, system.coordinates.variables
    held = {v.name: state[carry_of(v).name] for v in variables if carry_of(v) in system.carries}
    others = {v.name: 0.0 * state[v.name] for v in variables if v.name not in held}
    system.structure.reverse(State({**others, **held}))
