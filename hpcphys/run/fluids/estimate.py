"""What a flow will need, before it runs: memory, steps, traffic, disk, and the measured rate of its steps."""

from __future__ import annotations

import math
import time
from typing import Any

from hpcphys.decomposition.pencils.sizes import slow_size
from hpcphys.report.progress import amount, duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.fluids import assembly
from hpcphys.run.fluids.job import FluidJob
from hpcphys.run.fluids.rules import cutoff

BASE_BYTES = 150e6
"""Python, its packages and MPI, on each rank."""

COPIES = 6
"""Spectral arrays of the size of the state on each rank: stages of the step and transforms."""

WEIGHTS = 7
"""Real arrays of half the size of a state in double precision: weights of the quadratic sums."""

PACKED = 8.0 / 3.0
"""Real numbers sent per point and right-hand side: 4 transposed real transforms, 2/3 of their columns."""

MATRICES, KEPT = 12, 4
"""Complex matrices that Zeitlin's model works with, and those in its state: W and its last midpoints."""

MOST_POINTS = 1024
"""A larger grid is tried with this many points; a step costs n² log n."""

TRIAL_SECONDS = 0.5


def estimate(job: FluidJob, ranks: int) -> list[str]:
    """Lines for the user about a valid job on `ranks` ranks; warnings begin with the word."""
    n, largest, zeitlin = job.grid.points, cutoff(job.grid, job.fluid), job.fluid.model == "zeitlin"
    real = 4 if job.fluid.precision == "single" else 8
    modes = (largest + 1) * (2 * largest + 1)
    own = math.ceil(modes / ranks)
    memory = BASE_BYTES + own * (2 * real * COPIES + 8 * WEIGHTS) + real * n * n / ranks
    if zeitlin:
        memory += MATRICES * 16 * n * n / ranks
    lines = [
        f"grid: {n} x {n} points, {modes} modes up to k = {largest} in units of 2π/length; memory: about "
        f"{amount(memory)} on each of {ranks} ranks"
    ]
    if warning := slow_size(n):
        lines.append(f"warning: {warning}")
    if ranks > n:
        lines.append(f"warning: {ranks} ranks for {n} lines of the grid; at most {n} can run")
    elif ranks > largest + 1:
        lines.append(f"warning: {ranks} ranks for {largest + 1} columns of wavenumbers: some ranks do little")
    steps = steps_wanted(job)
    lines.append(f"steps: {steps}" if steps is not None else "steps: adaptive; see the trial below")
    if ranks > 1 and not zeitlin:
        sent = 4 * PACKED * real * n * n / ranks * (ranks - 1) / ranks
        lines.append(
            f"traffic: about {amount(sent)} sent by each rank per step (Runge-Kutta, pruned and packed)"
        )
    state = 2 * real * (KEPT * n * n if zeitlin else modes)
    stored = state * (job.output.keep + 1) + real * n * n * _snapshots(job)
    lines.append(f"disk: about {amount(stored)}")
    return lines


def _snapshots(job: FluidJob) -> int:
    if not job.output.snapshots:
        return 0
    return 2 + int((job.time.end or 0.0) / (job.output.snapshot_every or math.inf))


def measured_rate(job: FluidJob) -> list[str]:
    """Courant number of the initial flow, seconds per step here, and what the run takes; no MPI.

    Raises JobError when the initial flow does not fit the job, DataFileError for a bad input file.
    """
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import KernelError
    from hpcphys.kernels import backend as backend_named
    from hpcphys.report.timers import Timers
    from hpcphys.run.fluids.kind import KIND

    communicator = Communicator.serial()
    tried = _smaller(job)
    try:
        backend = backend_named(job.run.backend)
        simulation = KIND.simulation(tried, backend, communicator, Timers(communicator), None, None)
        speed = simulation.largest_speed()
        assembly.check_courant(job, simulation.engine, speed)
        step = _first_step(job, speed)
        seconds = _seconds_per_step(simulation.program, None if job.time.adaptive else step)
    except KernelError as error:
        return [f"warning: steps could not be tried here: {error}"]
    return _told(job, tried, speed, step, seconds)


def _smaller(job: FluidJob) -> FluidJob:
    """The job on at most MOST_POINTS points; its ring of forcing inside."""
    if job.grid.points <= MOST_POINTS or job.initial.model == "file":
        return job
    update: dict[str, Any] = {"grid": job.grid.model_copy(update={"points": MOST_POINTS})}
    if job.forcing is not None:
        share = MOST_POINTS / job.grid.points
        update["forcing"] = job.forcing.model_copy(
            update={"wavenumber": max(2.0, share * job.forcing.wavenumber)}
        )
    return job.model_copy(update=update)


def _first_step(job: FluidJob, speed: float) -> float:
    if job.time.step is not None:
        return job.time.step
    longest = job.time.max_step or math.inf
    return min(longest, job.time.cfl * job.grid.length / job.grid.points / speed if speed > 0.0 else longest)


def _seconds_per_step(program: Any, step: float | None) -> float:
    program.step(step)
    steps, began = 0, time.perf_counter()
    while steps < 3 or (time.perf_counter() - began < TRIAL_SECONDS and steps < 200):
        program.step(step)
        steps += 1
    return (time.perf_counter() - began) / steps


def _told(job: FluidJob, tried: FluidJob, speed: float, step: float, seconds: float) -> list[str]:
    courant = speed * step * job.grid.points / job.grid.length
    lines = [f"initial flow: largest speed {speed:.4g}, Courant number {courant:.3g} of a step of {step:.3g}"]
    n, few = job.grid.points, tried.grid.points
    each = seconds * (n / few) ** 2 * math.log(n) / math.log(few)
    known = steps_wanted(job)
    steps = known if known is not None else math.ceil(job.time.end / step)
    about = "" if known is not None else f"about {steps} steps, if the flow keeps this speed; "
    scaled = "" if n == few else f", measured with {few} points and scaled"
    lines.append(
        f"rate here: {1e3 * each:.3g} ms a step{scaled}; {about}the run takes about "
        f"{duration(steps * each)} on one such rank, diagnostics apart"
    )
    return lines
