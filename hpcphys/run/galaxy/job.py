"""The schema of job files of galaxies: [system] kind = "gravity".

Lengths, masses and times are in the job's own units (G = 1 unless [gravity] G says otherwise); kernels see
pure numbers.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.galaxy.initial_tables import Initial
from hpcphys.run.job import Job, NonNegative, Positive, System, Table, Time
from hpcphys.run.units import Quantity


class GravitySystem(System):
    """Which physics."""

    kind: Literal["gravity"] = Field(
        description="the physical system; 'gravity': particles under their own gravity"
    )


class Gravity(Table):
    """How forces are evaluated."""

    method: Literal["tree", "direct"] = Field(
        "tree", description="Barnes-Hut tree, or direct summation over all pairs"
    )
    softening: Annotated[NonNegative, Quantity("length")] = Field(
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
    """What one unit of the job is, for files that other programs read and for numbers with units.  Time and
    velocity follow from G."""

    length_kpc: Positive = Field(1.0, description="one unit of length in kpc")
    mass_1e10_msun: Positive = Field(1.0, description="one unit of mass in 10^10 solar masses")


class GravityTime(Time):
    """How far to go, in which steps, with which integrator."""

    step_criterion: Literal["acceleration", "virial"] = Field(
        "acceleration",
        description="what an adaptive step follows: sqrt(2 η ε/|a|), or the virial of the whole system",
    )
    accuracy: Positive | None = Field(None, description="η of the adaptive step; smaller is more exact")
    max_step: Annotated[Positive | None, Quantity("time")] = Field(None, description="longest adaptive step")
    min_step: Annotated[Positive | None, Quantity("time")] = Field(None, description="shortest adaptive step")


class GravityJob(Job):
    """A whole job file."""

    system: GravitySystem
    initial: Initial
    gravity: Gravity = Gravity()
    units: Units = Units()
    time: GravityTime
