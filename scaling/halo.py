"""Halos of blocks: bytes and messages of each rank beside the geometric minimum, at 2 to 64 ranks.

python scaling/halo.py [--atoms N …] [--per-rank K …] [--ranks R …] [--tilt T] [--repeats K] [--quick]

The system is that of LAMMPS's in.lj (density 0.8442, reach 2.5 + 0.3) with atoms at random places.  Counts do
not depend on the machine; seconds of more ranks than cores say nothing and are left out.
--quick: 500 atoms a rank on 2 and 4 ranks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone
from scaling.verdict import Verdict

PROBE = Path(__file__).resolve().with_name("halo_probe.py")
MARGIN = 1.1  # bytes over the geometric minimum that are allowed


def measured(ranks: int, atoms: int, repeats: int, tilt: float) -> dict:
    """The probe's record."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        launched(ranks, [str(PROBE), str(atoms), str(target), str(repeats), str(tilt)])
        return json.loads(target.read_text(encoding="utf-8"))


def mean(records: list[dict], *path: str) -> float:
    """Mean over the ranks of what stands in a record at the path."""
    total = 0.0
    for record in records:
        value = record
        for name in path:
            value = value[name]
        total += float(value)  # type: ignore[arg-type]
    return total / len(records)


def add(table: Table, verdict: Verdict, ranks: int, atoms: int, found: dict) -> None:
    """One row: counts of one forward of float32 positions, of an exchange and of making the halo."""
    records, grid = found["ranks"], "x".join(map(str, found["grid"]))
    sent, least = mean(records, "bytes"), mean(records, "minimum")
    largest = max(record["bytes"] for record in records)
    shown = found["seconds"] if ranks <= (os.cpu_count() or 1) else {}
    table.add(
        f"{ranks}", grid, atoms, round(sent), largest, round(least), sent / least, mean(records, "messages"),
        mean(records, "copies") / mean(records, "rows"), round(mean(records, "exchange", "bytes")),
        mean(records, "exchange", "messages"), round(mean(records, "making", "bytes")),
        1e6 * shown["both"] if shown else None, 1e6 * shown["making"] if shown else None,
    )  # fmt: skip
    verdict.at_most(f"{ranks} ranks, {atoms} atoms: mean bytes over the minimum", sent / least, MARGIN)


def main(arguments: list[str] | None = None) -> int:
    """Print the table and the verdict."""
    parser = argparse.ArgumentParser(description="halos of blocks")
    parser.add_argument("--atoms", type=int, nargs="*", default=[32000], help="atoms of all ranks together")
    parser.add_argument("--per-rank", type=int, nargs="*", default=[4000], help="atoms of each rank")
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4, 8, 16, 27, 32, 64])
    parser.add_argument("--tilt", type=float, default=0.0, help="tilts of the box over its edge")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="500 atoms a rank on 2 and 4 ranks")
    given = parser.parse_args(arguments)
    if given.quick:
        given.atoms, given.per_rank, given.ranks, given.repeats = [], [500], [2, 4], 1
    verdict = Verdict()
    print(f"{machine()}\n")
    table = Table(
        "forward of float32 positions: bytes and messages sent by a rank", "ranks", "grid", "atoms",
        "bytes", "largest", "minimum", "ratio", "messages", "copies/row", "exchange B", "exchange msg",
        "making B", "both us", "making us",
    )  # fmt: skip
    with alone():
        for atoms, each in [(n, 0) for n in given.atoms] + [(0, n) for n in given.per_rank]:
            for ranks in given.ranks:
                count = atoms or each * ranks
                add(table, verdict, ranks, count, measured(ranks, count, given.repeats, given.tilt))
    table.show()
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
