"""Runs every job of jobs/wavefunctions small, on the ranks that it is started on, and writes norms of what
comes out.

python wave_norms.py RESULT.json [JOB ...]      sums of the wavefunction and the last row of diagnostics
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hpcphys.run.job_file import load_job

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, started, write_norms

JOBS = jobs_of("wavefunctions")
STEPS = 8
POINTS = {1: 128, 2: 32, 3: 12}


def small(path: Path):
    """The job with few steps, on a coarse grid."""
    job = load_job(path)
    most = POINTS[len(job.grid.points)]
    grid = job.grid.model_copy(update={"points": [min(n, most) for n in job.grid.points]})
    time = job.time.model_copy(update={"steps": STEPS, "end": None})
    return job.model_copy(update={"grid": grid, "time": time})


def norms(path: Path, communicator) -> dict[str, float]:
    """Sums over the wavefunction after STEPS steps, and the numbers of its last row."""
    simulation = started(small(path), communicator)
    simulation.row()
    for _ in range(STEPS):
        simulation.advance(1, diagnosed=True)
    assert not communicator.agree(not simulation.is_finite()), path
    row, psi = simulation.row(), simulation.state["wavefunction"]
    found = {name: float(value) for name, value in row.items() if np.ndim(value) == 0}
    for name, part in (("real", psi.real), ("imaginary", psi.imag)):
        found[f"sum of |{name}|"] = communicator.allreduce(float(np.abs(part).sum()), "sum")
    for index, level in enumerate(simulation.levels):
        found[f"level {index}"] = level
    return found


if __name__ == "__main__":
    write_norms(JOBS, norms)
