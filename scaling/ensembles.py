"""Thermostats and barostats held against what they claim to sample, by the package physical_validation.

    python scaling/ensembles.py --python PYTHON [--folder DIR] [--time T] [--figure PNG] [NAME ...]

PYTHON: one that has the package (`python -m venv V; V/bin/pip install physical_validation==1.0.5`).
NAME: of ENSEMBLES below; none: all.  Runs that are in the folder already are not repeated.

A fluid of 256 Lennard-Jones atoms (force-shifted at 2.5, T* = 1.2, ρ* = 0.7 or P* = 1.2) is run with each
ensemble at state points a little apart, each with a seed of its own, over a time of 200 in steps of 0.002
(barostats: 0.004), with a sample every 0.05 after a time of 10.  Then, as Merz & Shirts (2018, PLoS ONE 13,
e0202764) describe,
- the kinetic energy is compared with its gamma distribution: mean and width, in standard errors, and by the
  Kolmogorov-Smirnov test;
- ln of the ratio of two state points' distributions is fitted by a line in U (or V), whose slope statistical
  mechanics knows: distance in standard errors;
- the conserved quantity's fluctuation is compared between steps of 0.002, 0.004 and 0.008: a ratio of 4.
And of barostats <(P - P0)(V - <V>)>/kT, which is -1 whatever the liquid (the integral of d/dV of (V - <V>)
exp(-(H + P0 V)/kT) is zero): it shows a box that moves too far at once long before distributions do.
Sampling is right where distances are below 3.  Berendsen's must fail.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.io.series import read_series
from jobs.liquids.runs import finished
from scaling.printed import Table
from scaling.verdict import Verdict

PEER = Path(__file__).resolve().with_name("ensembles_peer.py")
CELLS, ATOMS, DENSITY = 4, 256, 0.7
STEP, STEP_OF_BAROSTATS = 0.002, 0.004
WARM, BETWEEN = 10.0, 0.05
"""Time of equilibration, and between samples."""
BLOCKS = 10
LIMIT = 3.0
"""Standard errors within which a distribution is what it is claimed to be."""

POINTS = {"cold": (1.2, 1.2), "hot": (1.3, 1.2), "dense": (1.2, 1.45)}
"""Temperature and pressure of each state point, apart as the package advises: 2 kT/σ(V), 2 kT²/σ(U + PV)."""
NARROW = {"cold": (1.2, 1.2), "hot": (1.23, 1.2), "dense": (1.2, 1.3)}
"""Those of Berendsen's barostat, whose distributions are too narrow to overlap at the others."""
SEEDS = {"cold": 11, "hot": 12, "dense": 13}
"""Of velocities and noise: state points must be independent of each other."""

ENSEMBLES = {
    "langevin": 'model = "langevin"\nfriction = 2.0',
    "nose_hoover_chain": 'model = "nose_hoover_chain"\nperiod = 0.25',
    "velocity_rescaling": 'model = "velocity_rescaling"\nperiod = 0.1',
    "berendsen": 'model = "berendsen"\nperiod = 0.1',
    "mtk": 'model = "mtk"\nperiod = 0.25\npressure_period = 0.5',
    "cell_rescaling": (
        'model = "cell_rescaling"\nperiod = 0.1\npressure_period = 0.25\ncompressibility = 0.17\nevery = 1'
    ),
    "berendsen_barostat": 'model = "berendsen"\nperiod = 0.1\npressure_period = 0.3\ncompressibility = 0.17',
}
BAROSTATS = {"mtk", "cell_rescaling", "berendsen_barostat"}
NO_MEASURE = {"berendsen", "berendsen_barostat"}
"""Those that sample no known ensemble."""

FREE = {"langevin": 0}
"""Degrees of freedom of the centre of mass that are not there: 3 but where the momentum is not kept."""

JOB = """# Written by scaling/ensembles.py
[system]
kind = "liquid"

[initial]
model = "lattice"
cells = [{cells}, {cells}, {cells}]
density = {density}
temperature = {temperature}
seed = {seed}

[pairs]
model = "lennard_jones"
cutoff = 2.5
buffer = 0.35
shift = "force"

[ensemble]
{ensemble}

[time]
steps = {steps}
step = {step}

[output]
diagnostics_every = {every}
snapshots = false
checkpoint_at_end = false
plots = false
"""


def points_of(name: str) -> dict[str, tuple[float, float]]:
    """Temperature and pressure of the state points of an ensemble."""
    points = NARROW if name == "berendsen_barostat" else POINTS
    return points if name in BAROSTATS else {point: points[point] for point in ("cold", "hot")}


