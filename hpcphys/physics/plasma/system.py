"""Plasmas as systems of the compiler: macro-particles that move in the fields that they make.

dx/dt = u/γ,  du/dt = (q/m)(E + v × B)      particles, with the current of their motion
∂B/∂t = -∇×E                                 faraday
∂E/∂t = c² ∇×B - J/ε0                        ampere

The standard leapfrog has x, E and B at whole steps and u at half ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.vlasov_maxwell import VlasovMaxwellStructure
from hpcphys.compiler.system import PhysicalSystem

EQUATION = "H = Σ w m c² (γ - 1) + ε0/2 ∫ E² + c² B²"
ELECTROSTATIC_EQUATION = "H = Σ w m c² (γ - 1) + 1/2 ∫ ρ φ"

LEAPFROG = Composition(
    "leapfrog",
    order=2,
    source="Birdsall & Langdon (1985), section 15-2",
    symmetric=False,  # u is known half a step before x, E and B
    geometric=False,
    sequence=(("particles", 1.0), ("faraday", 0.5), ("ampere", 1.0), ("faraday", 0.5)),
)
"""x and u by a whole step in E(n), B(n); B by half; E by a whole one with B(n+½), J(n+½); B by half."""

ELECTROSTATIC_LEAPFROG = Composition(
    "leapfrog",
    order=2,
    source="Birdsall & Langdon (1985), section 2-3",
    symmetric=False,
    geometric=False,
    sequence=(("particles", 1.0),),
)
"""x and u by a whole step in E(n), which is then that of the new charges."""


def electromagnetic(
    state: State, species: Mapping[str, Any], fields: Any, external: Any, antennas: Sequence[Any] = ()
) -> PhysicalSystem:
    """The system of the module's equations.

    state: "E", "B", "J" as (1, 3, *local) views of the arrays of `fields`
    species: name -> Particles;  fields: Maxwell;  external: ExternalFields;  antennas: what sends waves
    """

    def particles(state: State, dt: float) -> None:
        fields.J[...] = 0.0
        electric, magnetic = external.total(fields.E, fields.B, state.time)
        for each in species.values():
            each.advance(electric, magnetic, fields.J, dt)
        fields.finish_currents()
        for antenna in antennas:
            antenna.drive(state.time + 0.5 * dt)
        for each in species.values():
            each.migrate()

    def faraday(state: State, dt: float) -> None:
        fields.faraday(dt)

    def ampere(state: State, dt: float) -> None:
        fields.ampere(dt)

    pieces = (
        Piece(
            "particles", "dx/dt = u/γ, du/dt = (q/m)(E + v × B), J = Σ q w v S",
            frozenset({"E", "B"}), frozenset({"J"}), particles, role="particles",
        ),
        Piece("faraday", "∂B/∂t = -∇×E", frozenset({"E", "B"}), frozenset({"B"}), faraday, role="faraday"),
        Piece(
            "ampere", "∂E/∂t = c² ∇×B - J/ε0", frozenset({"E", "B", "J"}), frozenset({"E"}), ampere,
            role="ampere",
        ),
    )  # fmt: skip
    return PhysicalSystem(state, pieces, VlasovMaxwellStructure(), equation=EQUATION)


def electrostatic(
    state: State, species: Mapping[str, Any], field: Any, external: Any, magnetic: Any
) -> PhysicalSystem:
    """The system without waves: E is that of the charges at every moment.

    state: "rho" (1, *local) and "E" (1, 3, *local), views of the arrays of `field` (ElectrostaticField)
    magnetic: (3,) a uniform B, or None
    """

    def particles(state: State, dt: float) -> None:
        electric, _ = external.total(field.E, None, state.time)
        field.rho[...] = 0.0
        for each in species.values():
            each.advance_electrostatic(electric, magnetic, field.rho, dt)
        field.finish_charge(field.rho)
        for each in species.values():
            each.migrate()

    piece = Piece(
        "particles", "dx/dt = u/γ, du/dt = (q/m)(E + v × B), ρ = Σ q w S",
        frozenset({"E"}), frozenset({"rho"}), particles, role="particles",
    )  # fmt: skip
    return PhysicalSystem(
        state,
        (piece,),
        VlasovMaxwellStructure(),
        fields=(PoissonField(field),),
        equation=ELECTROSTATIC_EQUATION,
    )


class PoissonField:
    """∇·E = ρ/ε0 as a field of the compiler: rho -> E."""

    name = "poisson"
    reads = frozenset({"rho"})
    writes = frozenset({"E"})
    optional: frozenset[str] = frozenset()
    layout = None

    def __init__(self, field: Any):
        self.field = field

    def evaluate(self, state: State, outputs: frozenset[str] = frozenset()) -> None:
        """E of the present ρ."""
        self.field.solve()
        state["E"] = self.field.E[(None, ..., *self.field.blocks.nodes)]

    def describe(self) -> str:
        """For `explain`."""
        return "∇·E = ρ/ε0, E = -∇φ" if self.field.poisson is not None else "none: E of the particles is 0"
