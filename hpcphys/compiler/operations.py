"""Operations: the immutable instructions of a program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State


@dataclass(frozen=True)
class Flow:
    """Move the state by the flow of a piece over coefficient * dt.

    gradient: g; unless 0 it is the flow of a modified potential, piece.gradient_flow(state, coefficient * dt,
        gradient * dt³)
    """

    piece: Piece
    coefficient: float
    gradient: float = 0.0

    @property
    def name(self) -> str:
        return self.piece.name

    @property
    def reads(self) -> frozenset[str]:
        return self.piece.reads | self.piece.gradient_reads if self.gradient else self.piece.reads

    @property
    def writes(self) -> frozenset[str]:
        return self.piece.writes

    def run(self, state: State, dt: float) -> None:
        """Move the state by this part of the step dt [time]."""
        if self.gradient:
            assert self.piece.gradient_flow is not None  # the pass `compose` has seen to it
            self.piece.gradient_flow(state, self.coefficient * dt, self.gradient * dt**3)
        else:
            self.piece.flow(state, self.coefficient * dt)


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a field: fill its derived arrays from the present state."""

    field: Any

    @property
    def name(self) -> str:
        return self.field.name

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self.field.reads)

    @property
    def writes(self) -> frozenset[str]:
        return frozenset(self.field.writes)


@dataclass(frozen=True)
class Exchange:
    """Bring every row to the rank that a layout names. Moves all arrays together and changes no value."""

    layout: Any

    name = "exchange"
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ChooseStep:
    """Choose dt of this step from the synchronised state."""

    controller: Any

    name = "choose_step"
    writes: frozenset[str] = frozenset()

    @property
    def reads(self) -> frozenset[str]:
        return frozenset(self.controller.reads)


@dataclass(frozen=True)
class Project:
    """Bring the state back onto its constraints g(q) = 0.

    what: "reference": remember the positions, along whose gradients of g the next projection acts;
        "positions": SHAKE, for a drift over coefficient * dt since then;  "momenta": RATTLE
    With constraints.project_every = n > 1 it runs in every n-th step alone.
    """

    constraints: Any
    what: str
    coefficient: float = 0.0

    @property
    def name(self) -> str:
        return {"reference": "remember", "positions": "shake", "momenta": "rattle"}[self.what]

    @property
    def reads(self) -> frozenset[str]:
        own = self.constraints
        momenta = frozenset() if self.what == "reference" else own.momenta
        return own.positions | momenta | own.parameters | (self.writes & own.reference)

    @property
    def writes(self) -> frozenset[str]:
        own = self.constraints
        if self.what == "reference":
            return own.reference
        return own.momenta if self.what == "momenta" else own.positions | own.momenta

    @property
    def code(self) -> Any:
        """The projection in symbols, or None."""
        return self.constraints.code(self.what) if self.constraints.project_every == 1 else None

    def run(self, state: State, dt: float) -> None:
        """Project, if the projection is due in this step."""
        every = self.constraints.project_every
        if (state.step + (self.what != "reference")) % every:
            return
        if self.what == "reference":
            self.constraints.remember(state)
        elif self.what == "positions":
            self.constraints.project_positions(state, self.coefficient * every * dt)
        else:
            self.constraints.project_momenta(state)


Operation = Flow | Evaluate | Exchange | ChooseStep | Project
