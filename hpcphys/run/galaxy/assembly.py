"""From a valid job to its parts: particles, force field, system, compiled program."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.run.errors import JobError
from hpcphys.run.galaxy.job import GravityJob


def initial_arrays(job: GravityJob, communicator) -> tuple[dict[str, np.ndarray], float]:
    """This rank's particles as [initial] says, and the time they are of.

    Raises JobError when parameters contradict each other, DataFileError for a file that cannot be used.
    """
    initial = job.initial
    if initial.model == "file":
        from hpcphys.io.gadget4_reader import read_snapshot

        arrays = read_snapshot(initial.path, communicator, units(job))
        return arrays, 0.0
    from hpcphys.initial import realisation

    parameters = initial.model_dump(exclude={"model", "particles", "seed"}, exclude_none=True)
    seed = getattr(initial, "seed", 0)
    try:
        arrays = realisation(
            initial.model, initial.particles, seed, communicator, G=job.gravity.G, **parameters
        )
    except ValueError as problem:
        raise JobError([f"initial: {problem}"]) from problem
    return arrays, 0.0


def units(job: GravityJob):
    """The units of snapshots."""
    from hpcphys.io.gadget4 import GalaxyUnits

    return GalaxyUnits(job.units.length_kpc, job.units.mass_1e10_msun, job.gravity.G)


def state_on(backend, arrays: dict[str, np.ndarray], **rest) -> State:
    """A state whose arrays live on the backend's device.  rest: time, step, scalars."""
    return State({name: backend.array(array) for name, array in arrays.items()}, **rest)


def force_field(job: GravityJob, backend, communicator):
    """The field that [gravity] describes."""
    gravity = job.gravity
    common: dict[str, Any] = {
        "softening": gravity.softening,
        "softening_kernel": gravity.softening_kernel,
        "precision": gravity.precision,
        "G": gravity.G,
    }
    if gravity.method == "direct":
        from hpcphys.forces.direct import DirectGravity

        return DirectGravity(backend, communicator, **common)
    from hpcphys.forces.tree import TreeGravity

    return TreeGravity(
        backend,
        communicator,
        criterion=gravity.criterion,
        tolerance=gravity.tolerance,
        opening_angle=gravity.opening_angle,
        conserve_momentum=gravity.conserve_momentum,
        **common,
    )


def compiled_program(job: GravityJob, state: State, field, backend, communicator, timers=None):
    """The program of the job: system, composition by name, adaptive steps if asked."""
    from hpcphys.compiler import compile_structure
    from hpcphys.physics.gravity import gravity

    system = gravity(state, field, backend)
    controller = step_controller(job, backend, communicator) if job.time.adaptive else None
    return compile_structure(system, job.time.integrator, controller, dt=job.time.step, timers=timers)


def step_controller(job: GravityJob, backend, communicator):
    """The time-symmetric controller of [time] adaptive."""
    from hpcphys.compiler import SymmetricSteps
    from hpcphys.compiler.adaptive import Criterion
    from hpcphys.physics.gravity_steps import AccelerationSteps, VirialSteps

    given = job.time
    common: dict[str, Any] = {"accuracy": given.accuracy, "reproducible": job.run.reproducible}
    criterion: Criterion
    if given.step_criterion == "acceleration":
        criterion = AccelerationSteps(communicator, backend, softening=job.gravity.softening, **common)
    else:
        criterion = VirialSteps(communicator, backend, G=job.gravity.G, **common)
    return SymmetricSteps(criterion, min_step=given.min_step or 0.0, max_step=given.max_step or float("inf"))
