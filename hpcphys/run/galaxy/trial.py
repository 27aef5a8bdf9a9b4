"""One force evaluation before the run: what `check` measures on this machine, without MPI."""

from __future__ import annotations

import time

from hpcphys.run.galaxy.assembly import force_field, initial_arrays, state_on
from hpcphys.run.galaxy.job import GravityJob

MOST_PARTICLES = 100_000
"""A larger job is tried with this many particles of the same model: errors hardly depend on the number."""


def measured_force(job: GravityJob) -> list[str]:
    """Rate of one evaluation and the force error on a sample, for the job's particles or fewer of its model.

    Raises JobError when the model's parameters contradict each other, DataFileError for a bad input file.
    """
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.forces.error import sampled_error
    from hpcphys.kernels import KernelError
    from hpcphys.kernels import backend as backend_named

    communicator = Communicator.serial()
    wanted = getattr(job.initial, "particles", None)
    if wanted is not None and wanted > MOST_PARTICLES:
        job = job.model_copy(update={"initial": job.initial.model_copy(update={"particles": MOST_PARTICLES})})
    arrays, _ = initial_arrays(job, communicator)
    try:
        backend = backend_named(job.run.backend)
        field = force_field(job, backend, communicator)
        state = state_on(backend, arrays)
        field.layout.exchange(state)
        field.evaluate(state)
        began = time.perf_counter()
        field.layout.exchange(state)
        field.evaluate(state)
        seconds = time.perf_counter() - began
        lines = [f"one force evaluation here: {state.count} particles in {seconds:.3g} s"]
        if job.gravity.error_sample:
            median, p99 = sampled_error(field, state, communicator, job.gravity.error_sample)
            drawn = min(job.gravity.error_sample, state.count)
            lines.append(
                f"force error, {drawn} of {state.count} particles against direct sums: "
                f"median {median:.1e}, 99 % below {p99:.1e}"
            )
    except KernelError as error:
        return [f"warning: forces could not be tried here: {error}"]
    return lines
