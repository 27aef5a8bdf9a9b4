"""Passes: system + composition -> the operations of one step.  Each is small and followed by its check."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import fsum, isclose
from typing import Any

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.operations import ChooseStep, Evaluate, Exchange, Flow, Operation
from hpcphys.compiler.system import PhysicalSystem

Operations = tuple[Operation, ...]


class CompileError(ValueError):
    """A pass or its check found that the program would be wrong; the message begins with the pass."""


def compose(system: PhysicalSystem, composition: Composition, controller: Any = None) -> Operations:
    """The flows of one step in order, after the choice of the step if there is a controller.

    A controller whose attribute `symmetric` is False does not claim to keep steps time-symmetric.
    """
    if composition.nystrom and not system.quadratic_kinetic:
        raise CompileError(
            f"compose: {composition.name} is a Nyström method and needs a kinetic energy quadratic in the "
            "momenta, which the system does not declare (quadratic_kinetic); choose for example blanes_moan6"
        )
    if controller is not None and getattr(controller, "symmetric", True) and not composition.symmetric:
        raise CompileError(
            "compose: adaptive steps stay time-symmetric only with a symmetric composition, and "
            f"{composition.name} is not; choose for example leapfrog"
        )
    try:
        stages = composition.stages([piece.role for piece in system.pieces])
    except ValueError as error:
        raise CompileError(f"compose: {error}") from None
    for stage in stages:
        piece = system.pieces[stage.piece]
        if piece.order is not None and (piece.order < 2 or not composition.weights):
            raise CompileError(
                f"compose: piece {piece.name!r} moves by a symmetric flow of order {piece.order}, and "
                f"{composition.name} needs exact flows; choose a composition of symmetric steps, such as "
                "leapfrog, yoshida4, suzuki4 or kahan_li6"
            )
        if stage.gradient and piece.gradient_flow is None:
            raise CompileError(
                f"compose: {composition.name} needs the force gradient of piece {piece.name!r}, which has no "
                "gradient_flow; give it one, or choose a composition without, such as blanes_moan_rkn4"
            )
    flows = tuple(Flow(system.pieces[index], *coefficients) for index, *coefficients in stages)
    return flows if controller is None else (ChooseStep(controller), *flows)


def check_compose(operations: Operations, system: PhysicalSystem, where: str = "compose") -> None:
    """Every piece moves by exactly one step: its coefficients sum to 1."""
    for piece in system.pieces:
        total = fsum(op.coefficient for op in operations if isinstance(op, Flow) and op.piece is piece)
        if not isclose(total, 1.0, abs_tol=1e-13):
            raise CompileError(
                f"{where}: coefficients of piece {piece.name!r} sum to {total!r}; they must sum to 1"
            )


def merge(operations: Operations) -> Operations:
    """phi(a h) phi(b h) = phi((a + b) h): neighbouring flows of one piece become one; zero flows vanish.

    Gradients add up as well: V and [V, [T, V]] are both functions of the positions, so that they commute.
    """
    merged: list[Operation] = []
    for op in operations:
        last = merged[-1] if merged else None
        if isinstance(op, Flow) and isinstance(last, Flow) and last.piece is op.piece and _is_exact(op):
            merged.pop()
            op = Flow(op.piece, last.coefficient + op.coefficient, last.gradient + op.gradient)
        if not (isinstance(op, Flow) and op.coefficient == op.gradient == 0.0):
            merged.append(op)
    return tuple(merged)


def _is_exact(flow: Flow) -> bool:
    return flow.piece.order is None


def check_merge(operations: Operations, system: PhysicalSystem) -> None:
    """Coefficients still sum to 1, and no two neighbours belong to one piece."""
    check_compose(operations, system, "merge")
    for before, after in pairwise(operations):
        same = isinstance(before, Flow) and isinstance(after, Flow) and before.piece is after.piece
        if same and isinstance(before, Flow) and _is_exact(before):
            raise CompileError(f"merge: two neighbouring flows of piece {before.name!r} are left")


def insert_evaluations(operations: Operations, system: PhysicalSystem) -> Operations:
    """Put an Evaluate before every operation that reads a derived array; `reuse` drops the needless ones."""
    derived = system.derived()

    def evaluations(op: Operation, above: tuple[str, ...] = ()) -> Iterable[Evaluate]:
        own = {op.field.name} if isinstance(op, Evaluate) else set()
        needed = {derived[name].name: derived[name] for name in sorted(op.reads) if name in derived}
        for name, field in needed.items():
            if name in own:
                continue
            if name in above:
                raise CompileError(
                    f"insert_evaluations: fields read each other: {' -> '.join((*above, name))}"
                )
            yield from evaluations(Evaluate(field), (*above, name))
            yield Evaluate(field)

    inserted: list[Operation] = []
    for op in operations:
        inserted.extend(evaluations(op))
        inserted.append(op)
    return tuple(inserted)


def valid_after(op: Operation, valid: frozenset[str], fields: Sequence[Any]) -> frozenset[str]:
    """Names of the fields whose derived arrays belong to the state after `op`, given those before it."""
    stale = {field.name for field in fields if frozenset(field.reads) & op.writes and field.name != op.name}
    valid = valid - stale
    return valid | {op.name} if isinstance(op, Evaluate) else valid


def valid_at_exit(operations: Operations, fields: Sequence[Any], entry: frozenset[str]) -> frozenset[str]:
    """Names of the fields that are valid at the end of a step that begins with `entry` valid."""
    valid = entry
    for op in operations:
        valid = valid_after(op, valid, fields)
    return valid


def check_evaluations(
    operations: Operations,
    system: PhysicalSystem,
    entry: frozenset[str] = frozenset(),
    where: str = "insert_evaluations",
) -> None:
    """Every operation that reads a derived array finds it valid, if those of `entry` are so at the start."""
    derived = system.derived()
    valid = entry
    for op in operations:
        for name in sorted(op.reads):
            field = derived.get(name)
            if field is not None and field.name not in valid and op.name != field.name:
                raise CompileError(
                    f"{where}: {op.name!r} reads {name!r}, which field {field.name!r} has not computed"
                )
        valid = valid_after(op, valid, system.fields)


def reuse(operations: Operations, system: PhysicalSystem) -> tuple[Operations, frozenset[str]]:
    """Drop evaluations whose inputs did not change, also across the boundary between two steps.

    Returns the operations and the names of the fields that must be valid when a step begins: what the last
    flow of one step evaluated serves the first of the next, and is evaluated once before the first step.
    """
    every = frozenset(field.name for field in system.fields)
    # What is valid at the end of a step is valid at the start of the next: the greatest fixed point.
    entry = every
    while (exit_ := valid_at_exit(operations, system.fields, entry)) != entry:
        entry = exit_
    valid, kept, needed = entry, [], set()
    renewed: set[str] = set()
    for op in operations:
        if isinstance(op, Evaluate) and op.name in valid:
            if op.name not in renewed:
                needed.add(op.name)
            continue
        if isinstance(op, Evaluate):
            renewed.add(op.name)
        kept.append(op)
        valid = valid_after(op, valid, system.fields)
    return tuple(kept), frozenset(needed)


def check_reuse(operations: Operations, system: PhysicalSystem, entry: frozenset[str]) -> None:
    """Reads are still served, every step renews the entry condition, no evaluation repeats another."""
    check_evaluations(operations, system, entry, "reuse")
    lost = entry - valid_at_exit(operations, system.fields, entry)
    if lost:
        raise CompileError(f"reuse: a step begins with {', '.join(sorted(lost))} valid and does not end so")
    valid = entry
    for op in operations:
        if isinstance(op, Evaluate) and op.name in valid:
            raise CompileError(f"reuse: field {op.name!r} is evaluated twice at one state")
        valid = valid_after(op, valid, system.fields)


def insert_exchanges(operations: Operations) -> Operations:
    """Put an Exchange before an evaluation whose inputs changed since the last exchange of its layout."""
    inserted: list[Operation] = []
    fresh: dict[int, frozenset[str]] = {}
    for op in operations:
        layout = getattr(op.field, "layout", None) if isinstance(op, Evaluate) else None
        if layout is not None:
            if not op.reads <= fresh.get(id(layout), frozenset()):
                inserted.append(Exchange(layout))
                # An exchange moves all rows: other layouts must bring them back to their own places.
                fresh = {id(layout): op.reads}
            fresh[id(layout)] = fresh[id(layout)] | op.reads
        inserted.append(op)
        fresh = {key: names - op.writes for key, names in fresh.items()}
    return tuple(inserted)


def check_exchanges(operations: Operations) -> None:
    """No evaluation through a layout follows a change of what it reads without an exchange between."""
    exchanged: int | None = None
    changed: frozenset[str] = frozenset()
    for op in operations:
        if isinstance(op, Exchange):
            exchanged, changed = id(op.layout), frozenset()
        layout = getattr(op.field, "layout", None) if isinstance(op, Evaluate) else None
        if layout is not None and (exchanged != id(layout) or changed & op.reads):
            raise CompileError(
                f"insert_exchanges: field {op.name!r} would read rows that other ranks have changed"
            )
        changed |= op.writes
