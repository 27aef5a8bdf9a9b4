"""Writes the body of a generated kernel: the values of the state as local variables, flows as statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.native.printer import Printer


class Writer:
    """Collects C++ statements.  A flow's code reads values by their symbols and assigns new ones.

    variables: symbol -> C++ name of each value that moves (coordinates and derived arrays)
    constants: symbol -> C++ name of each value that keeps its value for the whole run (parameters)
    """

    def __init__(self, variables: dict[sympy.Symbol, str], constants: dict[sympy.Symbol, str]):
        self.variables = variables
        self.constants = constants
        self.lines: list[str] = []
        self._count = 0
        self._dt = ""

    def line(self, text: str) -> None:
        """One statement or comment, as it is."""
        self.lines.append(text)

    def fresh(self, stem: str) -> str:
        """A C++ name that has not been used before."""
        self._count += 1
        return f"{stem}_{self._count}"

    def use_dt(self, name: str) -> None:
        """From here on DT stands for the `num` of that name."""
        self._dt = name

    def evaluate(
        self, expressions: Sequence[sympy.Expr], local: dict[sympy.Symbol, str] | None = None
    ) -> list[str]:
        """Statements that evaluate the expressions together, common parts once; the names of their values.

        local: names of further symbols, such as the random numbers of this flow
        """
        names = {**self.variables, **self.constants, DT: self._dt, **(local or {})}
        printer = Printer(names, lambda symbol: symbol in self.constants or symbol == DT)
        symbols = (sympy.Symbol(self.fresh("common")) for _ in iter(int, 1))
        common, reduced = sympy.cse(list(expressions), symbols=symbols)
        for symbol, value in common:
            self.line(f"const num {symbol.name} = {printer(value)};")
            names[symbol] = symbol.name
        results = []
        for value in reduced:
            name = self.fresh("value")
            self.line(f"const num {name} = {printer(value)};")
            results.append(name)
        return results

    def assign(self, symbols: Iterable[sympy.Symbol], values: Iterable[str]) -> None:
        """Statements that give the symbols new values, by C++ names."""
        for symbol, value in zip(symbols, values, strict=True):
            self.line(f"{self.variables[symbol]} = {value};")
