"""From a job file or an output folder to a finished run: everything around the driver."""

from __future__ import annotations

import platform
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hpcphys import __version__
from hpcphys.compiler.program import OperationError
from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.summary import read_summary, write_summary
from hpcphys.kernels import KernelError
from hpcphys.kernels import backend as backend_named
from hpcphys.report.log import Log
from hpcphys.report.progress import amount, duration
from hpcphys.report.timers import Timers, table
from hpcphys.run import assembly
from hpcphys.run.checkpoint import Checkpoint, newest_checkpoint, stored_job
from hpcphys.run.driver import Driver, is_finished, steps_wanted
from hpcphys.run.errors import FINISHED, JobError, MachineError, RunError
from hpcphys.run.job import Job
from hpcphys.run.job_file import load_job, parse_job
from hpcphys.run.memory import return_freed_arrays
from hpcphys.run.output_folder import output_folder, prepare_folder
from hpcphys.run.signals import STOP_FILE, Requests, deadline
from hpcphys.run.used import job_text, used_text, write_used

RESUMABLE = ("time", "output", "run", "limits", "slurm")
"""Tables that --set may change when a run is resumed; another table would be another run."""


@dataclass
class Options:
    """What the command line adds to a job."""

    settings: list[str]
    overwrite: bool = False


def run_job(path: Path, options: Options, communicator, started: float) -> int:
    """Run a job file from its start; the exit code, the same on all ranks.

    started: `time.time()` at which the process began, from which [run] wall_limit counts.
    Raises JobError and RunError on all ranks together, any other error on some.
    """
    job = _on_rank_0(communicator, lambda: load_job(path, options.settings))
    folder = output_folder(job, path)
    _on_rank_0(communicator, lambda: prepare_folder(folder, options.overwrite))
    return _go(job, folder, path.name, None, communicator, started)


def resume_run(folder: Path, options: Options, communicator, started: float) -> int:
    """Go on with a run from its newest valid checkpoint; the exit code, the same on all ranks."""
    job = _on_rank_0(communicator, lambda: _stored(folder, options.settings))
    checkpoint, passed_over = newest_checkpoint(folder, communicator)
    log = Log(communicator.rank)
    for line in passed_over:
        log.warning(line)
    if is_finished(job, checkpoint.step, checkpoint.time):
        log.line(f"{folder}: the run is finished, step {checkpoint.step}, time {checkpoint.time:g}")
        log.line("to go further: --set time.end=... or --set time.steps=...")
        return FINISHED
    return _go(job, folder, f"{folder} (resumed)", checkpoint, communicator, started)


def _stored(folder: Path, settings: list[str]) -> Job:
    if not folder.is_dir():
        raise JobError([f"{folder}: no such folder; give the output folder of a run"])
    for setting in settings:
        if setting.partition(".")[0] not in RESUMABLE:
            raise JobError(
                [f"--set {setting}: a resumed run keeps its physics; only {', '.join(RESUMABLE)} may change"]
            )
    try:
        text = stored_job(folder)
    except OSError as problem:
        raise JobError([str(problem)]) from problem
    return parse_job(text, "job in the checkpoint", folder, settings, files_needed=False)


def _on_rank_0(communicator, action):
    """The result of `action`, done by rank 0, on all ranks; its JobError is raised on all of them."""
    result, problems = None, None
    if communicator.rank == 0:
        try:
            result = action()
        except JobError as error:
            problems = error.problems
    result, problems = communicator.bcast((result, problems))
    if problems:
        raise JobError(problems)
    return result


