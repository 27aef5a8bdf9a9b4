"""One full force evaluation: exchange, tree and walk, timed, counted and judged.

As a program: the rate against the sizes of groups and leaves, from which the defaults in
hpcphys/forces/tree.py were chosen.   python scaling/force.py [--particles N] [--quick]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend as backend_named
from scaling.distributions import Arrays, plummer
from scaling.exact_field import Errors, ExactSample
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import Timing, alone, timed

SOFTENING = 0.01
GROUP_SIZES = (64, 96, 128, 192, 256)
LEAF_SIZES = (8, 12, 16, 20, 24, 32)


@dataclass(frozen=True)
class Evaluation:
    """What one force evaluation cost and how exact it was; pairs, cells and distant cells per particle."""

    count: int
    timing: Timing
    errors: Errors
    pairs: float
    cells: float
    distant: float

    @property
    def rate(self) -> float:
        """Particles per second of one core, by process CPU time."""
        return self.count / self.timing.cpu


def sample_of(arrays: Arrays, kernel: str = "plummer", softening: float = SOFTENING) -> ExactSample:
    """The exact fields of 1000 of these particles, for `evaluation`."""
    return ExactSample(arrays["position"], arrays["mass"], softening, kernel)


def evaluation(
    arrays: Arrays,
    sample: ExactSample,
    repeats: int,
    field: Callable[..., Any] = TreeGravity,
    potential: bool = False,
    shuffled: bool = False,
    **settings: Any,
) -> Evaluation:
    """Forces on one core: once to have last accelerations, then `repeats` times, the best of them counting.

    arrays: position, velocity, mass, id (ids are row numbers);  sample: exact fields of them
    field: TreeGravity or DirectGravity, made with `settings` (softening 0.01 unless given)
    shuffled: put the rows in random order before each evaluation; else they lie as the last step left them
    """
    backend = backend_named("cpu", threads=1)
    force = field(backend, Communicator.serial(), **{"softening": SOFTENING, **settings})
    state = State({name: arrays[name].copy() for name in ("position", "velocity", "mass", "id")})
    outputs = frozenset({"potential"}) if potential else frozenset()
    rng = np.random.default_rng(3)

    def evaluate() -> None:
        force.layout.exchange(state)
        force.evaluate(state, outputs)

    def shuffle() -> None:
        order = rng.permutation(state.count)
        state.replace({name: state[name][order] for name in state.names()})

    if field is TreeGravity:
        evaluate()
    timing = timed(evaluate, repeats, shuffle if shuffled else None)
    counts, count = force.statistics(), state.count
    errors = sample.errors(state["id"], state["acceleration"], state["potential"] if potential else None)
    each = {name: counts.get(name, 0.0) / count for name in ("pairs", "cells", "distant_cells")}
    return Evaluation(count, timing, errors, each["pairs"], each["cells"], each["distant_cells"])


def direct_evaluation(arrays: Arrays, sample: ExactSample, repeats: int, **options: Any) -> Evaluation:
    """The same by direct summation over all pairs."""
    return evaluation(arrays, sample, repeats, field=DirectGravity, **options)


def main(arguments: list[str] | None = None) -> int:
    """Print the rate for each size of groups and leaves."""
    parser = argparse.ArgumentParser(description="force evaluations against the sizes of groups and leaves")
    parser.add_argument("--particles", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=0.02)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, 20,000 particles")
    given = parser.parse_args(arguments)
    count = min(given.particles, 20_000) if given.quick else given.particles
    groups, leaves = (GROUP_SIZES[::2], LEAF_SIZES[::3]) if given.quick else (GROUP_SIZES, LEAF_SIZES)
    arrays = plummer(count)
    sample = sample_of(arrays)
    table = Table(
        f"Plummer, N = {count}, tolerance {given.tolerance:g}: million particles/s/core; 99 % error",
        "group", *(f"leaf {leaf}" for leaf in leaves),
    )  # fmt: skip
    print(machine())
    with alone():
        for group in groups:
            cells = []
            for leaf in leaves:
                sizes = {"group_size": group, "leaf_size": leaf}
                found = evaluation(arrays, sample, given.repeats, tolerance=given.tolerance, **sizes)
                cells.append(f"{found.rate / 1e6:.2f}; {found.errors.worst:.1e}")
            table.add(group, *cells)
    table.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
