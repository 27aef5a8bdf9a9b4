"""Runs of the program in processes of their own: launched, watched, interrupted, compared."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, launcher

PATIENCE = 90.0
"""Seconds after which a run has hung."""

PROGRAM = [sys.executable, "-m", "hpcphys"]

JOB = """
[system]
kind = "gravity"

[initial]
model = "plummer"
particles = 600
virial_ratio = 0.1

[gravity]
error_sample = 16

[time]
steps = {steps}
step = 0.002

[output]
directory = "{folder}"
diagnostics_every = 5
plots = false
"""


class Launch:
    """A run of the program on `ranks` ranks, in a process group of its own that ends with the test."""

    def __init__(self, arguments: list[str], ranks: int, limits=None, folder: Path | None = None):
        command = [*PROGRAM, *arguments]
        if ranks > 1:
            command = [*launcher(ranks), *command]
        self.ranks = ranks
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=limits,
            cwd=folder,
        )
        self.out = self.err = ""

    def end(self) -> int:
        """Wait for the end; the exit code.  A run that does not end in time is killed, and the test fails."""
        try:
            self.out, self.err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            self.out, self.err = self.process.communicate()
            pytest.fail(f"the run hung\n{self.out}\n{self.err}")
        return self.process.returncode

    def kill(self) -> None:
        """Kill whatever of the process group is still there."""
        for pid in (*self.pids(), self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def pids(self) -> list[int]:
        """Process numbers of the ranks, in no order."""
        if self.ranks == 1:
            return [self.process.pid]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()] if children.exists() else []

    def signal_ranks(self, number: int) -> None:
        for pid in self.pids():
            os.kill(pid, number)

    def wait_for(self, condition, what: str) -> None:
        """Wait until `condition()` holds while the run goes on."""
        begin = time.monotonic()
        while not condition():
            if self.process.poll() is not None:
                self.end()
                pytest.fail(f"the run ended before {what}\n{self.out}\n{self.err}")
            if time.monotonic() - begin > PATIENCE:
                self.kill()
                pytest.fail(f"no {what} in time")
            time.sleep(0.02)


class Folder:
    """The output folder of a run, and the job that fills it."""

    def __init__(self, path: Path, steps: int, job: str = JOB):
        self.path = path
        self.job = path.with_suffix(".toml")
        self.job.write_text(job.format(steps=steps, folder=path))

    def rows(self) -> int:
        table = self.path / "diagnostics.csv"
        return len(table.read_text().splitlines()) - 1 if table.exists() else 0

    def checkpoints(self) -> list[Path]:
        return sorted(self.path.glob("checkpoint-*.h5"))

    def step(self) -> int:
        """Step of the newest checkpoint."""
        return int(re.search(r"(\d+)\.h5", self.checkpoints()[-1].name)[1])

    def state(self) -> dict[str, np.ndarray]:
        """What the newest checkpoint holds, byte for byte."""
        with h5py.File(self.checkpoints()[-1]) as file:
            rows = {name: dataset[:] for name, dataset in file["state"].items()}
            return {**rows, "rows of the ranks": file["ranks/rows"][:]}

    def series(self) -> dict[str, np.ndarray]:
        with h5py.File(self.path / "diagnostics.h5") as file:
            return {name: dataset[:] for name, dataset in file.items()}


@pytest.fixture
def launch():
    """`launch(arguments, ranks)` starts a run; whatever is left of it is killed after the test."""
    started: list[Launch] = []

    def start(*arguments: object, ranks: int = 1, **more) -> Launch:
        started.append(Launch([str(argument) for argument in arguments], ranks, **more))
        return started[-1]

    yield start
    for run in started:
        if run.process.poll() is None:
            run.kill()
            run.process.communicate()


@pytest.fixture
def folder(tmp_path):
    """`folder(name, steps)` writes a job whose output goes to a folder of that name."""
    return lambda name, steps, job=JOB: Folder(tmp_path / name, steps, job)
