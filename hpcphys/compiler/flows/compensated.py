"""Flows that keep what rounding takes from a sum: the coordinate is z + carry, finer than z alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sympy

from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.sequence import Sequence
from hpcphys.compiler.flows.update import Update

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer

Carries = Mapping[sympy.Symbol, sympy.Symbol]
"""Coordinate -> its carry."""

OPERATIONS = 7  # of a compensated sum


def increments(code: FlowCode) -> dict[sympy.Symbol, sympy.Expr]:
    """Symbol -> d of every assignment z <- z + d of a flow in closed form; empty for other flows."""
    if isinstance(code, Sequence):
        return {z: d for flow in code.flows for z, d in increments(flow).items()}
    if not isinstance(code, Update):
        return {}
    return {z: value - z for z, value in code.assignments if z in sympy.Add.make_args(value)}


def compensated(code: FlowCode, carries: Carries) -> FlowCode:
    """The flow with compensated sums; what it assigns in another way takes up its carry first.

    carries: of coordinates; those that the flow does not write keep theirs
    """
    if isinstance(code, Sequence):
        return Sequence(tuple(compensated(flow, carries) for flow in code.flows))
    own = {z: c for z, c in carries.items() if z in code.writes}
    return Compensated(code, own, {z: d for z, d in increments(code).items() if z in own}) if own else code


@dataclass(frozen=True)
class Compensated:
    """y = d + c,  s = fl(z + y),  c <- (z + y) - s exactly,  z <- s, for each increment d; c is the carry.

    carries: of all coordinates that the code writes;  increments: of those to which it adds
    The error of the sum comes from Knuth's six operations, right whichever of the two terms is larger.
    Increments are rounded, and evaluated at z: of the errors of a long run theirs are left, smaller by about
    dt.
    Source: Kahan (1965) Commun. ACM 8, 40; Møller (1965) BIT 5, 37; Knuth, TAOCP 2, section 4.2.2, theorem B;
    Hairer, Lubich & Wanner (2006), section VIII.5.
    """

    code: FlowCode
    carries: Carries
    increments: Mapping[sympy.Symbol, sympy.Expr]

    @property
    def normals(self) -> tuple[sympy.Symbol, ...]:
        """The random numbers of the flow."""
        return self.code.normals

    @property
    def reads(self) -> frozenset[sympy.Symbol]:
        """Symbols whose values the flow needs, coordinates that it writes and carries among them."""
        return self.code.reads | self.writes

    @property
    def writes(self) -> frozenset[sympy.Symbol]:
        """What the flow writes, and the carries of that."""
        return self.code.writes | frozenset(self.carries.values())

    @cached_property
    def _update(self) -> Update | None:
        """Increments, and the new values of what is not a sum."""
        if not isinstance(self.code, Update):
            return None
        return Update.of({z: self.increments.get(z, v) for z, v in self.code.assignments}, self.code.normals)

    def emit(self, writer: Writer) -> None:
        """Take up carries of what is not a sum, evaluate everything, then add."""
        for z, c in self.carries.items():
            if z not in self.increments:
                writer.assign((z, c), (f"{writer.variables[z]} + {writer.variables[c]}", "num(0.0)"))
        if self._update is None:
            self.code.emit(writer)
            return
        names = writer.evaluate([v for _, v in self._update.assignments], writer.normals(self.normals))
        for (z, _), name in zip(self._update.assignments, names, strict=True):
            if z in self.increments:
                self._add(writer, z, name)
            else:
                writer.assign([z], [name])

    def _add(self, writer: Writer, z: sympy.Symbol, increment: str) -> None:
        old, carry = writer.variables[z], writer.variables[self.carries[z]]
        y, s, w = writer.fresh("y"), writer.fresh("s"), writer.fresh("w")
        writer.line(f"const num {y} = {increment} + {carry};")
        writer.line(f"const num {s} = {old} + {y};")
        writer.line(f"const num {w} = {s} - {old};", OPERATIONS)
        writer.assign((self.carries[z], z), (f"({old} - ({s} - {w})) + ({y} - {w})", s))

    def apply(self, columns: Mapping[sympy.Symbol, Any], dt: float) -> dict[sympy.Symbol, Any]:
        """The new values and carries, in NumPy."""
        found: dict[sympy.Symbol, Any] = {}
        before = dict(columns)
        for z, c in self.carries.items():
            if z not in self.increments:
                before[z], found[c] = columns[z] + columns[c], 0.0 * columns[c]
        moved = (self._update or self.code).apply(before, dt)
        for z, value in moved.items():
            if z not in self.increments:
                found[z] = value
                continue
            y = value + columns[self.carries[z]]
            s = columns[z] + y
            w = s - columns[z]
            found[z], found[self.carries[z]] = s, (columns[z] - (s - w)) + (y - w)
        return found
