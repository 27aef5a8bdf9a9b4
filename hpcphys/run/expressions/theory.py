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
from hpcphys.run.expressions.watch import Formulas

SYSTEMS_TRIED = 4
TRIAL_STEPS = 20_000
SAMPLES = 400


def kept_quantities(declaration: Declaration) -> dict[str, sympy.Expr]:
    """Name -> expression of everything that the motion conserves; empty for one with noise."""
    if declaration.structure.noise:
        return {}
    kept = {"energy": declaration.energy} if declaration.is_conservative else {}
    return kept | declaration.invariants


def predicted(job: HamiltonianJob, declaration: Declaration, backend: Any) -> tuple[Prediction, ...]:
    """The prediction for every conserved quantity of the job.

    C of a bounded error C dt^p is measured with half of the job's step, over its time or TRIAL_STEPS
    steps: so the
    prediction is theory's and not the run itself.
    """
    kept = kept_quantities(declaration)
    rows = declaration.rows.rows(0, min(job.initial.systems, SYSTEMS_TRIED))
    known = predictions(assembly.compiled_program(job, declaration, rows), kept, trial_steps=0)
    bounded = {p.quantity: kept[p.quantity] for p in known if p.law == "bounded"}
    if not bounded:
        return known
    rows = declaration.rows.rows(0, min(job.initial.systems, SYSTEMS_TRIED))
    program = assembly.compiled_program(job, declaration, rows, backend)
    formulas = Formulas(bounded, declaration.coordinates, declaration.parameters)
    half = job.time.step / 2
    steps = 2 * min(steps_wanted(job) or TRIAL_STEPS, TRIAL_STEPS // 2)
    each = max(1, steps // SAMPLES)
    largest, start = np.zeros(len(bounded)), formulas(_host(program, backend), 0.0)
    for _ in range(steps // each):
        program.run(each, half)
        change = np.abs(formulas(_host(program, backend), program.state.time) - start)
        largest = np.maximum(largest, change.max(axis=1))
    sizes = dict(zip(bounded, largest.tolist(), strict=True))
    return tuple(
        dataclasses.replace(p, constant=sizes[p.quantity] / half**p.order) if p.quantity in sizes else p
        for p in known
    )


def _host(program: Any, backend: Any) -> dict[str, np.ndarray]:
    state = program.state
    return {name: backend.host(state[name]) for name in state.names()}
