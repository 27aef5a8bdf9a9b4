"""Nanoseconds per particle and step of plasma particles, beside the machine's limits and lambdapic's.

python scaling/plasmas.py [--peer PYTHON] [--quick]

The case: uniform electrons, v_th = 0.1 c, cells of a Debye length 0.1 c/ω_p, steps of 0.95 of Yee's limit,
periodic; gather, push, move, charge-conserving current and the order of bins on one core, fields excluded.
floor (traffic): each position and momentum read and written once; floor (arithmetic): the same gather, push
and deposit in full registers, with neither crossers nor ragged bins (linear shapes only).
--peer: a Python that has lambdapic and finds an MPI library (LD_LIBRARY_PATH); quadratic shapes, double
precision, its whole step, fields included.
Printed: processor time, the least of several steps.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone, timed

ROOT = Path(__file__).resolve().parents[1]
# shape, particles per cell, order, precision, electrostatic
CASES = (
    ((256, 256), 64, 1, "single", False),
    ((64, 64, 64), 32, 1, "single", False),
    ((64, 64, 64), 8, 1, "single", False),
    ((64, 64, 64), 32, 1, "double", False),
    ((256, 256), 64, 2, "double", False),
    ((32, 32, 32), 32, 2, "double", False),
    ((64,), 16384, 1, "double", True),
)
TARGETS = (14, 17, 32, 28, 45, 110, 8)
DEBYE, THERMAL, CHUNK, STEPS = 0.1, 0.1, 1 << 20, 8


def loaded(shape: tuple[int, ...], per_cell: int, order: int, precision: str, electrostatic: bool) -> Any:
    """Thermal electrons on one rank, slab after slab."""
    from hpcphys.decomposition.communicator import Communicator
    from hpcphys.decomposition.grids import GridBlocks
    from hpcphys.kernels import backend
    from hpcphys.physics.plasma.particles import Particles, Species

    axes = len(shape)
    electrons = Species("electrons", -1.0, 1.0, weight=1.0 / per_cell, relativistic=not electrostatic)
    blocks = GridBlocks(shape, Communicator.serial(), max(2, order + 1))
    particles = Particles(
        electrons,
        blocks,
        (DEBYE,) * axes,
        order=order,
        precision=precision,
        backend=backend("cpu", threads=1),
    )
    rng = np.random.default_rng(1)
    total = per_cell * int(np.prod(shape))
    for first in range(0, total, CHUNK):
        n = min(CHUNK, total - first)
        share = rng.random((n, axes))
        share[:, 0] = (first + share[:, 0] * n) / total
        particles.add(share * np.array(shape) * DEBYE, THERMAL * rng.normal(size=(n, 3)))
    return particles


def step_time(case: tuple[Any, ...], steps: int = STEPS) -> tuple[float, float]:
    """Nanoseconds per particle and step; bytes per particle."""
    particles = loaded(*case)
    rng = np.random.default_rng(2)
    E, B = 1e-4 * rng.normal(size=(2, 3, *particles.blocks.local_shape)).astype(particles.real)
    J, dt = np.zeros_like(E), 0.95 * DEBYE / np.sqrt(particles.dimensions)

    def step() -> None:
        if case[4]:
            particles.advance_electrostatic(E, None, J[0], dt)
        else:
            particles.advance(E, B, J, dt)

    seconds = timed(step, steps).cpu
    return 1e9 * seconds / particles.count, particles.bytes_per_particle


def floors(axes: int, order: int, precision: str) -> tuple[float, float | None]:
    """Nanoseconds of the memory traffic, and of the arithmetic in full registers."""
    from hpcphys.kernels import backend

    real = np.float32 if precision == "single" else np.float64
    defines = {"REAL": "float" if precision == "single" else "double", "DIMENSIONS": axes, "ORDER": order}
    module = backend("cpu", threads=1, folders=(ROOT / "scaling",)).module("pic_floor", **defines)
    bins, per_bin = 1 << 15, 64
    n = bins * per_bin
    x = np.full((axes + 3, n), 0.1, real)
    traffic = timed(lambda: module.host("pic_traffic", n, axes + 3, x), 5).cpu
    if order != 1:
        return 1e9 * traffic / n, None
    coefficients, sums = np.full(64 * 16, 1e-4, real), np.zeros(8192, real)
    arithmetic = timed(lambda: module.host("pic_arithmetic", bins, per_bin, coefficients, x, sums), 5).cpu
    return 1e9 * traffic / n, 1e9 * arithmetic / n


def peer(python: str, shape: tuple[int, ...], per_cell: int) -> float | None:
    """Nanoseconds per particle and step of lambdapic's whole step; None where that Python has none."""
    words = [python, str(ROOT / "scaling" / "lambdapic_peer.py"), "x".join(map(str, shape)), str(per_cell)]
    found = subprocess.run(words, capture_output=True, text=True)
    return float(json.loads(found.stdout.splitlines()[-1])) if found.returncode == 0 else None


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--peer", help="a Python that has lambdapic")
    parser.add_argument("--quick", action="store_true", help="small grids, two steps")
    given = parser.parse_args(arguments)
    table = Table(
        f"Particles of a plasma [ns per particle and step], one core, {machine()}",
        "grid", "per cell", "order", "precision", "step", "target", "floor (traffic)", "floor (arithmetic)",
        "bytes/particle", "lambdapic",
    )  # fmt: skip
    with alone():
        for (shape, per_cell, order, precision, still), target in zip(CASES, TARGETS, strict=True):
            grid = tuple(min(n, 16) for n in shape) if given.quick else shape
            per_cell = min(per_cell, 64) if given.quick else per_cell
            step, size = step_time((grid, per_cell, order, precision, still), 2 if given.quick else STEPS)
            traffic, arithmetic = floors(len(grid), order, precision)
            compared = given.peer if order == 2 and precision == "double" else None
            other = peer(compared, grid, per_cell) if compared else None
            name = "x".join(map(str, grid)) + (" electrostatic" if still else "")
            table.add(
                name,
                per_cell,
                order,
                precision,
                step,
                target,
                traffic,
                None if still else arithmetic,
                size,
                other,
            )
    table.show()


if __name__ == "__main__":
    main()
