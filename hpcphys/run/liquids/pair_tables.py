"""The [pairs] table: one class for each potential between pairs of atoms."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hpcphys.run.job import NonNegative, Positive, Table
from hpcphys.run.units import Quantity

FORMS = "a number, a list with one number for each type, or a matrix (a list of rows) for each pair of types"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def per_type(value: Any) -> Any:
    """The value, if it is a number, a list of numbers, or a square list of lists.  Raises ValueError."""
    if _is_number(value):
        return value
    if isinstance(value, list) and value:
        if all(_is_number(entry) for entry in value):
            return value
        rows = [row for row in value if isinstance(row, list) and len(row) == len(value)]
        if len(rows) == len(value) and all(_is_number(entry) for row in rows for entry in row):
            return value
    raise ValueError(FORMS)


PerType = Annotated[float | list[float] | list[list[float]], BeforeValidator(per_type)]
Energies = Annotated[PerType, Quantity("energy")]
Lengths = Annotated[PerType, Quantity("length")]
Length = Annotated[Positive, Quantity("length")]
OptionalLength = Annotated[Positive | None, Quantity("length")]


class Pairs(Table):
    """Keys of every potential."""

    cutoff: Length = Field(description="pairs farther apart do not meet [length]")
    buffer: OptionalLength = Field(
        None, description="how much farther the list of pairs reaches; none: 0.12 of the cutoff"
    )
    rebuild_every: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="make the list anew after so many evaluations and not before (LAMMPS: every N check no): "
        "pairs are missed where atoms have moved by more than half the buffer, such lists are counted as "
        "dangerous; none: as soon as some atom has moved by half the buffer, no pair is missed",
    )
    precision: Literal["mixed", "double"] = Field(
        "mixed", description="single-precision pairs about local origins with double sums, or all in double"
    )


class Ended(Pairs):
    """Keys of potentials that end at the cutoff in a chosen way."""

    shift: Literal["none", "potential", "force", "switch"] = Field(
        "none",
        description="how the potential ends: cut; its value, or its force too, shifted to 0; a smooth switch",
    )
    switch_from: OptionalLength = Field(None, description="where shift = 'switch' begins [length]")


class Mixed(Ended):
    """Keys of potentials with an energy and a length for each type."""

    epsilon: Energies = Field(1.0, description=f"depth ε: {FORMS}")
    sigma: Lengths = Field(1.0, description=f"length σ: {FORMS}")
    mixing: Literal["lorentz_berthelot", "geometric", "explicit"] = Field(
        "lorentz_berthelot", description="rule for unlike types; 'explicit': matrices are given"
    )


class LennardJones(Mixed):
    """E = 4 ε [(σ/r)¹² - (σ/r)⁶]."""

    model: Literal["lennard_jones"]
    tail: bool = Field(
        True, description="with shift = 'none': energy and pressure get their long-range corrections"
    )


class Wca(Pairs):
    """Lennard-Jones + ε up to its minimum 2^(1/6) σ, 0 beyond: purely repulsive."""

    model: Literal["wca"]
    cutoff: OptionalLength = Field(None, description="none: 2^(1/6) times the largest σ [length]")
    buffer: OptionalLength = Field(
        None, description="how much farther the list of pairs reaches; none: 0.3 of the cutoff"
    )
    epsilon: Energies = Field(1.0, description=f"ε: {FORMS}")
    sigma: Lengths = Field(1.0, description=f"σ: {FORMS}")
    mixing: Literal["lorentz_berthelot", "geometric", "explicit"] = Field(
        "lorentz_berthelot", description="rule for unlike types; 'explicit': matrices are given"
    )


class Morse(Ended):
    """E = D [exp(-2 a (r - r₀)) - 2 exp(-a (r - r₀))]."""

    model: Literal["morse"]
    depth: Energies = Field(1.0, description=f"D: {FORMS}")
    a: PerType = Field(1.0, description="a [1/length]")
    r0: Lengths = Field(1.0, description="r₀ [length]")


class Buckingham(Ended):
    """E = A exp(-B r) - C/r⁶."""

    model: Literal["buckingham"]
    A: Energies = Field(description=f"A [energy]: {FORMS}")
    B: PerType = Field(description="B [1/length]")
    C: PerType = Field(description="C [energy length⁶]")


class SoftCore(Mixed):
    """E = 4 ε λ [1/q² - 1/q], q = α (1 - λ)² + (r/σ)⁶: finite where atoms overlap, for λ < 1."""

    model: Literal["soft_core"]
    coupling: Annotated[float, Field(ge=0, le=1)] = Field(description="λ: 1 is Lennard-Jones, 0 nothing")
    alpha: NonNegative = Field(0.5, description="α")


class Tabulated(Ended):
    """E(r) from a table, between whose rows it is interpolated."""

    model: Literal["table"]
    path: str = Field(
        min_length=1,
        description="text file with columns r, E, -dE/dr (lines that begin with # are passed over), relative "
        "to the job file",
    )


class Stated(Ended):
    """E(r) as an expression of r and of parameters that depend on the types."""

    model: Literal["expression"]
    expression: str = Field(min_length=1, description="E(r), such as '4*eps*((s/r)^12 - (s/r)^6)'")
    parameters: dict[str, PerType] = Field({}, description=f"parameters by name: {FORMS}")


PairTable = Annotated[
    LennardJones | Wca | Morse | Buckingham | SoftCore | Tabulated | Stated, Field(discriminator="model")
]
