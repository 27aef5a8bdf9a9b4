"""The suite's own counting: what a killed or quarrelling launch leaves is counted as failed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import suite


def record(path: Path, *events: tuple[str, str]) -> Path:
    path.write_text("".join(json.dumps({"event": event, "test": test}) + "\n" for event, test in events))
    return path


def test_a_test_that_never_ended_has_failed(tmp_path: Path) -> None:
    path = record(tmp_path / "a", ("start", "one"), ("passed", "one"), ("end", "one"), ("start", "two"))
    assert suite.events(path) == {"one": "passed", "two": "failed"}


def test_a_failed_teardown_fails_the_test(tmp_path: Path) -> None:
    path = record(tmp_path / "a", ("start", "one"), ("passed", "one"), ("failed", "one"), ("end", "one"))
    assert suite.events(path) == {"one": "failed"}


def test_one_rank_that_fails_fails_the_test() -> None:
    ranks = [{"one": "passed", "two": "skipped"}, {"one": "failed", "two": "skipped"}]
    assert suite.merged(ranks) == {"one": "failed", "two": "skipped"}


def test_a_test_that_one_rank_never_reached_counts() -> None:
    assert suite.merged([{"one": "passed"}, {"one": "passed", "two": "failed"}]) == {
        "one": "passed",
        "two": "failed",
    }


def test_a_launch_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    script = f"sleep 97 & echo $! > {tmp_path}/pid; wait"
    run = suite.Run("hanging", ["/bin/sh", "-c", script], limit=1.0)
    suite.check(run)
    assert run.outcomes == {"failed": 1}
    assert run.failures == ["hanging (time-out)"]
    assert not alive(int((tmp_path / "pid").read_text()))


def alive(process: int) -> bool:
    """False also for a process that has ended and whose parent, gone before it, never asked."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_crash_without_results_is_a_failure(tmp_path: Path) -> None:
    run = suite.Run("crashing", [sys.executable, "-c", "import os; os._exit(3)"], limit=30.0)
    suite.test(run, tmp_path)
    assert run.failures == ["crashing: exit status 3 without a failed test"]
