"""Runs every job of jobs/zoo small, on the ranks that it is started on, and writes norms of what comes out.

python zoo_norms.py RESULT.json        sum |z| of every variable, and the diagnostics, of each job
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
JOBS = sorted((ROOT / "jobs" / "zoo").glob("*.toml"))
STEPS, SYSTEMS = 24, 7


def small(path: Path):
    """The job with few steps and few systems."""
    job = load_job(path)
    initial = job.initial.model_copy(update={"systems": min(job.initial.systems, SYSTEMS)})
    time = job.time.model_copy(update={"steps": STEPS, "end": None})
    return job.model_copy(update={"initial": initial, "time": time})


def norms(path: Path, communicator, runtime) -> dict[str, float]:
    """Of the job's state after STEPS steps, and its last row of diagnostics."""
    job = small(path)
    timers, log = Timers(communicator), Log(1)
    simulation = kind_of(job).simulation(job, runtime, communicator, timers, log, None)
    simulation.start(resumed=False)
    simulation.advance(STEPS, diagnosed=True)
    assert simulation.is_finite(), path
    row, state = simulation.row(), simulation.state
    found = {name: float(value) for name, value in row.items() if np.ndim(value) == 0}
    for variable in simulation.declaration.coordinates.variables:
        rows = np.abs(state[variable.name]).reshape(state.count, variable.width)
        found[f"norm of {variable.name}"] = float(np.sum(communicator.sum_reproducible(rows)))
    return found


def main(result: Path) -> None:
    communicator = Communicator.start()
    runtime = backend("cpu", threads=1)
    found = {path.stem: norms(path, communicator, runtime) for path in JOBS}
    if communicator.rank == 0:
        result.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
