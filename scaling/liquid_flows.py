"""What the flows of a liquid cost beside a copy of memory: ns per atom and bytes per second on one core.

    python scaling/liquid_flows.py [atoms ...]

A step of 15 million atom-steps per second takes 67 ns per atom; of a rigid three-site molecule 200 ns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from math import cos, radians, sin
from types import SimpleNamespace

import numpy as np

from hpcphys.compiler import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.liquids import Motion, RigidMolecules, three_site

CPU = backend("cpu", threads=1)
ANGLE = radians(109.47)


def seconds(call: Callable[[], object], repeats: int) -> float:
    """The best of seven means over `repeats` calls."""
    call()
    best = float("inf")
    for _ in range(7):
        started = time.perf_counter()
        for _ in range(repeats):
            call()
        best = min(best, (time.perf_counter() - started) / repeats)
    return best


def water(molecules: int) -> State:
    """Molecules of unit bonds in rows one after another."""
    rng = np.random.default_rng(1)
    half, height = sin(ANGLE / 2), cos(ANGLE / 2)
    shape = np.array([[0, 0, 0], [-half, -height, 0], [half, -height, 0]])
    turns = np.linalg.qr(rng.normal(size=(molecules, 3, 3)))[0]
    edge = molecules ** (1 / 3) * 3.0
    position = rng.uniform(0, edge, (molecules, 1, 3)) + np.einsum("mab,kb->mka", turns, shape)
    n = 3 * molecules
    arrays = {
        "position": position.reshape(n, 3),
        "velocity": rng.normal(size=(n, 3)),
        "force": rng.normal(size=(n, 3)).astype(np.float32),
        "mass": np.tile([16.0, 1.0, 1.0], molecules),
        "id": np.arange(n),
        "type": np.tile(np.array([0, 1, 1], dtype=np.int32), molecules),
        "molecule": np.arange(n) // 3,
    }
    state = State(arrays)
    Box((edge,) * 3).to_scalars(state)
    return state


def flows(state: State) -> list[tuple[str, Callable[[], object], int]]:
    """(name, call, bytes per atom) of each flow."""
    n, motion = state.count, Motion(CPU, Communicator.serial())
    copy, heat = np.empty((n, 3)), np.zeros(n)
    rigid = RigidMolecules([three_site((0, 1, 1), 1.0, ANGLE)])
    rigid.bind(state, SimpleNamespace(builds=1), motion)  # as PairForces: rows are known until its next build
    rigid.project_momenta(state)
    force, mass, rows = state["force"], state["mass"], CPU.module("md_flows")
    both = (state["velocity"], state["position"], force, mass, 1e-9, 1e-9)
    return [
        ("copy", lambda: np.copyto(copy, state["velocity"]), 48),
        ("drift", lambda: motion.drift(state, 1e-9), 72),
        ("kick, float forces", lambda: motion.kick(state, 1e-9), 68),
        ("kick and drift, one sweep", lambda: rows.launch("kick_drift32", n, *both), 116),
        ("scaling", lambda: motion.scale(state["velocity"], 1.0), 48),
        ("kinetic tensor", lambda: motion.kinetic_tensor(state), 32),
        ("settle positions", lambda: rigid.project_positions(state, 1e-9), 96),
        ("settle velocities", lambda: rigid.project_momenta(state), 72),
        ("bath of Langevin", lambda: motion.ornstein_uhlenbeck(state, 1.0, 0.0), 64),
        ("bath with heat", lambda: motion.ornstein_uhlenbeck(state, 1.0, 0.0, heat), 80),
    ]


def main(sizes: list[int]) -> None:
    print(f"{'atoms':>9} {'flow':<26}{'ns/atom':>9}{'GB/s':>8}")
    for size in sizes:
        state = water(size // 3)
        for name, call, size_in_bytes in flows(state):
            taken = seconds(call, max(1, 2_000_000 // state.count)) / state.count
            state.blocks_drawn = 0
            print(f"{state.count:>9} {name:<26}{1e9 * taken:>9.2f}{size_in_bytes / taken / 1e9:>8.1f}")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [32_768, 1_000_000])
