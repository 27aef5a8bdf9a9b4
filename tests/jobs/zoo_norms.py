"""Runs every job of jobs/zoo small, on the ranks that it is started on, and writes norms of what comes out.

python zoo_norms.py RESULT.json        sum |z| of every variable, and the diagnostics, of each job
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hpcphys.run.job_file import load_job

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, started, write_norms

JOBS = jobs_of("zoo")
STEPS, SYSTEMS = 24, 7


def small(path: Path):
    """The job with few steps and few systems."""
    job = load_job(path)
    initial = job.initial.model_copy(update={"systems": min(job.initial.systems, SYSTEMS)})
    time = job.time.model_copy(update={"steps": STEPS, "end": None})
    return job.model_copy(update={"initial": initial, "time": time})


def norms(path: Path, communicator) -> dict[str, float]:
    """Of the job's state after STEPS steps, and its last row of diagnostics."""
    simulation = started(small(path), communicator)
    simulation.advance(STEPS, diagnosed=True)
    assert simulation.is_finite(), path
    row, state = simulation.row(), simulation.state
    found = {name: float(value) for name, value in row.items() if np.ndim(value) == 0}
    for variable in simulation.declaration.coordinates.variables:
        rows = np.abs(state[variable.name]).reshape(state.count, variable.width)
        found[f"norm of {variable.name}"] = float(np.sum(communicator.sum_reproducible(rows)))
    return found


if __name__ == "__main__":
    write_norms(JOBS, norms)
