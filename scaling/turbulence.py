"""Two-dimensional turbulence against the machine's floor and against other programs; threads, ranks, bytes.

python scaling/turbulence.py [--points 512 1024 2048] [--peers PYTHON] [--quick]

One step is one RK4 step of the vorticity equation with viscosity and the 2/3 rule, CPU time, one thread
unless said. The floor is the transform recipe of flow_limit.h, timed here. PYTHON: an interpreter that
has fluidsim (with fluidfft-pyfftw) and shenfun; without it their published ratios to the floor are shown,
marked as such. Exit status 1 if a wanted figure is missed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.engine import VorticityEngine, hermitian
from hpcphys.physics.vorticity.grid import VorticityGrid
from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import Timing, alone, timed
from scaling.verdict import Verdict

FOLDER = Path(__file__).resolve().parent
WANTED_FLOOR, WANTED_PARALLEL = 1.25, 1.7
WANTED_PEERS = {"fluidsim": 3.0, "shenfun": 4.0}
# RK4 steps at 1024², in units of the floor with Debian's FFTW on an AMD EPYC (Zen 5): 123, 185 and 36.7 ms.
PUBLISHED = {"fluidsim": 123 / 36.7, "shenfun": 185 / 36.7}
LANES = {"double": 8, "single": 16}


def engine_on(communicator: Communicator, points: int, precision: str, threads: int) -> VorticityEngine:
    """The engine with viscosity, on this rank."""
    grid = VorticityGrid(points, precision=precision, rank=communicator.rank, size=communicator.size)
    return VorticityEngine(grid, backend("cpu", threads=threads), communicator, Damping(1e-6))


def flow(grid: VorticityGrid) -> State:
    """Random phases on all modes: nothing in the arithmetic depends on the values."""
    phases = np.random.default_rng(grid.rank).random(grid.shape)
    return State({"vorticity": hermitian(1e-3 * np.exp(2j * np.pi * phases), grid)})


def step_time(points: int, precision: str, threads: int, repeats: int) -> Timing:
    """One RK4 step on one rank."""
    engine = engine_on(Communicator.serial(), points, precision, threads)
    state = flow(engine.grid)
    engine.advance(state, 1e-4)
    return timed(lambda: engine.advance(state, 1e-4), repeats)


def floor_times(points: int, precision: str, repeats: int) -> tuple[float, float]:
    """CPU seconds of the recipe's four right-hand sides, and of their transforms alone."""
    real = "double" if precision == "double" else "float"
    module = backend("cpu", threads=1, folders=[FOLDER]).module("flow_limit", REAL=real)
    grid, lanes = VorticityGrid(points, precision=precision), LANES[precision]
    cutoff, height = grid.shape[0] - 1, grid.shape[1]
    handle = module.host("recipe_make", points, cutoff, lanes)
    blocks = -(-(cutoff + 1) // lanes)
    w = np.zeros((points, 2 * height), dtype=grid.real_type)
    state, total = np.zeros((2, blocks, height, 2 * lanes), dtype=grid.real_type)
    decay = np.ones((blocks, height, lanes), dtype=grid.real_type)
    rows = timed(lambda: module.host("recipe_rows", handle, w), 4 * repeats).cpu
    columns = timed(lambda: module.host("recipe_columns", handle, 1e-4, w, state, total, decay), 4 * repeats)
    transforms = timed(lambda: module.host("recipe_transforms", handle), 4 * repeats).cpu
    return 4 * (rows + columns.cpu), 4 * transforms


def ranks_time(points: int, precision: str, ranks: int, repeats: int) -> list[float]:
    """Wall seconds of a step, one thread on each rank; bytes sent, kept, and of the model, of all ranks."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.txt"
        words = [str(FOLDER / "turbulence.py"), "--probe", str(path), "--points", str(points)]
        launched(ranks, [*words, "--precision", precision, "--repeats", str(repeats)])
        return [float(word) for word in path.read_text().split()]


def probe(path: Path, points: int, precision: str, repeats: int) -> None:
    """On each rank of a launch: time steps together, count what is sent; rank 0 writes the result of all."""
    communicator = Communicator.start()
    engine = engine_on(communicator, points, precision, 1)
    state = flow(engine.grid)
    engine.advance(state, 1e-4)
    best = np.inf
    for _ in range(repeats):
        communicator.barrier()
        best = min(best, communicator.allreduce(timed(lambda: engine.advance(state, 1e-4), 1).wall, "max"))
    communicator.reset_counters()
    engine.tendency(state["vorticity"])
    # the maximum of the speed, one number, is no part of the transposes
    sent = communicator.bytes_sent - (8 if communicator.size > 1 else 0)
    figures = [sent, engine.counters["kept_bytes"], engine.model_bytes]
    totals = [communicator.allreduce(float(figure)) for figure in figures]
    if communicator.rank == 0:
        path.write_text(" ".join(map(str, [best, *totals])))


def peer_time(python: str | None, name: str, points: int) -> float | None:
    """CPU seconds of a peer's step, or None where it cannot be run."""
    if python is None:
        return None
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(FOLDER / "flow_peers.py"), name, str(points)]
        done = subprocess.run(
            command, env={**environment, "FLUIDSIM_PATH": folder}, capture_output=True, text=True, cwd=folder
        )
    if done.returncode:
        print(f"{name} did not run: {done.stderr.strip().splitlines()[-1]}")
        return None
    return 1e-3 * float(done.stdout.split()[-1])


