"""Flows that commute, one after the other: together the exact flow of their sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sympy

from hpcphys.compiler.flows.code import FlowCode

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer


@dataclass(frozen=True)
class Sequence:
    """phi_n(dt) ... phi_1(dt).  flows: in the order of application."""

    flows: tuple[FlowCode, ...]

    @property
    def normals(self) -> tuple[sympy.Symbol, ...]:
        """The random numbers of all flows."""
        return tuple(symbol for flow in self.flows for symbol in flow.normals)

    @property
    def reads(self) -> frozenset[sympy.Symbol]:
        """Symbols whose values any of the flows needs."""
        return frozenset().union(*(flow.reads for flow in self.flows))

    @property
    def writes(self) -> frozenset[sympy.Symbol]:
        """Symbols that any of the flows changes."""
        return frozenset().union(*(flow.writes for flow in self.flows))

    def emit(self, writer: Writer) -> None:
        """The statements of one flow after those of the other."""
        for flow in self.flows:
            flow.emit(writer)

    def apply(self, columns: Mapping[sympy.Symbol, Any], dt: float) -> dict[sympy.Symbol, Any]:
        """The new values, in NumPy."""
        now: dict[sympy.Symbol, Any] = dict(columns)
        moved: dict[sympy.Symbol, Any] = {}
        for flow in self.flows:
            new = flow.apply(now, dt)
            now |= new
            moved |= new
        return moved
