"""What a job will need, before it runs: particles, memory, steps, disk, and the time of its steps."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from hpcphys.report.progress import amount, duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.plasmas import assembly
from hpcphys.run.plasmas.declaration import ELECTROMAGNETIC, Declaration, declaration_of
from hpcphys.run.plasmas.job import PlasmaJob
from hpcphys.run.plasmas.rules import warnings

BASE_BYTES = 200e6
"""Python, SymPy, the other packages and MPI, on each rank."""

SLACK = 1.1
"""Memory of particles beyond their numbers: room in bins, and buffers."""

LARGEST_TRIED = 1 << 21
"""Macro-particles of the largest plasma whose steps `check` tries as it is; of larger ones a part."""

TRIAL_SECONDS = 0.5


def estimate(job: PlasmaJob, ranks: int) -> list[str]:
    """Lines for the user about a valid job on `ranks` ranks; warnings begin with the word."""
    declaration = declaration_of(job)
    cells, steps = math.prod(declaration.cells), steps_wanted(job) or 0
    real = 4 if job.particles.precision == "single" else 8
    counts = {name: _count(declaration, name) for name in declaration.species}
    memory = sum(count * _bytes(job, declaration, name, real) for name, count in counts.items()) * SLACK
    fields = (10 if job.fields.solver in ELECTROMAGNETIC else 5) * real * cells
    share = BASE_BYTES + (memory + fields) / ranks
    grid = " x ".join(map(str, declaration.cells))
    total = sum(counts.values())
    spacing = ", ".join(f"{d:.4g}" for d in declaration.spacing)
    lines = [
        f"grid: {grid} cells of {spacing}; macro-particles: {total:,.0f} "
        f"({', '.join(f'{name} {count:,.0f}' for name, count in counts.items())})",
        f"memory: about {amount(share)} on each of {ranks} ranks, "
        f"{amount(memory / max(total, 1))} a particle",
        f"steps: {steps} of {job.time.step:.4g}",
    ]
    lines += [f"warning: {line}" for line in warnings(job, declaration)]
    lines.append(_disk(job, declaration, counts, steps))
    return lines


def measured_rate(job: PlasmaJob) -> list[str]:
    """Seconds of a step on one rank of this machine, of the plasma or of a part of it.  Raises JobError."""
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import KernelError
    from hpcphys.kernels import backend as backend_named

    declaration = declaration_of(job)
    if any(table.path is not None for table in job.species.values()):
        return ["steps: not tried here, the particles are in files"]
    total = sum(_count(declaration, name) for name in declaration.species)
    tried = job if total <= LARGEST_TRIED else _part(job, declaration, total)
    try:
        backend, communicator = backend_named(job.run.backend), Communicator.serial()
        parts = assembly.parts_of(tried, declaration_of(tried), backend, communicator)
        assembly.fill(tried, parts, communicator)
        assembly.begin_fields(tried, parts, communicator)
        program = assembly.program_of(tried, parts, assembly.state_of(parts))
        seconds = _seconds_of_step(program)
    except KernelError as error:
        return [f"warning: steps could not be tried here: {error}"]
    count = sum(each.count for each in parts.species.values())
    held = sum(each.bytes for each in parts.species.values())
    whole = seconds * total / max(count, 1)
    lines = [
        f"rate here: {1e9 * seconds / max(count, 1):.3g} ns for a step of a particle, "
        f"{held / max(count, 1):.3g} bytes each; the run takes about "
        f"{duration(whole * (steps_wanted(job) or 0))} on one such rank, "
        "diagnostics apart"
    ]
    return lines


def _seconds_of_step(program: Any) -> float:
    program.step()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < TRIAL_SECONDS:
        program.step()
        steps += 1
    return (time.perf_counter() - began) / steps


def _part(job: PlasmaJob, declaration: Declaration, total: float) -> PlasmaJob:
    """The job on fewer cells of the same size, in a corner of its box."""
    factor = (LARGEST_TRIED / total) ** (1.0 / declaration.dimension)
    cells = [max(8, int(n * factor)) for n in declaration.cells]
    upper = [low + n * d for low, n, d in zip(declaration.lower, cells, declaration.spacing, strict=True)]
    grid = job.grid.model_copy(update={"cells": cells, "lower": list(declaration.lower), "upper": upper})
    return job.model_copy(update={"grid": grid})


def _count(declaration: Declaration, name: str) -> float:
    """Macro-particles: so many in every cell that has any density."""
    species = declaration.species[name]
    filled = np.mean(species.density.function(*declaration.centres(1 << 18)) > 0.0)
    return float(filled) * math.prod(declaration.cells) * species.per_cell


def _bytes(job: PlasmaJob, declaration: Declaration, name: str, real: int) -> float:
    weighted = declaration.species[name].density.constant is None
    return real * (declaration.dimension + 3 + weighted) + 8 * job.species[name].tracked


def _disk(job: PlasmaJob, declaration: Declaration, counts: dict[str, float], steps: int) -> str:
    cells = math.prod(declaration.cells)
    rows = 2 + steps // job.output.diagnostics_every
    snapshots = 2 + int((job.time.end or steps * job.time.step) / (job.output.snapshot_every or math.inf))
    real = 4 if job.particles.precision == "single" else 8
    stored = sum(counts[name] * table.sample for name, table in job.species.items()) * job.output.particles
    snapshot = stored * (8 * declaration.dimension + 32) + 10 * cells * real
    checkpoint = sum(count * 1.2 * _bytes(job, declaration, name, real) for name, count in counts.items())
    total = snapshots * snapshot * job.output.snapshots + (job.output.keep + 1) * checkpoint + rows * 300
    return f"disk: about {amount(total)}, {rows} rows of diagnostics"
