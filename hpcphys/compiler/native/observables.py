"""Quantities of every system of a batch by one generated kernel, and what is reported of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates
from hpcphys.compiler.native.kernel import Body, layout_of
from hpcphys.compiler.native.writer import Writer
from hpcphys.compiler.state import State


@dataclass(frozen=True)
class Reduction:
    """Count, sum, extremes, and largest |value - start| of a quantity over the systems that were looked at.

    `merged` joins those of two sets of systems, such as two ranks'; NaN in any system makes them NaN.
    """

    count: int = 0
    sum: float = 0.0
    minimum: float = inf
    maximum: float = -inf
    deviation: float = 0.0

    @property
    def mean(self) -> float:
        """The mean over the systems; NaN where there are none."""
        return self.sum / self.count if self.count else float("nan")

    def merged(self, other: Reduction) -> Reduction:
        """The reduction over the systems of both."""
        return Reduction(
            self.count + other.count,
            self.sum + other.sum,
            float(np.minimum(self.minimum, other.minimum)),
            float(np.maximum(self.maximum, other.maximum)),
            float(np.maximum(self.deviation, other.deviation)),
        )


class Observables:
    """Named expressions of a batch, evaluated for every system in one call.

    expressions: name -> expression in coordinates and parameters
    parameters: name -> one value for all systems; the others are arrays of the state, a row per system
    backend: kernel runtime whose arrays the state holds
    Raises PrintError for an expression without a C++ form, ValueError where there is none at all.
    """

    def __init__(
        self,
        expressions: Mapping[str, sympy.Expr],
        coordinates: Coordinates,
        parameters: Mapping[str, Any],
        backend: Any,
    ):
        if not expressions:
            raise ValueError("no observable is given; name at least one expression")
        self.names = tuple(expressions)
        self._layout = layout_of(coordinates, (), parameters)
        self.text = self._kernel([sympy.sympify(value) for value in expressions.values()])
        self._module = backend.generated("observables", self.text)
        values = [np.ravel(np.asarray(parameters[v.name], dtype=np.float64)) for v in self._layout.uniform]
        self._uniform = backend.array(np.concatenate([*values, np.zeros(1)]))
        self._backend = backend

    def values(self, state: State) -> dict[str, Any]:
        """Name -> (systems,) values at the present state, arrays of the backend."""
        found = self._backend.empty((len(self.names), state.count))
        if state.count:
            arrays = [state[variable.name] for variable in self._layout.arrays]
            self._module.launch("observe", state.count, *arrays, self._uniform, found)
        return dict(zip(self.names, found, strict=True))

    def reduced(self, state: State, start: Mapping[str, Any] | None = None) -> dict[str, Reduction]:
        """Name -> what is reported of this rank's systems; only these few numbers leave the device.

        start: values of an earlier state, from which the largest deviation is measured
        """
        return {
            name: reduction(value, None if start is None else start[name])
            for name, value in self.values(state).items()
        }

    def _kernel(self, expressions: list[sympy.Expr]) -> str:
        body = Body(self._layout, arrays=False)
        writer = Writer(body.moved, body.constants)
        writer.begin("observables", "")
        results = writer.evaluate(expressions)
        arguments = ["long long n", *self._layout.arguments(frozenset()), "double* RESTRICT found"]
        inside = [*body.load(), *writer.hoist, *writer.lines]
        inside += [f"store_system(found + {k} * n, i, n, 1, 0, {name});" for k, name in enumerate(results)]
        lines = ['#include "batch.h"', "", f"KERNEL(observe)({', '.join(arguments)}) {{", "  SYSTEMS(i, n) {"]
        return "\n".join([*lines, *(f"    {line}" for line in inside), "  }", "}", ""])


def reduction(value: Any, start: Any = None) -> Reduction:
    """The reduction of an array (systems,), NumPy's or the device's."""
    if not value.shape[0]:
        return Reduction()
    deviation = 0.0 if start is None else float(abs(value - start).max())
    return Reduction(
        int(value.shape[0]), float(value.sum()), float(value.min()), float(value.max()), deviation
    )
