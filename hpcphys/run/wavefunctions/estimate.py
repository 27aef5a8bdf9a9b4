"""What a job will need, before it runs: memory, steps, disk, and the measured time of its steps."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from hpcphys.report.progress import amount, duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.wavefunctions.assembly import declaration_of, engine_of
from hpcphys.run.wavefunctions.job import WaveJob
from hpcphys.run.wavefunctions.phases import extremes, phases, warnings
from hpcphys.run.wavefunctions.rules import rank_rule

BASE_BYTES = 200e6
"""Python, SymPy, the other packages and MPI, on each rank."""

COPIES = 3
"""Arrays of the size of the wavefunction that a run holds at its largest: itself, the transposed one, and
work space of diagnostics and snapshots; tables of the potential are counted apart."""

LARGEST_TRIED = 1 << 24
"""Points of the largest grid whose steps `check` tries."""

TRIAL_SECONDS = 0.3


def estimate(job: WaveJob, ranks: int) -> list[str]:
    """Lines for the user about a valid job on `ranks` ranks; warnings begin with the word."""
    declaration = declaration_of(job)
    grid, steps = declaration.grid, steps_wanted(job) or 0
    itemsize = grid.complex_type.itemsize
    states = 1 + job.observables.autocorrelation + (job.observables.reference is not None)
    tables = 1 + (declaration.absorber is not None)
    share = math.ceil(grid.points[0] / ranks) * grid.count // grid.points[0]
    memory = BASE_BYTES + share * (itemsize * (COPIES + states) + 8 * tables)
    points = " x ".join(map(str, grid.points))
    lines = [
        f"grid: {points} points; memory: about {amount(memory)} on each of {ranks} ranks",
        f"steps: {steps}",
    ]
    if problem := rank_rule(grid, ranks):
        lines.insert(1, f"warning: the run will be refused: {problem}")
    rows = 2 + steps // job.output.diagnostics_every
    snapshots = 2 + int((job.time.end or 0) / (job.output.snapshot_every or math.inf))
    real = grid.real_type.itemsize
    stored = snapshots * job.output.snapshots * 3 * real + (job.output.keep + 1) * states * itemsize
    width = 8 * (12 + 6 * grid.dimension + min(job.observables.profiles, grid.count) * grid.dimension)
    lines.append(f"disk: about {amount(stored * grid.count + rows * width)}, {rows} rows of diagnostics")
    return lines


def measured_rate(job: WaveJob) -> list[str]:
    """What a step turns, and seconds of a step on one rank of this machine.  Raises JobError."""
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import KernelError
    from hpcphys.kernels import backend as backend_named

    declaration = declaration_of(job)
    grid, communicator = declaration.grid, Communicator.serial()
    if grid.count > LARGEST_TRIED:
        return [f"steps: not tried here, {grid.count:.3g} points are many"]
    try:
        backend = backend_named(job.run.backend)
        engine = engine_of(job, declaration, grid, backend, communicator)
        seconds = _seconds_of_step(job, engine, backend)
    except KernelError as error:
        return [f"warning: steps could not be tried here: {error}"]
    function = engine.potential_function
    low, high = extremes(np.zeros(1) if function is None else function.values(0.0))
    turned = phases(job, declaration, low, high)
    lines = [
        f"phases of one flow: kinetic up to {turned.kinetic:.3g}, potential up to {turned.potential:.3g} "
        "(2 pi, or pi with a nonlinearity, is where the step couples waves that should not be)"
    ]
    lines += [f"warning: {line}" for line in warnings(job, turned, grid)]
    whole = seconds * (steps_wanted(job) or 0)
    lines.append(
        f"rate here: {1e3 * seconds:.3g} ms/step; the run takes about {duration(whole)} on one such rank, "
        "diagnostics apart"
    )
    return lines


def _seconds_of_step(job: WaveJob, engine: Any, backend: Any) -> float:
    """Of a program on a flat wavefunction: its numbers do not matter."""
    from hpcphys.compiler import State
    from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
    from hpcphys.run.wavefunctions.assembly import compiled_program

    grid = engine.grid
    flat = np.full(grid.shape, 1.0 / math.sqrt(grid.count * grid.volume_element), dtype=grid.complex_type)
    engine.frozen = 0.0 if job.time.mode == "imaginary" else None
    program = compiled_program(job, State({WAVEFUNCTION: backend.array(flat)}), engine)
    program.step()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < TRIAL_SECONDS:
        program.step()
        steps += 1
    return (time.perf_counter() - began) / steps
