"""The schema of job files of liquids: [system] kind = "liquid".

All numbers are in the units that [units] names: reduced ones (k_B = 1), or lengths, energies and masses from
which times and pressures follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from hpcphys.compiler.compositions import composition_names
from hpcphys.run.job import Job, Limits, Output, Positive, Run, System, Table, Time
from hpcphys.run.liquids.ensemble_tables import EnsembleTable, Nve
from hpcphys.run.liquids.initial_tables import Initial
from hpcphys.run.liquids.molecule_tables import Molecules
from hpcphys.run.liquids.observable_tables import Observables
from hpcphys.run.liquids.pair_tables import PairTable
from hpcphys.run.liquids.units import Units
from hpcphys.run.units import Quantity

OF_ENSEMBLE = "ensemble"
"""Integrator that means: the composition that the ensemble is made for."""

NAMES = sorted(
    {
        *composition_names(("A", "B"), gradient=False),
        *composition_names(("A", "B", "O"), gradient=False),
    }
)
if TYPE_CHECKING:  # a type checker cannot know names that are found when the program runs
    LiquidIntegrator = str
else:
    LiquidIntegrator = Literal[(OF_ENSEMBLE, *NAMES)]

Three = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=3, max_length=3)]
Lengths = Annotated[list[Positive], Field(min_length=3, max_length=3)]
LENGTH, ENERGY = Quantity("length"), Quantity("energy")
Axes = Annotated[list[bool], Field(min_length=3, max_length=3)]


class LiquidSystem(System):
    """Which physics."""

    kind: Literal["liquid"] = Field(
        description="the physical system; 'liquid': atoms and rigid molecules with forces of a short range"
    )


class BoxTable(Table):
    """The box, where it does not follow from the start: vectors (lx, 0, 0), (xy, ly, 0), (xz, yz, lz)."""

    lengths: Annotated[Lengths | None, LENGTH] = Field(
        None, description="lx, ly, lz; none: from the lattice, the density or the file"
    )
    tilts: Annotated[Three, LENGTH] = Field([0.0, 0.0, 0.0], description="xy, xz, yz")
    origin: Annotated[Three, LENGTH] = Field([0.0, 0.0, 0.0], description="the box's lower corner")
    periodic: Axes = Field([True, True, True], description="of each axis")


class Types(Table):
    """What the types 0, 1, … of atoms are."""

    masses: Annotated[list[Positive], Quantity("mass")] = Field(
        [1.0], min_length=1, description="mass of an atom of each type"
    )
    names: list[str] = Field([], description="names of the types, for files and figures")
    fractions: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(
        None,
        description="share of each type on a lattice or at random, in exact numbers; none: all of type 0",
    )


class LiquidTime(Time):
    """How far to go, in which steps, with which integrator."""

    integrator: LiquidIntegrator = Field(
        OF_ENSEMBLE,
        description="composition of drift, kick and bath, by name; 'ensemble': the one that the ensemble "
        "is made "
        "for (leapfrog = velocity Verlet for nve, baoab for langevin, obabo for other thermostats)",
    )


class LiquidOutput(Output):
    """What is written, where, how often."""

    thermo_every: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="steps between thermo lines on the terminal and in run.log, rounded to rows of "
        "diagnostics; "
        "none: some twenty in a run",
    )
    snapshots: bool = Field(True, description="write snapshots")
    snapshot_format: Literal["h5md", "lammps_dump", "xyz"] = Field(
        "h5md", description="one trajectory for MDAnalysis and VMD; or text for OVITO, ASE and LAMMPS"
    )
    snapshot_double: bool = Field(False, description="H5MD in double precision, to start from exactly")


class LiquidRun(Run):
    """On which machine part, and for how long."""

    balance: bool = Field(
        True,
        description="on several ranks: move the planes between their blocks when lists are made, where the "
        "busiest rank gains more than 10 %; work is counted in pairs, so that a run can be repeated",
    )


class LiquidLimits(Limits):
    """When a run has failed."""

    energy_error: Annotated[Positive | None, ENERGY] = Field(
        None,
        description="largest allowed |E - E0|/N of the ensemble's conserved quantity per atom [energy]; "
        "none: no "
        "limit",
    )
    temperature: Annotated[Positive | None, Quantity("temperature")] = Field(
        None, description="largest allowed temperature; none: no limit"
    )


class LiquidJob(Job):
    """A whole job file."""

    system: LiquidSystem
    units: Units = Units()
    initial: Initial
    box: BoxTable = BoxTable()
    types: Types = Types()
    molecules: Molecules | None = None
    pairs: PairTable
    ensemble: EnsembleTable = Nve(model="nve")
    time: LiquidTime
    observables: Observables = Observables()
    output: LiquidOutput = LiquidOutput()
    run: LiquidRun = LiquidRun()
    limits: LiquidLimits = LiquidLimits()
