"""The pass that constrains: projections onto g(q) = 0 after what moves positions and momenta, and its check.

A drift becomes the geodesic drift of RATTLE: remember q, drift, SHAKE; a kick is followed by the projection
of the momenta.  The projected kick is the exact flow of the constrained potential. The geodesic drift is
symplectic and symmetric, but only of second order in its length, so that

- compositions of the symmetric step (leapfrog, yoshida4, ...) keep their order, if no two drifts are merged;
- splittings with separate coefficients (blanes_moan4, ...) need a drift of their own order: each is replaced
  by a composition of geodesic drifts, which costs no evaluation of a field.

A projection of momenta that a later one at the same positions repeats is dropped: a kick adds to the momenta,
and what is normal to the constraints goes with the next projection, or into the multipliers of the next
SHAKE.

project_every = n > 1: the positions move freely for n steps; then one SHAKE along the gradients at the start
of the n steps, and one projection of the momenta.  What is lost: the constraints hold only there, the map is
neither symplectic nor time-reversible any more, and the energy may drift; errors are those of a constraint
force that acts once in n dt.
Sources: Andersen (1983) J. Comput. Phys. 52, 24; Leimkuhler & Skeel (1994) J. Comput. Phys. 112, 117;
Leimkuhler & Matthews (2016) Proc. R. Soc. A 472, 20160138 (geodesic drift); Reich (1996) SIAM J. Numer. Anal.
33, 475.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpcphys.compiler.compositions import Composition, composition
from hpcphys.compiler.operations import Flow, Operation, Project
from hpcphys.compiler.passes import CompileError, Operations
from hpcphys.compiler.system import PhysicalSystem

DRIFTS = {4: "suzuki4", 6: "kahan_li6", 8: "suzuki_umeno8"}
"""Order of a splitting -> the composition that makes geodesic drifts of it."""


def begin_constrained(system: PhysicalSystem) -> None:
    """Verify that the state meets the constraints, and remember its positions.

    A state that was restored between two projections of project_every > 1 is taken as it is.
    """
    constraints, state = system.constraints, system.state
    if state.step % constraints.project_every == 0:
        constraints.verify(state)
    if not all(name in state for name in constraints.reference):
        constraints.remember(state)


def constrain(operations: Operations, system: PhysicalSystem, table: Composition) -> Operations:
    """Insert the projections that the system's constraints need.

    Raises CompileError for a piece that moves positions and momenta together, and for an order above 8 of a
    splitting with separate coefficients.
    """
    constraints = system.constraints
    for piece in system.pieces:
        if piece.keeps_constraints:
            continue
        if piece.writes & constraints.positions and piece.writes & constraints.momenta:
            raise CompileError(
                f"constrain: piece {piece.name!r} moves positions and momenta together; constraints need a "
                'splitting into drifts and kicks: hamiltonian(..., splitting="separable")'
            )
    if constraints.project_every > 1:
        return (
            Project(constraints, "reference"),
            *operations,
            Project(constraints, "positions", 1.0),
            Project(constraints, "momenta"),
        )
    fractions = _drift_fractions(table)
    projected = [op for flow in operations for op in _projected(flow, constraints, fractions)]
    return _without_repeated(projected, constraints)


def _drift_fractions(table: Composition) -> tuple[float, ...]:
    """The geodesic drifts that one drift of the composition is made of, as fractions of it."""
    if table.weights or table.order <= 2:
        return (1.0,)
    order = min((order for order in DRIFTS if order >= table.order), default=None)
    if order is None:
        raise CompileError(
            f"constrain: {table.name} has order {table.order}, and geodesic drifts have at most {max(DRIFTS)}"
        )
    return composition(DRIFTS[order]).weights


def _projected(op: Operation, constraints: Any, fractions: tuple[float, ...]) -> Iterator[Operation]:
    """An operation with the projections that belong to it."""
    if isinstance(op, Flow) and op.coefficient == op.gradient == 0.0:
        return
    if _kept(op):
        yield op
        return
    if isinstance(op, Flow) and op.writes & constraints.positions:
        for fraction in fractions:
            part = Flow(op.piece, op.coefficient * fraction)
            yield Project(constraints, "reference")
            yield part
            yield Project(constraints, "positions", part.coefficient)
        yield Project(constraints, "momenta")
        return
    yield op
    if op.writes & constraints.momenta:
        yield Project(constraints, "momenta")


def _kept(op: Operation) -> bool:
    """True for a flow that takes states on the constraints to such states."""
    return isinstance(op, Flow) and op.piece.keeps_constraints


def _without_repeated(operations: list[Operation], constraints: Any) -> Operations:
    """Drop projections of momenta that the next one makes again, or whose work the next SHAKE does."""
    kept: list[Operation] = []
    served = False
    for op in reversed(operations):
        momenta = isinstance(op, Project) and op.what == "momenta"
        if momenta and served:
            continue
        if isinstance(op, Project) and op.what in ("momenta", "positions"):
            served = True
        elif isinstance(op, Flow) and not (op.piece.role == "B" or op.writes & constraints.positions):
            # Only kicks add to the momenta what does not depend on them, and drifts are linear in them.
            served = False
        kept.append(op)
    return tuple(reversed(kept))


def check_constrain(operations: Operations, system: PhysicalSystem) -> None:
    """Drifts begin with their positions remembered, fields see positions on the constraints, and a step ends
    with positions and momenta on them.  (With project_every > 1 the end alone is asked for.)"""
    constraints, derived = system.constraints, system.derived()
    strict = constraints.project_every == 1
    positions, momenta, remembered = True, True, False
    for op in operations:
        if isinstance(op, Project):
            if op.what == "positions" and not remembered:
                raise CompileError("constrain: positions are projected that were not remembered before")
            positions = positions or op.what == "positions"
            momenta = op.what == "momenta" or (momenta and op.what == "reference")
            remembered = op.what == "reference" or (remembered and op.what == "momenta")
            continue
        if strict and not positions and (op.reads & derived.keys() or op.writes & constraints.positions):
            raise CompileError(f"constrain: {op.name!r} finds positions off the constraints")
        if _kept(op):
            if not (positions and momenta):
                raise CompileError(f"constrain: {op.name!r} finds a state off the constraints")
            continue
        positions = positions and not op.writes & constraints.positions
        momenta = momenta and not op.writes & (constraints.momenta | constraints.positions)
    if not (positions and momenta):
        raise CompileError(
            f"constrain: a step ends with {'momenta' if positions else 'positions'} off the constraints"
        )
