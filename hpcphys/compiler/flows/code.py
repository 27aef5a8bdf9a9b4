"""What a flow in symbols offers: statements for the native kernel, and itself in NumPy as the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import sympy

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer


class FlowCode(Protocol):
    """A flow over the time DT, in symbols of coordinates, derived arrays and parameters."""

    @property
    def normals(self) -> tuple[sympy.Symbol, ...]:
        """Symbols that stand for standard normal variates, drawn for each application; () for most flows."""

    @property
    def reads(self) -> frozenset[sympy.Symbol]:
        """Symbols whose values the flow needs, DT left out."""

    @property
    def writes(self) -> frozenset[sympy.Symbol]:
        """Symbols that the flow changes."""

    def emit(self, writer: Writer) -> None:
        """Write the statements that move the writer's variables by the flow over the writer's dt."""

    def apply(self, columns: Mapping[sympy.Symbol, Any], dt: float) -> dict[sympy.Symbol, Any]:
        """The new values of what the flow writes, in NumPy.

        columns: symbol -> (systems,) array, or a number that serves all systems; those of `normals` included
        """
