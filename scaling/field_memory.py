"""Resident memory of flows and wavefunctions on each of 1, 2, 4 and 8 ranks, beyond Python itself.

python scaling/field_memory.py [--ranks R ...] [--quick]

Short jobs run as the command line runs them.  Counted is the largest peak of a rank over what a small job of
the same kind has loaded (scaling/memory.py says how).  Times ranks it should not grow from two ranks on; one
rank alone transforms in place, without windows for transposes.
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

FLOW = """
[system]
kind = "fluid"
[grid]
points = {points}
[fluid]
viscosity = 1e-6
[initial]
model = "random"
peak = 4
[time]
steps = 4
step = 1e-4
[diagnostics]
spectra_every = 2
"""

WAVE = """
[system]
kind = "wavefunction"
[grid]
points = [{points}, {points}, {points}]
lower = -8.0
upper = 8.0
[wave]
potential = "(x^2 + y^2 + z^2)/2"
[initial]
model = "gaussian"
width = 1.0
[time]
steps = 4
step = 0.01
integrator = "leapfrog"
"""

SYSTEMS = (("flow", FLOW, 2048, 16, 2, 8), ("wavefunction", WAVE, 192, 16, 3, 16))
"""Name, job, points along an axis of the job and of the small one, axes, bytes of a point."""

ALLOWED = 1.5


def largest(text: str, points: int, small: int, ranks: int) -> float:
    """Bytes that the rank with most of them adds at its peak."""

    def texts(folder: Path) -> tuple[str, str]:
        job, little = (
            text.format(points=count) + OUTPUT.format(folder=folder / label)
            for count, label in ((points, "job"), (small, "small"))
        )
        return job, little

    return 1024.0 * max(record["peak"] - record["base"] for record in probed(texts, ranks))


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="resident memory of fields on ranks")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--quick", action="store_true", help="grids of half the points")
    given = parser.parse_args(arguments)
    print(f"{machine()}\n")
    table = Table("Largest peak of a rank", "system", "ranks", "MB", "MB times ranks", "over the field")
    verdict = Verdict()
    with alone():
        for name, text, points, small, axes, size in SYSTEMS:
            count = points // 2 if given.quick else points
            field, together = float(size * count**axes), {}
            for ranks in given.ranks:
                peak = largest(text, count, small, ranks)
                if ranks > 1:
                    together[ranks] = peak * ranks
                ratio = peak * ranks / field
                table.add(f"{name} {count}^{axes}", ranks, peak / 1e6, peak * ranks / 1e6, ratio)
            if len(together) > 1:
                first, *_, last = together.values()
                name = f"{name}: growth of the sum, {min(together)} to {max(together)} ranks"
                verdict.at_most(name, last / first, ALLOWED)
    table.show()
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
