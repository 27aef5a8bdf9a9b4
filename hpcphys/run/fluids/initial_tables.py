"""The [initial] table of flows: one class for each model; the models themselves are in
hpcphys/initial/vorticity/."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import NonNegative, Positive, Table

Finite = Annotated[float, Field(allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Rest(Table):
    """Nothing moves: where forced turbulence begins."""

    model: Literal["rest"]


class TaylorGreen(Table):
    """Taylor and Green's array of vortices, an eigenfunction of the Laplacian: viscosity alone changes it."""

    model: Literal["taylor_green"]
    wavenumber: int = Field(1, ge=1, description="waves across the box")
    speed: Positive = Field(1.0, description="largest speed")


class Eigenmode(Table):
    """All modes of one |k|² with random phases: a stationary solution of Euler's equation."""

    model: Literal["eigenmode"]
    wavenumber_squared: int = Field(
        25, ge=1, description="k_x² + k_y² of the modes, in units of (2π/length)²"
    )
    energy: Positive = Field(0.5, description="½ <u²>")
    seed: Seed = Field(1, description="seed of the phases")


class LambDipole(Table):
    """Lamb and Chaplygin's dipole, which moves through still fluid without change of form."""

    model: Literal["lamb_dipole"]
    radius: Positive = Field(0.5, description="radius R of the circle that holds the vorticity")
    speed: Finite = Field(1.0, description="speed U of its motion")
    centre: Annotated[list[Finite], Field(min_length=2, max_length=2)] | None = Field(
        None, description="x and y of its centre; none: the middle of the box"
    )
    angle: Finite = Field(0.0, description="direction of motion against x, in degrees")


class ShearLayer(Table):
    """Brown and Minion's double shear layer, which rolls up."""

    model: Literal["shear_layer"]
    steepness: Positive = Field(30.0, description="ρ, box length over thickness: 30 is thick, 80 to 100 thin")
    perturbation: NonNegative = Field(0.05, description="δ, amplitude of the wave across")


class Random(Table):
    """Random phases with the spectrum k^7 exp(-3.5 (k/peak)²): where decaying turbulence begins.

    The same flow at every number of points and ranks.
    """

    model: Literal["random"]
    peak: Positive = Field(8.0, description="wavenumber of the largest E(k), in units of 2π/length")
    energy: Positive = Field(0.5, description="½ <u²>")
    seed: Seed = Field(1, description="seed of the phases")


class Vortex(Table):
    """A Gaussian vortex Γ/(π a²) exp(-r²/a²)."""

    x: Finite = Field(description="place of its centre")
    y: Finite = Field(description="place of its centre")
    circulation: Finite = Field(description="Γ, positive: anticlockwise")
    radius: Positive = Field(description="a")


class Vortices(Table):
    """Gaussian vortices, repeated periodically; the mean vorticity is subtracted."""

    model: Literal["vortices"]
    vortices: list[Vortex] = Field(
        min_length=1, description="tables { x = ..., y = ..., circulation = ..., radius = ... }"
    )


class Stated(Table):
    """An expression of x and y (docs/compiler.md has the grammar); the mean vorticity is subtracted."""

    model: Literal["expression"]
    expression: str = Field(min_length=1, description='as "sin(2*x)*cos(y) + 0.1*cos(5*y)"')
    quantity: Literal["vorticity", "streamfunction"] = Field(
        "vorticity", description="what the expression is: ω, or ψ with u = ∂ψ/∂y, v = -∂ψ/∂x, ω = -Δψ"
    )
    parameters: dict[str, Finite] = Field({}, description="numbers by name, for the expression")


class FlowFile(Table):
    """The vorticity of a snapshot of an earlier run, on the same grid."""

    model: Literal["file"]
    path: str = Field(min_length=1, description="the snapshot, relative to the job file")


Initial = Annotated[
    Rest | TaylorGreen | Eigenmode | LambDipole | ShearLayer | Random | Vortices | Stated | FlowFile,
    Field(discriminator="model"),
]
