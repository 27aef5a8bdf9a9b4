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


Operation = Flow | Evaluate | Exchange | ChooseStep
