"""Tables of a job that say what is watched of a plasma, and what is measured in the end."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import Table

Count = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Component = Literal["E_x", "E_y", "E_z", "B_x", "B_y", "B_z"]
Theory = Literal[
    "cold_two_stream", "warm_two_stream", "landau", "weibel", "filamentation", "leapfrog",
    "plasma_oscillation", "electromagnetic_wave", "boris",
]  # fmt: skip
Coordinate = Literal["x", "y", "z", "u_x", "u_y", "u_z"]


class Mode(Table):
    """A Fourier amplitude of a field, (1/N) Σ F exp(-i k·x), with k = 2π index/length."""

    field: Component = Field(description="which component")
    index: list[int] = Field(min_length=1, max_length=3, description="waves in the box along x, y, z")

    @property
    def name(self) -> str:
        """Of its column in the diagnostics."""
        return "_".join(("mode", self.field, *map(str, self.index)))


class Line(Table):
    """A field along an axis, averaged over the others, row by row: what spectra in k and ω are made from."""

    field: Component = Field(description="which component")
    axis: Literal["x", "y", "z"] = Field("x", description="along which axis")
    every: Count = Field(1, description="steps between rows of lines.h5")


class Histogram(Table):
    """Real particles in cells of a plane of phase space."""

    species: str = Field(description="name of the species")
    axes: list[Coordinate] = Field(
        ["x", "u_x"], min_length=1, max_length=2, description="one or two of x, y, z, u_x, u_y, u_z"
    )
    bins: list[Count] = Field([128, 128], min_length=1, max_length=2, description="along each of them")
    ranges: list[list[Finite]] = Field(
        [], max_length=2,
        description="lowest and highest value of each momentum; none: 1.25 times the largest at the start",
    )  # fmt: skip

    @property
    def name(self) -> str:
        """Of its column in phase_space.h5."""
        return "_".join((self.species, *self.axes))


class Diagnostics(Table):
    """What is watched besides energies, momenta, charge residual and counts."""

    modes: list[Mode] = Field(
        [], description="Fourier amplitudes in every row, as { field = 'E_x', index = [1] }"
    )
    lines: list[Line] = Field([], description="fields along an axis, for spectra in k and ω")
    phase_space: list[Histogram] = Field([], description="histograms in phase space")
    phase_space_every: Count = Field(100, description="steps between histograms")
    residual: bool = Field(True, description="the charge residual max|ε0 ∇·E - ρ|/max|ρ| in every row")


class Measure(Table):
    """A number that the job exists to produce, whose name stands in the heading, and what theory says of it.

    growth: γ of a mode's amplitude, from 100 times its start to 2 % of its largest
    damping: ω and γ of a decaying wave;  frequency: ω of a wave, over all rows
    gyration: angle of a species' mean momentum per step, and its drift
    """

    quantity: Literal["growth", "damping", "frequency", "gyration"] = Field(description="what is measured")
    mode: str | None = Field(None, description="column of the diagnostics, as 'mode_E_x_1'")
    species: str | None = Field(None, description="gyration: whose mean momentum")
    theory: Theory | None = Field(
        None, description="what it is compared with, with these arguments (docs/plasmas.md)"
    )
    arguments: dict[str, Finite | list[Finite]] = Field({}, description="of the theory, by name")
    exact: Finite | None = Field(None, description="a number that it is compared with, instead of a theory")
    unit: Finite = Field(
        1.0, gt=0, description="ω_p of theory in units of the job: results are divided by it"
    )
