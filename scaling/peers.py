"""Force evaluations of other codes from PyPI, each in a process of its own.

python scaling/peers.py NAME IN.npz OUT.npz     (needs NumPy and the peer, nothing else)
IN.npz: position (n, 3), mass (n,), softening, repeats, setting (the opening angle)
OUT.npz: acceleration (n, 3) for G = 1, cpu and wall seconds of the best (tree build included), version
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before the peers read it: rates are per core
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from scaling.timing import Timing, timed

SPLINE_SUPPORT = 2.8  # support radius over Plummer-equivalent softening length

Found = tuple[np.ndarray, Timing]


def pytreegrav(position: np.ndarray, mass: np.ndarray, softening: float, angle: float, repeats: int) -> Found:
    """Tree with quadrupoles, cubic-spline softening."""
    from pytreegrav import Accel

    support = np.full(len(mass), SPLINE_SUPPORT * softening)
    options = {"theta": angle, "quadrupole": True, "parallel": False, "method": "tree"}
    result: list[np.ndarray] = []

    def evaluate() -> None:
        result[:] = [Accel(position, mass, support, **options)]

    Accel(position[:64], mass[:64], support[:64], **options)  # compiles
    timing = timed(evaluate, repeats)
    return result[0], timing


def rebound(position: np.ndarray, mass: np.ndarray, softening: float, angle: float, repeats: int) -> Found:
    """Tree with monopoles, Plummer softening; a leapfrog step of no length is one force evaluation."""
    import rebound

    simulation = rebound.Simulation()
    simulation.G, simulation.gravity, simulation.integrator = 1.0, "tree", "leapfrog"
    simulation.softening, simulation.opening_angle2, simulation.dt = softening, angle**2, 1e-12
    size = 4.0 * float(np.abs(position).max())
    if hasattr(simulation, "configure_box"):  # before version 5
        simulation.configure_box(size)
    else:
        simulation.root_size = size
    for m, (x, y, z) in zip(mass, position, strict=True):
        simulation.add(m=m, x=x, y=y, z=z)
    steps = simulation.steps if hasattr(simulation, "steps") else lambda _: simulation.step()
    steps(1)
    timing = timed(lambda: steps(1), repeats)
    particles = simulation.particles
    return np.array([(particles[i].ax, particles[i].ay, particles[i].az) for i in range(len(mass))]), timing


EVALUATE: dict[str, Callable[..., Found]] = {"pytreegrav": pytreegrav, "rebound": rebound}


def main(arguments: list[str]) -> int:
    """Evaluate with the code that the first argument names; the files are the second and third."""
    name, source, target = arguments
    with np.load(source) as given:
        position, mass, softening = given["position"], given["mass"], float(given["softening"])
        repeats, setting = int(given["repeats"]), float(given["setting"])
    acceleration, timing = EVALUATE[name](position, mass, softening, setting, repeats)
    version = metadata.version(name)
    np.savez(target, acceleration=acceleration, cpu=timing.cpu, wall=timing.wall, version=version)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
