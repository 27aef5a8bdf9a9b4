"""Flows in closed form: z <- f(z, dt), all assignments at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import DT

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer


@dataclass(frozen=True)
class Update:
    """z <- f(z, dt): every symbol of `assignments` gets its expression, evaluated at the old values.

    assignments: (symbol, expression) pairs; expressions hold coordinates, derived arrays, parameters and DT
    normals: symbols in the expressions that stand for standard normal variates, independent of each other and
        drawn anew for each application and each system (flows.noise)
    """

    assignments: tuple[tuple[sympy.Symbol, sympy.Expr], ...]
    normals: tuple[sympy.Symbol, ...] = ()

    @classmethod
    def of(
        cls, assignments: Mapping[sympy.Symbol, sympy.Expr], normals: Iterable[sympy.Symbol] = ()
    ) -> Update:
        """The update of a mapping symbol -> expression."""
        pairs = tuple((symbol, sympy.sympify(value)) for symbol, value in assignments.items())
        return cls(pairs, tuple(normals))

    @cached_property
    def reads(self) -> frozenset[sympy.Symbol]:
        """Symbols that the expressions hold, DT and the normal variates left out."""
        held = frozenset().union(*(value.free_symbols for _, value in self.assignments))
        return held - {DT, *self.normals}

    @cached_property
    def writes(self) -> frozenset[sympy.Symbol]:
        """Symbols that are assigned."""
        return frozenset(symbol for symbol, _ in self.assignments)

    def emit(self, writer: Writer) -> None:
        """Statements: all expressions first, then all assignments."""
        symbols, expressions = zip(*self.assignments, strict=True)
        writer.assign(symbols, writer.evaluate(expressions, writer.normals(self.normals)))

    def apply(self, columns: Mapping[sympy.Symbol, Any], dt: float) -> dict[sympy.Symbol, Any]:
        """The new values, in NumPy.  Shapes follow those of `columns`, which hold the normal variates too."""
        arguments, function = self._function
        values = function(*(columns[symbol] if symbol != DT else dt for symbol in arguments))
        return {
            symbol: np.asarray(value) for (symbol, _), value in zip(self.assignments, values, strict=True)
        }

    @cached_property
    def _function(self) -> tuple[tuple[sympy.Symbol, ...], Any]:
        arguments = (*sorted(self.reads, key=str), *self.normals, DT)
        expressions = [value for _, value in self.assignments]
        return arguments, sympy.lambdify(arguments, expressions, modules="numpy", cse=True)
