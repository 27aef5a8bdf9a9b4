"""Writes the body of a generated kernel: the values of the state as local variables, flows as statements.

A flow's code is given a Writer and says what happens to one system; it happens to every system of the batch, one
per lane. In these words:

    names = writer.evaluate([a + b, a * b])            # expressions -> names of values
    writer.assign([q, p], names)                       # coordinates get values
    x = writer.variable(names[0])                      # a value of the flow's own that may be set again
    with writer.iterate(limit=50) as loop:             # repeated until every system has stopped
        new, size = writer.evaluate([F(X), abs(F(X) - X)], {X: x})
        writer.set([x], [new])                         # changes only systems that still run
        loop.stop(writer.condition(E < 1e-14, {E: size}))
    writer.fail(loop.running, "no convergence in 50 iterations")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.flows import noise
from hpcphys.compiler.native.printer import Printer

Local = dict[sympy.Symbol, str]


@dataclass(frozen=True)
class Loop:
    """An iteration of `Writer.iterate`.  running: name of the mask of systems that have not stopped."""

    writer: Writer
    running: str

    def stop(self, mask: str) -> None:
        """Systems in the mask are done: they keep their values from here on."""
        self.writer.line(f"{self.running} = {self.running} & !{mask};")


class Writer:
    """Collects C++ statements.  A flow's code reads values by their symbols and assigns new ones.

    variables: symbol -> C++ name of each value that moves (coordinates and derived arrays)
    constants: symbol -> C++ name of each value that keeps its value for the whole run (parameters)
    failures: (operation, message) of every `fail`; its code is its place in this list, from 1
    """

    def __init__(self, variables: Local, constants: Local):
        self.variables = variables
        self.constants = constants
        self.lines: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.blocks_drawn = 0
        self._operation = ""
        self._count = 0
        self._dt = ""
        self._running: list[str] = []

    def line(self, text: str) -> None:
        """One statement or comment, as it is."""
        self.lines.append(text)

    def fresh(self, stem: str) -> str:
        """A C++ name that has not been used before."""
        self._count += 1
        return f"{stem}_{self._count}"

    def begin(self, operation: str, dt: str) -> None:
        """From here on statements belong to the operation of that name, and DT stands for the `num` dt."""
        self._operation, self._dt = operation, dt

    def evaluate(self, expressions: Sequence[sympy.Expr], local: Local | None = None) -> list[str]:
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
        """Statements that give coordinates or derived values, by their symbols, new values.

        In an iteration only systems that still run change.
        """
        self.set((self.variables[symbol] for symbol in symbols), values)

    def variable(self, value: str) -> str:
        """A value of the flow's own that begins as `value` and may be `set` again; its name."""
        name = self.fresh("variable")
        self.line(f"num {name} = {value};")
        return name

    def set(self, names: Iterable[str], values: Iterable[str]) -> None:
        """Statements that give variables new values.  In an iteration only systems that still run change."""
        for name, value in zip(names, values, strict=True):
            running = self._running[-1] if self._running else ""
            self.line(f"{name} = where({running}, {value}, {name});" if running else f"{name} = {value};")

    def condition(self, relation: sympy.Basic, local: Local | None = None) -> str:
        """The name of the mask of systems for which a relation (<, <=, >, >=, And, Or, Not) holds.

        A comparison with NaN holds for no system: state a failure as Not(size < tolerance).
        """
        names = {**self.variables, **self.constants, DT: self._dt, **(local or {})}
        printer = Printer(names, lambda symbol: symbol in self.constants or symbol == DT)
        name = self.fresh("mask")
        self.line(f"const lanes {name} = {printer.relation(relation)};")
        return name

    def select(self, mask: str, yes: str, no: str) -> str:
        """The name of a value that is `yes` for systems in the mask and `no` for the others."""
        name = self.fresh("value")
        self.line(f"const num {name} = where({mask}, {yes}, {no});")
        return name

    @contextmanager
    def iterate(self, limit: int) -> Iterator[Loop]:
        """Repeat the statements of the body until every system has stopped, at most `limit` times.

        A system that has stopped keeps its values, whatever others share its vector register: results do
        not depend on the company. After the loop `loop.running` are the systems that never stopped.
        """
        running, index = self.fresh("running"), self.fresh("k")
        outer = self._running[-1] if self._running else "alive"
        self.line(f"lanes {running} = {outer};")
        self.line(f"for (int {index} = 0; {index} < {limit} && any({running}); {index}++) {{")
        self._running.append(running)
        yield Loop(self, running)
        self._running.pop()
        self.line("}")

    def fail(self, mask: str, message: str) -> None:
        """Systems in the mask cannot go on: the first failure of each is recorded, and it moves no more.

        It keeps the state that it had when the step began. The program raises OperationError with the name of
        the operation, the message, the system, the step and the time.
        """
        self.failures.append((self._operation, message))
        self.line(f"fail({mask}, {len(self.failures)}, first_step + s, alive, status);")

    def normals(self, symbols: Sequence[sympy.Symbol]) -> Local:
        """Names of standard normal variates, one for each symbol, drawn for this application of the flow."""
        names = [self.fresh("normal") for _ in range(2 * noise.blocks(len(symbols)))]
        for first, second in zip(names[::2], names[1::2], strict=True):
            self.line(f"num {first}, {second};")
            draw = f"seed, first_row + i, first_step + s, {self.blocks_drawn}"
            self.line(f"normal_pair({draw}, {first}, {second});")
            self.blocks_drawn += 1
        return dict(zip(symbols, names, strict=False))
