"""Resident memory per atom of LAMMPS's in.lj on every rank, beyond Python: lists, halos, start included.

python scaling/liquid_memory.py [--cells N ...] [--ranks R ...] [--steps K] [--quick]

4 N³ atoms.  A short job runs as the command line runs it; counted is what it adds to a Python with program,
MPI and all kernels loaded (scaling/memory.py says how).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.limits import machine
from scaling.memory import OUTPUT, probed
from scaling.printed import Table
from scaling.timing import alone
from scaling.verdict import Verdict

JOB = """
[system]
kind = "liquid"

[initial]
model = "lattice"
lattice = "fcc"
cells = [{cells}, {cells}, {cells}]
density = 0.8442
temperature = 1.44

[pairs]
model = "lennard_jones"
cutoff = 2.5
buffer = 0.3
precision = "{precision}"
tail = false

[time]
steps = {steps}
step = 0.005
"""
"""The benchmark's atoms, cutoff and buffer; lists are made as displacement asks."""

SMALL = 8
WANTED = 250.0


def measured(cells: int, ranks: int, precision: str, steps: int) -> list[dict[str, float]]:
    """One record per rank, as memory_probe.py writes them."""

    def text(count: int, folder: Path) -> str:
        job = JOB.format(cells=count, precision=precision, steps=steps)
        return job + OUTPUT.format(folder=folder).replace("= 2\n", f"= {steps}\n")

    return probed(lambda folder: (text(cells, folder / "job"), text(SMALL, folder / "small")), ranks)


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="resident memory per atom of a liquid")
    parser.add_argument("--cells", type=int, nargs="+", default=[63])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--precision", default="mixed")
    parser.add_argument("--quick", action="store_true", help="256,000 atoms")
    given = parser.parse_args(arguments)
    print(f"{machine()}\n")
    table = Table(
        f"in.lj, {given.precision} precision, {given.steps} steps: largest of all ranks",
        "atoms", "ranks", "program loaded MB", "steady bytes/atom", "peak bytes/atom",
    )  # fmt: skip
    worst = 0.0
    with alone():
        for cells in [40] if given.quick else given.cells:
            for ranks in given.ranks:
                records, each = measured(cells, ranks, given.precision, given.steps), 4 * cells**3 / ranks
                steady, peak = (
                    max(1024.0 * (record[name] - record["base"]) / each for record in records)
                    for name in ("steady", "peak")
                )
                worst = max(worst, peak)
                table.add(4 * cells**3, ranks, records[0]["base"] * 1024e-6, steady, peak)
    table.show()
    verdict = Verdict()
    verdict.at_most("largest peak of a rank beyond Python [bytes/atom]", worst, WANTED)
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
