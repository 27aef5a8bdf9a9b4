"""From a valid job to its parts: forces, constraints, system, compiled program."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler import State, compile_structure
from hpcphys.run.errors import JobError
from hpcphys.run.liquids.declaration import (
    ensemble_of,
    potential_of,
    rigid_template,
)
from hpcphys.run.liquids.exclusions import MoleculeExclusions
from hpcphys.run.liquids.job import OF_ENSEMBLE, LiquidJob
from hpcphys.run.liquids.lists import ListedPairs
from hpcphys.run.liquids.units import named_units


def pair_forces(job: LiquidJob, box: Any, state: State, backend: Any, communicator: Any) -> ListedPairs:
    """The field of pair forces, on blocks of the box where there are several ranks.

    state: this rank's atoms, wherever they lie.  Raises JobError for a potential or cutoff that does not fit.
    """
    from hpcphys.decomposition.cells.layout import Cells

    table = job.pairs
    exclusions = None if job.molecules is None else MoleculeExclusions(job.molecules, backend)
    try:
        cells = None
        if communicator.size > 1:
            cells = Cells(
                box, communicator, reach=table.cutoff + table.buffer, molecules=job.molecules is not None,
                backend=backend,
            )  # fmt: skip
        return ListedPairs(
            backend, communicator, box, potential_of(table), cutoff=table.cutoff, buffer=table.buffer,
            precision=table.precision, cells=cells, reproducible=job.run.reproducible,
            exclusions=exclusions, rebuild_every=table.rebuild_every,
            balance=job.run.balance,
        )  # fmt: skip
    except ValueError as problem:
        raise JobError([f"pairs: {problem}"]) from problem


def rigid_molecules(job: LiquidJob) -> Any:
    """The constraints of the job, or None.  Raises JobError for bonds that cannot be."""
    if job.molecules is None:
        return None
    from hpcphys.physics.liquids import RigidMolecules

    try:
        return RigidMolecules([rigid_template(job.molecules)], tolerance=job.molecules.tolerance)
    except ValueError as problem:
        raise JobError([f"molecules: {problem}"]) from problem


def liquid_system(
    job: LiquidJob,
    state: State,
    field: Any,
    constraints: Any,
    backend: Any,
    communicator: Any,
    kept_momenta: int | None,
) -> Any:
    """The system with its ensemble, at the bath's temperature of the state's step.

    kept_momenta: components of the total momentum that were found to be zero at the start of the run; None
        at the start
    Raises JobError for masses, momenta or degrees of freedom that cannot be.
    """
    from hpcphys.physics.liquids import liquid

    ensemble = ensemble_of(job, state.step)
    try:
        return liquid(
            state, field, backend, communicator, ensemble=ensemble, constraints=constraints,
            boltzmann=named_units(job.units).boltzmann, conserved_momenta=kept_momenta,
            reproducible=job.run.reproducible,
        )  # fmt: skip
    except ValueError as problem:
        raise JobError([f"{'molecules' if constraints else 'initial'}: {problem}"]) from problem


def compiled_program(job: LiquidJob, system: Any, timers: Any = None) -> Any:
    """The program: the composition that the ensemble is made for, or that of [time] integrator."""
    name = job.time.integrator
    composition = system.composition if name == OF_ENSEMBLE else name
    try:
        return compile_structure(system, composition, dt=job.time.step, timers=timers)
    except ValueError as problem:
        raise JobError([f"time.integrator: {problem}"]) from problem
