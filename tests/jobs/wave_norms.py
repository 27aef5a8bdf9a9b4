"""Runs every job of jobs/wavefunctions small, on the ranks that it is started on, and writes norms of what
comes out.

python wave_norms.py RESULT.json [JOB ...]      sums of the wavefunction and the last row of diagnostics
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.job_file import load_job
from hpcphys.run.kind import kind_of

ROOT = Path(__file__).resolve().parents[2]
JOBS = sorted((ROOT / "jobs" / "wavefunctions").glob("*.toml"))
STEPS = 8
POINTS = {1: 128, 2: 32, 3: 12}


def small(path: Path):
    """The job with few steps, on a coarse grid."""
    job = load_job(path)
    most = POINTS[len(job.grid.points)]
    grid = job.grid.model_copy(update={"points": [min(n, most) for n in job.grid.points]})
    time = job.time.model_copy(update={"steps": STEPS, "end": None})
    return job.model_copy(update={"grid": grid, "time": time})


def norms(path: Path, communicator, runtime) -> dict[str, float]:
    """Sums over the wavefunction after STEPS steps, and the numbers of its last row."""
    job = small(path)
    simulation = kind_of(job).simulation(job, runtime, communicator, Timers(communicator), Log(1), None)
    simulation.start(resumed=False)
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


def main(result: Path, names: list[str]) -> None:
    communicator = Communicator.start()
    runtime = backend("cpu", threads=1)
    chosen = [path for path in JOBS if not names or path.stem in names]
    found = {path.stem: norms(path, communicator, runtime) for path in chosen}
    if communicator.rank == 0:
        result.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
