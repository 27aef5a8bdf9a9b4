"""Pair forces: force-only beside a bare loop over the same list, the list's price, whole steps.

The benchmark `in.lj` of LAMMPS: density 0.8442, cutoff 2.5, a face-centred lattice at temperature 1.44,
time step 0.005; one core, process CPU time, the best of several.

python scaling/pairs.py [--cells 20 40] [--quick]
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.pairs import Expression, LennardJones, PairForces
from hpcphys.kernels import backend as backend_named
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone, timed

FOLDER = Path(__file__).resolve().parent
CELLS = (6, 20, 40, 63)  # 864, 32 000, 256 000 and 1 000 188 atoms
DENSITY, CUTOFF, TEMPERATURE, DT = 0.8442, 2.5, 1.44, 0.005
BARE_BUFFER = 0.1  # the pruned list of the bare comparison
STATED = "4*eps*((s/r)^12 - (s/r)^6)"


@dataclass(frozen=True)
class Rates:
    """Seconds per step, one core: the bare loop, force only, a build, a whole step; builds per step."""

    count: int
    bare: float
    force: float
    build: float
    step: float
    builds: float
    prunings: float

    def row(self) -> list[str]:
        """Million atom-steps per second, and ratios."""
        million = [f"{self.count / t / 1e6:.1f}" if t else "-" for t in (self.bare, self.force, self.step)]
        ratio = f"{self.bare / self.force:.2f}" if self.bare else "-"
        return [
            *million, ratio, f"{self.build / self.force:.1f}", f"{self.build / 20 / self.step:.1%}",
            f"{1 / self.builds:.1f}", f"{1 / self.prunings:.1f}", f"{self.force / self.step:.2f}",
        ]  # fmt: skip


def lattice(cells: int) -> tuple[dict[str, np.ndarray], float]:
    """The arrays of 4 cells³ atoms at rest on a lattice, velocities drawn, and the edge of the box."""
    count, edge = 4 * cells**3, (4 * cells**3 / DENSITY) ** (1 / 3)
    base = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    velocity = np.random.default_rng(1).normal(scale=TEMPERATURE**0.5, size=(count, 3))
    arrays = {
        "position": (corners + base).reshape(-1, 3) * (edge / cells),
        "velocity": velocity - velocity.mean(0),
        "image": np.zeros((count, 3), np.int32), "mass": np.ones(count), "id": np.arange(count),
        "type": np.zeros(count, np.int32),
    }  # fmt: skip
    return arrays, edge


def advance(field: PairForces, state: State, loops: Any, steps: int) -> None:
    """Whole steps in native code, lists included."""
    native, count = field.native(), state.count
    arrays = [state[name] for name in state]
    addresses = np.array([array.ctypes.data for array in arrays], np.int64)
    widths = np.array([array.nbytes // count for array in arrays], np.int64)
    done = loops.host(
        "whole_steps", native["pairs_step"], native["pairs_rebuild"], field.handle, count, state["position"],
        state["velocity"], state["force"], state["image"], state["type"], np.empty(count, np.uint32),
        len(arrays), addresses, widths, DT, steps, np.zeros(1),
    )  # fmt: skip
    if done < steps:
        raise RuntimeError(f"step {done}: the run has become unstable")


def measured(
    cells: int, buffer: float, inner: float, precision: str, potential: Any = None, warm: int = 200
) -> Rates:
    """All rates of one size, in the liquid that the lattice has become after `warm` steps."""
    arrays, edge = lattice(cells)
    count = len(arrays["position"])
    be = backend_named("cpu", threads=1, folders=[FOLDER])
    potential = potential or LennardJones()
    state, box = State(arrays), Box([edge] * 3)
    options = {"cutoff": CUTOFF, "precision": precision}
    field = PairForces(be, Communicator.serial(), box, potential, buffer=buffer, inner=inner, **options)
    loops = be.module("pair_bare", REAL="float" if precision == "mixed" else "double")
    field.evaluate(state)
    advance(field, state, loops, warm)
    repeats, times = max(2, 300_000 // count), 5
    before = field.statistics()
    steps = max(40, 3 * repeats)
    step = timed(lambda: advance(field, state, loops, steps), 3).cpu / steps
    after = field.statistics()
    build = timed(lambda: field.rebuild(state), times).cpu
    short = PairForces(
        be, Communicator.serial(), box, potential, buffer=BARE_BUFFER, inner=BARE_BUFFER, **options
    )
    short.evaluate(state)

    def forces() -> None:
        for _ in range(repeats):
            short.host.host("pairs_forces", short.handle, 0, 0)

    bare = bare_loop(short, state, loops, repeats) if precision == "mixed" else None
    best_bare = best_force = np.inf
    for _ in range(times):  # turn by turn: both see the same neighbours on this machine
        best_force = min(best_force, timed(forces, 2).cpu / repeats)
        if bare is not None:
            best_bare = min(best_bare, timed(bare, 2).cpu / repeats)
    return Rates(
        count, best_bare if bare is not None else 0.0, best_force, build, step,
        (after["builds"] - before["builds"]) / (3 * steps),
        (after["prunings"] - before["prunings"]) / (3 * steps),
    )  # fmt: skip


def bare_loop(field: PairForces, state: State, loops: Any, repeats: int) -> Any:
    """The bare loop over the list of a field; None where the machine has no AVX-512."""
    counts = field.statistics()
    slots = 8 * counts["blocks"]
    entry = np.zeros((counts["entries"], field.host.host("pairs_entry_bytes")), np.uint8)
    clusters, masks = np.zeros(counts["listed"], np.uint16), np.zeros(max(counts["masked"], 1), np.uint32)
    row_of, origin, types = np.zeros(slots, np.int32), np.zeros((slots // 8, 3)), np.zeros(slots, np.int32)
    field.host.host("pairs_export", field.handle, entry, clusters, masks, row_of, origin, types)
    x, f = np.zeros((slots // 8, 3, 8), np.float32), np.zeros((slots // 8, 3, 8), np.float32)
    field.host.launch("pair_place", slots, row_of, origin, state["position"], 64 * CUTOFF, x)
    if not hasattr(loops.library, "bare_forces"):
        return None

    def bare() -> None:
        for _ in range(repeats):
            loops.host("bare_forces", len(entry), entry, clusters, x, f, CUTOFF)

    return bare


def main(arguments: list[str] | None = None) -> int:
    """Print the rates of all sizes in both precisions, and what a stated potential costs."""
    parser = argparse.ArgumentParser(description="pair forces: bare loop, force only, builds, whole steps")
    parser.add_argument("--cells", type=int, nargs="*", default=CELLS, help="cells per edge, four atoms each")
    parser.add_argument("--buffer", type=float, default=0.7)
    parser.add_argument("--inner", type=float, default=0.25)
    parser.add_argument("--precisions", nargs="*", default=("mixed", "double"))
    parser.add_argument("--quick", action="store_true", help="864 and 32 000 atoms alone")
    given = parser.parse_args(arguments)
    cells = [n for n in given.cells if n <= 20] if given.quick else given.cells
    print(machine())
    with alone():
        for precision in given.precisions:
            table = Table(
                f"Lennard-Jones, {precision}, buffer {given.buffer:g}, pruned to {given.inner:g}: "
                "million atom-steps/s/core",
                "atoms", "bare", "force only", "everything", "bare/force [time]", "build/force",
                "build every 20",
                "steps/build", "steps/pruning", "force/step",
            )  # fmt: skip
            for n in cells:
                found = measured(n, given.buffer, given.inner, precision)
                table.add(found.count, *found.row())
            table.show()
        built_in = measured(20, given.buffer, given.inner, "mixed", warm=20)
        stated = measured(
            20, given.buffer, given.inner, "mixed", Expression(STATED, {"eps": 1.0, "s": 1.0}), warm=20
        )
        print(f"{STATED}: {stated.force / built_in.force:.2f} times the built-in potential's time")
    return 0


if __name__ == "__main__":
    sys.exit(main())
