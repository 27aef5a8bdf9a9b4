"""Three bodies by other programs from PyPI, each in a process of its own.

python scaling/ode_peers.py NAME IN.npz OUT.npz     (needs NumPy and the peer, nothing else)
rebound: IN has z (1, 12), dt, steps; OUT seconds for all steps, z at their end
scipy, diffrax: IN has z (rows, 12), time, tolerances (k,); OUT for each tolerance z at that time (k, rows,
12) and seconds (k,), compilation left out
"""

from __future__ import annotations

import os
import sys
import time
from importlib import metadata

os.environ["OMP_NUM_THREADS"] = "1"  # before the peers read it: rates are per core
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np


def rebound(given: dict[str, np.ndarray], repeats: int = 3) -> dict[str, np.ndarray]:
    """Leapfrog steps of one system."""
    import rebound

    best = np.inf
    for _ in range(repeats):
        simulation = rebound.Simulation()
        simulation.integrator, simulation.dt = "leapfrog", float(given["dt"])
        z = given["z"][0]
        for i in range(3):
            simulation.add(m=1.0, x=z[2 * i], y=z[2 * i + 1], vx=z[6 + 2 * i], vy=z[7 + 2 * i])
        started = time.perf_counter()
        simulation.steps(int(given["steps"]))
        best = min(best, time.perf_counter() - started)
    found = [(p.x, p.y) for p in simulation.particles] + [(p.vx, p.vy) for p in simulation.particles]
    return {"seconds": np.array(best), "z": np.array(found).reshape(1, 12)}


def derivative(xp, z):
    """dz/dt of (12, ...) coordinates, all masses 1."""
    x, y = z[0:6:2], z[1:6:2]
    fx, fy = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        dx, dy = x[j] - x[i], y[j] - y[i]
        r2 = dx * dx + dy * dy
        w = 1.0 / (r2 * xp.sqrt(r2))
        fx[i], fy[i], fx[j], fy[j] = fx[i] + w * dx, fy[i] + w * dy, fx[j] - w * dx, fy[j] - w * dy
    return xp.stack([*z[6:12], fx[0], fy[0], fx[1], fy[1], fx[2], fy[2]])


def scipy(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """solve_ivp with DOP853, the whole batch as one system: what SciPy is fastest with."""
    from scipy.integrate import solve_ivp

    z, results, seconds = given["z"], [], []
    for tolerance in given["tolerances"]:
        started = time.perf_counter()
        done = solve_ivp(
            lambda _, flat: derivative(np, flat.reshape(12, -1)).reshape(-1),
            (0.0, float(given["time"])), z.T.reshape(-1),
            method="DOP853", rtol=float(tolerance), atol=float(tolerance),
        )  # fmt: skip
        seconds.append(time.perf_counter() - started)
        results.append(done.y[:, -1].reshape(12, -1).T)
    return {"z": np.array(results), "seconds": np.array(seconds)}


def diffrax(given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """diffeqsolve with Dopri8 and step control, mapped over the batch and compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import diffrax
    import jax.numpy as jnp

    end, results, seconds = float(given["time"]), [], []
    term = diffrax.ODETerm(lambda _, z, __: derivative(jnp, z))
    for tolerance in given["tolerances"]:
        control = diffrax.PIDController(rtol=float(tolerance), atol=float(tolerance))

        def solve(z, control=control):
            saved = diffrax.SaveAt(t1=True)
            done = diffrax.diffeqsolve(
                term, diffrax.Dopri8(), 0.0, end, 0.01, z, stepsize_controller=control, saveat=saved,
                max_steps=100_000, adjoint=diffrax.DirectAdjoint(),
            )  # fmt: skip
            return done.ys[0]

        mapped = jax.jit(jax.vmap(solve))
        z = jnp.asarray(given["z"])
        mapped(z).block_until_ready()  # compiles
        started = time.perf_counter()
        results.append(np.asarray(mapped(z).block_until_ready()))
        seconds.append(time.perf_counter() - started)
    return {"z": np.array(results), "seconds": np.array(seconds)}


PEERS = {"rebound": rebound, "scipy": scipy, "diffrax": diffrax}


def main(arguments: list[str]) -> int:
    """Run the peer that the first argument names; the files are the second and third."""
    name, source, target = arguments
    with np.load(source) as given:
        found = PEERS[name](dict(given))
    np.savez(target, version=metadata.version(name), **found)
    return 0


if __name__ == "__main__":
    sys.path.pop(0)  # this folder: a peer must find its own modules of the names that stand here
    sys.exit(main(sys.argv[1:]))
