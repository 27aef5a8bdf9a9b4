"""The schema of job files of wavefunctions: [system] kind = "wavefunction".

Lengths, masses and times are in the job's own units with ħ = 1; numbers with units make these atomic units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from hpcphys.compiler.compositions import composition_names
from hpcphys.run.job import Job, Limits, NonNegative, Positive, System, Table, Time
from hpcphys.run.units import Quantity
from hpcphys.run.wavefunctions.initial_tables import Finite, Formula, Initial, Point

if TYPE_CHECKING:  # a type checker cannot know names that are found when the program runs
    Integrator = str
else:
    Integrator = Literal[tuple(composition_names(("A", "B")))]

Count = Annotated[int, Field(ge=1)]


class WaveSystem(System):
    """Which physics."""

    kind: Literal["wavefunction"] = Field(
        description="the physical system; 'wavefunction': the Schrödinger or Gross-Pitaevskii equation"
    )


class Grid(Table):
    """A box that repeats itself along every axis; point j of one lies at lower + j (upper - lower)/points.

    Axis x is shared by the ranks: a grid of two or three axes runs on 1 to points[0] ranks, one of one axis
    on one rank.
    """

    points: list[Count] = Field(
        min_length=1, max_length=3, description="points along x, y, z; products of 2, 3, 5, 7 are fastest"
    )
    lower: Point = Field(description="lower corner of the box, one number or one for each axis")
    upper: Point = Field(description="upper corner of the box, one number or one for each axis")


class Wave(Table):
    """The equation  i dpsi/dt = [(p - q A)²/2m + V + g |psi|² - i W] psi  with ħ = 1 and the norm 1.

    Expressions are of x, y, z, the time t, parameters and definitions; docs/compiler.md has their grammar.
    """

    potential: Formula = Field(0.0, description="V, an expression; finite on every point of the grid")
    mass: Positive | list[Positive] = Field(1.0, description="m, for all axes or each")
    nonlinearity: Finite = Field(0.0, description="g of the Gross-Pitaevskii equation (all particles in it)")
    absorber: str | dict[str, list[NonNegative]] | None = Field(
        None,
        description="W >= 0, an expression without t; or layers by axis: [width at the lower side, at the "
        "upper side], as { x = [5, 5] }",
    )
    absorber_strength: Positive = Field(1.0, description="W at the outer edge of a layer")
    absorber_power: int = Field(3, ge=1, le=8, description="W grows as this power of the depth in a layer")
    vector_potential: list[Formula] | None = Field(
        None,
        description="A along x, y, z: each a function of t, or of the other coordinates (Landau's gauge)",
    )
    charge: Finite = Field(1.0, description="q of the vector potential")
    parameters: dict[str, Finite] = Field({}, description="numbers by name, for all expressions")
    definitions: dict[str, str] = Field(
        {}, description="named sub-expressions; each may use the ones before it"
    )
    precision: Literal["double", "single"] = Field("double", description="of the wavefunction")


class WaveTime(Time):
    """How far to go, in which steps, with which integrator."""

    integrator: Integrator = Field(
        "blanes_moan_rkn4", description="composition of kinetic and potential flows, by name"
    )
    mode: Literal["real", "imaginary"] = Field(
        "real", description="'imaginary': t -> -i t, states decay to the ground state; the norm is kept at 1"
    )


class Observables(Table):
    """What is watched besides norm, energies, positions, momenta, widths and densities along the axes."""

    planes: dict[str, dict[str, Finite]] = Field(
        {}, description="flux through planes, by name: { screen = { x = 4.0 } }"
    )
    regions: dict[str, dict[str, list[Finite]]] = Field(
        {}, description="probability in regions, by name: { right = { x = [0, 10] } }; open axes are whole"
    )
    autocorrelation: bool = Field(
        False, description="<psi(0)|psi(t)> in every row, and the spectrum that follows from it"
    )
    reference: Initial | None = Field(
        None, description="a state as in [initial], |<reference|psi>|² of which is in every row"
    )
    profiles: int = Field(
        256, ge=0, le=4096, description="points of the densities along the axes in every row; 0: none"
    )


class Transmission(Table):
    """A sweep over energies from one wave packet: T(E) = |phi_out(k)|²/|phi_in(k)|², k = sqrt(2 m E).

    phi_in is the momentum amplitude of the start, phi_out that of the end beyond the plane.
    """

    axis: Literal["x", "y", "z"] = Field("x", description="the packet runs towards larger values along it")
    beyond: Annotated[Finite, Quantity("length")] = Field(
        description="transmitted is what ends beyond this plane"
    )
    energies: Annotated[list[Positive], Quantity("energy")] = Field(
        min_length=2, max_length=2, description="lowest and highest energy of the motion along the axis"
    )
    count: int = Field(101, ge=2, le=2000, description="number of energies")


class Exact(Table):
    """Exact results that the run is compared with, as expressions of the parameters and definitions."""

    real: Formula | None = Field(None, description="real part of the exact wavefunction, of x, y, z, t")
    imaginary: Formula = Field(0.0, description="imaginary part of the exact wavefunction")
    expectations: dict[str, Formula] = Field(
        {},
        description="column of the diagnostics -> its exact value, of t: { position_x = 'cos(t)' }",
    )
    transmission: Formula | None = Field(None, description="exact T, of energy")
    levels: list[Formula] = Field(
        [], description="exact energies, lowest first: of relaxed states, or lines of the spectrum"
    )


class WaveLimits(Limits):
    """When a run has failed."""

    norm_error: Positive | None = Field(None, description="largest allowed |norm - 1|; none: no limit")


class WaveJob(Job):
    """A whole job file."""

    system: WaveSystem
    grid: Grid
    wave: Wave = Wave()
    initial: Initial
    observables: Observables = Observables()
    transmission: Transmission | None = None
    exact: Exact = Exact()
    time: WaveTime
    limits: WaveLimits = WaveLimits()
