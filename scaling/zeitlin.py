"""Zeitlin's isospectral step against its floor: the complex matrix products that an iteration needs.

    python -m scaling.zeitlin [--sizes 128 256 512 1024] [--ranks 2]

Floor: two complex products (zgemm of NumPy's BLAS, same threads) for each iteration, as published codes spend
them; the step here spends 1 + 9/16 for large N, and the N-point transforms of all diagonals.  One thread.
The step is what a field of waves |k| <= 6 needs at dt = 1.28/N, iterated to round-off.
"""

from __future__ import annotations

import argparse
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", os.environ["OMP_NUM_THREADS"])

import numpy as np

from hpcphys.compiler import Program, State, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.zeitlin import SineBracket, zeitlin
from scaling.launching import launched
from scaling.printed import Table
from scaling.timing import alone, timed

LARGEST_WAVE = 6
WARM = 5


def program_of(n: int, communicator: Communicator) -> Program:
    """A random field of long waves in matrices of size n."""
    model = SineBracket(n, backend("cpu"), communicator)
    rng = np.random.default_rng(1)
    first, last = ((LARGEST_WAVE + 1) * (communicator.rank + end) // communicator.size for end in (0, 1))
    wave_y = np.r_[0 : LARGEST_WAVE + 1, -LARGEST_WAVE:0]
    waves = np.fft.fft2(rng.standard_normal((64, 64)))[np.ix_(np.arange(LARGEST_WAVE + 1), wave_y)] / 64.0
    squares = np.arange(LARGEST_WAVE + 1)[:, None] ** 2 + wave_y**2
    waves = np.where((squares > 0) & (squares <= LARGEST_WAVE**2), waves / np.sqrt(squares.clip(1)), 0.0)
    state = State({"vorticity": model.matrix_of(waves[first:last] * 0.15)})
    return compile_structure(zeitlin(state, model), "leapfrog", dt=1.28 / n)


def step_of(n: int, communicator: Communicator, repeats: int) -> tuple[float, float]:
    """(seconds, iterations) of a step: the fastest of `repeats`, after a few that fill the memory."""
    program = program_of(n, communicator)
    program.run(WARM)
    flow = program.system.pieces[0].flow.__self__
    before, steps = flow.iterations, program.state.step

    def step() -> None:
        communicator.barrier()
        program.step()
        communicator.barrier()

    seconds = timed(step, repeats).wall
    return seconds, (flow.iterations - before) / (program.state.step - steps)


def product_of(n: int) -> float:
    """Seconds of one complex product of the same size."""
    rng = np.random.default_rng(2)
    a = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    b, out = a.copy(), np.empty_like(a)
    return timed(lambda: np.matmul(a, b, out=out), 7).wall


def main() -> None:
    """Print the table; or, with --probe, the seconds of a step on the ranks of this launch."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512, 1024])
    parser.add_argument("--ranks", type=int, default=1, help="also time a step on so many ranks")
    parser.add_argument("--probe", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.probe:
        communicator = Communicator.start()
        seconds, _ = step_of(given.probe, communicator, repeats(given.probe))
        if communicator.rank == 0:
            print(seconds)
        return
    columns = ["N", "zgemm ms", "Gflop/s", "iterations", "floor ms", "step ms", "ratio"]
    if given.ranks > 1:
        columns += [f"{given.ranks} ranks ms", "speedup"]
    table = Table("Isospectral midpoint, double precision, one thread a rank", *columns)
    with alone():
        for n in given.sizes:
            product = product_of(n)
            seconds, iterations = step_of(n, Communicator.serial(), repeats(n))
            floor = 2 * iterations * product
            row = [
                n,
                1e3 * product,
                8e-9 * n**3 / product,
                iterations,
                1e3 * floor,
                1e3 * seconds,
                seconds / floor,
            ]
            if given.ranks > 1:
                probe = launched(given.ranks, ["-m", "scaling.zeitlin", "--probe", str(n)])
                shared = float(probe.output.split()[-1])
                row += [1e3 * shared, seconds / shared]
            table.add(*row)
    table.show()


def repeats(n: int) -> int:
    """Steps that are timed: fewer of the long ones."""
    return max(2, min(20, 4096 // n))


if __name__ == "__main__":
    sys.exit(main())
