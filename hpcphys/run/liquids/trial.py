"""A few steps before the run: what `check` measures on this machine, without MPI."""

from __future__ import annotations

import time

from hpcphys.report.progress import duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.errors import RunError
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.smaller import smaller

MOST_ATOMS = 50_000
"""A larger job is tried with about so many atoms at the same density."""

SECONDS = 1.0
FEWEST_STEPS = 20


def measured_rate(job: LiquidJob) -> list[str]:
    """Energy and pressure of the start and the rate of steps, for the job's atoms or fewer of them.

    Raises JobError when parameters contradict each other, DataFileError for a bad input file.
    """
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import KernelError, backend
    from hpcphys.report.log import Log
    from hpcphys.report.timers import Timers
    from hpcphys.run.liquids.simulation import LiquidSimulation

    tried = smaller(job, MOST_ATOMS)
    communicator = Communicator.serial()
    try:
        device = backend(job.run.backend)
        simulation = LiquidSimulation(tried, device, communicator, Timers(communicator), Log(1), None)
        simulation.start(resumed=False)
        moment, atoms = simulation.moment(), simulation.atoms
        lines = [
            f"start, {atoms} atoms: temperature {moment.temperature:.6g}, potential energy "
            f"{moment.potential / atoms:.8g} per atom, pressure {moment.scalar_pressure:.6g}"
        ]
        simulation.advance(FEWEST_STEPS, diagnosed=False)
        steps, began = 0, time.perf_counter()
        while (seconds := time.perf_counter() - began) < SECONDS:
            simulation.advance(FEWEST_STEPS, diagnosed=False)
            steps += FEWEST_STEPS
        if not simulation.is_finite():
            return [*lines, f"warning: velocities are no numbers after {simulation.state.step} steps"]
    except (RunError, KernelError) as problem:
        return [f"warning: the run could not be tried: {problem}"]
    rate = steps * atoms / seconds
    whole = steps_wanted(job) * steps_atoms(job, atoms) / rate
    return [
        *lines,
        f"rate here: {rate:.3g} atom-steps/s; the run takes about {duration(whole)} on this machine",
    ]


def steps_atoms(job: LiquidJob, tried: int) -> int:
    """Atoms of the job; those that were tried, where only a file knows them: then all of them were."""
    from hpcphys.run.liquids.start import atoms_stated

    return atoms_stated(job) or tried
