"""What may interrupt a run: signals, a file named `stop`, the wall-time limit.

SIGUSR1                       write a checkpoint, go on
SIGTERM, SIGINT, SIGUSR2      write a checkpoint and stop with exit code 75; a second SIGINT aborts at once
file `stop` in the folder     the same
wall time nearly over         the same, early enough to write the checkpoint

Handlers only take note; the loop over steps asks once per step, and all ranks act at the same step.  mpirun
passes SIGUSR1 and SIGUSR2 on to the ranks, but ends them itself when it gets SIGTERM or SIGINT: Open MPI 5
sends SIGCONT, a quarter of a second later SIGTERM, and soon after SIGKILL.  SIGCONT is therefore taken as a
request for a checkpoint: a small run then has one before the end comes.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

CONTINUE, CHECKPOINT, STOP, FAIL = range(4)
"""What ranks agree on after a step; the largest wins."""

STOP_FILE = "stop"
STOP_FILE_INTERVAL = 1.0

_CHECKPOINT_SIGNALS = (signal.SIGUSR1, signal.SIGCONT)
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)


class Requests:
    """Notes of what has been asked from outside.

    folder: where the file `stop` is looked for;  deadline: `time.time()` at which everything must be on
    disk, or None;
    rank: rank 0 looks at the file and the clock for all.
    """

    def __init__(self, folder: Path, deadline: float | None, rank: int) -> None:
        self.stop_file = folder / STOP_FILE
        self.deadline = deadline
        self.rank = rank
        self.reason = ""
        self._code = CONTINUE
        self._next_look = 0.0

    def install(self) -> None:
        """Take the signals over from Python's own handlers."""
        for number in _CHECKPOINT_SIGNALS:
            signal.signal(number, self._on_checkpoint)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop)

    def uninstall(self) -> None:
        """Give the signals back: after the run, Ctrl-C means what it always means."""
        for number in (*_CHECKPOINT_SIGNALS, *_STOP_SIGNALS):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    def code(self, seconds_to_write: float) -> int:
        """CONTINUE, CHECKPOINT or STOP as this rank sees it; a noted checkpoint is taken off the list.

        seconds_to_write: how long the next step and a checkpoint take.
        """
        if self.rank == 0 and self._code != STOP:
            self._look(seconds_to_write)
        code = self._code
        if code == CHECKPOINT:
            self._code = CONTINUE
        return code

    def _look(self, seconds_to_write: float) -> None:
        now = time.time()
        if self.deadline is not None and now + seconds_to_write >= self.deadline:
            self._code, self.reason = STOP, "the wall-time limit is near"
        elif now >= self._next_look:
            self._next_look = now + STOP_FILE_INTERVAL
            if self.stop_file.exists():
                self._code, self.reason = STOP, f"the file {self.stop_file} is there"

    def _on_checkpoint(self, number: int, _frame) -> None:
        self._code = max(self._code, CHECKPOINT)
        self.reason = self.reason or signal.Signals(number).name

    def _on_stop(self, number: int, _frame) -> None:
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        self._code, self.reason = STOP, signal.Signals(number).name


def deadline(wall_limit: float | None, started: float) -> float | None:
    """The earlier of the job's own limit and the batch system's end of the job, as `time.time()`; None
    without one.

    wall_limit: [run] wall_limit in seconds, counted from `started`.
    """
    ends = [started + wall_limit] if wall_limit is not None else []
    if (batch := _slurm_end()) is not None:
        ends.append(batch)
    return min(ends, default=None)


def _slurm_end() -> float | None:
    """End of the SLURM job around this process, from its environment or, in older versions, from squeue."""
    if end := os.environ.get("SLURM_JOB_END_TIME"):
        return float(end)
    job = os.environ.get("SLURM_JOB_ID")
    if job is None or shutil.which("squeue") is None:
        return None
    command = ["squeue", "--noheader", "--jobs", job, "--format", "%L"]
    try:
        left = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
        days, _, clock = left.rpartition("-")
        parts = [int(part) for part in clock.split(":")]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # UNLIMITED, or no answer
    seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
    return time.time() + seconds + 86400 * int(days or 0)
