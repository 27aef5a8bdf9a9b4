"""The one loop over steps, with everything that happens beside it."""

from __future__ import annotations

import math
import time
from pathlib import Path

from hpcphys.compiler.program import OperationError
from hpcphys.io.series import Series
from hpcphys.report.log import Log
from hpcphys.report.progress import Progress
from hpcphys.report.timers import Timers
from hpcphys.run import signals
from hpcphys.run.assembly import units
from hpcphys.run.checkpoint import write_checkpoint
from hpcphys.run.errors import FINISHED, STOPPED_EARLY
from hpcphys.run.force_error import ForceError
from hpcphys.run.job import Job
from hpcphys.run.watch import Watch, is_finite, raise_energy_failure, raise_not_finite

WRITE_RATE = 50e6
"""Bytes per second and rank that a first checkpoint is expected to reach, before one has been measured."""


class Driver:
    """Runs a compiled program to its end, or until it is stopped.

    program, field, backend, communicator, timers: the parts that `assembly` makes
    folder: the prepared output folder;  job_text: the effective job, stored in every output
    requests: what may interrupt the run;  memory: of the checkpoint that is being resumed
    started: `time.time()` at which the process began, for the wall time
    """

    def __init__(
        self,
        job: Job,
        folder: Path,
        job_text: str,
        program,
        field,
        backend,
        communicator,
        timers: Timers,
        log: Log,
        requests: signals.Requests,
        memory: dict | None = None,
        started: float | None = None,
    ) -> None:
        self.job, self.folder, self.job_text = job, folder, job_text
        self.program, self.field, self.backend = program, field, backend
        self.communicator, self.timers, self.log, self.requests = communicator, timers, log, requests
        memory = memory or {}
        self.resumed = bool(memory)
        self.watch = Watch(job.limits.energy_error, memory.get("watch"))
        self.force_error = ForceError(job.gravity, field, communicator, memory.get("force_error"))
        self.snapshots = int(memory.get("snapshots", 0))
        self.wall_before = float(memory.get("wall_seconds", 0.0))
        self.began = time.perf_counter() - (time.time() - started if started is not None else 0.0)
        self.steps_here = 0
        self.reason = ""
        self.series = Series(folder, {"job": job_text})
        self._next_checkpoint = time.monotonic() + (job.output.checkpoint_every or math.inf)
        self._write_seconds = program.state.nbytes / WRITE_RATE
        self._step_seconds = 0.0
        self._last_checkpoint = program.state.step if self.resumed else -1
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
        self._start()
        progress = Progress(self.log, self.job.output.log_every, self._share_done())
        while not self.is_finished():
            began = time.perf_counter()
            self._step()
            request = self._agree()
            if request == signals.FAIL:
                progress.clear()
                raise_not_finite(self.state, self.backend, self.communicator)
            self._write_what_is_due(progress)
            if request == signals.STOP and not self.is_finished():
                progress.clear()
                self.checkpoint()
                self.reason = next(
                    (text for text in self.communicator.allgather(self.requests.reason) if text), ""
                )
                return STOPPED_EARLY
            if request == signals.CHECKPOINT:
                progress.clear()
                self.log.line(f"checkpoint {self.checkpoint().name}")
            self._step_seconds = time.perf_counter() - began
            progress.update(self._share_done(), self.state.step, self.state.time, self._note())
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
            if self.communicator.rank == 0:
                self.series.flush()
            state = self.state
            memory = {
                "watch": self.watch.memory,
                "force_error": self.force_error.memory,
                "snapshots": self.snapshots,
                "wall_seconds": self.wall_seconds,
            }
            path = write_checkpoint(
                self.folder,
                self.communicator,
                {name: self.backend.host(state[name]) for name in state.names()},
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

    def _start(self) -> None:
        """Forces of the first state, their measured error, the first row and snapshot; forces alone when
        resumed.
        """
        if self.resumed:
            with self.timers.measure("start"):
                self.program.prepare()
                self.force_error.restore()
            return
        with self.timers.measure("start"):
            self.program.prepare({"potential"})
            if not is_finite_everywhere(self):
                raise_not_finite(self.state, self.backend, self.communicator)
        with self.timers.measure("force error"):
            changed = self.force_error.measure(self.state, self.program)
        self.log.line(self.force_error.text())
        if changed:
            self.program.prepare({"potential"})
        self._diagnose()
        self._snapshot()

    def _step(self) -> None:
        state = self.state
        due: frozenset[str] = frozenset()
        if (state.step + 1) % self.job.output.diagnostics_every == 0:
            due = frozenset({"potential"})
        with self.timers.measure("step"):
            try:
                self.program.step(outputs=due)
            except OperationError as error:
                # A layout finds numbers that are none on all ranks together, before they reach the kernels.
                if isinstance(error.__cause__, FloatingPointError):
                    raise_not_finite(state, self.backend, self.communicator)
                raise
        self.steps_here += 1

    def _agree(self) -> int:
        """What all ranks do after this step: one reduction of one number."""
        if not is_finite(self.state, self.backend.xp):
            code = signals.FAIL
        else:
            code = self.requests.code(3.0 * self._step_seconds + 2.0 * self._write_seconds + 1.0)
            if (
                code == signals.CONTINUE
                and self.communicator.rank == 0
                and time.monotonic() >= self._next_checkpoint
            ):
                code = signals.CHECKPOINT
        with self.timers.measure("agree"):
            return self.communicator.agree(code)

    def _write_what_is_due(self, progress: Progress) -> None:
        every = self.job.gravity.error_check_every
        if every is not None and self.state.step % every == 0:
            with self.timers.measure("force error"):
                self.force_error.measure(self.state, self.program)
            self.log.note(self.force_error.text())
        if self.state.step % self.job.output.diagnostics_every == 0:
            self._diagnose(progress)
        interval = self.job.output.snapshot_every
        due = interval is not None and self.state.time >= self.snapshots * interval * (1.0 - 1e-12)
        if due and not self.is_finished():
            self._snapshot()

    def _diagnose(self, progress: Progress | None = None) -> None:
        """One row of diagnostics, and the energy against its limit."""
        from hpcphys.physics.gravity_diagnostics import diagnostics

        state = self.state
        with self.timers.measure("diagnostics"):
            reproducible = self.job.run.reproducible
            row = diagnostics(
                self._on_host(), self.communicator, self.field, full=True, reproducible=reproducible
            )
            row = {"step": state.step, "time": state.time, **row}
            row.update(self.watch.errors(row))
            row.update(self.force_error.columns())
            if self.communicator.rank == 0:
                self.series.append(row)
        self.row = row
        if reason := self.watch.energy_failure(row["energy_error"], state.step, state.time):
            if progress is not None:
                progress.clear()
            raise_energy_failure(reason, state, self.backend, self.communicator)

    def _snapshot(self) -> None:
        if not self.job.output.snapshots:
            return
        from hpcphys.io.gadget4 import write_snapshot

        with self.timers.measure("snapshot"):
            path = self.folder / f"snapshot_{self.snapshots:03d}.hdf5"
            write_snapshot(
                path, self.communicator, self._on_host(), units(self.job), self.state.time, self.job_text
            )
        interval = self.job.output.snapshot_every
        self.snapshots += 1
        if interval is not None:
            # A step longer than the interval skips the times it has passed.
            self.snapshots = max(self.snapshots, 1 + math.floor(self.state.time / interval * (1.0 + 1e-12)))
        self.log.note(f"snapshot {path.name} at time {self.state.time:g}")

    def _on_host(self):
        """The state in host memory, without derived arrays that belong to an earlier moment."""
        from hpcphys.compiler import State

        derived = {name for field in self.program.system.fields for name in (*field.writes, *field.optional)}
        names = [name for name in self.state.names() if name not in derived or self.state.is_valid(name)]
        arrays = {name: self.backend.host(self.state[name]) for name in names}
        return State(arrays, time=self.state.time, step=self.state.step)

    def _finish(self) -> None:
        # The checkpoint comes first: the evaluation below would make a continuation differ from a longer run.
        if self.job.output.checkpoint_at_end and self._last_checkpoint < self.state.step:
            self.checkpoint()
        if self.row.get("step") != self.state.step:
            with self.timers.measure("diagnostics"):
                self.program.prepare({"potential"})
            self._diagnose()
        self._snapshot()
        if self.communicator.rank == 0:
            self.series.flush()

    def _share_done(self) -> float:
        wanted = steps_wanted(self.job)
        return self.state.step / wanted if wanted is not None else self.state.time / self.job.time.end

    def _note(self) -> str:
        return f"dE/E {self.row['energy_error']:+.1e}" if self.row else ""


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


def is_finite_everywhere(driver: Driver) -> bool:
    """Whether forces and velocities of all ranks are numbers; collective."""
    xp, state = driver.backend.xp, driver.state
    mine = is_finite(state, xp) and bool(xp.isfinite(xp.sum(state["acceleration"], dtype=xp.float64)))
    return driver.communicator.agree(0 if mine else 1) == 0
