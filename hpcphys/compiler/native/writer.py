"""Writes the body of a generated kernel: the values of the state as local variables, flows as statements.

A flow's code is given a Writer and says what happens to one system; it happens to every system of the batch,
one per lane. In these words:

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

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.flows import noise
from hpcphys.compiler.native.graph import Graph
from hpcphys.compiler.native.share import share
from hpcphys.compiler.native.statements import Statement, Statements

Local = dict[sympy.Symbol, str]
CHUNK = 400
"""Statements of one evaluation beyond which the C++ compiler gets them as functions of this many each: its
time grows faster than their number."""


VALUE = re.compile(r"\bv_\d+\b")


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
    outlined: write flows as functions of dt, for large programs: values live in arrays, which functions share
    dt_varies: whether the dt of a flow is known only where the flow is called, or before the steps
    hoist: statements before the steps, of values that do not change;  count: operations written so far
    failures: (operation, message) of every `fail`; its code is its place in this list, from 1
    """

    def __init__(self, variables: Local, constants: Local, outlined: bool = False):
        self.variables = variables
        self.constants = constants
        self.outlined = outlined
        self.dt_varies = outlined
        self.lines: list[str] = []
        self.hoist: list[str] = []
        self.failures: list[tuple[str, str]] = []
        self.blocks_drawn = 0
        self.count = 0
        self._first_block = ""
        self._spare: list[str] = []  # variates that the present flow has drawn and not used
        self._hoisted: dict[str, str] = {}
        self._operation = ""
        self._names = 0
        self._dt = ""
        self._running: list[str] = []

    def line(self, text: str, weight: int = 0) -> None:
        """One statement or comment, as it is; weight: operations that it stands for."""
        self.lines.append(text)
        self.count += weight

    def fresh(self, stem: str) -> str:
        """A C++ name that has not been used before."""
        if stem == "h" and self.outlined:
            return f"h[{len(self.hoist)}]"
        self._names += 1
        return f"{stem}_{self._names}"

    def begin(self, operation: str, dt: str, first_block: str = "") -> None:
        """From here on statements belong to the operation of that name, and DT stands for the `num` dt.

        first_block: C++ name of the number of random blocks that the step has drawn before, in a function
        """
        if self.outlined:
            self.blocks_drawn = 0
        self._operation, self._dt, self._first_block = operation, dt, first_block
        self._spare = []

    def evaluate(self, expressions: Sequence[sympy.Expr], local: Local | None = None) -> list[str]:
        """Statements that evaluate the expressions together, common parts once; the names of their values.

        local: names of further symbols, such as the random numbers of this flow
        """
        return self._evaluated(expressions, local)

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

        A comparison with NaN holds for no system: let those fail that are not in the mask of success
        (`complement`), not those whose error is large.
        """
        return self._evaluated([relation], local)[0]

    def complement(self, mask: str) -> str:
        """The name of the mask of systems that are not in the mask."""
        name = self.fresh("mask")
        self.line(f"const lanes {name} = !{mask};")
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
        self._spare = []  # drawn inside the braces
        self.line("}")

    def fail(self, mask: str, message: str) -> None:
        """Systems in the mask cannot go on: the first failure of each is recorded, and it moves no more.

        It keeps the state that it had when the step began. The program raises OperationError with the name of
        the operation, the message, the system, the step and the time.
        """
        self.failures.append((self._operation, message))
        self.line(f"fail({mask}, {len(self.failures)}, first_step + s, alive, status);")

    def normals(self, symbols: Sequence[sympy.Symbol]) -> Local:
        """Names of standard normal variates, one for each symbol, drawn for this application of the flow.

        A flow of several parts takes them in one row, as the reference does: no part leaves one unused.
        """
        wanted = len(symbols) - len(self._spare)
        if wanted > 0:
            self._draw(noise.blocks(wanted))
        names, self._spare = self._spare[: len(symbols)], self._spare[len(symbols) :]
        return dict(zip(symbols, names, strict=True))

    def _draw(self, count: int) -> None:
        """Statements that draw so many blocks of two variates each."""
        array = self.fresh("normal")
        self.line(f"num {array}[{2 * count}];")
        for k in range(count):
            block = " + ".join(filter(None, (self._first_block, str(self.blocks_drawn + k))))
            pair = f"{array}[{2 * k}], {array}[{2 * k + 1}]"
            self.line(f"normal_pair(seed, first_row + i, first_step + s, {block}, {pair});", 100)
        self.blocks_drawn += count
        self._spare += [f"{array}[{k}]" for k in range(2 * count)]

    def _evaluated(self, expressions: Sequence[sympy.Basic], local: Local | None) -> list[str]:
        """Statements for expressions or relations; names of results that later assignments do not change."""
        names = {**self.variables, **self.constants, DT: self._dt, **(local or {})}
        graph = Graph(names, lambda symbol: symbol in self.constants or (symbol == DT and not self.dt_varies))
        references = graph.add(expressions)
        share(graph, references)
        made = Statements(graph, references, self.fresh, self._hoisted, self._hoist)
        own = {statement.name for statement in made.moving}
        results = []
        for text, reference in zip(made.results, references, strict=True):
            if text in own or (graph.fixed[abs(reference)] and reference > 0):
                results.append(text)
                continue
            results.append(self.fresh("v"))  # a copy: the variable itself may be assigned
            made.moving.append(Statement(results[-1], "num", text))
        if self.outlined and len(made.moving) > CHUNK:
            return self._in_chunks(made.moving, results)
        for statement in made.moving:
            self.line(f"const {statement.type} {statement.name} = {statement.text};", statement.weight)
        return results

    def _hoist(self, statement: Statement) -> None:
        declared = "" if statement.name.startswith("h[") else f"const {statement.type} "
        self.hoist.append(f"{declared}{statement.name} = {statement.text};")

    def _in_chunks(self, statements: list[Statement], results: list[str]) -> list[str]:
        """The statements as functions of CHUNK each; what passes from one to another lies in arrays."""
        home = {statement.name: index // CHUNK for index, statement in enumerate(statements)}
        passed = dict.fromkeys(name for name in results if name in home)
        for index, statement in enumerate(statements):
            used = VALUE.findall(statement.text)
            passed |= dict.fromkeys(n for n in used if n in home and home[n] != index // CHUNK)
        array, kinds = self.fresh("t"), {s.name: s.type for s in statements}
        place: dict[str, str] = {}
        for kind in ("num", "lanes", "turned"):
            own = [name for name in passed if kinds[name] == kind]
            place |= {name: f"{array}_{kind}[{index}]" for index, name in enumerate(own)}
            if own:
                self.line(f"{kind} {array}_{kind}[{len(own)}];")
        for index, statement in enumerate(statements):
            if index % CHUNK == 0:
                self.line("[&]() OUTLINE {")
            text = VALUE.sub(lambda match: place.get(match[0], match[0]), statement.text)
            kept = place.get(statement.name)
            declared = "" if kept else f"const {statement.type} "
            self.line(f"{declared}{kept or statement.name} = {text};", statement.weight)
            if index % CHUNK == CHUNK - 1 or index == len(statements) - 1:
                self.line("}();")
        return [place.get(name, name) for name in results]
