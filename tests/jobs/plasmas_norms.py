"""Runs every job of jobs/plasmas small, on the ranks that it is started on, and writes norms of what comes
out.

python plasmas_norms.py RESULT.json [JOB ...]      sums of the fields and the last row of diagnostics
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np

from hpcphys.run.job_file import load_job

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, started, write_norms

JOBS = jobs_of("plasmas")
STEPS = 5
CELLS = {1: 16, 2: 24, 3: 8}
MOST = 8
"""Macro-particles in a cell."""


def small(path: Path):
    """The job with few steps, on cells as wide as its own where waves need them, in double precision."""
    job = load_job(path)
    most = CELLS[len(job.grid.cells)]
    low, high = (
        ends if isinstance(ends, list) else [ends] * len(job.grid.cells)
        for ends in (job.grid.lower, job.grid.upper)
    )
    cells = [min(n, most) for n in job.grid.cells]
    # A laser's box is cut to its first cells; in the others, whose waves fill the box, the cells are widened.
    wide = [
        (b - a) / (n if job.lasers else m)
        for a, b, n, m in zip(low, high, job.grid.cells, cells, strict=True)
    ]
    upper = [a + m * d for a, m, d in zip(low, cells, wide, strict=True)]
    species = {name: table.model_copy(update={"per_cell": min(table.per_cell, MOST)})
               for name, table in job.species.items()}  # fmt: skip
    middle = [0.5 * (low[-1] + upper[-1])]
    lasers = {
        name: table.model_copy(update={"position": low[0] + 14 * wide[0], "centre": middle})
        for name, table in job.lasers.items()
    }
    longest = 0.5 / math.sqrt(sum(1.0 / d**2 for d in wide))
    step = min(job.time.step, longest) if job.fields.solver == "yee" else job.time.step
    return job.model_copy(
        update={
            "grid": job.grid.model_copy(update={"cells": cells, "lower": low, "upper": upper}),
            "particles": job.particles.model_copy(update={"precision": "double"}),
            "species": species,
            "lasers": lasers,
            "measure": {},
            "time": job.time.model_copy(update={"steps": STEPS, "end": None, "step": step}),
        }
    )


def norms(path: Path, communicator) -> dict[str, float]:
    """Sums over the fields after STEPS steps, and the numbers of the last row."""
    simulation = started(small(path), communicator)
    simulation.row()
    for _ in range(STEPS):
        simulation.advance(1, diagnosed=True)
    assert not communicator.agree(not simulation.is_finite()), path
    row = simulation.row()
    found = {name: float(value) for name, value in row.items() if np.ndim(value) == 0}
    blocks, field = simulation.parts.blocks, simulation.parts.field
    for name in ("E", "B", "rho"):
        array = getattr(field, name, None)
        if array is not None:
            own = np.abs(array[(..., *blocks.owned)]).sum(dtype=np.float64)
            found[f"sum of |{name}|"] = communicator.allreduce(float(own), "sum")
    return found


if __name__ == "__main__":
    write_norms(JOBS, norms)
