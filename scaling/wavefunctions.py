"""One Strang step of a wavefunction against the two transforms that it contains, by pyFFTW, in one run.

python scaling/wavefunctions.py [--peer PYTHON] [--points 512x512 ...] [--quick]

--peer: a Python that has NumPy and pyFFTW (default: this one, if it has them); plans of both are measured.
Printed: milliseconds of wall time, the least of several rounds in which both take turns, on 1 and 2 threads;
our step on 2 ranks of one thread; its ratio to pyFFTW's two transforms and the gain of a second thread or
rank. pyFFTW multiplies no phases: it is the floor of an unfused step.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone

GRIDS = ((512, 512), (128, 128, 128), (256, 256, 256))
PRECISIONS = ("double", "single")
ROUNDS = 5


def least(action: Callable[[int], object], points: int) -> float:
    """Seconds of one repetition: the least over a few blocks of about 50 ms."""
    repeats = min(max(1, (1 << 22) // points), 64)
    best = np.inf
    for _ in range(3):
        began = time.perf_counter()
        action(repeats)
        best = min(best, (time.perf_counter() - began) / repeats)
    return float(best)


def peer(points: tuple[int, ...], precision: str, threads: int) -> float:
    """Seconds of pyFFTW's forward and inverse transform, plans measured."""
    import pyfftw

    kind = "complex128" if precision == "double" else "complex64"
    a, b = (pyfftw.empty_aligned(points, kind) for _ in range(2))
    axes = tuple(range(len(points)))
    options = {"axes": axes, "flags": ("FFTW_MEASURE",), "threads": threads}
    forward = pyfftw.FFTW(a, b, **options)
    inverse = pyfftw.FFTW(b, a, direction="FFTW_BACKWARD", **options)
    a[...] = 1.0

    def both(repeats: int) -> None:
        for _ in range(repeats):
            forward.execute()
            inverse.execute()

    return least(both, a.size)


def ours(points: tuple[int, ...], precision: str, threads: int) -> float:
    """Seconds of a Strang step in a potential, on the ranks that this was launched with."""
    from hpcphys.compiler import State, compile_structure
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.kernels import backend
    from hpcphys.physics.schrodinger.engine import SplitOperator
    from hpcphys.physics.schrodinger.grid import WaveGrid
    from hpcphys.physics.schrodinger.system import schrodinger

    ranks = Communicator.start() if "OMPI_COMM_WORLD_SIZE" in os.environ else Communicator.serial()
    grid = WaveGrid(points, -8.0, 8.0, precision=precision, rank=ranks.rank, size=ranks.size)
    terms = [f"{axis}^2/2 + {axis}^4/100" for axis in "xyz"[: grid.dimension]]
    engine = SplitOperator(grid, backend("cpu", threads=threads), ranks, potential=" + ".join(terms))
    psi = np.exp(-sum(grid.along(axis, x) ** 2 for axis, x in enumerate(grid.axes)) / 2)
    state = State({"wavefunction": np.ascontiguousarray(psi, dtype=grid.complex_type)})
    program = compile_structure(schrodinger(state, engine), "leapfrog", dt=0.01)
    program.run(2)
    ranks.barrier()

    def steps(repeats: int) -> None:
        program.run(repeats)
        ranks.barrier()

    return float(ranks.allreduce(least(steps, grid.count), "max"))


def probe(what: str, points: str, precision: str, threads: str, target: str) -> None:
    """What a process of its own measures, into a file."""
    shape = tuple(int(n) for n in points.split("x"))
    seconds = {"peer": peer, "ours": ours}[what](shape, precision, int(threads))
    if int(os.environ.get("OMPI_COMM_WORLD_RANK", "0")) == 0:
        Path(target).write_text(json.dumps(seconds), encoding="utf-8")


def measured(
    what: str, python: str, points: tuple[int, ...], precision: str, threads: int, ranks: int
) -> float:
    """Seconds that a fresh process (or several ranks) measures."""
    with tempfile.TemporaryDirectory() as folder:
        target = str(Path(folder) / "found.json")
        words = [str(Path(__file__).resolve()), "--probe", what, "x".join(map(str, points)), precision]
        words += [str(threads), target]
        if what == "peer":
            environment = {**os.environ, "PYTHONPATH": ""}
            subprocess.run([str(python), *words], check=True, env=environment)
        else:
            launched(ranks, words, environment={"OMP_NUM_THREADS": str(threads)})
        return float(json.loads(Path(target).read_text(encoding="utf-8")))


SETTINGS = (("peer", 1, 1), ("ours", 1, 1), ("peer", 2, 1), ("ours", 2, 1), ("ours", 1, 2))
"""(what, threads, ranks) of one round."""


def has_peer(python: str) -> bool:
    """Whether a Python can import pyFFTW."""
    return subprocess.run([python, "-c", "import pyfftw"], capture_output=True).returncode == 0


def compared(
    python: str | None, points: tuple[int, ...], precision: str, rounds: int
) -> dict[tuple[str, int, int], float]:
    """Milliseconds of each setting: the least over rounds in which they take turns; no peer, no figure."""
    settings = [setting for setting in SETTINGS if python is not None or setting[0] != "peer"]
    found = dict.fromkeys(settings, np.inf)
    for _ in range(rounds):
        for what, threads, ranks in settings:
            seconds = measured(what, python, points, precision, threads, ranks)
            found[what, threads, ranks] = min(found[what, threads, ranks], 1e3 * seconds)
    return found


def ratio(a: float | None, b: float | None) -> float | None:
    """a/b where both were measured."""
    return None if a is None or b is None else a / b


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--points", nargs="+", default=["x".join(map(str, grid)) for grid in GRIDS])
    parser.add_argument("--quick", action="store_true", help="one round of 64x64")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--probe", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.probe:
        probe(*given.probe)
        return
    grids = ["64x64"] if given.quick else given.points
    table = Table(
        f"One Strang step and pyFFTW's two transforms [ms], {machine()}",
        "grid", "precision", "pyFFTW 1 t", "ours 1 t", "ratio", "pyFFTW 2 t", "ours 2 t", "ratio",
        "2 threads gain", "ours 2 ranks", "2 ranks gain",
    )  # fmt: skip
    python = given.peer if has_peer(given.peer) else None
    if python is None:
        print(f"{given.peer} has no pyFFTW: only our own times are measured (see --peer)")
    with alone():
        for text in grids:
            points = tuple(int(n) for n in text.split("x"))
            for precision in PRECISIONS:
                found = compared(python, points, precision, 1 if given.quick else given.rounds)
                p1, o1, p2, o2, r2 = (found.get(setting) for setting in SETTINGS)
                ratios = ratio(o1, p1), ratio(o2, p2), ratio(o1, o2), ratio(o1, r2)
                table.add(text, precision, p1, o1, ratios[0], p2, o2, *ratios[1:3], r2, ratios[3])
    table.show()


if __name__ == "__main__":
    main()
