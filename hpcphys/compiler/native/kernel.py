"""The operations of one step as a generated kernel that does any number of steps in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.native.writer import Writer
from hpcphys.compiler.operations import Evaluate, Flow, Operation
from hpcphys.compiler.state import State

SCALAR_UP_TO = 2
"""Batches of at most so many systems run one by one: a vector operation waits longer than a scalar one."""


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


def layout_of(coordinates: Coordinates, derived: Iterable[Variable], uniform: Iterable[str]) -> Layout:
    """The layout of a system's values; parameters named in `uniform` have one value for all systems."""
    single = frozenset(uniform)
    return Layout(
        (*coordinates.variables, *derived),
        tuple(item for item in coordinates.parameters if item.name not in single),
        tuple(item for item in coordinates.parameters if item.name in single),
    )


def kernel_text(operations: Sequence[Operation], layout: Layout) -> str:
    """C++ of the kernel `advance`: load each system, do `steps` times what the operations say, store it."""
    moved = {s: f"z_{v.name}_{k}" for v in layout.moved for k, s in enumerate(v.symbols)}
    rows = {s: f"c_{v.name}_{k}" for v in layout.constant for k, s in enumerate(v.symbols)}
    single = {s: f"u_{v.name}_{k}" for v in layout.uniform for k, s in enumerate(v.symbols)}
    writer = Writer(moved, {**rows, **single})
    lengths: dict[float, str] = {}
    for operation in operations:
        coefficient = operation.coefficient if isinstance(operation, Flow) else 0.0
        name = lengths.setdefault(coefficient, f"dt_{len(lengths)}")
        writer.line(f"{{  // {operation.name}")
        writer.begin(operation.name, name)
        code_of(operation).emit(writer)
        writer.line("}")
    arguments = [
        "long long n, long long steps, double dt",
        *(f"double* RESTRICT a_{v.name}" for v in layout.moved),
        *(f"const double* RESTRICT a_{v.name}" for v in layout.constant),
        "const double* RESTRICT uniform",
    ]
    lines = ['#include "batch.h"', "", f"KERNEL(advance)({', '.join(arguments)}) {{"]
    lines += [f"  const num {name} = num({coefficient!r} * dt);" for coefficient, name in lengths.items()]
    lines += [f"  const num {name} = num(uniform[{index}]);" for index, name in enumerate(single.values())]
    lines.append("  SYSTEMS(i, n) {")
    for kind, names, variables in (("num", moved, layout.moved), ("const num", rows, layout.constant)):
        for variable in variables:
            for index, symbol in enumerate(variable.symbols):
                source = f"load_system(a_{variable.name}, i, n, {variable.width}, {index})"
                lines.append(f"    {kind} {names[symbol]} = {source};")
    lines.append("    for (long long s = 0; s < steps; s++) {")
    lines += [f"      {line}" for line in writer.lines]
    lines.append("    }")
    for variable in layout.moved:
        for index, symbol in enumerate(variable.symbols):
            target = f"a_{variable.name}, i, n, {variable.width}, {index}, {moved[symbol]}"
            lines.append(f"    store_system({target});")
    lines += ["  }", "}", ""]
    return "\n".join(lines)


def code_of(operation: Operation) -> Any:
    """The flow in symbols of an operation, or None where it has none."""
    if isinstance(operation, Flow):
        return None if operation.gradient else operation.piece.code
    if isinstance(operation, Evaluate):
        return getattr(operation.field, "code", None)
    return None


class NativeProgram:
    """The compiled kernel of a step; `advance` moves a state by any number of equal steps.

    backend: kernel runtime;  total: number of systems on all ranks, which chooses between lanes and scalars
    parameters: name -> one value (number or (size,)) for all systems; the others are arrays of the state
    Deterministic, system by system: the result does not depend on the number of threads or ranks.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        coordinates: Coordinates,
        derived: Iterable[Variable],
        parameters: Mapping[str, Any],
        backend: Any,
        total: int,
        name: str = "program",
    ):
        self.layout = layout_of(coordinates, derived, parameters)
        self.text = kernel_text(operations, self.layout)
        defines = {"SCALAR_SYSTEMS": 1} if total <= SCALAR_UP_TO else {}
        self._module = backend.generated(name, self.text, **defines)
        values = [np.ravel(np.asarray(parameters[v.name], dtype=np.float64)) for v in self.layout.uniform]
        self._uniform = backend.array(np.concatenate([*values, np.zeros(1)]))

    def advance(self, state: State, steps: int, dt: float) -> None:
        """Move every system of the state by `steps` steps of length dt, in one call.

        Raises ValueError for an array of the state that is not float64 with one row per system.
        """
        arrays = [self._array(state, variable) for variable in self.layout.arrays]
        if state.count:
            self._module.launch("advance", state.count, steps, dt, *arrays, self._uniform)

    def _array(self, state: State, variable: Variable) -> Any:
        array = state[variable.name]
        shape = (state.count,) if variable.size is None else (state.count, variable.size)
        if tuple(array.shape) != shape or str(array.dtype) != "float64":
            raise ValueError(
                f"array {variable.name} is {array.dtype} {tuple(array.shape)}; needed: float64 {shape}"
            )
        return array
