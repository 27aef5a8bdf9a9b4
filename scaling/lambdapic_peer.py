"""Nanoseconds per particle and step of lambdapic's whole step (double, quadratic) on one thread.

PYTHON scaling/lambdapic_peer.py 256x256 64      # a Python that has lambdapic; prints one number

The case of scaling/plasmas.py in SI units: thermal electrons of v_th = 0.1 c, cells of a Debye length.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import sys
import time

os.environ.update({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"})

PLASMA_FREQUENCY, THERMAL, ELECTRON_REST_ENERGY = 1e15, 0.1, 510998.95


def main() -> None:
    """Run a few steps and print the least difference of processor time between two of them."""
    from lambdapic import Electron, SetTemperature, Simulation, Simulation3D, c, e, epsilon_0, m_e

    shape = [int(n) for n in sys.argv[1].split("x")]
    per_cell = int(sys.argv[2])
    density = epsilon_0 * m_e * PLASMA_FREQUENCY**2 / e**2
    spacing = THERMAL * c / PLASMA_FREQUENCY
    axes = "xyz"[: len(shape)]
    given = {f"n{a}": n for a, n in zip(axes, shape, strict=True)}
    given |= {f"d{a}": spacing for a in axes} | {
        f"npatch_{a}": max(1, n // 32) for a, n in zip(axes, shape, strict=True)
    }
    given["boundary_conditions"] = {f"{a}{side}": "periodic" for a in axes for side in ("min", "max")}
    simulation = (Simulation if len(shape) == 2 else Simulation3D)(**given)

    def uniform_plane(x, y):
        return density

    def uniform(x, y, z):
        return density

    electrons = Electron(density=uniform_plane if len(shape) == 2 else uniform, ppc=per_cell)
    simulation.add_species([electrons])
    moments: list[float] = []

    def clock(_: object) -> None:
        moments.append(time.process_time())

    warm = SetTemperature(electrons, THERMAL**2 * ELECTRON_REST_ENERGY)
    simulation.run(nsteps=8, callbacks=[warm, clock])
    seconds = min(b - a for a, b in itertools.pairwise(moments[1:]))
    print(json.dumps(1e9 * seconds / (per_cell * math.prod(shape))))


if __name__ == "__main__":
    main()
