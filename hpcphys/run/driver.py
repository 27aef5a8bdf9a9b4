"""The one loop over steps, with everything that happens beside it."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np

from hpcphys.io.blocks import Block
from hpcphys.io.series import Series
from hpcphys.report.log import Log
from hpcphys.report.progress import Progress
from hpcphys.report.timers import Timers
from hpcphys.run import signals
from hpcphys.run.checkpoint import write_checkpoint
from hpcphys.run.errors import FINISHED, STOPPED_EARLY
from hpcphys.run.job import Job
from hpcphys.run.kind import Simulation

WRITE_RATE = 50e6
"""Bytes per second and rank that a first checkpoint is expected to reach, before one has been measured."""

CALL_SECONDS = 0.1
"""Where many steps are done in one call, it takes about this long: signals wait for its end."""

CALL_GROWTH = 4
"""The number of steps in a call grows at most by this factor from one to the next."""


class Driver:
    """Runs a simulation to its end, or until it is stopped.

    simulation, communicator, timers: the parts that were assembled
    folder: the prepared output folder;  job_text: the effective job, stored in every output
    requests: what may interrupt the run;  memory: of the checkpoint that is being resumed
    started: `time.time()` at which the process began, for the wall time
    """

    def __init__(
        self,
        job: Job,
        folder: Path,
        job_text: str,
        simulation: Simulation,
        communicator,
        timers: Timers,
        log: Log,
        requests: signals.Requests,
        memory: dict | None = None,
        started: float | None = None,
    ) -> None:
        self.job, self.folder, self.job_text = job, folder, job_text
        self.simulation, self.program, self.backend = simulation, simulation.program, simulation.backend
        self.communicator, self.timers, self.log, self.requests = communicator, timers, log, requests
        memory = memory or {}
        self.resumed = bool(memory)
        self.snapshots = int(memory.get("snapshots", 0))
        self.wall_before = float(memory.get("wall_seconds", 0.0))
        self.began = time.perf_counter() - (time.time() - started if started is not None else 0.0)
        self.steps_here = 0
        self.reason = ""
        self.series = Series(folder, {"job": job_text})
        self.further = {
            name: Series(folder, {"job": job_text, **attributes}, name)
            for name, attributes in simulation.further_series().items()
        }
        self._next_checkpoint = time.monotonic() + (job.output.checkpoint_every or math.inf)
        self._write_seconds = self.program.state.nbytes / WRITE_RATE
        self._call_seconds = 0.0
        self._call_steps = 1
        self._last_checkpoint = self.program.state.step if self.resumed else -1
        self.row: dict = {}

    @property
    def state(self):
        """The state that the program moves."""
        return self.program.state

    @property
    def wall_seconds(self) -> float:
        """Wall time of the run so far, earlier parts of a resumed one included."""
        return self.wall_before + time.perf_counter() - self.began

    def run(self) -> int:
        """Go to the end; FINISHED or STOPPED_EARLY, the same on all ranks.

        Raises RunError on all ranks when the physics leaves its limits, DataFileError when nothing can be
        written.
        """
        self.simulation.start(self.resumed)
        if self.resumed:
            self.simulation.resume_files(self.folder)
        else:
            self._diagnose()
            self._append_further()
            self._snapshot()
        progress = Progress(self.log, self.job.output.log_every, self._share_done())
        while not self.is_finished():
            began = time.perf_counter()
            self._advance()
            request = self._agree()
            if request == signals.FAIL:
                progress.clear()
                self.simulation.raise_not_finite()
            self._write_what_is_due(progress)
            if request == signals.STOP and not self.is_finished():
                progress.clear()
                self.checkpoint()
                self.simulation.write_results(self.folder)
                self.reason = next(
                    (text for text in self.communicator.allgather(self.requests.reason) if text), ""
                )
                return STOPPED_EARLY
            if request == signals.CHECKPOINT:
                progress.clear()
                self.log.line(f"checkpoint {self.checkpoint().name}")
            self._call_seconds = time.perf_counter() - began
            note = self.simulation.note(self.row)
            progress.update(self._share_done(), self.state.step, self.state.time, note)
        progress.clear()
        self._finish()
        return FINISHED

    def is_finished(self) -> bool:
        """Whether the state has come to [time] end or has done [time] steps."""
        return is_finished(self.job, self.state.step, self.state.time)

    def checkpoint(self) -> Path:
        """Write a checkpoint of this step, the series up to it included; collective."""
        with self.timers.measure("checkpoint"):
            began = time.monotonic()
            self._flush()
            state = self.state
            memory = {
                **self.simulation.memory,
                "snapshots": self.snapshots,
                "wall_seconds": self.wall_seconds,
            }
            path = write_checkpoint(
                self.folder,
                self.communicator,
                {name: self._stored(name) for name in state.names()} | self.simulation.further_blocks(),
                state.time,
                state.step,
                scalars=state.scalars,
                memory=memory,
                job=self.job_text,
                keep=self.job.output.keep,
            )
            self._last_checkpoint = state.step
            self._write_seconds = self.communicator.allreduce(time.monotonic() - began, "max")
            every = self.job.output.checkpoint_every
            self._next_checkpoint = time.monotonic() + (every or math.inf)
        self.log.note(f"checkpoint {path.name}: {self._write_seconds:.3f} s")
        return path

    def _stored(self, name: str) -> np.ndarray | Block:
        """An array of the state on the host, as a checkpoint takes it: rows, or a box of a field."""
        array, place = self.backend.host(self.state[name]), self.simulation.placement.get(name)
        return array if place is None else Block(array, *place)

    def _advance(self) -> None:
        """Steps up to the next row of diagnostics at most; one, unless the program does many in a call."""
        every, step = self.job.output.diagnostics_every, self.state.step
        steps = min(self._steps_in_call(), every - step % every)
        with self.timers.measure("step"):
            self.simulation.advance(steps, diagnosed=(step + steps) % every == 0)
        self.steps_here += steps
        self._call_steps = steps  # what the measured time was for: fewer than fitted, where a row was due

    def _steps_in_call(self) -> int:
        """How many steps the next call does; the same on all ranks."""
        if not self.simulation.takes_many_steps:
            return 1
        seconds = self.communicator.bcast(self._call_seconds)
        fitting = int(self._call_steps * CALL_SECONDS / seconds) if seconds > 0.0 else self._call_steps
        steps = max(1, min(fitting, CALL_GROWTH * self._call_steps))
        left = steps_wanted(self.job)
        return steps if left is None else max(1, min(steps, left - self.state.step))

    def _agree(self) -> int:
        """What all ranks do after this step: one reduction of one number."""
        if not self.simulation.is_finite():
            code = signals.FAIL
        else:
            code = self.requests.code(3.0 * self._call_seconds + 2.0 * self._write_seconds + 1.0)
            if (
                code == signals.CONTINUE
                and self.communicator.rank == 0
                and time.monotonic() >= self._next_checkpoint
            ):
                code = signals.CHECKPOINT
        with self.timers.measure("agree"):
            return self.communicator.agree(code)

    def _write_what_is_due(self, progress: Progress) -> None:
        if line := self.simulation.between_steps():
            self.log.note(line)
        if self.state.step % self.job.output.diagnostics_every == 0:
            self._diagnose(progress)
        self._append_further()
        interval = self.job.output.snapshot_every
        due = interval is not None and self.state.time >= self.snapshots * interval * (1.0 - 1e-12)
        if due and not self.is_finished():
            self._snapshot()

    def _diagnose(self, progress: Progress | None = None) -> None:
        """One row of diagnostics, held against the job's limits."""
        with self.timers.measure("diagnostics"):
            row = {"step": self.state.step, "time": self.state.time, **self.simulation.row()}
            if self.communicator.rank == 0:
                self.series.append(row)
        self.row = row
        try:
            self.simulation.check(row)
        except Exception:
            if progress is not None:
                progress.clear()
            raise
        if lines := self.simulation.table_lines(row):
            if progress is not None:
                progress.clear()
            self.log.line(lines)

    def _append_further(self) -> None:
        """Rows that are due now for the series of the simulation's own."""
        for name, row in self.simulation.further_rows().items():
            if self.communicator.rank == 0:
                self.further[name].append({"step": self.state.step, "time": self.state.time, **row})

    def truncate(self, step: int) -> None:
        """Forget rows after `step` in every series: the checkpoint that is resumed does not know them."""
        for series in (self.series, *self.further.values()):
            series.truncate(step)

    def _flush(self) -> None:
        if self.communicator.rank == 0:
            for series in (self.series, *self.further.values()):
                series.flush()

    def _snapshot(self) -> None:
        if not self.job.output.snapshots:
            return
        with self.timers.measure("snapshot"):
            path = self.folder / self.simulation.snapshot_pattern.format(index=self.snapshots)
            self.simulation.write_snapshot(path, self.job_text)
        interval = self.job.output.snapshot_every
        self.snapshots += 1
        if interval is not None:
            # A step longer than the interval skips the times it has passed.
            self.snapshots = max(self.snapshots, 1 + math.floor(self.state.time / interval * (1.0 + 1e-12)))
        self.log.note(f"snapshot {path.name} at time {self.state.time:g}")

    def _finish(self) -> None:
        # The checkpoint comes first: the evaluation below would make a continuation differ from a longer run.
        if self.job.output.checkpoint_at_end and self._last_checkpoint < self.state.step:
            self.checkpoint()
        if self.row.get("step") != self.state.step:
            with self.timers.measure("diagnostics"):
                self.simulation.finish()
            self._diagnose()
        self._snapshot()
        self._flush()
        self.simulation.write_results(self.folder)

    def _share_done(self) -> float:
        wanted = steps_wanted(self.job)
        return self.state.step / wanted if wanted is not None else self.state.time / self.job.time.end


def steps_wanted(job: Job) -> int | None:
    """Steps of the whole run; None where adaptive steps decide."""
    given = job.time
    if given.steps is not None or given.adaptive:
        return given.steps
    # 10/0.1 is 100 steps, though 0.1 is a little more than a tenth.
    return max(1, math.ceil(given.end / given.step * (1.0 - 1e-12)))


def is_finished(job: Job, step: int, time_: float) -> bool:
    """Whether a run at this step and time has come to its end."""
    wanted = steps_wanted(job)
    return step >= wanted if wanted is not None else time_ >= job.time.end
