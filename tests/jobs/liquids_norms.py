"""Runs every job of jobs/liquids small, on the ranks that it is started on, and writes norms of what comes
out.

python liquids_norms.py RESULT.json        the row of diagnostics and sums of the state of each job
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hpcphys.run.job_file import load_job
from hpcphys.run.liquids.smaller import smaller

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, started, write_norms

JOBS = jobs_of("liquids")
STEPS, ATOMS = 10, 500


def small(path: Path):
    """The job with few steps and few atoms, watched from the start; random packings stay random."""
    job = load_job(path)
    update = {
        "time": job.time.model_copy(update={"steps": STEPS, "end": None}),
        "observables": job.observables.model_copy(
            update={"begin": 0.0, "rdf": None, "structure_factor": None}
        ),
    }
    if job.initial.model == "random":
        update["initial"] = job.initial.model_copy(update={"atoms": ATOMS})
        return job.model_copy(update=update)
    return smaller(job.model_copy(update=update), ATOMS)


def norms(path: Path, communicator) -> dict[str, float]:
    """Of the job's state after STEPS steps, and its row of diagnostics; energies per atom."""
    simulation = started(small(path), communicator)
    simulation.advance(STEPS, diagnosed=True)
    assert simulation.is_finite(), path
    row = simulation.row()
    found = {name: float(row[name]) for name in ("temperature", "pressure", "volume")}
    for name in ("potential_energy", "kinetic_energy", "conserved"):
        found[f"{name} per atom"] = float(row[name]) / simulation.atoms
    speeds = np.abs(simulation.state["velocity"]).sum(axis=1)
    found["speed"] = float(communicator.allreduce(speeds.sum())) / simulation.atoms
    found["atoms"] = simulation.atoms
    return found


if __name__ == "__main__":
    write_norms(JOBS, norms)
