"""Resident memory per particle in a run, on every rank, beyond Python itself.

python scaling/memory.py [--particles N] [--ranks R] [--model NAME] [--steps K] [--quick]

A short job runs as the command line runs it (diagnostics and the check of the force error included, snapshots
and checkpoints not).  Counted is what it adds to a Python with program, MPI and all kernels loaded; the peak
is the system's own record (VmHWM).  --quick: 100,000 particles.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scaling.launching import launched
from scaling.limits import machine
from scaling.printed import Table
from scaling.timing import alone
from scaling.verdict import Verdict

PROBE = Path(__file__).resolve().with_name("memory_probe.py")
SMALL = 2000
WANTED = 150.0

JOB = """
[system]
kind = "gravity"

[initial]
model = "{model}"
particles = {particles}

[gravity]
softening = 0.01

[time]
steps = {steps}
step = 0.015625
"""

OUTPUT = """
[output]
directory = "{folder}"
diagnostics_every = 2
snapshots = false
checkpoint_every = 0
checkpoint_at_end = false
plots = false
"""
"""Diagnostics, and nothing else that a run writes."""


def measured(count: int, ranks: int, model: str, steps: int) -> list[dict[str, float]]:
    """One record per rank, as memory_probe.py writes them."""

    def text(particles: int, folder: Path) -> str:
        return (JOB + OUTPUT).format(model=model, particles=particles, steps=steps, folder=folder)

    return probed(lambda folder: (text(count, folder / "job"), text(SMALL, folder / "small")), ranks)


def probed(texts: Callable[[Path], tuple[str, str]], ranks: int) -> list[dict[str, float]]:
    """Records of memory_probe.py for the job and the small job that `texts` gives for an output folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jobs = [folder / f"{label}.toml" for label in ("job", "small")]
        for job, text in zip(jobs, texts(folder), strict=True):
            job.write_text(text, encoding="utf-8")
        target = folder / "found.json"
        launched(ranks, [str(PROBE), *map(str, jobs), str(target)])
        return json.loads(target.read_text(encoding="utf-8"))


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="resident memory per particle")
    parser.add_argument("--particles", type=int, default=10_000_000)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--model", default="plummer")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--quick", action="store_true", help="100,000 particles")
    given = parser.parse_args(arguments)
    count = min(given.particles, 100_000) if given.quick else given.particles
    print(f"{machine()}\n")
    with alone():
        records = measured(count, given.ranks, given.model, given.steps)
    each = count / given.ranks
    table = Table(
        f"Memory of a run: {given.model}, N = {count} on {given.ranks} ranks, {given.steps} steps",
        "rank", "Python + MPI MB", "program loaded MB", "steady MB", "peak MB", "of it shared MB",
        "steady bytes/particle", "peak bytes/particle",
    )  # fmt: skip
    worst = 0.0
    for rank, r in enumerate(records):
        steady, peak = (1024.0 * (r[name] - r["base"]) / each for name in ("steady", "peak"))
        worst = max(worst, peak)
        megabytes = (r[name] * 1024.0 / 1e6 for name in ("bare", "base", "steady", "peak", "after_shared"))
        table.add(rank, *megabytes, steady, peak)
    table.show()
    verdict = Verdict()
    verdict.at_most("largest peak of a rank beyond Python [bytes/particle]", worst, WANTED)
    verdict.show()
    return 0


if __name__ == "__main__":
    sys.exit(main())
