"""What ranks say to each other, and what two of them gain: runs mpirun at 1, 2, 4 … 64 ranks.

python scaling/ranks.py [--particles N] [--ranks R ...] [--quick]

On more ranks than cores bytes, messages and the balance of work are right, and times mean nothing: they are
printed up to the number of cores.  --quick: 20,000 particles on at most 8 ranks.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.communication_model import SMALLEST_FIT, CommunicationModel, Measured
from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.published import ESSENTIAL_TREE_COUNT, ESSENTIAL_TREE_MB
from scaling.timing import alone
from scaling.verdict import Verdict

PROBE = Path(__file__).resolve().with_name("rank_probe.py")
RANKS = (1, 2, 4, 8, 16, 32, 64)
PREDICTED_RANKS = (64, 256, 1024, 4096, 16384)
PREDICTED_PARTICLES = 1_000_000
FEWER = 8  # the model is fitted to runs of N/8 as well: the same particles per rank on other numbers of ranks

Records = dict[str, np.ndarray]


def measured_runs(count: int, ranks: list[int], repeats: int) -> dict[int, dict[str, Records]]:
    """Ranks → setting → arrays over the ranks, one run after the other."""
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "found.json"
        for size in ranks:
            launched(size, [str(PROBE), str(count), str(target), str(repeats)])
            found = json.loads(target.read_text(encoding="utf-8"))
            runs[size] = {
                setting: {name: np.array([record[name] for record in records]) for name in records[0]}
                for setting, records in found.items()
            }
    return runs


def collectives(size: int, record: Records) -> float:
    """Collective operations of one step."""
    depth = (size - 1).bit_length()
    return float((record["messages"] - record["direct_messages"]).max() / depth) if depth else 0.0


def communication_table(
    setting: str, count: int, runs: dict[int, dict[str, Records]], verdict: Verdict
) -> None:
    """Imports, bytes and messages per rank and step, and the balance."""
    geometric = setting == "geometric"
    table = Table(
        f"{'θ = 0.5 geometric' if geometric else 'relative, tolerance 0.02'}, Plummer, N = {count}",
        "ranks", "import MB mean", "largest", "reference", "mean/reference", "particles imported/own",
        "sent MB mean", "largest", "messages mean", "largest", "direct", "roots", "work max/mean",
    )  # fmt: skip
    for size, settings in runs.items():
        r = settings[setting]
        megabytes = r["imported_bytes"] / 1e6
        reference = ESSENTIAL_TREE_MB.get(size) if geometric and count == ESSENTIAL_TREE_COUNT else None
        own = r["particles"].sum()
        ratio = megabytes.mean() / reference if reference else None
        table.add(
            size, float(megabytes.mean()), float(megabytes.max()), reference, ratio and float(ratio),
            float(r["imported_particles"].sum() / own), float(r["bytes"].mean() / 1e6),
            float(r["bytes"].max() / 1e6), float(r["messages"].mean()), float(r["messages"].max()),
            float(r["direct_messages"].max()), float(r["roots"].mean()),
            float(r["interactions"].max() / r["interactions"].mean()),
        )  # fmt: skip
        if ratio is not None:
            verdict.at_most(f"{size} ranks: imported essential tree over the reference's", float(ratio), 1.5)
    table.show()


def speed_table(count: int, runs: dict[int, dict[str, Records]], verdict: Verdict) -> None:
    """Wall time of exchange, tree and walk on as many ranks as there are cores."""
    cores = len(os.sched_getaffinity(0))
    table = Table(
        f"Wall time of one step's forces, N = {count}, one thread per rank, {cores} cores",
        "ranks", "setting", "wall s", "CPU s/rank", "1e6/s", "speed-up",
    )  # fmt: skip
    for setting in next(iter(runs.values())):
        alone_wall = float(runs[1][setting]["wall"].max()) if 1 in runs else None
        for size in (size for size in runs if size <= cores):
            wall = float(runs[size][setting]["wall"].max())
            gain = alone_wall / wall if alone_wall else None
            cpu = float(runs[size][setting]["cpu"].mean())
            table.add(size, setting, wall, cpu, count / wall / 1e6, gain)
            if size == 2:
                verdict.at_least(f"{setting}: two ranks over one", gain, 1.8)
    table.show()


def model_table(setting: str, sizes: dict[int, dict[int, dict[str, Records]]]) -> None:
    """The model fitted to all runs, at thousands of ranks.  sizes: N → its runs."""
    measured = [
        Measured(
            size, count / size, float(r["imported_bytes"].mean()), collectives(size, r),
            float(r["direct_messages"].mean()), float(r["roots"].mean()),
        )
        for count, runs in sizes.items()
        for size, settings in runs.items()
        for r in (settings[setting],)
    ]  # fmt: skip
    if sum(m.ranks > 1 for m in measured) < SMALLEST_FIT:
        print(f"no model of {setting}: it needs {SMALLEST_FIT} runs on 2 ranks or more\n")
        return
    model = CommunicationModel.fitted(measured)
    measured_most = max(m.particles for m in measured if m.ranks > 1)
    table = Table(
        f"Model, {setting}, {PREDICTED_PARTICLES} particles per rank (measured up to {measured_most:.0f}); "
        f"imports of {sum(m.ranks > 1 for m in measured)} runs fitted within {100 * model.residual:.0f} %",
        "ranks", "import MB/rank", "messages/rank", "top of the tree MB/rank", "import bytes/own particle",
    )  # fmt: skip
    for size in PREDICTED_RANKS:
        volume = model.imported_bytes(size, PREDICTED_PARTICLES)
        table.add(
            size, volume / 1e6, float(model.messages(size)), model.top_bytes(size) / 1e6,
            volume / PREDICTED_PARTICLES,
        )  # fmt: skip
    table.show()


def main(arguments: list[str] | None = None) -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="communication, balance and speed-up over ranks")
    parser.add_argument("--particles", type=int, default=ESSENTIAL_TREE_COUNT)
    parser.add_argument("--ranks", type=int, nargs="+", default=list(RANKS))
    parser.add_argument("--repeats", type=int, default=5, help="steps of which the fastest counts")
    parser.add_argument("--quick", action="store_true", help="20,000 particles on at most 8 ranks")
    given = parser.parse_args(arguments)
    count = min(given.particles, 20_000) if given.quick else given.particles
    ranks = [size for size in given.ranks if size <= 8] if given.quick else given.ranks
    verdict = Verdict()
    print(f"{machine()}\n")
    with alone():
        runs = measured_runs(count, ranks, min(2, given.repeats) if given.quick else given.repeats)
        fewer = measured_runs(count // FEWER, [size for size in ranks if size > 1], 1)
    for setting in next(iter(runs.values())):
        communication_table(setting, count, runs, verdict)
        model_table(setting, {count: runs, count // FEWER: fewer})
    speed_table(count, runs, verdict)
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
