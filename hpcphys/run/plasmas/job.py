"""The schema of job files of plasmas: [system] kind = "plasma"."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import Job, Limits, NonNegative, Output, Positive, System, Table, Time
from hpcphys.run.plasmas.measure_tables import Diagnostics, Measure
from hpcphys.run.plasmas.units import Units
from hpcphys.run.units import Quantity

Finite = Annotated[float, Field(allow_inf_nan=False)]
Formula = str | Finite
Count = Annotated[int, Field(ge=1)]
Lengths = Annotated[Finite | list[Finite], Quantity("length")]
Axis = Literal["x", "y", "z"]
FieldSide = Literal["periodic", "conducting", "absorbing"]
ParticleSide = Literal["periodic", "reflecting", "absorbing"]


class PlasmaSystem(System):
    """Which physics."""

    kind: Literal["plasma"] = Field(
        description="the physical system; 'plasma': macro-particles and the fields that they make"
    )


class Grid(Table):
    """A box of equal cells along x, y and z; momenta and fields always have three components."""

    cells: list[Count] = Field(min_length=1, max_length=3, description="number of cells along x, y, z")
    lower: Lengths = Field(0.0, description="lower corner of the box, one number or one for each axis")
    upper: Lengths = Field(description="upper corner of the box, one number or one for each axis")


class Fields(Table):
    """How the fields are computed, what they are at the start, and what happens at the sides.

    Expressions are of x, y, z and the parameters; docs/compiler.md has their grammar.
    """

    solver: Literal["yee", "cole_karkkainen_cowan", "psatd", "electrostatic", "none"] = Field(
        "yee",
        description="'yee': Maxwell's equations on Yee's grid; 'cole_karkkainen_cowan': without dispersion "
        "along the axes; 'psatd': spectral, periodic; 'electrostatic': E = -∇φ alone; 'none': only those of "
        "[external]",
    )
    boundaries: dict[Axis, FieldSide | list[FieldSide]] = Field(
        {}, description="sides of each axis, lower and upper or one word for both; none: periodic"
    )
    layers: int = Field(10, ge=1, le=64, description="cells of an absorbing layer (PML)")
    electric: list[Formula] = Field(
        [0.0, 0.0, 0.0], min_length=3, max_length=3, description="E at the start, besides that of the charges"
    )
    magnetic: list[Formula] = Field([0.0, 0.0, 0.0], min_length=3, max_length=3, description="B at the start")
    background: bool = Field(
        False, description="a fixed uniform charge that makes a periodic plasma neutral which is not"
    )
    filter_passes: int = Field(0, ge=0, le=64, description="passes of the binomial filter (1, 2, 1)/4 of J")
    filter_compensated: bool = Field(False, description="one more pass that restores long waves")


class ParticleMethods(Table):
    """How all macro-particles are moved, and what happens to them at the sides."""

    shape: Literal["nearest", "linear", "quadratic", "cubic"] = Field(
        "linear", description="shape of a macro-particle on the grid"
    )
    gather: Literal["energy", "momentum"] = Field(
        "energy", description="which of the two its fields are gathered so as to conserve"
    )
    pusher: Literal["boris", "vay", "higuera_cary"] = Field("boris", description="how momenta are turned")
    relativistic: bool | None = Field(
        None, description="γ = √(1 + u²/c²), or v = u; none: relativistic unless electrostatic"
    )
    boundaries: dict[Axis, ParticleSide | list[ParticleSide]] = Field(
        {}, description="sides of each axis, as in [fields]; none: periodic"
    )
    precision: Literal["single", "double"] = Field("single", description="of particles, fields and currents")
    seed: int = Field(1, ge=0, lt=1 << 63, description="of all random numbers")
    parameters: dict[str, Finite] = Field({}, description="numbers by name, for all expressions of the job")
    definitions: dict[str, str] = Field(
        {}, description="named sub-expressions; each may use the ones before it"
    )


class SpeciesTable(Table):
    """A species, whose name stands in the heading.  Expressions are of x, y, z: where a particle is before it
    is displaced."""

    charge: Finite = Field(description="of one real particle, in that of the positron: -1 for electrons")
    mass: Positive | None = Field(None, description="of one real particle, in that of the electron")
    per_cell: Count | None = Field(None, description="macro-particles in each cell")
    layout: Literal["random", "gridded", "quiet"] = Field(
        "random",
        description="'random': anywhere in the cell; 'gridded': on a lattice in it; 'quiet': on a lattice, "
        "momenta evenly spread over their distribution, with hardly any noise",
    )
    density: Formula = Field(1.0, description="real particles per volume; not negative")
    drift: list[Formula] = Field(
        [0.0, 0.0, 0.0], min_length=3, max_length=3, description="mean momentum u = γv along x, y, z"
    )
    thermal_velocity: Formula | list[Formula] = Field(
        0.0, description="√(T/m) for all axes or each: u is drift plus a normal number times this"
    )
    temperature: Formula | None = Field(
        None,
        description="T/(m c²) of Maxwell's and Jüttner's relativistic distribution, instead of "
        "thermal_velocity",
    )
    displacement: list[Formula] = Field(
        [], max_length=3, description="along each axis of the grid: particles begin so far from their places"
    )
    path: str | None = Field(None, description="openPMD file to begin from, instead of all of the above")
    tracked: bool = Field(False, description="particles keep a number of their own, which snapshots hold")
    sample: float = Field(1.0, ge=0, le=1, description="share of the particles in snapshots; 0: none")


class Laser(Table):
    """A plane or focused wave that an antenna in a plane sends along an axis, in both directions."""

    axis: Axis = Field("x", description="along which it runs")
    position: Annotated[Finite, Quantity("length")] = Field(description="of the antenna along that axis")
    wavelength: Annotated[Positive, Quantity("length")] = Field(description="in vacuum")
    a0: Positive = Field(description="largest e E/(m c ω) of the field")
    polarisation: Axis = Field("y", description="direction of E")
    duration: Annotated[Positive | None, Quantity("time")] = Field(
        None, description="τ of the field's envelope exp(-(t - peak)²/τ²); none: a wave without end"
    )
    peak: Annotated[NonNegative, Quantity("time")] = Field(
        0.0, description="when the envelope's peak leaves the antenna; without duration: when it is full"
    )
    waist: Annotated[Positive | None, Quantity("length")] = Field(
        None, description="w0 of the focus, where the field is exp(-r²/w0²); none: a plane wave"
    )
    focus: Annotated[Finite, Quantity("length")] = Field(
        0.0, description="distance from the antenna to the focus"
    )
    centre: Annotated[list[Finite], Quantity("length")] = Field(
        [], max_length=2, description="of the beam along the other axes; none: the middle of the box"
    )
    phase: Finite = Field(0.0, description="of the carrier at the peak [rad]")


class External(Table):
    """Fields that are given, as expressions of x, y, z and t, and act on the particles beside their own."""

    electric: list[Formula] = Field(
        [0.0, 0.0, 0.0], min_length=3, max_length=3, description="E along x, y, z"
    )
    magnetic: list[Formula] = Field(
        [0.0, 0.0, 0.0], min_length=3, max_length=3,
        description="B along x, y, z; electrostatic: three constants",
    )  # fmt: skip


class PlasmaTime(Time):
    """How far to go, in which steps."""

    integrator: Literal["leapfrog", "hamiltonian_splitting"] = Field(
        "leapfrog",
        description="'leapfrog': momenta at half steps, positions and fields at whole ones; "
        "'hamiltonian_splitting': exact flows of the Hamiltonian's parts, whose energy error stays bounded "
        "(Yee's grid, periodic, not relativistic)",
    )
    composition: Literal["strang", "yoshida4", "suzuki4", "kahan_li6"] = Field(
        "strang", description="hamiltonian_splitting: how its flows are put together, of order 2, 4 or 6"
    )
    cfl: Positive | None = Field(
        None,
        description="length of a step as a share of the longest stable one of the fields, instead of step",
    )


class PlasmaOutput(Output):
    """What is written, where, how often."""

    snapshots: bool = Field(True, description="write snapshots (openPMD HDF5, in the folder openpmd)")
    fields: list[Literal["E", "B", "J", "rho"]] = Field(
        ["E", "B", "J", "rho"], description="in snapshots; electrostatic runs have E and rho"
    )
    moments: list[Literal["density", "current", "velocity", "temperature", "pressure"]] = Field(
        ["density"], description="of each species in snapshots, on the nodes"
    )
    particles: bool = Field(True, description="the particles of each species in snapshots (see its sample)")


class PlasmaLimits(Limits):
    """When a run has failed."""

    charge_residual: Positive | None = Field(
        None, description="largest allowed |ε0 ∇·E - ρ| over the largest charge density of the species"
    )
    lost: bool = Field(True, description="fail when a particle is lost that no absorbing side has taken")


class PlasmaJob(Job):
    """A whole job file."""

    system: PlasmaSystem
    units: Units = Units()
    grid: Grid
    fields: Fields = Fields()
    particles: ParticleMethods = ParticleMethods()
    species: dict[str, SpeciesTable]
    lasers: dict[str, Laser] = Field({})
    external: External = External()
    diagnostics: Diagnostics = Diagnostics()
    measure: dict[str, Measure] = Field({})
    time: PlasmaTime
    output: PlasmaOutput = PlasmaOutput()
    limits: PlasmaLimits = PlasmaLimits()
