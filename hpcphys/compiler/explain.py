"""A program as text: its equations, its splitting, its operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpcphys.compiler.operations import ChooseStep, Evaluate, Exchange, Flow, Operation, Project

if TYPE_CHECKING:
    from hpcphys.compiler.compositions import Composition
    from hpcphys.compiler.program import Program
    from hpcphys.compiler.system import PhysicalSystem


SHORT = 40
"""Equations of at most so many characters stand beside every flow of a program."""


def _line(op: Operation) -> str:
    """One operation in one line."""
    if isinstance(op, Flow):
        gradient = f" {op.gradient:+.12f} dt³ grad |F|²" if op.gradient else ""
        # The system's own list of pieces has the equation; a long one would hide the order of the flows.
        equation = op.piece.equation if len(op.piece.equation) <= SHORT else ""
        return f"{op.name:<12} {op.coefficient:+.12f} dt{gradient}    {equation}".rstrip()
    if isinstance(op, Evaluate):
        reads, writes = ", ".join(sorted(op.reads)), ", ".join(sorted(op.writes))
        return f"{'evaluate':<12} {op.name}: {reads} -> {writes}"
    if isinstance(op, Exchange):
        return f"{'exchange':<12} {op.layout.describe()}"
    if isinstance(op, ChooseStep):
        return f"{'choose dt':<12} {op.controller.describe()}"
    if isinstance(op, Project):
        return f"{op.name:<12} {_projection(op)}"
    raise TypeError(f"unknown operation {type(op).__name__}")


def _projection(op: Project) -> str:
    """What a projection does, in words."""
    every = op.constraints.project_every
    cadence = f" (every {every} steps)" if every > 1 else ""
    if op.what == "reference":
        return f"positions, for the gradients of g{cadence}"
    if op.what == "momenta":
        return f"momenta onto dg/dt = 0{cadence}"
    return (
        f"positions onto g = 0, momenta by the same impulses over {op.coefficient * every:+.12f} dt{cadence}"
    )


def _choice(system: PhysicalSystem, name: str) -> list[str]:
    """How the flow of a part was found, and why it is exact or what it conserves."""
    parts = () if system.splitting is None else system.splitting.parts
    return [
        f"    {part.kind}, {'exact flow' if part.order is None else f'order {part.order}'}: {part.reason}"
        for part in parts
        if part.name == name
    ]


def _geometry(system: PhysicalSystem, composition: Composition) -> str:
    """What every step keeps of the structure, where that is known for all pieces."""
    dissipative = any(hasattr(system.structure, what) for what in ("friction", "thermostat_energy"))
    if dissipative or not composition.geometric or any(piece.order is not None for piece in system.pieces):
        return ""
    contact = system.structure.name == "contact"
    return ", contact" if contact else ", Poisson" if system.structure.casimirs else ", symplectic"


def explanation(program: Program) -> str:
    """The text of `program.explain()`: equations, splitting, operations, fields."""
    system, table = program.system, program.composition
    lines = ["System"]
    if system.equation:
        lines.append(f"  {system.equation}")
    lines.append(f"  {system.structure.name} structure: {system.structure.equation}")
    casimirs = ", ".join(casimir.name for casimir in system.structure.casimirs)
    lines.append(f"  Casimirs: {casimirs or 'none'}")
    for piece in system.pieces:
        reads, writes = ", ".join(sorted(piece.reads)), ", ".join(sorted(piece.writes))
        lines.append(f"  piece {piece.name}: {piece.equation}; reads {reads}; writes {writes}")
        lines += _choice(system, piece.name)
    if system.constraints is not None:
        lines.append(f"  constraints: {system.constraints.describe()}")
    geometry = ", with a thermostat" if "O" in table.roles else _geometry(system, table)
    kind = f"{'symmetric' if table.symmetric else 'not symmetric'}{geometry}"
    nystrom = ", for a quadratic kinetic energy" if table.nystrom else ""
    lines += [
        "Splitting",
        *(f"  {note}" for note in (system.splitting.notes if system.splitting is not None else ())),
        f"  {table.name}: order {table.order}, {kind}{nystrom}",
        f"  source: {table.source}",
    ]
    per_step = program.evaluations_per_step
    lines.append(f"Program of one step ({per_step} field evaluation{'' if per_step == 1 else 's'})")
    if system.carries:
        names = ", ".join(variable.name for variable in system.carries)
        lines.append(f"  compensated sums: what rounding takes from them is in {names}")
    if program.entry:
        reused = ", ".join(sorted(program.entry))
        lines.append(f"  reused from the step before: {reused} (evaluated once before the first step)")
    lines += [f"  {index:>3}  {_line(op)}" for index, op in enumerate(program.operations, 1)]
    if program.loop is not None:
        lines.append(f"  {program.loop.describe()}")
    if system.fields:
        lines.append("Fields")
        for field in system.fields:
            lines += [f"  {field.name}: " + "\n    ".join(field.describe().splitlines())]
            if field.optional:
                lines.append(f"    on request in the same pass: {', '.join(sorted(field.optional))}")
    return "\n".join(lines)
