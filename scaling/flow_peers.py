"""Two-dimensional turbulence by other programs from PyPI, each in a process of its own.

python scaling/flow_peers.py NAME POINTS      (needs NumPy and the peer, nothing else)
NAME: fluidsim or shenfun; prints the CPU milliseconds of one RK4 step of the vorticity equation with the 2/3
rule, double precision, one thread, the best of several.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"  # before the peers read it
os.environ["FLUIDSIM_TYPE_FFT"] = "fft2d.with_pyfftw"

import numpy as np

SECONDS = 6.0


def best_step(step: Callable[[], object]) -> float:
    """CPU seconds of the fastest of the steps that fit into some seconds, after one to warm up."""
    step()
    best, started = np.inf, time.perf_counter()
    while time.perf_counter() - started < SECONDS:
        before = time.process_time()
        step()
        best = min(best, time.process_time() - before)
    return best


def fluidsim(points: int) -> float:
    """Its solver ns2d, time scheme RK4, as its users run it, without outputs."""
    from fluidsim.solvers.ns2d.solver import Simul

    parameters = Simul.create_default_params()
    parameters.oper.nx = parameters.oper.ny = points
    parameters.oper.Lx = parameters.oper.Ly = 2 * np.pi
    parameters.oper.type_fft = "fft2d.with_pyfftw"
    parameters.oper.coef_dealiasing = 2.0 / 3
    parameters.nu_2 = 1e-6
    parameters.time_stepping.type_time_scheme = "RK4"
    parameters.time_stepping.USE_CFL = False
    parameters.time_stepping.deltat0 = 1e-4
    parameters.init_fields.type = "noise"
    parameters.output.HAS_TO_SAVE = False
    parameters.output.ONLINE_PLOT_OK = False
    simulation = Simul(parameters)
    return best_step(simulation.time_stepping.one_time_step_computation)


def shenfun(points: int) -> float:
    """Its spaces and its class RK4, the right-hand side of its demonstration of turbulence in vorticity."""
    from mpi4py import MPI
    from shenfun import RK4, Array, Function, FunctionSpace, TensorProductSpace

    first = FunctionSpace(points, "F", dtype="D")
    second = FunctionSpace(points, "F", dtype="d")
    space = TensorProductSpace(MPI.COMM_SELF, (first, second), dtype="d")
    waves = space.local_wavenumbers(scaled=True)
    square = waves[0] ** 2 + waves[1] ** 2
    inverse = 1.0 / np.where(square == 0, 1, square)
    mask = space.get_mask_nyquist() * (abs(waves[0]) < points / 3) * (abs(waves[1]) < points / 3)
    factors = [1j * waves[1] * inverse, -1j * waves[0] * inverse, 1j * waves[0], 1j * waves[1]]
    fields = [Array(space) for _ in factors]
    spectrum = Function(space)

    def transport(_self, _vorticity, vorticity_hat, rate, **_):
        for factor, field in zip(factors, fields, strict=True):
            spectrum[:] = factor * vorticity_hat
            space.backward(spectrum, field)
        u, v, along_x, along_y = fields
        rate[:] = space.forward(-(u * along_x + v * along_y), rate)
        rate *= mask
        rate -= 1e-6 * square * vorticity_hat
        return rate

    vorticity, amplitudes = Array(space), Function(space)
    vorticity[:] = np.random.default_rng(1).normal(size=vorticity.shape)
    amplitudes[:] = space.forward(vorticity, amplitudes) * mask
    method = RK4(space, N=transport)
    method.setup(1e-4)

    def step() -> None:
        method.solve(vorticity, amplitudes, 1e-4, (0, 0.5e-4))

    return best_step(step)


if __name__ == "__main__":
    print(1e3 * {"fluidsim": fluidsim, "shenfun": shenfun}[sys.argv[1]](int(sys.argv[2])))
