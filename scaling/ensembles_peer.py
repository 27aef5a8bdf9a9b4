"""physical_validation's checks of the series in an .npz file, in a process of its own.

python scaling/ensembles_peer.py SERIES.npz RESULT.json      (needs the package physical_validation)

Writes distances in standard errors: mean and width of the kinetic energy, the slopes between pairs of state
points; p of the Kolmogorov-Smirnov test; the order in the step of the conserved quantity's fluctuation.
"""

from __future__ import annotations

import json
import sys
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import physical_validation as pv

BAR = 0.06022140857
"""What physical_validation multiplies pressure times volume with: it takes bar nm³ and wants kJ/mol."""

SEED = 1
"""Of bootstraps."""


def simulation(series: dict[str, np.ndarray], about: dict[str, Any], point: str, step: float = 1.0) -> Any:
    """One run as physical_validation wants it, in reduced units."""
    temperature, pressure = about["points"][point]
    units = pv.data.UnitData(1.0, 1.0, 1.0, 1.0, 1.0, pressure_conversion=1.0 / BAR, time_conversion=1.0)
    system = pv.data.SystemData(
        natoms=about["atoms"], nconstraints=0, ndof_reduction_tra=about["free"], ndof_reduction_rot=0
    )
    if about["barostat"]:
        ensemble = pv.data.EnsembleData(
            "NPT", natoms=about["atoms"], pressure=pressure, temperature=temperature
        )
    else:
        ensemble = pv.data.EnsembleData(
            "NVT", natoms=about["atoms"], volume=about["volume"], temperature=temperature
        )
    observables = pv.data.ObservableData(
        kinetic_energy=series["kinetic_energy"],
        potential_energy=series["potential_energy"],
        total_energy=series["kinetic_energy"] + series["potential_energy"],
        volume=series["volume"],
        constant_of_motion=series["conserved"],
    )
    return pv.data.SimulationData(
        units=units, dt=step, system=system, ensemble=ensemble, observables=observables
    )


def distance(one: Any, other: Any) -> float:
    """Of the slope between two state points from the one of their ensemble; inf where they do not overlap.

    Raises InputError where too few independent samples fill the overlap: give more --time.
    """
    try:
        return float(np.abs(pv.ensemble.check(one, other, verbosity=0)).max())
    except pv.util.error.InputError as problem:
        if "No overlap" not in str(problem):
            raise
        return float("inf")


def checks(series: dict[str, dict[str, np.ndarray]], about: dict[str, Any]) -> dict[str, Any]:
    """All checks of one ensemble."""
    runs = {point: simulation(series[point], about, point) for point in about["points"] if point in series}
    found: dict[str, Any] = {}
    mean, width = pv.kinetic_energy.distribution(runs["cold"], verbosity=0, bootstrap_seed=SEED)
    found["mean"], found["width"] = float(mean), float(width)
    found["p"] = float(pv.kinetic_energy.distribution(runs["cold"], strict=True, verbosity=0))
    for other, name in (("hot", "temperature"), ("dense", "pressure")):
        if other in runs:
            found[name] = distance(runs["cold"], runs[other])
    energy = series["cold"]["potential_energy"]
    found["independent"] = len(pv.util.trajectory.prepare(energy, verbosity=0))
    spreads = [float(np.std(series[name]["conserved"])) for name in about["steps"]]
    found["order"] = log(spreads[-1] / spreads[0]) / log(4.0)
    steps = [simulation(series[name], about, "cold", step) for name, step in about["steps"].items()]
    found["convergence"] = float(pv.integrator.convergence(steps, verbose=False))
    return found


if __name__ == "__main__":
    source, target = sys.argv[1:]
    with np.load(source) as file:
        about = json.loads(str(file["about"]))
        series: dict[str, dict[str, np.ndarray]] = {}
        for name in file.files:
            if "/" in name:
                point, key = name.split("/")
                series.setdefault(point, {})[key] = file[name]
    Path(target).write_text(json.dumps(checks(series, about)), encoding="utf-8")
