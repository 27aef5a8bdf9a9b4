"""A physical system: a state, the pieces of its generator, its structure, and the fields that pieces need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import Structure


@runtime_checkable
class Layout(Protocol):
    """Who owns which rows. `exchange` re-orders and migrates every array of the state together."""

    def exchange(self, state: State) -> None: ...

    def describe(self) -> str: ...


@runtime_checkable
class Field(Protocol):
    """Computes derived arrays from others, across ranks: an acceleration from positions and masses.

    reads -> writes always; the arrays in `optional` only when they are asked for by name.
    `layout` (or None) says where the rows must be before an evaluation.
    """

    name: str
    reads: frozenset[str]
    writes: frozenset[str]
    optional: frozenset[str]
    layout: Any

    def evaluate(self, state: State, outputs: frozenset[str] = frozenset()) -> None: ...

    def describe(self) -> str: ...


@dataclass(frozen=True)
class PhysicalSystem:
    """dz/dt = L(z) grad H(z) with H split into pieces.

    state: the state z
    pieces: in the order of the splitting H = A + B + ...; for H = T + V: (drift, kick)
    structure: L(z); says what a reversal of time does to the state
    fields: what computes the derived arrays that pieces read
    quadratic_kinetic: T is quadratic in the momenta (and V depends on the positions alone), so that
        Runge-Kutta-Nyström compositions keep their order
    equation: H, as text for `explain`
    coordinates: of a system that is stated as expressions (expressions.Coordinates), or None
    parameters: values that serve all systems of a batch, by name; those with a row per system are arrays of
        the state
    hamiltonian: H as an expression, or None
    splitting: how the pieces were found (splitting.Splitting), or None
    constraints: what holds g(q) = 0 (constraints.BondConstraints or HolonomicConstraints), or None
    carries: variables carry_<name> of compensated sums (compensate.compensate)
    synchronise: synchronise(state) completes flows that are still due, for engines that merge flows across
        steps; programs call it before anyone looks at the state
    """

    state: State
    pieces: tuple[Piece, ...]
    structure: Structure
    fields: tuple[Any, ...] = ()
    quadratic_kinetic: bool = False
    equation: str = ""
    coordinates: Any = None
    parameters: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hamiltonian: Any = None
    splitting: Any = None
    constraints: Any = None
    carries: tuple[Any, ...] = ()
    synchronise: Callable[[State], None] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "pieces", tuple(self.pieces))
        object.__setattr__(self, "fields", tuple(self.fields))
        names = [item.name for item in (*self.pieces, *self.fields)]
        if len(set(names)) != len(names):
            raise ValueError(f"pieces and fields of a system need different names; found {', '.join(names)}")
        derived = self.derived()
        known = {*self.state.names(), *derived, *self.parameters}
        for piece in self.pieces:
            missing = sorted(piece.reads - known)
            if missing:
                raise ValueError(
                    f"piece {piece.name!r} reads {', '.join(missing)}, which the state does not hold and no "
                    f"field computes; the state holds {', '.join(self.state.names())}"
                )

    def derived(self) -> dict[str, Any]:
        """Name of each derived array -> the field that writes it."""
        return {name: field for field in self.fields for name in field.writes}

    def fields_for(self, outputs: Sequence[str] | frozenset[str]) -> dict[str, frozenset[str]]:
        """Field name -> which of `outputs` it computes.  Raises ValueError for an unknown output."""
        wanted: dict[str, frozenset[str]] = {}
        for field in self.fields:
            own = frozenset(outputs) & (frozenset(field.optional) | frozenset(field.writes))
            if own:
                wanted[field.name] = own
        unknown = frozenset(outputs) - frozenset().union(*wanted.values())
        if unknown:
            allowed = sorted({name for field in self.fields for name in (*field.optional, *field.writes)})
            raise ValueError(
                f"no field computes {', '.join(sorted(unknown))}; "
                f"allowed outputs: {', '.join(allowed) or 'none'}"
            )
        return wanted
