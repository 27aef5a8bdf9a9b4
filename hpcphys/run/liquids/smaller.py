"""The same liquid with fewer atoms: for `explain`, and for a trial of a job that is large."""

from __future__ import annotations

from math import ceil
from typing import Any

from hpcphys.run.liquids.initial_tables import OnLattice
from hpcphys.run.liquids.job import BoxTable, LiquidJob
from hpcphys.run.liquids.start import atoms_stated, lattice_of, stated_box

WIDTH = 2.3
"""Of the smaller box in cutoffs, at least: no atom meets two images of another."""


def smaller(job: LiquidJob, most: int) -> LiquidJob:
    """The job with at most about `most` atoms at its density, where it can be made so; others as they are.

    Random packings become lattices, which need no minimisation.
    """
    count, initial = atoms_stated(job), job.initial
    if count is None:
        return job
    update: dict[str, Any] = {}
    if initial.model == "random":
        density = count / stated_box(job).volume
        given = initial.model_dump(include={"temperature", "seed"})
        update["initial"] = OnLattice(model="lattice", lattice="sc", atoms=count, density=density, **given)
        update["box"] = BoxTable()
        job = job.model_copy(update=update)
    if count <= most:
        return job
    lattice = lattice_of(job)
    shrink = (most / count) ** (1.0 / 3.0)
    least = WIDTH * job.pairs.cutoff
    cells = [
        max(1, min(number, max(round(number * shrink), ceil(least / edge))))
        for number, edge in zip(lattice.cells, lattice.edges, strict=True)
    ]
    counted = "atoms" if job.initial.model == "lattice" else "molecules"
    initial = job.initial.model_copy(update={"cells": cells, counted: None})
    return job.model_copy(update={"initial": initial})
