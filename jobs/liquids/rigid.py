"""Rigid molecules at constant energy: drift, lengths, and what the constraints cost.

    python jobs/liquids/rigid.py [--steps N] [--cost]

Runs dumb_bells.toml (864 molecules, SHAKE and RATTLE) in both precisions for N steps (100,000), then a few
hundred steps of three_site.toml (4000 molecules, SETTLE) with the time of each part.  One thread; drift as in
conservation.py, whose runs are the same without bonds.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.job_file import load_job
from hpcphys.run.kind import kind_of
from jobs.liquids.conservation import drift
from jobs.liquids.runs import HERE

WARM = 20.0
ROWS = 1000
CONSTRAINTS = ("shake", "rattle", "remember")
"""Parts of a step that are there for the constraints alone."""


def started(job: Any) -> Any:
    """The simulation of a job, on this process and one thread, before its first step."""
    alone = Communicator.serial()
    simulation = kind_of(job).simulation(job, backend("cpu", threads=1), alone, Timers(alone), Log(1), None)
    simulation.start(resumed=False)
    return simulation


def unobserved(steps: int) -> list[str]:
    """Settings of a run of so many steps of 0.003 after its equilibration, averages beginning at its end."""
    end = WARM + 0.003 * steps
    return [f"time.end={end + 1.0}", f"observables.begin={end + 0.5}"]


def length_error(simulation: Any, length: float) -> float:
    """The largest relative error of the bonds of dumb-bells, whose atoms have ids 2k and 2k + 1."""
    state = simulation.state
    order = np.argsort(state["id"])
    ends = state["position"][order].reshape(-1, 2, 3)
    found = np.linalg.norm(simulation.box.nearest(ends[:, 0] - ends[:, 1]), axis=1)
    return float(np.abs(found / length - 1.0).max())


def kept(job: Any, steps: int, length: float | None = None) -> dict[str, float]:
    """Drift [kT per atom and step], its error, fluctuation [kT per atom], and the worst length of the run."""
    simulation, step = started(job), job.time.step
    simulation.advance(round(WARM / step), diagnosed=True)
    rows, worst = [], 0.0
    every = max(1, steps // ROWS)
    for _ in range(steps // every):
        simulation.advance(every, diagnosed=True)
        rows.append({"time": simulation.state.time, **simulation.row()})
        if length is not None:
            worst = max(worst, length_error(simulation, length))
    series = {name: np.array([row[name] for row in rows]) for name in ("time", "total_energy", "temperature")}
    slope, error, spread = drift(series, simulation.atoms, step)
    return {"drift": slope, "error": error, "fluctuation": spread, "length": worst}


def parts_of_step(job: Any, warm: int, steps: int) -> dict[str, float]:
    """Seconds of each part of a step."""
    simulation = started(job)
    simulation.advance(warm, diagnosed=False)
    timers = simulation.timers

    def seconds() -> dict[str, float]:
        return {name: node.seconds for name, node in timers.root.children.items() if node.calls}

    before = seconds()
    simulation.advance(steps, diagnosed=False)
    return {
        name: (value - before.get(name, 0.0)) / steps for name, value in seconds().items() if name != "start"
    }


def main() -> int:
    """Print the tables; exit status 1 if a drift, a length or the cost is larger than it should be."""
    parser = argparse.ArgumentParser(description="rigid molecules at constant energy")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--cost", action="store_true", help="the cost alone")
    given = parser.parse_args()
    missed = False
    if not given.cost:
        print("1728 atoms                      drift [kT/atom/step]   fluctuation [kT/atom]   worst length")
        for precision, allowed in (("mixed", 1e-6), ("double", 1e-10)):
            job = load_job(
                HERE / "dumb_bells.toml", [f'pairs.precision="{precision}"', *unobserved(given.steps)]
            )
            found = kept(job, given.steps, job.molecules.length)
            missed |= abs(found["drift"]) > 1e-7 or found["length"] > allowed
            print(
                f"dumb-bells, {precision:6}              {found['drift']:+.1e} ± {found['error']:.0e}       "
                f"{found['fluctuation']:.1e}                 {found['length']:.1e}"
            )
    parts = parts_of_step(load_job(HERE / "three_site.toml"), 1000, 500)
    whole = sum(parts.values())
    share = sum(parts.get(name, 0.0) for name in CONSTRAINTS) / whole
    print(
        "4000 molecules of three sites, ms per step: "
        + ", ".join(f"{n} {1e3 * s:.3f}" for n, s in parts.items())
    )
    print(f"constraints: {share:.1%} of {1e3 * whole:.3f} ms")
    return int(missed or share > 0.15)


if __name__ == "__main__":
    sys.exit(main())
