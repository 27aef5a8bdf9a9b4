"""What the run loop asks of each kind of system, and where the kinds are found.

A kind is a package beside this module. It has the schema of its job files and makes simulations; the command
line, the loop over steps, checkpoints, signals and summaries are the same for all of them.
"""

from __future__ import annotations

import importlib
import tomllib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from hpcphys.io.blocks import Block
from hpcphys.run.checkpoint import Checkpoint
from hpcphys.run.job import Job
from hpcphys.run.units import UnitSystem

MODULES = {
    "gravity": "hpcphys.run.galaxy.kind",
    "hamiltonian": "hpcphys.run.expressions.kind",
    "fluid": "hpcphys.run.fluids.kind",
    "wavefunction": "hpcphys.run.wavefunctions.kind",
    "liquid": "hpcphys.run.liquids.kind",
    "plasma": "hpcphys.run.plasmas.kind",
}
"""Name in [system] kind -> module whose KIND is the kind."""

Broken = tuple[tuple[str, ...], str]
"""Path of a key, and what is wrong with it."""


class Simulation(ABC):
    """A system that has been assembled and can be run: what the driver moves, watches and writes.

    program: moves `program.state`;  backend: where its arrays live;  snapshot_pattern: names of its snapshots
    All methods but `note` are collective.
    """

    program: Any
    backend: Any
    snapshot_pattern: ClassVar[str] = "snapshot_{index:03d}.hdf5"

    @property
    def takes_many_steps(self) -> bool:
        """Whether `advance` may do many steps at once: a native program does them in one call."""
        return self.program.native is not None

    @abstractmethod
    def headline(self) -> str:
        """What is run, in one line, without the length of the run."""

    @abstractmethod
    def start(self, resumed: bool) -> None:
        """Prepare the program's first step; what a resumed run did already is not done again.

        Raises RunError on all ranks when the first state is no state.
        """

    @abstractmethod
    def advance(self, steps: int, diagnosed: bool) -> None:
        """Do `steps` steps; `diagnosed`: a row of diagnostics will be asked for after the last."""

    @abstractmethod
    def is_finite(self) -> bool:
        """Whether what this rank holds are numbers; not collective, cheap."""

    @abstractmethod
    def raise_not_finite(self) -> None:
        """Raise RunError on all ranks that names the first bad array, rank and row, and the piece that
        wrote it."""

    @abstractmethod
    def row(self) -> dict[str, Any]:
        """A row of diagnostics without step and time, the same on all ranks."""

    @abstractmethod
    def check(self, row: dict[str, Any]) -> None:
        """Raise RunError on all ranks when a row is beyond the job's [limits]."""

    @abstractmethod
    def note(self, row: dict[str, Any]) -> str:
        """A few words of a row for the progress line."""

    @abstractmethod
    def write_snapshot(self, path: Path, job_text: str) -> None:
        """Write a snapshot of the present state."""

    @abstractmethod
    def metrics(self, row: dict[str, Any], steps: int, seconds: float) -> dict[str, Any]:
        """The numbers that the job exists to produce, for summary.json.

        steps, seconds: done by this process, and the time they took
        """

    @abstractmethod
    def closing_lines(self, metrics: dict[str, Any]) -> list[str]:
        """The result in words, for the end of the log."""

    @property
    @abstractmethod
    def memory(self) -> dict[str, Any]:
        """What a checkpoint must keep besides the state, as JSON can hold it."""

    def further_series(self) -> dict[str, dict[str, Any]]:
        """Names of series besides the diagnostics, each with its attributes: <name>.h5 in the output
        folder."""
        return {}

    def further_rows(self) -> dict[str, dict[str, Any]]:
        """Rows that are due after this step for some of these series, the same on all ranks."""
        return {}

    @property
    def placement(self) -> dict[str, tuple[tuple[int, ...], tuple[int, ...]]]:
        """Arrays of the state that are boxes of a field: name -> (first index of this rank's, whole shape).

        Checkpoints hold them in their global order; all other arrays are rows in the order of the ranks.
        """
        return {}

    def further_blocks(self) -> dict[str, Block]:
        """What a checkpoint must keep besides the state and `memory`: datasets in blocks, by name; the ranks
        that resume read their parts by Checkpoint.block."""
        return {}

    def table_lines(self, row: dict[str, Any]) -> str:
        """Lines for the terminal and the log that tell a row of diagnostics, or ""."""
        return ""

    def resume_files(self, folder: Path) -> None:
        """Cut back files of the simulation's own that go on after the checkpoint that is resumed."""
        return

    def write_results(self, folder: Path) -> None:
        """Write what has been measured, beside the summary: after the last step, or when the run stops."""
        return

    def between_steps(self) -> str:
        """What is due between two steps besides diagnostics; a line for the log, or ""."""
        return ""

    def finish(self) -> None:
        """Make the last state ready for its row of diagnostics."""
        self.program.prepare()


class Kind(ABC):
    """A kind of system: its schema, its rules and its simulations.

    name: in [system] kind;  rows: what the rows of its state are called;  job: the schema of its job files
    """

    name: ClassVar[str]
    rows: ClassVar[str]
    job: ClassVar[type[Job]]

    def unit_system(self, content: dict[str, Any]) -> UnitSystem | None:
        """What one unit of length, mass, time is in a job with these tables, as they stand in the file.

        None where quantities have no units, or where the tables that say so are not valid.
        """
        return None

    def normalised(self, tables: dict[str, Any], folder: Path) -> None:
        """Make relative paths absolute and fill in defaults that follow from other keys, in place."""
        return

    @abstractmethod
    def broken_rules(self, tables: dict[str, Any], files_needed: bool) -> list[Broken]:
        """Path and text of every rule between keys that the valid tables break.

        files_needed: whether input files have to be there
        """

    @abstractmethod
    def simulation(
        self,
        job: Any,
        backend: Any,
        communicator: Any,
        timers: Any,
        log: Any,
        checkpoint: Checkpoint | None,
    ) -> Simulation:
        """The job's simulation, from its initial conditions or from a checkpoint; collective.

        Raises JobError when parameters contradict each other, DataFileError for a file that cannot be used.
        """

    def results(self, job: Any, folder: Path) -> dict[str, Any]:
        """Metrics that follow from the whole series of a finished run, read from its folder; by one rank."""
        return {}

    @abstractmethod
    def estimate(self, job: Any, ranks: int) -> list[str]:
        """Memory, steps and cost of a valid job, in lines for the user."""

    @abstractmethod
    def trial(self, job: Any) -> list[str]:
        """What one evaluation on this machine shows, in lines for the user; no MPI.

        Raises JobError, DataFileError as `simulation` does.
        """

    @abstractmethod
    def explanation(self, job: Any) -> str:
        """The program of a job as text; no MPI."""

    @abstractmethod
    def plot(self, folder: Path, movie: bool) -> list[Path]:
        """Draw the figures of a run into its folder; the paths written.  Raises DataFileError."""


def kind_named(name: str) -> Kind:
    """The kind of that name, which must be one of MODULES."""
    return importlib.import_module(MODULES[name]).KIND


def kind_in(folder: Path) -> Kind:
    """The kind of the run whose output folder this is; gravity where it does not say."""
    try:
        job = tomllib.loads((folder / "job.used.toml").read_text(encoding="utf-8"))
        return kind_named(job["system"]["kind"])
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return kind_named("gravity")


def kind_of(job: Job) -> Kind:
    """The kind of a valid job."""
    return kind_named(job.system.kind)
