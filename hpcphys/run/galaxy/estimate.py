"""What a job will need, before it runs: memory, steps, time, disk."""

from __future__ import annotations

import math

from hpcphys.report.progress import amount, duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.galaxy.job import GravityJob

BYTES_PER_PARTICLE = 150
"""Resident on each rank, tree and exchange buffers included: the limit that the program is held to."""

BASE_BYTES = 120e6
"""Python, its packages and MPI, on each rank."""

CHECKPOINT_BYTES_PER_PARTICLE = 84
SNAPSHOT_BYTES_PER_PARTICLE = 80

TREE_RATE = 1.5e6
"""Particles per second and core of one tree evaluation at the default accuracy on a core of 2024 with
AVX-512."""

PAIR_RATE = 5e9
"""Pair interactions per second and core of the direct sum on the same core."""


def estimate(job: GravityJob, ranks: int) -> list[str]:
    """Lines for the user about a valid job on `ranks` ranks; warnings begin with the word."""
    count, lines = particles(job), []
    if count is None:
        lines.append("particles: as in the file")
    else:
        memory = BASE_BYTES + BYTES_PER_PARTICLE * math.ceil(count / ranks)
        lines.append(f"particles: {count}; memory: about {amount(memory)} on each of {ranks} ranks")
        if count < ranks:
            lines.append(f"warning: {ranks} ranks for {count} particles: some ranks have nothing to do")
    steps = steps_wanted(job)
    lines.append(f"steps: {steps}" if steps is not None else "steps: adaptive, not known before the run")
    if count is not None and steps is not None:
        seconds = steps * evaluation_seconds(job, count) / ranks
        lines.append(
            f"cost: about {duration(seconds)} on {ranks} ranks of one thread, at the rate of a fast core"
        )
        lines.append(f"disk: about {amount(disk_bytes(job, count))}")
    target = job.gravity.error_target
    if job.gravity.method == "tree":
        held = f"held below {target:g} (99 %)" if target is not None else "measured at the start"
        lines.append(f"force error: {held}, on {job.gravity.error_sample} particles against direct sums")
    return lines


def particles(job: GravityJob) -> int | None:
    """Number of particles; None when only the input file knows."""
    return getattr(job.initial, "particles", None)


def evaluation_seconds(job: GravityJob, count: int) -> float:
    """Core seconds of the force evaluations of one step."""
    from hpcphys.compiler.compositions import composition

    evaluations = max(1, len(composition(job.time.integrator).stages(2)) // 2)
    if job.gravity.method == "direct":
        return evaluations * count * count / PAIR_RATE
    return evaluations * count / TREE_RATE


def disk_bytes(job: GravityJob, count: int) -> float:
    """Bytes of all snapshots and of the checkpoints that are kept."""
    snapshots = 2 if job.output.snapshots else 0
    if job.output.snapshots and job.output.snapshot_every and job.time.end:
        snapshots += int(job.time.end / job.output.snapshot_every)
    return count * (
        snapshots * SNAPSHOT_BYTES_PER_PARTICLE + (job.output.keep + 1) * CHECKPOINT_BYTES_PER_PARTICLE
    )
