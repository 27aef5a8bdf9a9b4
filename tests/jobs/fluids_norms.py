"""Runs every job of jobs/fluids small, on the ranks that it is started on, and writes norms of what comes
out.

python fluids_norms.py RESULT.json        sum |ω̂|, the diagnostics and the spectrum of each job
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hpcphys.run.job_file import load_job

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, started, write_norms

JOBS = jobs_of("fluids")
STEPS, POINTS = 10, 48


def small(path: Path):
    """The job with few steps on a small grid, everything that has a wavenumber moved into its band."""
    job = load_job(path)
    share = POINTS / job.grid.points
    update = {
        "grid": job.grid.model_copy(update={"points": POINTS}),
        "diagnostics": job.diagnostics.model_copy(update={"spectra_every": STEPS}),
        "run": job.run.model_copy(update={"reproducible": True}),
    }
    step = None if job.time.adaptive else job.time.step
    update["time"] = job.time.model_copy(update={"steps": STEPS, "end": None, "step": step})
    if job.forcing is not None:
        highest = (POINTS - 1) // 3 - job.forcing.width
        update["forcing"] = job.forcing.model_copy(
            update={"wavenumber": min(share * job.forcing.wavenumber + 2.0, highest)}
        )
    if job.initial.model == "random":
        update["initial"] = job.initial.model_copy(update={"peak": 4.0})
    return job.model_copy(update=update)


def norms(path: Path, communicator) -> dict[str, float]:
    """Of the job's state after STEPS steps, its last row of diagnostics and its spectrum."""
    simulation = started(small(path), communicator)
    simulation.advance(STEPS, diagnosed=True)
    assert simulation.is_finite(), path
    found = {name: float(value) for name, value in simulation.row().items()}
    spectra = simulation.further_rows()["spectra"]
    found["sum of the spectrum"] = float(spectra["spectrum"].sum())
    found["largest flux"] = float(np.abs(spectra["enstrophy_flux"]).max())
    found["time"] = simulation.state.time
    sizes = np.abs(np.asarray(simulation.modes(), dtype=np.complex128))
    found["norm of vorticity"] = float(np.sum(communicator.sum_reproducible(sizes)))
    return found


if __name__ == "__main__":
    write_norms(JOBS, norms)
