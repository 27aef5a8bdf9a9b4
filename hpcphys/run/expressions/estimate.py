"""What a job will need, before it runs: memory, steps, and the measured rate of its native steps."""

from __future__ import annotations

import math
import time

from hpcphys.report.progress import amount, duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.expressions.job import HamiltonianJob

BASE_BYTES = 180e6
"""Python, SymPy, the other packages and MPI, on each rank."""

COPIES = 6
"""Arrays of the state's size that a run holds at its largest: state, start, forces, diagnostics, a
snapshot."""

MOST_SYSTEMS = 20_000
"""A larger batch is tried with this many of its systems."""

TRIAL_SECONDS = 0.3


def estimate(job: HamiltonianJob, ranks: int) -> list[str]:
    """Lines for the user about a valid job on `ranks` ranks; warnings begin with the word."""
    from hpcphys.run.expressions.assembly import declaration_of

    width = declaration_of(job).coordinates.dimension
    systems, steps = job.initial.systems, steps_wanted(job)
    memory = BASE_BYTES + 8 * width * COPIES * math.ceil(systems / ranks)
    lines = [
        f"systems: {systems} of {width} coordinates; memory: about {amount(memory)} on each of {ranks} ranks",
        f"steps: {steps}",
    ]
    if systems < ranks:
        lines.insert(1, f"warning: {ranks} ranks for {systems} systems: some ranks have nothing to do")
    rows = 2 + (steps or 0) // job.output.diagnostics_every
    snapshots = 2 + int((job.time.end or 0) / (job.output.snapshot_every or math.inf))
    stored = (snapshots * job.output.snapshots + job.output.keep + 1) * 8 * width * systems
    lines.append(f"disk: about {amount(stored + rows * 8 * (width + 12))}, {rows} rows of diagnostics")
    return lines


def measured_rate(job: HamiltonianJob) -> list[str]:
    """Steps per second of the program here, on the job's systems or fewer of them.  Raises JobError."""
    from hpcphys.compiler import OperationError
    from hpcphys.kernels import KernelError
    from hpcphys.kernels import backend as backend_named
    from hpcphys.run.expressions import assembly

    declaration = assembly.declaration_of(job)
    few = min(job.initial.systems, MOST_SYSTEMS)
    try:
        backend = backend_named(job.run.backend)
        rows = declaration.rows.rows(0, few)
        program = assembly.compiled_program(job, declaration, rows, backend, systems=job.initial.systems)
        rate = _rate(program)
    except (KernelError, OperationError) as error:
        return [f"warning: steps could not be tried here: {error}"]
    steps = steps_wanted(job) or 0
    seconds = steps / rate * job.initial.systems / few
    how = "one native call does many steps" if program.native is not None else "step by step in NumPy"
    return [
        f"rate here: {rate * few:.3g} steps of a system per second ({how}); the run takes about "
        f"{duration(seconds)} on one such rank, diagnostics apart"
    ]


def _rate(program) -> float:
    """Steps per second, from runs that double until they are long enough to time."""
    program.run(1)
    steps = 1
    while True:
        began = time.perf_counter()
        program.run(steps)
        seconds = time.perf_counter() - began
        if seconds > TRIAL_SECONDS or steps > 1 << 24:
            return steps / max(seconds, 1e-9)
        steps *= 2 if seconds > 0.01 else 8
