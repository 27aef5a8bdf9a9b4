"""`hpcphys explain`: the program that a job compiles to, as text."""

from __future__ import annotations

from hpcphys.run.galaxy import assembly
from hpcphys.run.galaxy.job import GravityJob

PARTICLES = 64
"""Enough to compile the program; its text does not depend on the number."""


def explanation(job: GravityJob) -> str:
    """Equations, splitting and its order, operations with their exchanges, and kernels; no MPI, no run.

    Raises JobError when the initial conditions contradict each other.
    """
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import backend

    communicator = Communicator.serial()
    name = "cpu" if job.run.backend == "auto" else job.run.backend
    device = backend(name, threads=1)
    if getattr(job.initial, "particles", 0) > PARTICLES:
        small = job.initial.model_copy(update={"particles": PARTICLES})
        job = job.model_copy(update={"initial": small})
    arrays, begin = assembly.initial_arrays(job, communicator)
    state = assembly.state_on(device, arrays, time=begin)
    field = assembly.force_field(job, device, communicator)
    return assembly.compiled_program(job, state, field, device, communicator).explain()
