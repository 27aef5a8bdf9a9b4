"""How far Maxwell's sweeps and the other field solvers are from the memory's bandwidth, on one core.

    python scaling/plasma_fields.py [--cells 96] [--threads 1]

Bytes of a sweep: Faraday reads E and B and writes B (9 numbers a cell), Ampère reads B, J and E and writes E
(12).  Beside it a bare loop a = b + s c (3 numbers, and a fourth that a cache fetches before it writes).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import Maxwell, Poisson

TRIAD = """#include "prelude.h"
KERNEL(triad)(long long n, const REAL* b, const REAL* c, REAL* RESTRICT a, double s) {
  const REAL scale = REAL(s);
  ELEMENTS(i, n) a[i] = b[i] + scale * c[i];
}
"""


def best(work: Callable[[], object], seconds: float = 0.5) -> float:
    """The shortest time of a call [s] within some time of trying."""
    work()
    shortest, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begun = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - begun)
    return shortest


def measured(cells: int, precision: str, threads: int) -> None:
    """Print one table for one precision."""
    machine = backend("cpu", threads=threads)
    blocks = GridBlocks((cells,) * 3, Communicator.serial(), 2, backend=machine)
    made = Maxwell(blocks, 0.1, precision=precision)
    kind, number = made.geometry.dtype, cells**3
    rng = np.random.default_rng(1)
    for field in (made.E, made.B, made.J):
        field[...] = rng.normal(size=field.shape).astype(kind)
    real = "float" if precision == "single" else "double"
    module = machine.generated("triad", TRIAD, REAL=real)
    a, b, c = (np.ones(3 * number, kind) for _ in range(3))
    bare = 9 * number * kind.itemsize / best(lambda: module.launch("triad", 3 * number, b, c, a, 0.5)) / 1e9
    print(f"{precision}, {cells}³ cells, {threads} thread(s): bare triad {bare:.1f} GB/s")
    dt = 0.5 * made.stable_step()
    box, rates = made.geometry.owned, made.geometry.per_cell(dt)
    kernel = made.geometry.module
    sweeps = {
        "faraday, sweep alone": (9, lambda: kernel.launch("faraday", *box, made.E, made.B, *rates)),
        "ampere, sweep alone": (
            12,
            lambda: kernel.launch("ampere", *box, made.B, made.J, made.E, *rates, dt),
        ),
        "faraday with guards": (9, lambda: made.faraday(dt)),
        "ampere with guards": (12, lambda: made.ampere(dt)),
    }
    for name, (numbers, work) in sweeps.items():
        took = best(work)
        rate = numbers * number * kind.itemsize / took / 1e9
        print(f"  {name:22s} {took / number * 1e9:6.2f} ns/cell {rate:6.1f} GB/s {100 * rate / bare:4.0f} %")
    others = {
        "averaged curl": Maxwell(blocks, 0.1, precision=precision, solver="cole_karkkainen_cowan"),
        "psatd, whole step": Maxwell(blocks, 0.1, precision=precision, solver="psatd"),
    }
    for name, other in others.items():
        took = best(lambda other=other: other.faraday(dt) if other.solver != "psatd" else other.ampere(dt))
        print(f"  {name:22s} {took / number * 1e9:6.2f} ns/cell")
    walled = GridBlocks((cells,) * 3, Communicator.serial(), 2, periodic=False, backend=machine)
    for name, layout in (("poisson, periodic", blocks), ("poisson, walls", walled)):
        solver = Poisson(layout, 0.1, precision=precision)
        took = best(lambda solver=solver: solver.solve(made.rho, made.E), 1.0)
        print(f"  {name:22s} {took / number * 1e9:6.2f} ns/cell")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=96)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    for wanted in ("double", "single"):
        measured(given.cells, wanted, given.threads)