def steps_against_the_floor(given: argparse.Namespace, verdict: Verdict) -> None:
    """One thread: our step, the recipe's, the transforms alone, the peers."""
    table = Table(
        "One RK4 step, one thread, CPU milliseconds",
        "points", "precision", "ours", "floor", "ours/floor", "transforms alone", *WANTED_PEERS,
    )  # fmt: skip
    for points in given.points:
        for precision in ("double", "single"):
            own = step_time(points, precision, 1, given.repeats).cpu
            floor, transforms = floor_times(points, precision, given.repeats)
            verdict.at_most(f"ours/floor, {points}², {precision}", own / floor, WANTED_FLOOR)
            peers = {}
            for name, wanted in WANTED_PEERS.items() if precision == "double" else ():
                peers[name] = peer_time(given.peers, name, points)
                if (measured := peers[name]) is not None:
                    verdict.at_least(f"{name}/ours, {points}²", measured / own, wanted)
                else:
                    verdict.at_least(
                        f"{name}/ours, {points}² (published ratio)", PUBLISHED[name] * floor / own, wanted
                    )
            cells = (peers.get(name) for name in WANTED_PEERS)
            table.add(
                f"{points}²", precision, 1e3 * own, 1e3 * floor, own / floor, 1e3 * transforms,
                *(None if seconds is None else 1e3 * seconds for seconds in cells),
            )  # fmt: skip
    table.show()


def threads_and_ranks(given: argparse.Namespace, verdict: Verdict) -> None:
    """Two threads and two ranks against one by the clock; what ranks send against the model."""
    table = Table(
        "Two of them, wall milliseconds of a step", "points", "precision", "one", "threads", "ranks"
    )
    traffic = Table(
        "Bytes of a right-hand side, all ranks",
        "points", "precision", "ranks", "sent", "kept on the rank", "sent + kept", "model", "n² per rank",
    )  # fmt: skip
    for points in given.points:
        for precision in ("double", "single"):
            one = step_time(points, precision, 1, given.repeats).wall
            threads = step_time(points, precision, 2, given.repeats).wall
            wall, sent, kept, model = ranks_time(points, precision, 2, given.repeats)
            table.add(f"{points}²", precision, 1e3 * one, 1e3 * threads, 1e3 * wall)
            traffic.add(
                f"{points}²", precision, 2, int(sent), int(kept), int(sent + kept), int(model),
                (sent + kept) / points**2,
            )  # fmt: skip
            verdict.at_least(f"2 threads/1, {points}², {precision}", one / threads, WANTED_PARALLEL)
            verdict.at_least(f"2 ranks/1, {points}², {precision}", one / wall, WANTED_PARALLEL)
            verdict.at_most(f"bytes/model, {points}², {precision}", (sent + kept) / model, 1.0)
    table.show()
    traffic.show()


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; 1 if a wanted figure is missed (not with --quick)."""
    parser = argparse.ArgumentParser(description="steps of 2D turbulence against floor, peers and model")
    parser.add_argument("--points", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--peers", help="a Python with fluidsim and shenfun")
    parser.add_argument("--only", choices=("floor", "parallel"), help="one half of the tables")
    parser.add_argument("--quick", action="store_true", help="small grids, few repetitions")
    parser.add_argument("--probe", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="double", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.probe is not None:
        probe(given.probe, given.points[0], given.precision, given.repeats)
        return 0
    if given.quick:
        given.points, given.repeats = [32], 2
    print(machine())
    verdict = Verdict()
    with alone():
        if given.only != "parallel":
            steps_against_the_floor(given, verdict)
        if given.only != "floor":
            threads_and_ranks(given, verdict)
    verdict.show()
    return 1 if verdict.missed and not given.quick else 0


if __name__ == "__main__":
    sys.exit(main())
