"""The operations of one step as the C++ of a kernel that does any number of steps in one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.flows import noise
from hpcphys.compiler.native.writer import Local, Writer
from hpcphys.compiler.operations import Evaluate, Flow, Operation, Project

INLINE_STATEMENTS = 500
"""Programs of at most so many operations are written in one piece, with every value in a register. The C++
compiler takes about 10 ms for each of them (two vector registers per value): 1.6 s for three bodies (81), 4 s
for a Toda chain of 16 (351), 16 s for ten bodies in space (795) if they were allowed."""

MOST_STATEMENTS = 40_000
"""Programs whose distinct flows have more operations are refused: about two minutes of the C++ compiler. As
functions they take 2-3 ms for each: 1.7 s for a Toda chain of 32 (655 operations), 5 s for one of 128 (2575,
any number of stages), 4 s for ten bodies in space (910), 12 s for twenty (3620)."""


class ProgramTooLarge(ValueError):
    """A program has more statements than can be compiled in a reasonable time."""


@dataclass(frozen=True)
class Layout:
    """Where the values of a kernel come from.

    moved: variables and derived arrays, loaded and stored;  constant: parameters with a row per system
    uniform: parameters with one value for all systems
    """

    moved: tuple[Variable, ...]
    constant: tuple[Variable, ...]
    uniform: tuple[Variable, ...]

    @property
    def arrays(self) -> tuple[Variable, ...]:
        """What is passed as an array with a row per system, in the order of the kernel's arguments."""
        return (*self.moved, *self.constant)

    def arguments(self, written: frozenset[str]) -> list[str]:
        """C++ declarations of the arrays; those of `written` may be stored to."""
        return [
            f"{'' if v.name in written else 'const '}double* RESTRICT a_{v.name}" for v in self.arrays
        ] + ["const double* RESTRICT uniform"]


def layout_of(coordinates: Coordinates, derived: Iterable[Variable], uniform: Iterable[str]) -> Layout:
    """The layout of a system's values; parameters named in `uniform` have one value for all systems."""
    single = frozenset(uniform)
    return Layout(
        (*coordinates.variables, *derived),
        tuple(item for item in coordinates.parameters if item.name not in single),
        tuple(item for item in coordinates.parameters if item.name in single),
    )


class Body:
    """Names of a kernel's values, and the statements that load and store them.

    arrays: keep the values in arrays z and c instead of one variable each
    """

    def __init__(self, layout: Layout, arrays: bool):
        self.layout = layout
        self.arrays = arrays
        self.moved = self._names(layout.moved, "z")
        self.rows = self._names(layout.constant, "c")
        self.single = {s: f"u_{v.name}_{k}" for v in layout.uniform for k, s in enumerate(v.symbols)}
        if arrays:
            self.single = {s: f"u[{index}]" for index, s in enumerate(self.single)}

    @property
    def constants(self) -> Local:
        """Symbol -> name of every parameter."""
        return {**self.rows, **self.single}

    def _names(self, variables: Sequence[Variable], stem: str) -> Local:
        owners = [(v, k, s) for v in variables for k, s in enumerate(v.symbols)]
        if self.arrays:
            return {s: f"{stem}[{index}]" for index, (_, _, s) in enumerate(owners)}
        return {s: f"{stem}_{v.name}_{k}" for v, k, s in owners}

    def load(self) -> list[str]:
        """Statements that load every value of a system."""
        lines = []
        if self.arrays:
            sizes = (("z", self.moved), ("c", self.rows), ("u", self.single))
            lines = [f"num {stem}[{len(names)}];" for stem, names in sizes if names]
        lines += [
            f"{'' if self.arrays else 'const num '}{name} = num(uniform[{index}]);"
            for index, name in enumerate(self.single.values())
        ]
        for kind, names, variables in (
            ("num ", self.moved, self.layout.moved),
            ("const num ", self.rows, self.layout.constant),
        ):
            for v in variables:
                for k, s in enumerate(v.symbols):
                    declared = "" if self.arrays else kind
                    lines.append(f"{declared}{names[s]} = load_system(a_{v.name}, i, n, {v.width}, {k});")
        return lines

    def store(self, variables: Iterable[Variable]) -> list[str]:
        """Statements that store the values of variables."""
        return [
            f"store_system(a_{v.name}, i, n, {v.width}, {k}, {self.moved[s]});"
            for v in variables
            for k, s in enumerate(v.symbols)
        ]


@dataclass(frozen=True)
class KernelText:
    """A generated module.

    text: its C++, with `advance_systems` and one `evaluate_<k>` for each field
    statements: number of operations of a vector register that are written out, roughly
    outlined: whether flows are functions of their own
    failures: (operation, message) by code, from 1
    """

    text: str
    statements: int
    outlined: bool
    failures: tuple[tuple[str, str], ...]


