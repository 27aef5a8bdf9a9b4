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
from hpcphys.run.checkpoint import Checkpoint, newest_checkpoint, stored_job
from hpcphys.run.driver import Driver, is_finished, steps_wanted
from hpcphys.run.errors import FINISHED, JobError, MachineError, RunError
from hpcphys.run.job import Job
from hpcphys.run.job_file import load_job, parse_job
from hpcphys.run.kind import kind_of
from hpcphys.run.memory import return_freed_arrays
from hpcphys.run.output_folder import output_folder, prepare_folder
from hpcphys.run.signals import STOP_FILE, Requests, deadline
from hpcphys.run.threads import threads_per_rank
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
    threads = threads_per_rank(job, communicator)
    backend = backend_named(job.run.backend, threads=threads)
    kind = kind_of(job)
    simulation = kind.simulation(job, backend, communicator, timers, log, checkpoint)
    count = communicator.allreduce(simulation.program.state.count, "sum")
    text = job_text(job)
    memory = checkpoint.memory if checkpoint is not None else None
    driver = Driver(job, folder, text, simulation, communicator, timers, log, requests, memory, started)
    if communicator.rank == 0:
        used = {
            "hpcphys": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "ranks": communicator.size,
            "threads": threads,
            "backend": backend.name,
            "device": backend.describe(),
            kind.rows: count,
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        }
        write_used(folder, used_text(job, used))
        (folder / STOP_FILE).unlink(missing_ok=True)
        for partial in folder.glob(".*.partial"):  # of a write that was killed
            partial.unlink()
        if checkpoint is not None:
            driver.truncate(checkpoint.step)
    _header(job, name, f"{count} {kind.rows}", driver, threads, log)
    if count < communicator.size:
        log.warning(f"{communicator.size} ranks for {count} {kind.rows}: some ranks have nothing to do")
    return driver


def _header(job: Job, name: str, counted: str, driver: Driver, threads: int, log: Log) -> None:
    steps = steps_wanted(job)
    length = f"{steps} steps" if steps is not None else f"to time {job.time.end:g}, adaptive"
    log.line(f"hpcphys {__version__}: {name}")
    log.line(f"{counted}, {driver.simulation.headline()}, {length}")
    log.line(f"{driver.communicator.size} ranks x {threads} threads, {driver.backend.describe()}")
    if driver.resumed:
        log.line(f"going on from step {driver.state.step}, time {driver.state.time:g}")


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
        each = driver.wall_seconds / max(1, driver.state.step)
        log.line(
            f"finished: {driver.state.step} steps to time {driver.state.time:g} "
            f"in {duration(driver.wall_seconds)} ({1e3 * each:.3g} ms/step)"
        )
        for line in driver.simulation.closing_lines(metrics):
            log.line(line)
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
        with self.timers.measure("plots"):
            try:
                written = kind_of(self.job).plot(self.folder, movie=False)
            except (OSError, ValueError, ImportError) as problem:
                self.log.warning(f"no figures: {problem}; `hpcphys plot {self.folder}` tries again")
                return
        self.log.note(f"figures: {', '.join(path.name for path in written)}")

    def _metrics(self) -> dict:
        driver, counters = self.driver, self.communicator.counters()
        metrics = driver.simulation.metrics(driver.row, driver.steps_here, self.timers.seconds("step"))
        for name in ("bytes_sent", "messages_sent"):
            each = counters[name] / max(1, driver.steps_here)
            metrics[f"{name}_per_rank_and_step"] = self.communicator.allreduce(each, "max")
        return metrics

    def _write(self, status: str) -> dict:
        """Collective: the summary of the run so far, and the timers into run.log; the metrics."""
        driver, tree, metrics = self.driver, self.timers.report(), self._metrics()
        if self.communicator.rank != 0:
            return metrics
        if status == "finished":
            metrics |= kind_of(self.job).results(self.job, self.folder)
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
