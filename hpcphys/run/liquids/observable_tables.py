"""The [observables] tables: what is averaged while the run goes on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from hpcphys.run.job import NonNegative, Positive, Table
from hpcphys.run.units import Quantity

OptionalTime = Annotated[Positive | None, Quantity("time")]
Steps = Annotated[int, Field(ge=1)]


class Rdf(Table):
    """Radial distribution functions g_ab(r) of all pairs of types."""

    every: Steps = Field(50, description="steps between samples")
    largest: Annotated[Positive | None, Quantity("length")] = Field(
        None,
        description="distances up to it are counted; none: 0.49 of the box's smallest width at the start, "
        "0.42 where the box moves",
    )
    bins: Steps = Field(200, description="number of bins")


class Msd(Table):
    """Mean square displacement, and the diffusion coefficient from its slope (Einstein)."""

    every: Steps = Field(10, description="steps between samples, each of which is a time origin")
    points: Steps = Field(8, description="origins kept at each level of lags (even)")
    levels: Steps = Field(8, description="levels, each with lags twice as long as the last")
    fit_from: OptionalTime = Field(
        None, description="the slope is taken from this lag on [time]; none: a quarter of the longest"
    )
    fit_to: OptionalTime = Field(None, description="and up to this one; none: half of the longest")


class Vacf(Table):
    """Velocity autocorrelation, and the diffusion coefficient from its integral (Green and Kubo)."""

    every: Steps = Field(5, description="steps between samples, each of which is a time origin")
    points: Steps = Field(128, description="number of lags (even); 24 bytes of memory per atom each")
    integrate_to: OptionalTime = Field(
        None, description="D is the integral up to this lag [time]; none: to the longest"
    )


class StructureFactor(Table):
    """S(k) on the wavevectors of the box."""

    every: Steps = Field(100, description="steps between samples")
    k_max: Positive = Field(description="largest |k| [1/length]")
    shells: Steps = Field(100, description="shells of |k|")
    most: Steps = Field(200, description="wavevectors per shell at most")


class Viscosity(Table):
    """Shear viscosity from the fluctuations of the pressure tensor (Green and Kubo, Helfand)."""

    every: Steps = Field(5, description="steps between samples of the pressure tensor")
    integrate_to: OptionalTime = Field(
        None, description="η is the integral up to this lag [time]; none: to where the noise takes over"
    )


class HeatCapacity(Table):
    """C_V from the fluctuations of the energy (canonical) or of the kinetic energy (NVE)."""

    every: Steps = Field(10, description="steps between samples")


class Observables(Table):
    """What is averaged while the run goes on; block averages of temperature, energies and pressure always
    are."""

    begin: Annotated[NonNegative, Quantity("time")] = Field(
        0.0, description="time from which averages begin: what came before is equilibration"
    )
    every: Steps | None = Field(
        None, description="steps between samples of the block averages; none: as the rows of diagnostics"
    )
    rdf: Rdf | None = Field(None, description="radial distribution function")
    msd: Msd | None = Field(None, description="mean square displacement")
    vacf: Vacf | None = Field(None, description="velocity autocorrelation")
    structure_factor: StructureFactor | None = Field(None, description="structure factor")
    viscosity: Viscosity | None = Field(None, description="shear viscosity")
    heat_capacity: HeatCapacity | None = Field(None, description="heat capacity")
