"""The main job, timed as a user sees it: a cold Plummer sphere collapses, all output included.

python scaling/main_job.py [--ranks R] [--particles N] [--output DIR] [--quick]

Also the start-up: a whole run of one step with few particles, and no figures, with kernels in the cache.
--quick: 2000 particles to time 0.5.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.launching import ROOT, Launch, launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone
from scaling.verdict import Verdict

JOB = ROOT / "jobs/galaxy/plummer_collapse.toml"
WANTED_SECONDS, WANTED_ENERGY, WANTED_MOMENTUM, WANTED_START = 25.0, 2e-3, 1e-6, 2.0
SMALL = 1000


def run(ranks: int, folder: Path, settings: list[str]) -> tuple[Launch, dict]:
    """Run the job with some keys changed; the launch and its summary.json."""
    words = ["-m", "hpcphys", "run", str(JOB), "--overwrite", "--output", str(folder)]
    launch = launched(ranks, words + [word for setting in settings for word in ("--set", setting)])
    return launch, json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def start_up(ranks: int, folder: Path) -> float:
    """Wall seconds of a run that has next to nothing to compute, the second of two."""
    settings = [f"initial.particles={SMALL}", "time.end=0.015625", "output.plots=false"]
    run(ranks, folder, settings)
    launch, _ = run(ranks, folder, settings)
    return launch.timing.wall


def result_table(ranks: int, launch: Launch, summary: dict, start: float) -> Table:
    """Times, steps and errors of the run."""
    metrics, timers = summary["metrics"], summary["timers"]
    table = Table(f"{JOB.relative_to(ROOT)} on {ranks} ranks", "figure", "found")
    table.add("particles", int(metrics["particles"]))
    table.add("steps", summary["steps"])
    table.add("wall s, from the command to its end", launch.timing.wall)
    table.add("CPU s, all processes", launch.timing.cpu)
    table.add("particles/s/rank, steps alone", metrics["particles_per_second"] / ranks)
    for name, part in sorted(timers.get("parts", {}).items(), key=lambda item: -item[1]["seconds"]):
        table.add(f"  of the wall time: {name} s", part["seconds"])
    table.add("start-up: wall s of a run of one step", start)
    table.add("largest |dE/E|", metrics["energy_error_max"])
    table.add("dE/E at the end", metrics["energy_error"])
    table.add("largest momentum error over Σ m|v|", metrics["momentum_error_max"])
    for name in ("bytes_sent_per_rank_and_step", "messages_sent_per_rank_and_step"):
        table.add(name.replace("_", " "), metrics.get(name))
    return table


def main(arguments: list[str] | None = None) -> int:
    """Run, and print the figures."""
    parser = argparse.ArgumentParser(description="the main job's time and errors")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--particles", type=int, help="instead of the job's")
    parser.add_argument("--output", type=Path, help="folder to keep; none: a temporary one")
    parser.add_argument("--quick", action="store_true", help="2000 particles to time 0.5")
    given = parser.parse_args(arguments)
    settings = [] if given.particles is None else [f"initial.particles={given.particles}"]
    if given.quick:
        settings = [f"initial.particles={min(given.particles or 2000, 2000)}", "time.end=0.5"]
    print(f"{machine()}\n")
    with alone(), tempfile.TemporaryDirectory() as name:
        start = start_up(given.ranks, Path(name) / "start")
        launch, summary = run(given.ranks, given.output or Path(name) / "run", settings)
    result_table(given.ranks, launch, summary, start).show()
    metrics, verdict = summary["metrics"], Verdict()
    verdict.at_most("wall time, all output included [s]", launch.timing.wall, WANTED_SECONDS)
    verdict.at_most("largest |dE/E|", metrics["energy_error_max"], WANTED_ENERGY)
    verdict.at_most("momentum error over Σ m|v|", metrics["momentum_error_max"], WANTED_MOMENTUM)
    verdict.at_most("start-up, warm kernel cache [s]", start, WANTED_START)
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
