"""What theory predicts of a job's conserved quantities, with constants measured in a native trial run."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.theory import Prediction, predictions
from hpcphys.run.driver import steps_wanted
from hpcphys.run.expressions import assembly
from hpcphys.run.expressions.declaration import Declaration
from hpcphys.run.expressions.job import HamiltonianJob
from hpcphys.run.expressions.watch import Formulas, references

SYSTEMS_TRIED = 4096
"""The largest error of a batch is that of its fastest system: a few would not show it."""

STRETCHES = 16
"""Runs of neighbouring systems, spread over the batch, that are tried: parameters may change along it."""

TRIAL_STEPS = 20_000
TRIAL_WORK = 40_000_000
"""Steps of a trial: of one system, and of all systems together."""

SAMPLES = 400


def kept_quantities(declaration: Declaration) -> dict[str, sympy.Expr]:
    """Name -> expression of everything that the motion conserves; empty for one with noise."""
    if declaration.structure.noise:
        return {}
    kept = {"energy": declaration.energy} if declaration.is_conservative else {}
    return kept | declaration.invariants


def predicted(job: HamiltonianJob, declaration: Declaration, backend: Any) -> tuple[Prediction, ...]:
    """The prediction for the relative error of every conserved quantity of the job.

    C of a bounded error C dt^p is measured with half of the job's step, over its time or TRIAL_STEPS steps,
    on systems from the whole batch: so the prediction is theory's and not the run itself.
    """
    kept = kept_quantities(declaration)
    one = declaration.rows.rows(0, 1)
    known = predictions(assembly.compiled_program(job, declaration, one), kept, trial_steps=0)
    known = tuple(dataclasses.replace(p, scale=1.0) for p in known)  # relative errors, as rounding is
    bounded = {p.quantity: kept[p.quantity] for p in known if p.law == "bounded"}
    if not bounded:
        return known
    rows = spread_rows(declaration, job.initial.systems)
    program = assembly.compiled_program(job, declaration, rows, backend)
    formulas = Formulas(bounded, declaration.coordinates, declaration.parameters)
    half = job.time.step / 2
    most = min(TRIAL_STEPS, TRIAL_WORK // program.state.count)
    steps = 2 * min(steps_wanted(job) or most, max(1, most // 2))
    each = max(1, steps // SAMPLES)
    largest = np.zeros(len(bounded))
    start, scale = references(bounded, declaration.coordinates, declaration.parameters, rows)
    for _ in range(steps // each):
        program.run(each, half)
        change = np.abs(formulas(_host(program, backend), program.state.time) - start)
        largest = np.maximum(largest, (change / scale).max(axis=1))
    sizes = dict(zip(bounded, largest.tolist(), strict=True))
    return tuple(
        dataclasses.replace(p, constant=sizes[p.quantity] / half**p.order) if p.quantity in sizes else p
        for p in known
    )


def spread_rows(declaration: Declaration, systems: int) -> dict[str, np.ndarray]:
    """Initial rows of a small batch, or of SYSTEMS_TRIED in stretches spread over a large one."""
    if systems <= SYSTEMS_TRIED:
        return declaration.rows.rows(0, systems)
    each = SYSTEMS_TRIED // STRETCHES
    starts = np.linspace(0, systems - each, STRETCHES).astype(int).tolist()
    stretches = [declaration.rows.rows(start, start + each) for start in starts]
    return {name: np.concatenate([rows[name] for rows in stretches]) for name in stretches[0]}


def _host(program: Any, backend: Any) -> dict[str, np.ndarray]:
    state = program.state
    return {name: backend.host(state[name]) for name in state.names()}