@dataclass
class Steps:
    """What a step of a kernel consists of: its names, dt by coefficient, functions, and the statements.

    sizes: operations of each distinct flow, by the identity of its code
    """

    body: Body
    writer: Writer
    lengths: dict[float, str]
    functions: list[str]
    lines: list[str]
    sizes: dict[int, int]


def kernel_text(operations: Sequence[Operation], layout: Layout, fields: Sequence[Any] = ()) -> KernelText:
    """C++ that does `steps` times what the operations say, and that evaluates each field by itself.

    Raises PrintError for an expression without a C++ form, ProgramTooLarge for a program with too many.
    """
    steps = _outlined(operations, layout)
    weights = [steps.sizes[id(code_of(operation))] for operation in operations]
    repeated = repetition([id(code_of(operation)) for operation in operations])
    if sum(weights) <= INLINE_STATEMENTS:
        steps = _inlined(operations, layout, Repetition(len(operations), 0, 0))
    elif sum(repeated.written(weights)) <= INLINE_STATEMENTS:
        steps = _inlined(operations, layout, repeated)
    outlined = steps.writer.outlined
    lines = ['#include "batch.h"', "", *_advance(steps, layout)]
    for index, field in enumerate(fields):
        lines += ["", *_evaluation(f"evaluate_{index}", field, layout, outlined)]
    return KernelText("\n".join([*lines, ""]), steps.writer.count, outlined, tuple(steps.writer.failures))


def code_of(operation: Operation) -> Any:
    """The flow in symbols of an operation, or None where it has none."""
    if isinstance(operation, Flow) and operation.gradient:
        make, b = operation.piece.gradient_code, operation.coefficient
        return make(operation.gradient / b**3) if make is not None and b else None
    if isinstance(operation, Flow):
        return operation.piece.code
    if isinstance(operation, Evaluate):
        return getattr(operation.field, "code", None)
    if isinstance(operation, Project):
        return operation.code
    return None


def _coefficient(operation: Operation) -> float:
    return operation.coefficient if isinstance(operation, Flow | Project) else 0.0


@dataclass(frozen=True)
class Repetition:
    """`count` times the same `period` flows from place `start` on, their dt left aside."""

    start: int
    period: int
    count: int

    @property
    def end(self) -> int:
        """The place behind the last of them."""
        return self.start + self.period * self.count

    def written(self, items: Sequence[Any]) -> list[Any]:
        """The items before, of one period, and behind."""
        return [*items[: self.start + self.period], *items[self.end :]]


