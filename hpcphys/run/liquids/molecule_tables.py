"""The [molecules] table: one class for each shape of rigid molecules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hpcphys.run.job import Positive, Table
from hpcphys.run.units import Quantity

Length = Annotated[Positive, Quantity("length")]
Type = Annotated[int, Field(ge=0)]
Pair = Annotated[list[Type], Field(min_length=2, max_length=2)]


class Molecule(Table):
    """Keys of every shape.  Bonds are rigid: SETTLE for three sites, SHAKE and RATTLE for all else."""

    tolerance: Positive = Field(1e-12, description="largest relative error of a length (SETTLE is exact)")
    exclude: Literal["molecule", "bonds", "none"] = Field(
        "molecule", description="which pairs within a molecule have no pair force"
    )


class DumbBell(Molecule):
    """Two atoms at a fixed distance."""

    model: Literal["dumb_bell"]
    length: Length = Field(description="their distance")
    types: Annotated[list[Type], Field(min_length=2, max_length=2)] = Field([0, 0], description="their types")


class ThreeSite(Molecule):
    """An apex with two equal bonds and a fixed angle: the shape of water."""

    model: Literal["three_site"]
    length: Length = Field(description="length of the two bonds")
    angle: Annotated[float, Field(gt=0, lt=180)] = Field(109.47, description="angle between them in degrees")
    types: Annotated[list[Type], Field(min_length=3, max_length=3)] = Field(
        [0, 1, 1], description="types of the apex and of the other two"
    )


class Chain(Molecule):
    """Atoms in a row, bonds of one length, angles free."""

    model: Literal["chain"]
    atoms: Annotated[int, Field(ge=2, le=32)] = Field(description="atoms of a chain")
    length: Length = Field(description="length of every bond")
    angle: Annotated[float, Field(gt=0, le=180)] = Field(
        112.0, description="angle of the zigzag at the start, in degrees"
    )
    type: Type = Field(0, description="type of its atoms")
    exclude: Literal["molecule", "bonds", "none"] = Field(
        "bonds", description="which pairs within a molecule have no pair force"
    )


class Rigid(Molecule):
    """Molecules of a file whose atoms, in the order of their ids, have these types and rigid bonds."""

    model: Literal["rigid"]
    types: list[Type] = Field(min_length=2, description="type of each atom, in the order of the ids")
    bonds: list[Pair] = Field(min_length=1, description="pairs of atoms, counted from 0")
    lengths: list[Length] = Field(min_length=1, description="length of each bond")


Molecules = Annotated[DumbBell | ThreeSite | Chain | Rigid, Field(discriminator="model")]
