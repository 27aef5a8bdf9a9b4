"""The typed schema of job files: the tables that every kind of system has, a description for every key.

The reference page docs/job_reference.md and the JSON schema for editors are generated from these classes and
those of the kinds.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hpcphys.compiler.compositions import composition_names
from hpcphys.run.units import Quantity

INTEGRATORS = tuple(composition_names(("A", "B"), gradient=False))
if TYPE_CHECKING:  # a type checker cannot know names that are found when the program runs
    Integrator = str
else:
    Integrator = Literal[INTEGRATORS]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def seconds(value: object) -> object:
    """Seconds of a wall-time limit: a number, or the batch system's "HH:MM:SS" or "D-HH:MM:SS"."""
    if isinstance(value, datetime.time):  # TOML reads an unquoted 00:10:00 as a time of day
        value = value.isoformat("seconds")
    if not isinstance(value, str):
        return value
    days, _, clock = value.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in (*parts, days or "0")) or len(parts) != 3:
        raise ValueError('use seconds or "HH:MM:SS" or "D-HH:MM:SS"')
    hours, minutes, rest = (int(part) for part in parts)
    return float(((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + rest)


class Table(BaseModel):
    """Unknown keys are errors, numbers are not made from text or from true/false."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class System(Table):
    """Which physics."""

    kind: str = Field(description="the physical system")


class Time(Table):
    """How far to go, in which steps, with which integrator."""

    end: Annotated[Positive | None, Quantity("time")] = Field(
        None, description="time at which the run ends (at the first step that reaches it)"
    )
    steps: int | None = Field(None, ge=1, description="number of steps, instead of end")
    step: Annotated[Positive | None, Quantity("time")] = Field(
        None, description="length of a step; needed unless adaptive"
    )
    integrator: Integrator = Field("leapfrog", description="composition of drift and kick, by name")
    adaptive: bool = Field(
        False, description="let one step length for all particles follow the state, time-symmetrically"
    )


class Output(Table):
    """What is written, where, how often."""

    directory: str | None = Field(
        None,
        min_length=1,
        description="output folder, relative to the current one; none: output/<name of the job file>",
    )
    diagnostics_every: int = Field(10, ge=1, description="steps between rows of diagnostics.h5")
    snapshot_every: Annotated[Positive | None, Quantity("time")] = Field(
        None, description="time between snapshots (first step at or after); none: first and last only"
    )
    snapshots: bool = Field(True, description="write snapshots (GADGET-4 HDF5)")
    checkpoint_every: NonNegative = Field(
        600.0, description="seconds of wall time between checkpoints; 0: none while running"
    )
    checkpoint_at_end: bool = Field(
        True, description="write one at the end, so that the run can be continued"
    )
    keep: int = Field(2, ge=1, description="how many checkpoints are kept")
    log_every: NonNegative = Field(10.0, description="seconds between lines of progress in a batch log")
    plots: bool = Field(True, description="make the figures when the run is finished")


class Run(Table):
    """On which machine part, and for how long."""

    backend: Literal["auto", "cpu", "cuda", "emulated"] = Field(
        "auto", description="'auto' takes the GPU where there is one"
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="threads per rank; none: OMP_NUM_THREADS, else the cores of the node shared by its ranks",
    )
    reproducible: bool = Field(
        False,
        description="the same bits for every number of ranks and threads (exact sums, canonical orders)",
    )
    wall_limit: Annotated[
        Positive | None, BeforeValidator(seconds, json_schema_input_type=float | str | None)
    ] = Field(
        None,
        description='stop before this wall time, in seconds or "HH:MM:SS"; none: the batch system\'s limit',
    )


class Limits(Table):
    """When a run has failed."""

    energy_error: Positive | None = Field(None, description="largest allowed |E - E0|/|E0|; none: no limit")


class Slurm(Table):
    """What `hpcphys submit` asks of the batch system."""

    time: str = Field("01:00:00", description='wall time, "HH:MM:SS" or "D-HH:MM:SS"')
    nodes: int = Field(1, ge=1, description="number of nodes")
    tasks_per_node: int = Field(1, ge=1, description="ranks on each node")
    cpus_per_task: int = Field(1, ge=1, description="cores, and threads, of each rank")
    gpus_per_node: int = Field(0, ge=0, description="GPUs on each node")
    partition: str | None = Field(None, description="partition; none: the site's default")
    account: str | None = Field(None, description="account to charge")
    memory: str | None = Field(None, description='memory per node, as "64G"')
    signal_seconds: int = Field(120, ge=1, description="how long before the limit SLURM sends SIGTERM")
    launcher: str = Field(
        "srun", description="command before python; 'mpirun' where srun does not start MPI programs"
    )
    setup: list[str] = Field(
        [], description="shell lines before the run: module load, source .venv/bin/activate"
    )
    options: list[str] = Field([], description="further lines for #SBATCH, as '--constraint=a100'")


class Job(Table):
    """What every job file holds; each kind of system adds its tables."""

    system: System
    time: Time
    output: Output = Output()
    run: Run = Run()
    limits: Limits = Limits()
    slurm: Slurm | None = None
