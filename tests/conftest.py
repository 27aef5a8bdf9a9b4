"""What all tests share: results that survive a crash, one voice under mpirun, no rank left waiting.

With HPCPHYS_TEST_RESULTS=PREFIX each process appends one JSON line per event to `PREFIX.<rank>.jsonl`, as
it happens, so that `tests/suite.py` can count a test that was killed in the middle.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import pytest

# A rank that failed waits this long for the others to end the same test, then ends the whole launch.
PATIENCE_SECONDS = 15.0


def launched_size() -> int:
    """Number of ranks this process was launched with, not asking MPI (1 outside mpirun and srun)."""
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE"):
        if name in os.environ:
            return int(os.environ[name])
    return 1


def launched_rank() -> int:
    """This process's rank as its launcher told it, not asking MPI (0 outside mpirun and srun)."""
    for name in ("OMPI_COMM_WORLD_RANK", "PMI_RANK"):
        if name in os.environ:
            return int(os.environ[name])
    return 0


class Results:
    """Writes each test event to the results file, at once."""

    def __init__(self, prefix: str) -> None:
        self.path = f"{prefix}.{launched_rank()}.jsonl"

    def write(self, event: str, test: str, **more: Any) -> None:
        with open(self.path, "a") as file:
            file.write(json.dumps({"event": event, "test": test, **more}) + "\n")

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.write("start", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.write("failed", report.nodeid, phase=report.when, seconds=report.duration)
        elif report.skipped:
            self.write("skipped", report.nodeid, xfail=hasattr(report, "wasxfail"))
        elif report.when == "call":
            self.write("passed", report.nodeid, seconds=report.duration)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.write("end", nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.write("failed", report.nodeid or "collection", phase="collect")


class Ranks:
    """Keeps the ranks of one launch together: rank 0 speaks, the others only about their own failures.

    After each test every rank enters a non-blocking barrier on a communicator of its own.  A rank whose test
    failed, and that finds the others still inside the test (waiting for it, most likely), ends the launch.
    """

    def __init__(self) -> None:
        from mpi4py import MPI

        self.comm = MPI.COMM_WORLD.Dup()
        self.failure = ""

    def say(self, text: str) -> None:
        print(f"\n[rank {self.comm.rank}] {text}", file=sys.stderr, flush=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.failed:
            return
        self.failure = f"FAILED {report.nodeid}\n{report.longreprtext}"
        if self.comm.rank > 0:
            self.say(self.failure)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        waiting = self.comm.Ibarrier()
        start = time.monotonic()
        while not waiting.Test():
            time.sleep(0.001)
            if self.failure and time.monotonic() - start > PATIENCE_SECONDS:
                if self.comm.rank == 0:  # pytest would print it at the end, which never comes
                    self.say(self.failure)
                self.say(f"other ranks never left {nodeid}; ending all")
                self.comm.Abort(1)
        self.failure = ""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the parts above that this process needs."""
    # where the tests are shared among processes (pytest-xdist), the one that shares them out writes for all
    prefix = os.environ.get("HPCPHYS_TEST_RESULTS")
    if prefix and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Results(prefix), "results")
    if not config.getoption("--with-mpi"):
        return
    if launched_size() > 1:
        config.pluginmanager.register(Ranks(), "ranks")
    if launched_rank() > 0:
        config.pluginmanager.unregister(config.pluginmanager.get_plugin("terminalreporter"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none."""
    if not any("cuda" in item.keywords for item in items):
        return
    reason = missing_gpu()
    for item in items:
        if reason and item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason=reason))


def missing_gpu() -> str:
    """Why there is no GPU to test on; empty where there is one."""
    try:
        import cupy
    except ImportError:
        return "needs a GPU: CuPy is not installed"
    try:
        return "" if cupy.cuda.runtime.getDeviceCount() > 0 else "needs a GPU: CuPy finds none"
    except cupy.cuda.runtime.CUDARuntimeError as problem:
        return f"needs a GPU: {problem}"