def _go(
    job: Job, folder: Path, name: str, checkpoint: Checkpoint | None, communicator, started: float
) -> int:
    """Assemble, run, and tell how it ended."""
    return_freed_arrays()
    log = Log(communicator.rank, folder / "run.log" if communicator.rank == 0 else None)
    timers = Timers(communicator)
    requests = Requests(folder, deadline(job.run.wall_limit, started), communicator.rank)
    requests.install()
    ending = Ending(job, folder, communicator, log, timers)
    try:
        with timers.measure("start"):
            driver = _assembled(job, folder, name, checkpoint, communicator, timers, log, requests, started)
        ending.driver = driver
        code = driver.run()
        if code == FINISHED:
            ending.finished()
        else:
            ending.stopped()
        return code
    except RunError as error:
        ending.failed(str(error))
        raise
    except (KernelError, OperationError) as error:
        ending.failed(str(error))
        log.note("".join(traceback.format_exception(error)))
        if _is_foreseen(error):
            raise MachineError(str(error)) from error
        raise
    except (OSError, MemoryError, MachineError) as error:
        ending.failed(str(error))
        raise
    finally:
        requests.uninstall()
        log.close()


def _is_foreseen(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, was written for the user: then no traceback is shown."""
    while error is not None:
        if isinstance(error, KernelError) or hasattr(error, "exit_code"):
            return True
        error = error.__cause__
    return False


def _assembled(job, folder, name, checkpoint, communicator, timers, log, requests, started) -> Driver:
    threads = assembly.threads_per_rank(job, communicator)
    backend = backend_named(job.run.backend, threads=threads)
    if checkpoint is None:
        arrays, begin = assembly.initial_arrays(job, communicator)
        state = assembly.state_on(backend, arrays, time=begin)
    else:
        rest = {"time": checkpoint.time, "step": checkpoint.step, "scalars": checkpoint.scalars}
        state = assembly.state_on(backend, checkpoint.arrays, **rest)
    count = communicator.allreduce(state.count, "sum")
    field = assembly.force_field(job, backend, communicator)
    program = assembly.compiled_program(job, state, field, backend, communicator, timers)
    text = job_text(job)
    memory = checkpoint.memory if checkpoint is not None else None
    driver = Driver(
        job, folder, text, program, field, backend, communicator, timers, log, requests, memory, started
    )
    if communicator.rank == 0:
        used = {
            "hpcphys": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "ranks": communicator.size,
            "threads": threads,
            "backend": backend.name,
            "device": backend.describe(),
            "particles": count,
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        write_used(folder, used_text(job, used))
        (folder / STOP_FILE).unlink(missing_ok=True)
        for partial in folder.glob(".*.partial"):  # of a write that was killed
            partial.unlink()
        if checkpoint is not None:
            driver.series.truncate(checkpoint.step)
    _header(job, name, count, driver, communicator, threads, log)
    return driver


def _header(job: Job, name: str, count: int, driver: Driver, communicator, threads: int, log: Log) -> None:
    steps = steps_wanted(job)
    length = f"{steps} steps" if steps is not None else f"to time {job.time.end:g}, adaptive"
    log.line(f"hpcphys {__version__}: {name}")
    log.line(f"{count} particles, {job.initial.model}, {job.gravity.method}, {job.time.integrator}, {length}")
    log.line(f"{communicator.size} ranks x {threads} threads, {driver.backend.describe()}")
    if driver.resumed:
        log.line(f"going on from step {driver.state.step}, time {driver.state.time:g}")
    if count < communicator.size:
        log.warning(f"{communicator.size} ranks for {count} particles: some ranks have nothing to do")


@dataclass
class Ending:
    """The last words of a run and its summary.json."""

    job: Job
    folder: Path
    communicator: Communicator
    log: Log
    timers: Timers
    driver: Driver | None = None

    def finished(self) -> None:
        """Errors, speed and the place of the files; then the figures."""
        metrics = self._write("finished")
        log, driver = self.log, self.driver
        rate = metrics["particles_per_second"]
        each = driver.wall_seconds / max(1, driver.state.step)
        log.line(
            f"finished: {driver.state.step} steps to time {driver.state.time:g} "
            f"in {duration(driver.wall_seconds)} ({1e3 * each:.3g} ms/step, {rate:.3g} particles/s)"
        )
        log.line(f"energy error {metrics['energy_error']:+.2e}, largest {metrics['energy_error_max']:.2e}")
        log.line(f"momentum error {metrics['momentum_error']:.1e} of the sum of m|v|")
        if self.communicator.size > 1:
            sent, messages = (metrics[f"{name}_sent_per_rank_and_step"] for name in ("bytes", "messages"))
            log.line(f"each rank sent {amount(sent)} in {messages:.0f} messages per step")
        if self.job.output.plots and self.communicator.rank == 0:
            self._plot()
        log.line(f"files in {self.folder}")

    def stopped(self) -> None:
        """Why, and how to go on."""
        self._write("stopped")
        driver = self.driver
        self.log.line(
            f"stopped after step {driver.state.step}, time {driver.state.time:g}: {driver.reason}; "
            f"checkpoint written.  `hpcphys resume {self.folder}` goes on"
        )

    def failed(self, reason: str) -> None:
        """Put the failure into run.log and summary.json, by each rank that may; the error itself is still on
        its way."""
        self.log.note(f"failed: {reason}")
        if self.communicator.rank == 0:
            try:
                if self.driver is not None:
                    self.driver.series.flush()
                write_summary(
                    self.folder, {**(read_summary(self.folder) or {}), "status": "failed", "reason": reason}
                )
            except OSError:
                return  # the disk itself may be what has failed; the message goes to the terminal

    def _plot(self) -> None:
        from hpcphys.report.plots import plot_run

        with self.timers.measure("plots"):
            try:
                written = plot_run(self.folder)
            except (OSError, ValueError, ImportError) as problem:
                self.log.warning(f"no figures: {problem}; `hpcphys plot {self.folder}` tries again")
                return
        self.log.note(f"figures: {', '.join(path.name for path in written)}")

    def _metrics(self) -> dict:
        driver = self.driver
        row, watch = driver.row, driver.watch.memory
        looped = self.timers.seconds("step")
        count = self.communicator.allreduce(driver.state.count, "sum")
        counters = self.communicator.counters()
        steps = max(1, driver.steps_here)
        metrics = {
            "energy_error": row.get("energy_error"),
            "energy_error_max": watch["energy_error_max"],
            "momentum_error": row.get("momentum_error"),
            "momentum_error_max": watch["momentum_error_max"],
            "angular_momentum_error": row.get("angular_momentum_error"),
            "virial_ratio": row.get("virial_ratio"),
            **driver.force_error.columns(),
            "particles": count,
            "particles_per_second": count * driver.steps_here / looped if looped > 0 else None,
        }
        for name in ("bytes_sent", "messages_sent"):
            metrics[f"{name}_per_rank_and_step"] = self.communicator.allreduce(counters[name] / steps, "max")
        own = driver.field.statistics()
        work = {name: self.communicator.allreduce(own[name], "sum") for name in sorted(own)}
        if particles := work.pop("particles", 0.0):
            for name in ("pairs", "cells"):
                metrics[f"{name}_per_particle"] = work.pop(name, 0.0) / particles
        return {**metrics, **work}

    def _write(self, status: str) -> dict:
        """Collective: the summary of the run so far, and the timers into run.log; the metrics."""
        driver, tree, metrics = self.driver, self.timers.report(), self._metrics()
        if self.communicator.rank != 0:
            return metrics
        step = driver.state.step
        summary = {
            "status": status,
            "reason": driver.reason,
            "steps": step,
            "time": driver.state.time,
            "wall_seconds": driver.wall_seconds,
            "seconds_per_step": driver.wall_seconds / max(1, step),
            "ranks": self.communicator.size,
            "threads": driver.backend.threads,
            "backend": driver.backend.name,
            "version": __version__,
            "metrics": metrics,
            "timers": tree,
            "job": driver.job_text,
        }
        write_summary(self.folder, summary)
        self.log.note("\n".join(table(tree)))
        return metrics
