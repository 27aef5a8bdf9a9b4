"""What a finished run is made for: the numbers of its system, and conservation against theory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.compiler.theory import ConservationMonitor
from hpcphys.io.series import read_series
from hpcphys.kernels import backend as backend_named
from hpcphys.run.expressions import assembly
from hpcphys.run.expressions.declaration import Declaration
from hpcphys.run.expressions.job import HamiltonianJob
from hpcphys.run.expressions.theory import kept_quantities, predicted


def results(job: HamiltonianJob, folder: Path) -> dict[str, Any]:
    """results: name -> number, of the system of the zoo and its reference solution
    predicted: quantity -> largest relative error that theory expects;  conservation: lines for the log

    Reads the diagnostics of the folder; by one rank.
    """
    declaration = assembly.declaration_of(job)
    series = read_series(folder / "diagnostics.h5")
    found: dict[str, float] = {}
    if declaration.zoo is not None:
        found |= declaration.zoo.results(series)
        found |= reference_errors(declaration, job, series)
        found |= {f"theory_{name}": value for name, value in declaration.zoo.facts.items()}
    return {"results": found, **conservation(job, declaration, series)}


def reference_errors(
    declaration: Declaration, job: HamiltonianJob, series: dict[str, np.ndarray]
) -> dict[str, float]:
    """Largest distance from the exact solution, where the start is the zoo's own and the run is a single
    system."""
    zoo = declaration.zoo
    if zoo is None or zoo.reference is None or job.initial.values or job.initial.systems > 1:
        return {}
    exact = zoo.reference(series["time"])
    if not all(name in series for name in exact):
        return {}
    error = 0.0
    for name, values in exact.items():
        error = max(error, float(np.abs(series[name][:, 0].reshape(values.shape) - values).max()))
    return {"reference_error": error}


def conservation(
    job: HamiltonianJob, declaration: Declaration, series: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Largest relative errors that theory predicts, and the monitor's warnings."""
    kept = kept_quantities(declaration)
    if not kept or len(series["time"]) < 2:
        return {}
    monitor = ConservationMonitor(predicted(job, declaration, backend_named("cpu", threads=1)), job.time.step)
    for row, time in enumerate(series["time"]):
        monitor.record(time, **{name: series[f"{name}_error"][row] for name in kept})
    expected, trends = {}, {}
    for finding in monitor.findings():
        name = finding.prediction.quantity
        if finding.predicted is not None:
            expected[name] = finding.predicted
        trends[name] = [finding.trend, finding.trend_error]
    lines = [f"warning: {line}" for line in monitor.warnings()]
    return {"predicted": expected, "trend": trends, "conservation": lines}
