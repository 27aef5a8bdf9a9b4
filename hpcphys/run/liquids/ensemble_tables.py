"""The [ensemble] table: one class for each thermostat and barostat."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import NonNegative, Positive, Table
from hpcphys.run.units import Quantity

Finite = Annotated[float, Field(allow_inf_nan=False)]
Temperature = Annotated[Positive, Quantity("temperature")]
Period = Annotated[Positive, Quantity("time")]
Pressure = Annotated[Finite, Quantity("pressure")]
Length = Annotated[int, Field(ge=1, le=16)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Corner = Annotated[list[NonNegative], Field(min_length=2, max_length=2)]
Group = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]

PRESSURE_PERIOD = "relaxation time of the volume"
COMPRESSIBILITY = "isothermal compressibility of the liquid, or a guess: the volume relaxes accordingly"


class Nve(Table):
    """Constant energy, volume and momentum."""

    model: Literal["nve"]


class Heated(Table):
    """Keys of every thermostat."""

    temperature: Temperature = Field(description="temperature of the bath")


class Ramped(Heated):
    """Keys of thermostats whose temperature may change while the run goes on."""

    ramp: list[Corner] | None = Field(
        None,
        description="[[time, temperature], ...]: the bath's temperature goes linearly from corner to "
        "corner, in "
        "steps of 100, and stays before the first and after the last; none: it stays at temperature",
    )


class Langevin(Ramped):
    """Friction and noise on every atom, BAOAB by default: canonical."""

    model: Literal["langevin"]
    friction: Annotated[NonNegative, Quantity("rate")] = Field(description="rate of friction [1/time]")
    seed: Seed = Field(1, description="of the noise, which belongs to (seed; id, step): not to ranks")


class NoseHooverChain(Heated):
    """Chains of thermostats, deterministic: canonical where the motion is ergodic."""

    model: Literal["nose_hoover_chain"]
    period: Period = Field(description="period of the thermostat's own oscillation [time]")
    length: Length = Field(3, description="thermostats in a chain")
    groups: list[Group] | None = Field(
        None, description="types that share a chain, as [[0], [1, 2]]; none: one chain for all atoms"
    )


class VelocityRescaling(Ramped):
    """Stochastic velocity rescaling (Bussi, Donadio & Parrinello): canonical."""

    model: Literal["velocity_rescaling"]
    period: Period = Field(description="relaxation time of the kinetic energy")
    seed: Seed = Field(1, description="of the noise")


class Berendsen(Ramped):
    """Berendsen's weak coupling, of the temperature and, with pressure, of the volume.  It samples NO known
    ensemble: for equilibration only."""

    model: Literal["berendsen"]
    period: Period = Field(description="relaxation time of the temperature")
    pressure: Annotated[Finite | None, Quantity("pressure")] = Field(
        None, description="target of the barostat; none: constant volume"
    )
    pressure_period: Annotated[Positive | None, Quantity("time")] = Field(None, description=PRESSURE_PERIOD)
    compressibility: Positive | None = Field(None, description=COMPRESSIBILITY)
    every: Annotated[int, Field(ge=1)] = Field(10, description="steps between scalings of the box")


class CellRescaling(Ramped):
    """Stochastic rescaling of cell (Bernetti & Bussi) and velocities: isothermal-isobaric."""

    model: Literal["cell_rescaling"]
    period: Period = Field(description="relaxation time of the kinetic energy")
    pressure: Pressure = Field(description="pressure of the bath")
    pressure_period: Period = Field(description=PRESSURE_PERIOD)
    compressibility: Positive = Field(description=COMPRESSIBILITY)
    every: Annotated[int, Field(ge=1)] = Field(10, description="steps between scalings of the box")
    seed: Seed = Field(1, description="of the noise")


class Mtk(Heated):
    """Martyna, Tobias & Klein's equations of motion: isothermal-isobaric where the motion is ergodic."""

    model: Literal["mtk"]
    period: Period = Field(description="period of the atoms' chain of thermostats")
    pressure: Pressure = Field(description="pressure of the bath")
    pressure_period: Period = Field(description="period of the box and of its chain")
    flexible: bool = Field(False, description="all six components of the box move, not its volume alone")
    length: Length = Field(3, description="thermostats in a chain")


EnsembleTable = Annotated[
    Nve | Langevin | NoseHooverChain | VelocityRescaling | Berendsen | CellRescaling | Mtk,
    Field(discriminator="model"),
]