def job_text(name: str, point: str, duration: float, step: float) -> str:
    """A job file for one ensemble at one state point."""
    (temperature, pressure), seed = points_of(name)[point], SEEDS[point]
    lines = [ENSEMBLES[name], f"temperature = {temperature}"]
    if name in BAROSTATS:
        lines.append(f"pressure = {pressure}")
    if name not in ("nose_hoover_chain", "mtk") and "berendsen" not in name:
        lines.append(f"seed = {seed}")
    return JOB.format(
        cells=CELLS, density=DENSITY, temperature=temperature, seed=seed, ensemble="\n".join(lines),
        steps=round(duration / step), step=step, every=round(BETWEEN / step),
    )  # fmt: skip


def series_of(folder: Path, text: str) -> dict[str, np.ndarray]:
    """Diagnostics of a job after the time of equilibration, run in the folder unless it has been."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    job = folder.with_suffix(".toml")
    job.write_text(text, encoding="utf-8")
    finished(job, folder)
    series = read_series(folder / "diagnostics.h5")
    after = series["time"] > WARM
    return {
        name: series[name][after]
        for name in ("kinetic_energy", "potential_energy", "volume", "conserved", "pressure")
    }


def samples(folder: Path, name: str, duration: float) -> dict[str, Any]:
    """The series of an ensemble at its state points, and of its conserved quantity for three steps."""
    step = STEP_OF_BAROSTATS if name in BAROSTATS else STEP
    found = {
        point: series_of(folder / f"{name}_{point}", job_text(name, point, duration, step))
        for point in points_of(name)
    }
    for factor in (1, 2, 4):
        text = job_text(name, "cold", 2.0 * WARM, STEP * factor)
        found[f"step{factor}"] = series_of(folder / f"{name}_step{factor}", text)
    return found


def checked(python: str, folder: Path, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """What physical_validation says of these series, in the other Python.  Raises RuntimeError."""
    source, target = folder / f"{name}.npz", folder / f"{name}.json"
    arrays = {f"{point}/{key}": array for point, series in found.items() for key, array in series.items()}
    about = {
        "atoms": ATOMS, "free": FREE.get(name, 3), "points": points_of(name), "barostat": name in BAROSTATS,
        "steps": {f"step{k}": STEP * k for k in (1, 2, 4)}, "volume": ATOMS / DENSITY,
    }  # fmt: skip
    np.savez(source, about=json.dumps(about), **arrays)
    done = subprocess.run([python, str(PEER), str(source), str(target)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{python}: physical_validation did not run\n{done.stderr[-2000:]}")
    return json.loads(target.read_text(encoding="utf-8"))


def pressure_with_volume(series: Mapping[str, np.ndarray], point: tuple[float, float]) -> tuple[float, float]:
    """-<(P - P0)(V - <V>)>/kT, 1 in the isothermal-isobaric ensemble, and its error by BLOCKS blocks."""
    temperature, pressure = point
    products = (series["pressure"] - pressure) * (series["volume"] - series["volume"].mean()) / temperature
    means = [block.mean() for block in np.array_split(products, BLOCKS)]
    return -float(products.mean()), float(np.std(means, ddof=1)) / BLOCKS**0.5


def main(arguments: list[str] | None = None) -> int:
    """Print distances and the verdict; exit status 1 if a claim fails, or Berendsen does not."""
    parser = argparse.ArgumentParser(description="ensembles against physical_validation")
    parser.add_argument("names", nargs="*", metavar="NAME", default=[], help="ensembles; none: all")
    parser.add_argument("--python", default=sys.executable, help="one that has physical_validation")
    parser.add_argument("--folder", type=Path, default=Path("output/ensembles"))
    parser.add_argument("--time", type=float, default=200.0, help="of each run, in reduced units")
    parser.add_argument("--figure", type=Path, help="draw distributions, canonical and Berendsen's")
    given = parser.parse_args(arguments)
    table = Table(
        "Distances in standard errors", "ensemble", "K mean", "K width", "K: p of K-S", "T pair", "P pair",
        "independent samples", "order", "-<(P - P0)(V - <V>)>/kT", "error",
    )  # fmt: skip
    verdict = Verdict()
    for name in given.names or ENSEMBLES:
        found = samples(given.folder, name, given.time)
        result = checked(given.python, given.folder, name, found)
        if name in BAROSTATS:
            result["pv"], result["pv_error"] = pressure_with_volume(found["cold"], points_of(name)["cold"])
        table.add(
            name, *(result.get(key) for key in ("mean", "width", "p", "temperature", "pressure")),
            result["independent"], result["order"], result.get("pv"), result.get("pv_error"),
        )  # fmt: skip
        distances = [result[key] for key in ("mean", "width", "temperature", "pressure") if key in result]
        if "pv" in result:
            distances.append(abs(result["pv"] - 1.0) / result["pv_error"])
        if name in NO_MEASURE:
            verdict.at_least(f"{name}: farthest", max(distances), 10.0)
        else:
            verdict.at_most(f"{name}: farthest", max(distances), LIMIT)
    table.show()
    verdict.show()
    if given.figure:
        from scaling.ensembles_figure import draw

        draw(given.folder, given.figure)
    return 1 if verdict.missed else 0


if __name__ == "__main__":
    sys.exit(main())
