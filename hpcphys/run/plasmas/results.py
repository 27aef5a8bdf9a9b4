"""What a finished run is made for: growth rates, frequencies and the like, beside what theory says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.io.series import read_series
from hpcphys.physics.plasma import theory
from hpcphys.physics.plasma.theory import Fit
from hpcphys.run.plasmas.declaration import declaration_of


def results(job: Any, folder: Path) -> dict[str, Any]:
    """measured: name -> value, exact, error (relative), and the window; read from the diagnostics."""
    if not job.measure:
        return {}
    series = read_series(folder / "diagnostics.h5")
    found: dict[str, Any] = {}
    for name, table in job.measure.items():
        try:
            found |= _measured(name, table, series, job)
        except (ArithmeticError, KeyError, ValueError) as problem:
            found[name] = {"problem": str(problem)}
    return {"measured": found}


def exact_values(table: Any) -> dict[str, float]:
    """What theory says, by the part of the result: "growth", "frequency" or "phase".

    Raises ValueError where arguments are missing or not the theory's.
    """
    if table.exact is not None:
        part = {"growth": "growth", "frequency": "frequency", "gyration": "phase"}.get(table.quantity)
        return {part or "growth": table.exact}
    if table.theory is None:
        return {}
    part, function = THEORIES[table.theory]
    try:
        value = function(**table.arguments)
    except TypeError as problem:
        raise ValueError(f"arguments of {table.theory}: {problem}") from None
    if isinstance(value, complex):
        return {"frequency": value.real, "growth": value.imag}
    return {part: float(value)}


THEORIES: dict[str, tuple[str, Callable[..., Any]]] = {
    "cold_two_stream": ("growth", theory.cold_two_stream_growth),
    "warm_two_stream": ("growth", theory.warm_two_stream_growth),
    "landau": ("", theory.landau),
    "weibel": ("growth", theory.weibel_growth),
    "filamentation": ("growth", theory.filamentation_growth),
    "leapfrog": ("frequency", theory.leapfrog_frequency),
    "plasma_oscillation": ("frequency", theory.plasma_oscillation_frequency),
    "electromagnetic_wave": ("frequency", theory.discrete_electromagnetic_frequency),
    "boris": ("phase", theory.boris_phase),
}
"""Name in a job -> which part of a result it is, and the function of its arguments."""


def _measured(name: str, table: Any, series: dict[str, np.ndarray], job: Any) -> dict[str, Any]:
    exact = exact_values(table)
    if table.quantity == "gyration":
        return _gyration(name, table, series, job, exact)
    amplitude = series[table.mode][:, 0] + 1j * series[table.mode][:, 1]
    functions: dict[str, Callable[[np.ndarray, np.ndarray], Fit]] = {
        "growth": theory.growth, "damping": theory.damped_oscillation, "frequency": theory.oscillation,
    }  # fmt: skip
    fit = functions[table.quantity](series["time"], amplitude)
    common = {"window": list(fit.window), "rows": fit.rows, "spread": fit.spread}
    parts = {"growth": ["growth"], "frequency": ["frequency"], "damping": ["frequency", "growth"]}
    found = {}
    for part in parts[table.quantity]:
        own = f"{name}_{part}" if table.quantity == "damping" else name
        found[own] = _compared(getattr(fit, part) / table.unit, exact.get(part), common)
    return found


def _gyration(
    name: str, table: Any, series: dict[str, np.ndarray], job: Any, exact: dict[str, float]
) -> dict[str, Any]:
    """Angle of a step, and the drift of the mean momentum."""
    momentum = series[f"momentum_{table.species}"]
    found = theory.gyration(momentum[:, 0], momentum[:, 1])
    steps = job.output.diagnostics_every
    species = declaration_of(job).species[table.species]
    weight = float(series[f"weight_{table.species}"][0])
    common = {"rows": len(momentum), "spread": found.spread}
    drift = [value / (weight * species.mass) for value in found.drift]
    return {name: _compared(abs(found.phase) / steps, exact.get("phase"), common) | {"drift": drift}}


def _compared(value: float, exact: float | None, common: dict[str, Any]) -> dict[str, Any]:
    found = {"value": value, **common}
    if exact is not None:
        found |= {"exact": exact, "error": value / exact - 1.0 if exact else value}
    return found
