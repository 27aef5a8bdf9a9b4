"""The [initial] table of liquids: one class for each way to begin."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import NonNegative, Positive, Table
from hpcphys.run.units import Quantity

Count = Annotated[int, Field(ge=1)]
Three = Annotated[list[Count], Field(min_length=3, max_length=3)]
Density = Annotated[Positive | None, Quantity("number density")]
MassDensity = Annotated[Positive | None, Quantity("mass density")]
LatticeKind = Literal["sc", "bcc", "fcc", "hcp", "diamond"]


class Beginning(Table):
    """Keys of every beginning."""

    temperature: Annotated[NonNegative | None, Quantity("temperature")] = Field(
        None,
        description="velocities are drawn for it and then scaled to it exactly; none: at rest, or as in "
        "the file",
    )
    seed: int = Field(
        1, ge=0, lt=2**63, description="of positions, orientations and velocities; the same for any ranks"
    )
    remove_drift: bool = Field(
        True,
        description="take the velocity of the centre of mass away, where the ensemble keeps the total "
        "momentum; false: it stays, and counts as heat",
    )
    minimise: Literal["none", "fire", "lbfgs"] = Field(
        "none", description="go downhill before velocities are drawn: FIRE 2.0 or L-BFGS"
    )
    minimise_force: Annotated[Positive | None, Quantity("force")] = Field(
        None,
        description="until no atom has a larger force; none: a tenth of the largest between 0.36 and 1 "
        "cutoffs, enough to begin a liquid",
    )
    minimise_steps: Count = Field(2000, description="at most so many steps of minimisation")


class OnLattice(Beginning):
    """Atoms on the sites of a lattice; the box follows from its cells and the density."""

    model: Literal["lattice"]
    lattice: LatticeKind = Field("fcc", description="sites of the conventional cell")
    cells: Three | None = Field(None, description="numbers of conventional cells along x, y, z")
    atoms: Count | None = Field(
        None, description="instead of cells: at least so many atoms, in the most cubic box that holds them"
    )
    density: Density = Field(None, description="atoms per volume; this or mass_density")
    mass_density: MassDensity = Field(None, description="instead of density: mass per volume")


class AtRandom(Beginning):
    """Atoms anywhere in the box, pushed apart before they meet the potential."""

    model: Literal["random"]
    atoms: Count = Field(description="number of atoms")
    density: Density = Field(
        None, description="atoms per volume of a cube; none: mass_density, or the box of [box] lengths"
    )
    mass_density: MassDensity = Field(None, description="instead of density: mass per volume")
    closest: Annotated[Positive | None, Quantity("length")] = Field(
        None,
        description="atoms are first pushed apart to about this distance by a soft repulsion; none: 0.8 of "
        "the potential's own length",
    )
    minimise: Literal["none", "fire", "lbfgs"] = Field(
        "fire", description="go downhill in the potential afterwards: FIRE 2.0 or L-BFGS"
    )


class OfMolecules(Beginning):
    """Molecules of [molecules], centres of mass on a lattice, turned at random."""

    model: Literal["molecules"]
    lattice: LatticeKind = Field("fcc", description="sites of the conventional cell")
    cells: Three | None = Field(None, description="numbers of conventional cells along x, y, z")
    molecules: Count | None = Field(
        None,
        description="instead of cells: at least so many molecules, in the most cubic box that holds them",
    )
    density: Density = Field(None, description="molecules per volume; this or mass_density")
    mass_density: MassDensity = Field(None, description="instead of density: mass per volume")
    turned: bool = Field(True, description="orientations at random; false: all as the template lies")


class FromFile(Beginning):
    """Atoms of a file: LAMMPS data or dump, extended XYZ, or H5MD (as snapshots of this program)."""

    model: Literal["file"]
    path: str = Field(min_length=1, description="the file, relative to the job file")
    format: Literal["auto", "lammps_data", "lammps_dump", "xyz", "h5md"] = Field(
        "auto", description="'auto': by its name: .data .lmp, .dump .lammpstrj, .xyz .extxyz, .h5 .h5md"
    )
    frame: int = Field(-1, description="which frame of a trajectory; -1 is the last")
    replicate: Three = Field([1, 1, 1], description="so many copies side by side along a, b, c")


Initial = Annotated[OnLattice | AtRandom | OfMolecules | FromFile, Field(discriminator="model")]
