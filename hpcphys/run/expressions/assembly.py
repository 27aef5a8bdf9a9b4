"""From a valid job to its parts: the system in symbols, the rows of this rank, the compiled program."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler import CompileError, compile_structure
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
    state = system.state
    for field in system.fields:  # native programs store every derived array, whichever they begin with
        for variable in field.variables:
            if variable.name not in state:
                state[variable.name] = np.zeros((state.count, *((variable.size,) * (variable.size is not None))))
    state.first = first
    state.scalars["noise.seed"] = job.initial.seed
    if backend is not None:
        state.replace({name: backend.array(state[name]) for name in state.names()})
    try:
        return compile_structure(
            system, composition, dt=job.time.step, backend=backend, timers=timers, total=systems
        )
    except CompileError as problem:
        raise JobError([f"time.integrator: {problem}"]) from problem
