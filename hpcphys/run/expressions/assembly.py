"""From a valid job to its parts: the system in symbols, the rows of this rank, the compiled program."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler import compile_structure
from hpcphys.compiler.constraints import ConstraintError
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.initial import InitialError
from hpcphys.compiler.splitting.split import SplittingError
from hpcphys.io.rows import even_rows
from hpcphys.run.errors import JobError
from hpcphys.run.expressions.declaration import Declaration, Declaring
from hpcphys.run.expressions.job import IMPLICIT, HamiltonianJob


def declaration_of(job: HamiltonianJob) -> Declaration:
    """The system of a job.  Raises JobError for one that is not valid."""
    reading = Declaring(
        {"hamiltonian": job.hamiltonian, "initial": job.initial, "observables": job.observables}
    )
    found = reading.declaration()
    if found is None:
        raise JobError([f"{'.'.join(path)}: {text}" for path, text in reading.problems])
    return found


def rows_of(job: HamiltonianJob, communicator) -> tuple[int, int]:
    """First and last row of this rank: an even share."""
    return even_rows(job.initial.systems, communicator.rank, communicator.size)


def integrator_of(job: HamiltonianJob) -> tuple[str, str]:
    """(splitting, composition): an implicit method moves all of H, with itself as a symmetric step."""
    name = job.time.integrator
    if name in IMPLICIT:
        return name, "leapfrog"
    if job.hamiltonian.constraints and job.hamiltonian.splitting == "auto":
        return "separable", name  # projections go between drifts and kicks
    return job.hamiltonian.splitting, name


def compiled_program(
    job: HamiltonianJob,
    declaration: Declaration,
    arrays: dict[str, np.ndarray],
    backend: Any = None,
    timers: Any = None,
    first: int = 0,
    systems: int | None = None,
) -> Any:
    """The program of the job on a state with these rows.

    arrays: this rank's rows of variables and of parameters with a value for each system, in host memory
    backend: kernel runtime; None for NumPy, operation by operation
    first: global index of row 0;  systems: on all ranks
    Raises JobError where system and composition do not fit, or the start is not allowed.
    """
    splitting, composition = integrator_of(job)
    rows = len(next(iter(arrays.values())))
    if rows == 0:  # a rank without systems has the same program: it is built on the first of them
        arrays = declaration.rows.rows(0, 1)
    variables = {v.name for v in declaration.coordinates.variables}
    terms = declaration.terms
    try:
        system = hamiltonian(
            terms if declaration.keeps_terms else declaration.hamiltonian,
            structure=declaration.structure,
            state={name: array for name, array in arrays.items() if name in variables},
            parameters=declaration.parameters,
            per_system={name: array for name, array in arrays.items() if name not in variables},
            splitting=splitting,
        )
    except (InitialError, SplittingError) as problem:
        raise JobError([f"hamiltonian: {problem}"]) from problem
    if declaration.constraints:
        system = dataclasses.replace(system, constraints=_constraints(job, declaration, system))
    state = system.state
    if rows == 0:
        state.replace({name: state[name][:0] for name in state.names()})
    state.first = first
    state.scalars["noise.seed"] = job.initial.seed
    if backend is not None:
        state.replace({name: backend.array(state[name]) for name in state.names()})
    try:
        return compile_structure(
            system, composition, dt=job.time.step, backend=backend, timers=timers, total=systems,
            compensated=job.time.compensated,
        )  # fmt: skip
    except ConstraintError as problem:
        raise JobError([f"hamiltonian.constraints: {problem}"]) from problem
    except ValueError as problem:  # CompileError among them: system and composition do not fit
        key = "compensated" if str(problem).startswith("compensated:") else "integrator"
        raise JobError([f"time.{key}: {problem}"]) from problem


def _constraints(job: HamiltonianJob, declaration: Declaration, system: Any) -> Any:
    """The constraints of [hamiltonian], with the kinetic energy that sets their masses: all of H that
    holds momenta."""
    from hpcphys.compiler.constraints import HolonomicConstraints

    pairs = getattr(declaration.structure, "pairs", None)
    if pairs is None:
        raise JobError([f"hamiltonian.constraints: structure {declaration.structure.name!r} has no momenta"])
    momenta = {s for _, name in pairs for s in declaration.coordinates.named[name].symbols}
    kinetic = [t for t in sympy.Add.make_args(declaration.hamiltonian.expand()) if t.free_symbols & momenta]
    table = job.hamiltonian
    try:
        return HolonomicConstraints(
            declaration.constraints, system.coordinates, sympy.Add(*kinetic), pairs, declaration.parameters,
            tolerance=table.tolerance, project_every=table.project_every,
        )  # fmt: skip
    except ConstraintError as problem:
        raise JobError([f"hamiltonian.constraints: {problem}"]) from problem
