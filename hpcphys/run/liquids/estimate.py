"""What a job will need, before it runs: memory, steps, time, disk."""

from __future__ import annotations

import math

from hpcphys.report.progress import amount, duration
from hpcphys.run.driver import steps_wanted
from hpcphys.run.liquids.declaration import ensemble_of
from hpcphys.run.liquids.job import LiquidJob
from hpcphys.run.liquids.start import atoms_stated, stated_box
from hpcphys.run.liquids.units import named_units

BYTES_PER_ATOM = 250
"""Resident on each rank, lists and exchange buffers included: the limit that the program is held to."""

BASE_BYTES = 130e6
"""Python, its packages and MPI, on each rank."""

CHECKPOINT_BYTES_PER_ATOM = 120
SNAPSHOT_BYTES_PER_ATOM = 36

RATES = {"mixed": 7e6, "double": 3.5e6}
"""Atom-steps per second and core at the density of a liquid and a cutoff of 2.5 σ, on a core of 2024 with
AVX-512."""


def estimate(job: LiquidJob, ranks: int) -> list[str]:
    """Lines for the user about a valid job on `ranks` ranks; warnings begin with the word."""
    count, box, lines = atoms_stated(job), stated_box(job), []
    if count is None:
        lines.append("atoms: as in the file")
    else:
        share = math.ceil(count / ranks)
        memory = BASE_BYTES + (BYTES_PER_ATOM + observed_bytes(job)) * share
        lines.append(f"atoms: {count}, {box.describe()}")
        lines.append(f"memory: about {amount(memory)} on each of {ranks} ranks")
        if count < ranks:
            lines.append(f"warning: {ranks} ranks for {count} atoms: some ranks have nothing to do")
    units = named_units(job.units)
    if not units.reduced:
        lines.append(
            f"units: {units.length}, {units.energy}, {units.mass}, K; one unit of time is "
            f"{units.time_ps:.6g} ps, of "
            f"pressure {units.pressure_bar:.6g} bar; k_B = {units.boltzmann:.8g}"
        )
    steps = steps_wanted(job)
    lines.append(f"steps: {steps}, of {job.time.step:g} each")
    if count is not None:
        seconds = steps * count / RATES[job.pairs.precision] / ranks
        lines.append(
            f"cost: about {duration(seconds)} on {ranks} ranks of one thread, for a simple liquid on a "
            f"fast core"
        )
        lines.append(f"disk: about {amount(disk_bytes(job, count))}")
    ensemble = ensemble_of(job)
    warning = "warning: " if "NO known ensemble" in ensemble.samples else ""
    lines.append(f"{warning}ensemble: {ensemble.describe()}; samples {ensemble.samples}")
    return lines


def observed_bytes(job: LiquidJob) -> int:
    """Bytes per atom that observables of single atoms remember."""
    seen, size = job.observables, 0
    if seen.msd is not None:
        size += 24 * seen.msd.points * seen.msd.levels
    if seen.vacf is not None:
        size += 24 * seen.vacf.points
    return size


def disk_bytes(job: LiquidJob, count: int) -> float:
    """Bytes of all snapshots and of the checkpoints that are kept."""
    frames = 2 if job.output.snapshots else 0
    if job.output.snapshots and job.output.snapshot_every:
        length = job.time.end or job.time.steps * job.time.step
        frames += int(length / job.output.snapshot_every)
    each = SNAPSHOT_BYTES_PER_ATOM * (2 if job.output.snapshot_double else 1)
    kept = (job.output.keep + 1) * (CHECKPOINT_BYTES_PER_ATOM + observed_bytes(job))
    return count * (frames * each + kept)
