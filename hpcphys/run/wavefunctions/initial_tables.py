"""The [initial] table of a wavefunction: one class for each way to begin."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import Positive, Table
from hpcphys.run.units import Quantity

Finite = Annotated[float, Field(allow_inf_nan=False)]
PerAxis = Finite | list[Finite]
Point = Annotated[PerAxis, Quantity("length")]
Formula = str | Finite


class Gaussian(Table):
    """A Gaussian packet: prod_j (2 pi s_j²)^(-1/4) exp(-(x_j - c_j)²/(4 s_j²) + i k_j (x_j - c_j))."""

    model: Literal["gaussian"]
    centre: Point = Field(0.0, description="mean position c, one number or one for each axis")
    width: Annotated[Positive | list[Positive], Quantity("length")] = Field(
        1.0, description="s, the standard deviation of the position, for all axes or each"
    )
    momentum: PerAxis = Field(0.0, description="mean momentum k, for all axes or each")


class Expression(Table):
    """A wavefunction given by its real and imaginary parts; it is normalised."""

    model: Literal["expression"]
    real: Formula = Field(description="real part, an expression of x, y, z and the parameters")
    imaginary: Formula = Field(0.0, description="imaginary part")


class Product(Table):
    """A product of real functions, one for each axis, with a momentum; it is normalised."""

    model: Literal["product"]
    factors: list[Formula] = Field(
        min_length=1, max_length=3, description="one expression for each axis, of its own coordinate alone"
    )
    momentum: PerAxis = Field(0.0, description="mean momentum, for all axes or each")


class Relaxed(Table):
    """Keys of all that begins with states found in imaginary time."""

    potential: Formula | None = Field(
        None, description="potential whose states these are; none: that of [wave], at time 0"
    )
    tolerance: Positive = Field(
        1e-10, description="of the energies, relative where above 1; with a nonlinearity use 1e-6"
    )
    momentum: PerAxis = Field(0.0, description="momentum that the state is given, for all axes or each")


class GroundState(Relaxed):
    """The state of lowest energy, found in imaginary time; also with a nonlinearity."""

    model: Literal["ground_state"]


class ExcitedState(Relaxed):
    """A state of higher energy, found in imaginary time orthogonal to those below it."""

    model: Literal["excited_state"]
    index: int = Field(1, ge=0, le=63, description="0 is the ground state, 1 the first above it")


class Superposition(Relaxed):
    """A sum of the lowest states, which are found in imaginary time; it is normalised."""

    model: Literal["superposition"]
    coefficients: list[Finite] = Field(
        min_length=1, max_length=64, description="of the ground state, the first excited one, ..."
    )


class File(Table):
    """The wavefunction of a snapshot of another run on the same grid."""

    model: Literal["file"]
    path: str = Field(min_length=1, description="the snapshot (HDF5), relative to the job file")


Initial = Annotated[
    Gaussian | Expression | Product | GroundState | ExcitedState | Superposition | File,
    Field(discriminator="model"),
]
