"""Compiled programs of small systems beside hand-written C, REBOUND, SciPy and diffrax, as ratios in one run.

python scaling/compiler.py [--systems N] [--python INTERPRETER] [--quick]

The peers may live in an environment of their own, made with
  python -m venv peers; peers/bin/pip install rebound scipy diffrax "jax[cpu]"
and given with --python peers/bin/python.  All rates are per core.  An error is the median over the batch of
the largest coordinate's, against this program's 8th order at a small step; at equal error means: the
fastest measured setting of this program (8th order, falling steps) whose error is not larger.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler import compile_structure
from hpcphys.kernels import backend
from scaling.compare import is_installed
from scaling.limits import machine
from scaling.printed import Table
from scaling.small_systems import EIGHT_PERIOD, INERTIA, MASSES, SYSTEMS, eight_rows, three_bodies
from scaling.timing import alone, timed
from scaling.verdict import Verdict

WORKER = Path(__file__).resolve().with_name("ode_peers.py")
TOLERANCES = (1e-6, 1e-9)
DT = 1e-3


def peer(name: str, python: str, **given: object) -> dict[str, np.ndarray]:
    """What a peer found.  Raises RuntimeError with its words if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **given)
        done = subprocess.run([python, str(WORKER), name, source, target], capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed:\n{done.stderr.strip()}")
        with np.load(target) as found:
            return dict(found)


def hand_written(name: str, rows: np.ndarray, steps: int, repeats: int) -> tuple[float, np.ndarray]:
    """Seconds of `steps` steps of the C loop, and the rows at their end."""
    kernels = backend("cpu", threads=1, folders=[WORKER.parent]).module("hand_written")
    constants = {"three_bodies": [np.array(MASSES)], "rigid_body": [np.array(INERTIA)]}.get(name, [])
    z = np.ascontiguousarray(rows.T)
    start = z.copy()
    timing = timed(
        lambda: kernels.launch(name, z.shape[1], steps, DT, z, *constants),
        repeats,
        lambda: np.copyto(z, start),
    )
    return timing.wall, z.T


def beside_hand_written(systems: int, steps: int, repeats: int, verdict: Verdict) -> Table:
    """Leapfrog steps of batches: the generated kernels beside loops in C, compiled with the same flags."""
    table = Table(
        f"Leapfrog, batch of {systems}, one core: generated and hand-written",
        "system", "generated 1e6 steps/s", "C 1e6 steps/s", "time over C", "largest difference",
    )  # fmt: skip
    for name, make in SYSTEMS.items():
        system = make(systems)
        state = system.state
        names = [variable.name for variable in system.coordinates.variables]
        start = np.concatenate([state[n] for n in names], axis=1)
        program = compile_structure(system, "leapfrog", dt=DT, backend=backend("cpu", threads=1))
        program.run(steps)
        after = np.concatenate([state[n] for n in names], axis=1)
        ours = timed(lambda program=program: program.run(steps), repeats).wall
        theirs, found = hand_written(name, start, steps, repeats)
        work = systems * steps
        difference = float(np.abs(after - found).max())
        table.add(name, work / ours / 1e6, work / theirs / 1e6, ours / theirs, difference)
        verdict.at_most(f"{name}: time over hand-written C", ours / theirs, 1.3)
    return table


def single(steps: int, repeats: int, python: str, verdict: Verdict) -> Table:
    """One system of three bodies, leapfrog: steps/s beside REBOUND's."""
    table = Table("Three bodies, one system, leapfrog", "code", "1e6 steps/s", "ours over it")
    program = compile_structure(three_bodies(1), "leapfrog", dt=DT, backend=backend("cpu", threads=1))
    program.run(10)
    rate = steps / timed(lambda: program.run(steps), repeats).wall
    table.add("hpcphys", rate / 1e6, 1.0)
    verdict.at_least("one system of three bodies: 1e6 steps/s", rate / 1e6, 5.0)
    if not is_installed("rebound", python):
        table.add("rebound: not installed", None, None)
        return table
    found = peer("rebound", python, z=eight_rows(1), dt=DT, steps=steps)
    theirs = steps / float(found["seconds"])
    table.add(f"rebound {found['version']}", theirs / 1e6, rate / theirs)
    verdict.at_least("one system of three bodies: rate over REBOUND's", rate / theirs, 1.0)
    return table


class OwnCurve:
    """Seconds and error of this program on a batch over one period, for falling steps."""

    def __init__(self, rows: int, composition: str = "kahan_li8"):
        self.exact = self._end(rows, composition, 800)[1]
        self.errors, self.seconds = [], []
        for steps in (16, 20, 25, 30, 36, 44, 54, 66, 80, 100, 120, 150):
            seconds, z = self._end(rows, composition, steps)
            self.errors.append(self.error(z))
            self.seconds.append(seconds)

    def error(self, z: np.ndarray) -> float:
        """Median over the batch of the largest coordinate's error."""
        return float(np.median(np.abs(z - self.exact).max(axis=1)))

    def seconds_for(self, error: float) -> float:
        """Seconds at that error; those of the most exact run where it is exceeded."""
        best = [s for e, s in zip(self.errors, self.seconds, strict=True) if e <= error]
        return min(best, default=self.seconds[-1])

    def _end(self, rows: int, composition: str, steps: int) -> tuple[float, np.ndarray]:
        system = three_bodies(rows)
        program = compile_structure(
            system, composition, dt=EIGHT_PERIOD / steps, backend=backend("cpu", threads=1), total=1000
        )
        program.prepare()
        timing = timed(lambda: program.run(steps), 1)
        return timing.wall, np.concatenate((system.state["q"], system.state["p"]), axis=1)


def batches(systems: int, python: str, verdict: Verdict) -> Table:
    """A batch of three bodies over one period beside general solvers, at each one's own error."""
    table = Table(
        f"Three bodies, batch of {systems}, one period, one core",
        "code", "tolerance", "seconds", "error", "hpcphys s at this error", "ratio",
    )  # fmt: skip
    curve = OwnCurve(systems)
    for name, wanted in (("scipy", 20.0), ("diffrax", 3.0)):
        if not is_installed(name, python):
            table.add(f"{name}: not installed", None, None, None, None, None)
            continue
        found = peer(name, python, z=eight_rows(systems), time=EIGHT_PERIOD, tolerances=np.array(TOLERANCES))
        ratios = []
        for tolerance, z, seconds in zip(TOLERANCES, found["z"], found["seconds"], strict=True):
            error = curve.error(z)
            ours = curve.seconds_for(error)
            ratios.append(float(seconds) / ours)
            table.add(f"{name} {found['version']}", tolerance, float(seconds), error, ours, ratios[-1])
        verdict.at_least(f"batch of three bodies: times faster than {name}", min(ratios), wanted)
    return table


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="compiled programs of small systems beside others'")
    parser.add_argument("--systems", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the peers")
    parser.add_argument("--quick", action="store_true", help="2000 systems, few steps")
    given = parser.parse_args(arguments)
    systems = min(given.systems, 2000) if given.quick else given.systems
    print(machine())
    verdict = Verdict()
    with alone():
        beside_hand_written(systems, 20 if given.quick else 100, given.repeats, verdict).show()
        single(20_000 if given.quick else 1_000_000, given.repeats, given.python, verdict).show()
        batches(min(systems, 200 if given.quick else 2000), given.python, verdict).show()
        verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