def repetition(flows: Sequence[int]) -> Repetition:
    """The repetition that leaves the fewest flows to be written; period 0 where nothing repeats."""
    best, size = Repetition(len(flows), 0, 0), len(flows)
    for period in range(1, size // 2 + 1):
        for start in range(period):
            count = 1
            while flows[start + count * period :][:period] == flows[start : start + period]:
                count += 1
            saved = (count - 1) * period
            if count > 1 and saved > (best.count - 1) * best.period:
                best = Repetition(start, period, count)
    return best


def _inlined(operations: Sequence[Operation], layout: Layout, repeated: Repetition) -> Steps:
    """Every operation in its place; those that repeat as a loop over their stages."""
    body = Body(layout, arrays=False)
    writer = Writer(body.moved, body.constants)
    lengths: dict[float, str] = {}

    def write(index: int, name: str, first_block: str = "") -> None:
        writer.line(f"{{  // {operations[index].name}")
        writer.begin(operations[index].name, name, first_block)
        code_of(operations[index]).emit(writer)
        writer.line("}")

    def write_once(places: Iterable[int]) -> None:
        for index in places:
            write(index, lengths.setdefault(_coefficient(operations[index]), f"dt_{len(lengths)}"))

    write_once(range(repeated.start))
    if repeated.count:
        blocks = [len(getattr(code_of(op), "normals", ())) for op in operations]
        inside = range(repeated.start, repeated.start + repeated.period)
        drawn = sum(noise.blocks(blocks[index]) for index in inside)
        before = writer.blocks_drawn
        stages = range(repeated.count)
        tables = {}
        for index in inside:
            own = [repr(_coefficient(operations[index + k * repeated.period])) for k in stages]
            tables[index] = f"const double stages_{index}[] = {{{', '.join(own)}}};"
        for table in tables.values():
            writer.line(table)
        writer.line(f"for (int stage = 0; stage < {repeated.count}; stage++) {{")
        writer.dt_varies = True
        for index in inside:
            writer.line(f"const num dt_of_{index} = num(stages_{index}[stage] * dt);")
            write(index, f"dt_of_{index}", f"stage * {drawn}")
        writer.line("}")
        writer.dt_varies = False
        writer.blocks_drawn = before + repeated.count * drawn
        write_once(range(repeated.end, len(operations)))
    return Steps(body, writer, lengths, [], writer.lines, {})


def _outlined(operations: Sequence[Operation], layout: Layout) -> Steps:
    """Each distinct flow as a function of dt and of the random blocks drawn before it, and their calls."""
    body = Body(layout, arrays=True)
    writer = Writer(body.moved, body.constants, outlined=True)
    lengths: dict[float, str] = {}
    known: dict[int, tuple[str, int, int]] = {}
    functions: list[str] = []
    calls: list[str] = []
    drawn = 0
    for operation in operations:
        code = code_of(operation)
        if id(code) not in known:
            name, before = f"flow_{len(known)}", writer.count
            writer.lines = []
            writer.begin(operation.name, "dt", "block")
            code.emit(writer)
            size = writer.count - before
            _refuse(writer.count, len(body.moved))
            functions += [
                f"const auto {name} = [&](const num dt, const int block) OUTLINE {{  // {operation.name}"
            ]
            functions += [*writer.lines, "};"]
            known[id(code)] = (name, size, writer.blocks_drawn)
        name, _, blocks = known[id(code)]
        length = lengths.setdefault(_coefficient(operation), f"dt_{len(lengths)}")
        calls.append(f"{name}({length}, {drawn});")
        drawn += blocks
    return Steps(body, writer, lengths, functions, calls, {key: size for key, (_, size, _) in known.items()})


def _refuse(statements: int, coordinates: int) -> None:
    if statements > MOST_STATEMENTS:
        raise ProgramTooLarge(
            f"the program of {coordinates} values has more than {MOST_STATEMENTS} operations, which would "
            "take minutes to compile. Use fewer coordinates, state sums over neighbours only, or run it with "
            'backend "numpy"'
        )


def _advance(steps: Steps, layout: Layout) -> list[str]:
    """The kernel that does any number of steps."""
    body, writer = steps.body, steps.writer
    moved = frozenset(variable.name for variable in layout.moved)
    arguments = ["long long n, long long steps, double dt, long long first_step, long long first_row"]
    arguments += ["long long seed", *layout.arguments(moved), "long long* RESTRICT a_status"]
    fails = bool(writer.failures)
    begin = ["codes status = load_codes(a_status, i, n);", "lanes alive = are_zero(status);"]
    loop = "for (long long s = 0; s < steps; s++) {"
    inner = list(steps.lines)
    if fails:  # a system that fails keeps the state in which it began the step
        loop = "for (long long s = 0; s < steps && any(alive); s++) {"
        names = list(body.moved.values())
        old = [f"const num old_{k} = {name};" for k, name in enumerate(names)]
        inner = [*old, *inner, *(f"{name} = where(alive, {name}, old_{k});" for k, name in enumerate(names))]
    elif any("alive" in line for line in [*steps.functions, *inner]):
        begin = ["const lanes alive = all_systems();"]
    else:
        begin = []
    arrays = [f"num h[{len(writer.hoist)}];"] if writer.outlined and writer.hoist else []
    lines = [f"KERNEL(advance_systems)({', '.join(arguments)}) {{"]
    lines += [
        f"  const num {name} = num({coefficient!r} * dt);" for coefficient, name in steps.lengths.items()
    ]
    inside = [*body.load(), *begin, *arrays, *writer.hoist]
    if steps.functions:  # they read the number of the step
        inside += ["long long s = 0;", *steps.functions]
        loop = loop.replace("long long s = 0", "s = 0")
    inside += [loop, *(f"  {line}" for line in inner), "}", *body.store(layout.moved)]
    if fails:
        inside.append("store_codes(a_status, i, n, status);")
    lines += ["  SYSTEMS(i, n) {", *(f"    {line}" for line in inside), "  }", "}"]
    return lines


def _evaluation(name: str, field: Any, layout: Layout, outlined: bool) -> list[str]:
    """The kernel that fills the derived arrays of a field from the present state."""
    body = Body(layout, outlined)
    writer = Writer(body.moved, body.constants, outlined)
    writer.begin(field.name, "dt")
    field.code.emit(writer)
    derived = [variable for variable in layout.moved if variable.name in field.writes]
    arguments = ["long long n", *layout.arguments(frozenset(field.writes))]
    arrays = [f"num h[{len(writer.hoist)}];"] if outlined and writer.hoist else []
    inside = [*body.load(), *arrays, *writer.hoist, *writer.lines, *body.store(derived)]
    lines = [f"KERNEL({name})({', '.join(arguments)}) {{", "  SYSTEMS(i, n) {"]
    return [*lines, *(f"    {line}" for line in inside), "  }", "}"]
