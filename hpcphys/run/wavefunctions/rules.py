"""Rules of a job of a wavefunction: everything that is wrong with it, before the first step."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sympy

from hpcphys.compiler.compositions import Stage, composition
from hpcphys.compiler.expressions import TIME
from hpcphys.physics.schrodinger.grid import AXES, WaveGrid
from hpcphys.physics.schrodinger.potential import GridFunction, PotentialError
from hpcphys.physics.schrodinger.vector_potential import VectorPotential
from hpcphys.run.kind import Broken
from hpcphys.run.time_rules import equal_steps
from hpcphys.run.wavefunctions.declaration import Declaration, Declaring
from hpcphys.run.wavefunctions.packet import LARGEST, misfits


def broken_rules(tables: dict[str, Any], files_needed: bool = True) -> list[Broken]:
    """Path and text of every rule that the valid tables break; a rule whose table is missing is not tried."""
    broken = equal_steps(tables["time"]) if "time" in tables else []
    if "grid" not in tables:
        return broken
    reading = Declaring(tables)
    found = reading.declaration()
    broken += reading.problems
    if found is None:
        return broken
    named = [path for path, _ in reading.problems]
    planes = getattr(tables.get("observables"), "planes", {})
    planes = {name: plane for name, plane in planes.items() if ("observables", "planes", name) not in named}
    broken += _functions(found, planes)
    broken += _states(tables, found, files_needed)
    if "time" in tables:
        broken += _integrator(tables["time"], found, tables)
    broken += _expectations(tables, found)
    broken += _limits(tables, found)
    return broken


def _functions(found: Declaration, planes: dict[str, dict[str, float]]) -> Iterator[Broken]:
    """Potential, absorber and vector potential can be used on the grid."""
    checked = found.grid.count <= LARGEST  # larger ones by all ranks together, when the run begins
    if checked:
        problem = GridFunction(found.potential, found.grid).problem(0.0)
        if problem:
            yield ("wave", "potential"), problem.removeprefix("potential ")
    if found.absorber is not None and checked:
        field = GridFunction(found.absorber, found.grid, name="absorber")
        problem = field.problem(0.0)
        lowest = 0.0 if problem else float(field.values(0.0).min())
        if problem or lowest < 0.0:
            text = f"is {lowest:g} somewhere; waves would grow there: W must not be negative on the grid"
            yield ("wave", "absorber"), problem.removeprefix("absorber ") or text
    if found.vector_potential:
        try:
            vector = VectorPotential(found.vector_potential, found.grid)
        except PotentialError as error:
            yield ("wave", "vector_potential"), str(error)
            return
        for name, plane in planes.items():
            for axis in plane:
                if AXES.index(axis) in vector.transverse:
                    text = f"no flux is known along {axis}, where A_{axis} depends on the others"
                    yield ("observables", "planes", name), text


def _states(tables: dict[str, Any], found: Declaration, files_needed: bool) -> Iterator[Broken]:
    observables = tables.get("observables")
    states: list[tuple[tuple[str, ...], Any, dict[str, Any]]] = [
        (("initial",), tables.get("initial"), found.initial)
    ]
    states.append((("observables", "reference"), getattr(observables, "reference", None), found.reference))
    for path, table, parts in states:
        if table is None:
            continue
        yield from misfits(table, parts, found, path)
        if table.model == "file" and files_needed and not Path(table.path).exists():
            yield (*path, "path"), f"no such file: {table.path}"
        several = table.model == "excited_state" and table.index > 0
        several |= table.model == "superposition" and len(table.coefficients) > 1
        if several and getattr(tables.get("wave"), "nonlinearity", 0.0):
            text = f"found {table.model!r} with a nonlinearity; only its ground state can be relaxed"
            yield (*path, "model"), text
        given = parts.get("potential")
        if given is not None and found.grid.count <= LARGEST:
            problem = GridFunction(given, found.grid).problem(0.0)
            if problem:
                yield (*path, "potential"), problem.removeprefix("potential ")


def stages_of(name: str, found: Declaration) -> tuple[Stage, ...]:
    """The stages of a composition for the job's pieces: kinetic, one for each A_j(x), potential.

    Raises ValueError where they do not fit.
    """
    magnetic = sum(bool(e.free_symbols - {TIME}) for e in found.vector_potential.values())
    return composition(name).stages(2 + magnetic if magnetic else ("A", "B"))


def _integrator(time: Any, found: Declaration, tables: dict[str, Any]) -> Iterator[Broken]:
    key = ("time", "integrator")
    try:
        stages = stages_of(time.integrator, found)
    except ValueError as problem:
        yield key, f"{problem} (a vector potential of the coordinates is a piece of its own)"
        return
    wave, last = tables.get("wave"), max(stage.piece for stage in stages)
    negative = min(stage.coefficient for stage in stages)
    if time.mode == "imaginary" and negative < 0:
        yield (
            key,
            (
                f"{time.integrator!r} has the negative coefficient {negative:.4g}, which in imaginary time "
                "lets fast waves grow without bound; use leapfrog, or chin4a for order 4"
            ),
        )
    if found.absorber is not None and min(s.coefficient for s in stages if s.piece == last) < 0:
        yield (
            key,
            (
                f"{time.integrator!r} has negative coefficients of the potential, over which an absorber "
                "makes waves grow; use leapfrog or chin4a"
            ),
        )
    if any(stage.gradient for stage in stages):
        if wave is not None and wave.nonlinearity:
            text = (
                f"{time.integrator!r} needs the gradient of g|psi|², which is not at hand; use blanes_moan4"
            )
            yield key, text
        if _has_corners(found.potential):
            yield (
                key,
                (
                    f"{time.integrator!r} needs the gradient of the potential, which has kinks or jumps "
                    "(abs, min, max, sign): it would lose its order; use blanes_moan_rkn4, or smooth it"
                ),
            )
    if time.mode == "imaginary" and found.is_driven:
        yield (
            ("time", "mode"),
            "found 'imaginary' with a Hamiltonian that depends on t; it has no ground state",
        )


def _has_corners(potential: sympy.Expr) -> bool:
    return potential.has(sympy.Abs, sympy.sign, sympy.Min, sympy.Max)


def columns(tables: dict[str, Any], found: Declaration) -> list[str]:
    """Names of the numbers in a row of diagnostics that exact values may be given for."""
    wave, observables = tables.get("wave"), tables.get("observables")
    names = ["norm", "energy", "kinetic", "potential"]
    if wave is not None and wave.nonlinearity:
        names += ["interaction", "chemical_potential"]
    for kind in ("position", "position_width", "momentum", "momentum_width"):
        names += [f"{kind}_{axis}" for axis in found.axes]
    names += [f"flux_{name}" for name in getattr(observables, "planes", {})]
    names += [f"probability_{name}" for name in getattr(observables, "regions", {})]
    return names + ["overlap"] * (getattr(observables, "reference", None) is not None)


def _expectations(tables: dict[str, Any], found: Declaration) -> Iterator[Broken]:
    known = columns(tables, found)
    for name in found.expectations:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1, 0.6)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            yield ("exact", "expectations", name), f"is no column of this job's diagnostics; {hint}"


def _limits(tables: dict[str, Any], found: Declaration) -> Iterator[Broken]:
    limits, time, sweep = tables.get("limits"), tables.get("time"), tables.get("transmission")
    imaginary = time is not None and time.mode == "imaginary"
    reason = ""
    if found.absorber is not None:
        reason = "the absorber takes"
    elif imaginary:
        reason = "imaginary time changes"
    if limits is not None and limits.norm_error is not None and reason:
        yield ("limits", "norm_error"), f"{reason} the norm or is given it back; remove the limit"
    if limits is not None and limits.energy_error is not None and (reason or found.is_driven):
        reason = reason or "a Hamiltonian that depends on t changes"
        yield ("limits", "energy_error"), f"{reason} the energy; remove the limit"
    if sweep is not None and imaginary:
        yield ("transmission", "beyond"), "nothing is transmitted in imaginary time; remove the table"
    if found.transmission is not None and sweep is None:
        yield ("exact", "transmission"), "is given without a table [transmission]; add it, or remove this"


def rank_rule(grid: WaveGrid, ranks: int) -> str:
    """What is wrong with a number of ranks for the grid, or ""."""
    most = 1 if grid.dimension == 1 else grid.points[0]
    if ranks <= most:
        return ""
    shape = " x ".join(map(str, grid.points))
    if grid.dimension == 1:
        return f"a grid of one axis ({shape} points) runs on 1 rank; found {ranks}"
    return (
        f"{ranks} ranks for a grid of {shape} points, which is shared along {AXES[0]}; allowed: 1 to {most} "
        "ranks, or more points along x"
    )
