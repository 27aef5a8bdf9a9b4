"""The schema of job files of systems that are stated as expressions: [system] kind = "hamiltonian"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from hpcphys.compiler.compositions import composition_names
from hpcphys.run.job import Job, Positive, System, Table, Time

IMPLICIT = ("midpoint", "discrete_gradient", "spherical_midpoint")
"""Methods of the whole system at once, for what cannot be split."""


Entry = int | Annotated[float, Field(allow_inf_nan=False)] | str
Value = Entry | list[Entry]
Matrix = list[list[Entry]]
PerMomentum = Entry | list[Entry] | dict[str, Entry | list[Entry]]

STRUCTURES = (
    "canonical", "so3", "se3", "poisson", "vortices", "lotka_volterra", "quantum", "contact", "friction",
    "langevin", "ornstein_uhlenbeck", "nose_hoover", "generic", "product",
)  # fmt: skip

if TYPE_CHECKING:  # a type checker cannot know names that are found when the program runs
    Integrator = str
    Splitting = str
    StructureName = str
else:
    Integrator = Literal[(*composition_names(), *IMPLICIT)]
    Splitting = Literal[("auto", "exact", "separable", "pieces", *IMPLICIT)]
    StructureName = Literal[STRUCTURES]


class HamiltonianSystem(System):
    """Which physics."""

    kind: Literal["hamiltonian"] = Field(
        description="the physical system; 'hamiltonian': dz/dt = J(z) grad H(z), stated as expressions"
    )


class Hamiltonian(Table):
    """The system: a structure, its variables, and H as an expression; or a system of the zoo by its name."""

    system: str | None = Field(
        None, description="a system of the zoo by name (docs/zoo.md), instead of expression"
    )
    structure: StructureName = Field("canonical", description="the geometry: how grad H becomes a motion")
    variables: list[str] = Field([], description='what moves: "x" is a number, "q[3]" a vector')
    expression: str | dict[str, str] | None = Field(
        None, description="H, or a table of named terms whose sum is H"
    )
    parameters: dict[str, Value] = Field(
        {},
        description="numbers and lists by name; a text is an expression of i, the index of the system in "
        "the batch; of a system of the zoo, those that differ from its defaults",
    )
    definitions: dict[str, str] = Field(
        {}, description="named sub-expressions; each may use the ones before it"
    )
    conserved: dict[str, str] = Field(
        {}, description="expressions that are conserved besides energy and Casimirs; their errors are watched"
    )
    splitting: Splitting = Field(
        "auto",
        description="how H is split into flows; 'auto' finds parts with exact flows, the implicit methods "
        "move all of it at once",
    )
    constraints: list[str] = Field([], description="holonomic constraints: expressions that stay zero")
    tolerance: Positive = Field(1e-12, description="how exactly constraints and implicit equations are met")
    project_every: int = Field(1, ge=1, description="steps between projections of the momenta")
    pairs: list[list[str]] | None = Field(
        None, description="(position, momentum) names where they do not tell; canonical and relatives"
    )
    matrix: Matrix | None = Field(
        None, description="poisson: J(z), one row for each component; lotka_volterra: A"
    )
    casimirs: dict[str, str] | None = Field(None, description="poisson: C(z) with J grad C = 0, by name")
    reversal: dict[str, str] | None = Field(
        None, description="poisson: component -> its image when time is reversed"
    )
    momentum: str | None = Field(None, description="so3, se3: name of the angular momentum")
    vectors: list[str] | None = Field(None, description="se3: names of the vectors that are fixed in space")
    circulation: Value | None = Field(
        None, description="vortices: strength of each, or the name of a vector parameter"
    )
    real: Matrix | None = Field(None, description="quantum: real part of the operator H")
    imaginary: Matrix | None = Field(None, description="quantum: imaginary part of the operator H")
    action: str | None = Field(None, description="contact: name of the action, by default s")
    friction: PerMomentum | None = Field(
        None, description="langevin, friction: rate of damping, for all momenta or each"
    )
    temperature: Entry | None = Field(None, description="langevin, nose_hoover: kT")
    masses: PerMomentum | None = Field(
        None, description="langevin, friction: mass of each momentum, by default 1"
    )
    length: int | None = Field(None, ge=1, description="nose_hoover: thermostats in the chain")
    chain_masses: Value | None = Field(None, description="nose_hoover: masses of the thermostats")
    period: Entry | None = Field(None, description="nose_hoover: period of the thermostats")
    degrees: int | None = Field(None, ge=1, description="nose_hoover: momenta that hold kT/2 each")
    L: Matrix | None = Field(None, description="generic: the antisymmetric matrix")
    M: Matrix | None = Field(None, description="generic: the friction matrix")
    entropy: str | None = Field(None, description="generic: S(z); the expression is the energy")
    positive: list[str] | None = Field(None, description="generic: variables that are positive")
    factors: list[dict[str, Any]] | None = Field(
        None, description="product: tables with name, variables and options of each factor"
    )


OPTIONS = (
    "pairs", "matrix", "casimirs", "reversal", "momentum", "vectors", "circulation", "real", "imaginary",
    "action", "friction", "temperature", "masses", "length", "chain_masses", "period", "degrees", "L", "M",
    "entropy", "positive", "factors",
)  # fmt: skip
"""Keys of [hamiltonian] that belong to a structure."""


class InitialStates(Table):
    """Where the systems of the batch begin.

    Entries are numbers or expressions: of the parameters, of i (0, 1, ...; the system's index), of `systems`,
    and of `normal` and `uniform`, which draw a new random number for each entry and each system.
    """

    values: dict[str, Value] = Field(
        {}, description="variable -> its number or components; of the zoo, those that differ from its own"
    )
    definitions: dict[str, str] = Field(
        {}, description="named sub-expressions that several values share, drawn once for each system"
    )
    systems: int = Field(1, ge=1, description="number of independent systems in the batch")
    seed: int = Field(1, ge=0, lt=2**63, description="seed of normal and uniform, and of the noise")


class Observables(Table):
    """What is watched besides energy and conserved quantities."""

    expressions: dict[str, str] = Field(
        {}, description="name -> expression in variables, parameters and definitions"
    )
    trajectories: int | None = Field(
        None,
        ge=0,
        description="how many systems have their coordinates in every row of diagnostics; none: 1 of 1",
    )


class HamiltonianTime(Time):
    """How far to go, in which steps, with which integrator."""

    integrator: Integrator = Field(
        "leapfrog", description="composition of the flows of the parts, or a method of the whole, by name"
    )
    compensated: bool = Field(
        False, description="keep what rounding takes from sums z + increment in carries: for very long runs"
    )


class HamiltonianJob(Job):
    """A whole job file."""

    system: HamiltonianSystem
    hamiltonian: Hamiltonian
    initial: InitialStates = InitialStates()
    observables: Observables = Observables()
    time: HamiltonianTime
