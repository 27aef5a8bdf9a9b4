"""`./setup.sh test`: every check and every test, in one go, with one count at the end.

Runs the linter and the type checker, the tests without MPI, then tests/ranks under mpirun at several rank
counts.  A launch that hangs is ended with all its processes and counted as a failure.  A test counts once for
each rank count that it ran at.  The exit status is 0 only if nothing failed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RANK_COUNTS = (1, 2, 3, 4, 8)
MOST_PROCESSES = 4
LIMIT_SECONDS = {"lint": 120, "types": 300, "serial": 2400, "ranks": 600}


@dataclass
class Run:
    """One command of the suite and what became of it."""

    name: str
    command: list[str]
    limit: float
    environment: dict[str, str] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0


def execute(run: Run) -> int | None:
    """Run the command in its own process group; its exit status, or None if it had to be ended."""
    print(f"\n=== {run.name}: {' '.join(run.command)}", flush=True)
    start = time.monotonic()
    process = subprocess.Popen(
        run.command,
        cwd=ROOT,
        env={**os.environ, **run.environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(run.limit)
    except subprocess.TimeoutExpired:
        print(f"=== {run.name}: not done after {run.limit:g} s; ending it", flush=True)
        return None
    finally:
        end_group(process)
        run.seconds = time.monotonic() - start


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever is left of the process group: first asked to, then killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue
        time.sleep(0.2)
    process.wait()


def check(run: Run) -> None:
    """A command that passes or fails as a whole."""
    status = execute(run)
    if status == 0:
        run.outcomes["passed"] += 1
    else:
        run.outcomes["failed"] += 1
        run.failures.append(run.name if status is not None else f"{run.name} (time-out)")


def test(run: Run, folder: Path) -> None:
    """A pytest launch, on one rank or many, counted from the results its ranks left."""
    prefix = folder / run.name.replace(" ", "-")
    run.environment["HPCPHYS_TEST_RESULTS"] = str(prefix)
    status = execute(run)
    outcomes = merged([events(path) for path in sorted(folder.glob(f"{prefix.name}.*.jsonl"))])
    run.outcomes.update(outcomes.values())
    run.failures += [f"{run.name}: {name}" for name, outcome in outcomes.items() if outcome == "failed"]
    if status != 0 and not run.failures:
        what = "time-out" if status is None else f"exit status {status} without a failed test"
        run.outcomes["failed"] += 1
        run.failures.append(f"{run.name}: {what}")


def events(path: Path) -> dict[str, str]:
    """Outcome of each test on one rank; a test that started and never ended has failed."""
    outcome: dict[str, str] = {}
    for line in path.read_text().splitlines():
        event = json.loads(line)
        name, kind = event["test"], event["event"]
        if kind == "start":
            outcome[name] = "unfinished"
        elif kind in ("passed", "skipped") and outcome.get(name) != "failed":
            outcome[name] = "passed" if event.get("xfail") else kind
        elif kind == "failed":
            outcome[name] = "failed"
    return {name: "failed" if what == "unfinished" else what for name, what in outcome.items()}


def merged(ranks: list[dict[str, str]]) -> dict[str, str]:
    """One outcome per test: failed if it failed on any rank, skipped if all ranks skipped it."""
    order = ("failed", "passed", "skipped")
    names = dict.fromkeys(name for rank in ranks for name in rank)
    return {name: min((rank[name] for rank in ranks if name in rank), key=order.index) for name in names}


def suite(folder: Path) -> list[Run]:
    """All runs in their order, the quick ones first."""
    python = sys.executable
    colour = "--color=yes" if sys.stdout.isatty() else "--color=no"
    pytest = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", colour]
    lint = Run("ruff", [python, "-m", "ruff", "check", "."], LIMIT_SECONDS["lint"])
    layout = Run("ruff format", [python, "-m", "ruff", "format", "--check", "."], LIMIT_SECONDS["lint"])
    types = Run("mypy", [python, "-m", "mypy"], LIMIT_SECONDS["types"])
    folders = [name for name in ("tests/unit", "tests/backend", "tests/jobs") if (ROOT / name).is_dir()]
    unmarked = ["-m", "not mpi and not validate", "--durations=10"]
    # a file's tests stay together: they share what they have set up
    shared = ["-n", str(min(os.cpu_count() or 1, MOST_PROCESSES)), "--dist", "loadfile"]
    quiet = {"OMP_WAIT_POLICY": "passive"}  # threads that wait must not spin on the other process's cores
    serial = Run("serial", [*pytest, *unmarked, *shared, *folders], LIMIT_SECONDS["serial"], quiet)
    runs = [lint, layout, types, serial]
    for run in (lint, layout, types):
        check(run)
    test(serial, folder)
    if (ROOT / "tests/ranks").is_dir():
        for size in RANK_COUNTS:
            # a rank that waits inside MPI never sees a Python signal: only the thread method can end it
            options = ["--with-mpi", "-m", "mpi and not validate", "-o", "timeout_method=thread"]
            launch = ["mpirun", "-n", str(size), *pytest, *options, "tests/ranks"]
            # one thread per rank: more than the cores would spin against each other
            run = Run(f"ranks {size}", launch, LIMIT_SECONDS["ranks"], {"OMP_NUM_THREADS": "1"})
            runs.append(run)
            test(run, folder)
    return runs


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="hpcphys-results-"))
    try:
        runs = suite(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    total: Counter[str] = Counter()
    print("\n=== summary")
    for run in runs:
        total += run.outcomes
        counts = ", ".join(f"{number} {kind}" for kind, number in sorted(run.outcomes.items()))
        print(f"{run.name:>12}  {run.seconds:6.1f} s  {counts or 'nothing ran'}")
    for run in runs:
        for failure in run.failures:
            print(f"FAILED {failure}")
    skipped = f", {total['skipped']} skipped" if total["skipped"] else ""
    print(f"{total['passed']} passed, {total['failed']} failed{skipped}", flush=True)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
