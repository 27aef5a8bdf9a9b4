"""The typed schema of a job file: one class per table, a description for every key.

The reference page docs/job_reference.md and the JSON schema for editors are generated from these classes.
Lengths, masses and times are in the job's own units (G = 1 unless [gravity] G says otherwise); kernels see
pure numbers.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from hpcphys.compiler.compositions import composition_names
from hpcphys.run.initial_tables import Initial, Table

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


class System(Table):
    """Which physics."""

    kind: Literal["gravity"] = Field(
        description="the physical system; 'gravity': particles under their own gravity"
    )


class Gravity(Table):
    """How forces are evaluated."""

    method: Literal["tree", "direct"] = Field(
        "tree", description="Barnes-Hut tree, or direct summation over all pairs"
    )
    softening: NonNegative = Field(
        0.01, description="softening length ε; with 'spline' the Plummer-equivalent one"
    )
    softening_kernel: Literal["plummer", "spline", "none"] = Field(
        "plummer", description="shape of the softened potential; 'none' needs softening = 0"
    )
    criterion: Literal["relative", "geometric"] = Field(
        "relative",
        description="a cell is accepted by its estimated share of the last acceleration, or by its angle",
    )
    tolerance: Positive = Field(
        0.01, description="accuracy α of the relative criterion: smaller is more exact and slower"
    )
    opening_angle: Positive = Field(
        0.6, description="θ of the geometric criterion: radius of a cell's content over its distance"
    )
    precision: Literal["mixed", "double"] = Field(
        "mixed",
        description="single-precision pairs about local origins with double sums, or double throughout",
    )
    error_target: Positive | None = Field(
        None,
        description="99th percentile of the force error to hold, by adjusting the criterion; none: as it is",
    )
    error_sample: int = Field(
        256, ge=0, description="particles whose force is measured against a direct sum; 0: no measuring"
    )
    error_check_every: int | None = Field(
        None, ge=1, description="steps between measurements of the force error; none: at the start only"
    )
    conserve_momentum: bool = Field(True, description="remove the net force that a one-sided tree leaves")
    G: Positive = Field(1.0, description="constant of gravity in the job's units")


class Units(Table):
    """What one unit of the job is, for files that other programs read.  Time and velocity follow from G."""

    length_kpc: Positive = Field(1.0, description="one unit of length in kpc")
    mass_1e10_msun: Positive = Field(1.0, description="one unit of mass in 10^10 solar masses")


class Time(Table):
    """How far to go, in which steps, with which integrator."""

    end: Positive | None = Field(
        None, description="time at which the run ends (at the first step that reaches it)"
    )
    steps: int | None = Field(None, ge=1, description="number of steps, instead of end")
    step: Positive | None = Field(None, description="length of a step; needed unless adaptive")
    integrator: Integrator = Field("leapfrog", description="composition of drift and kick, by name")
    adaptive: bool = Field(
        False, description="let one step length for all particles follow the state, time-symmetrically"
    )
    step_criterion: Literal["acceleration", "virial"] = Field(
        "acceleration",
        description="what an adaptive step follows: sqrt(2 η ε/|a|), or the virial of the whole system",
    )
    accuracy: Positive | None = Field(None, description="η of the adaptive step; smaller is more exact")
    max_step: Positive | None = Field(None, description="longest adaptive step")
    min_step: Positive | None = Field(None, description="shortest adaptive step")


class Output(Table):
    """What is written, where, how often."""

    directory: str | None = Field(
        None,
        min_length=1,
        description="output folder, relative to the current one; none: output/<name of the job file>",
    )
    diagnostics_every: int = Field(10, ge=1, description="steps between rows of diagnostics.h5")
    snapshot_every: Positive | None = Field(
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
    """A whole job file."""

    system: System
    initial: Initial
    gravity: Gravity = Gravity()
    units: Units = Units()
    time: Time
    output: Output = Output()
    run: Run = Run()
    limits: Limits = Limits()
    slurm: Slurm | None = None
