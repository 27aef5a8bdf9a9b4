"""What is watched of a batch of systems: energies, Casimirs and observables, against the start of each
system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions import TIME, Coordinates
from hpcphys.run.expressions.declaration import Declaration

CANCELLED = 1e-2
"""A conserved quantity below this share of its own terms counts as zero: its error is measured by the
terms."""

Arrays = Mapping[str, Any]


class Formulas:
    """Expressions of the state, evaluated for all systems of this rank in one call.

    expressions: name -> expression;  parameters: values that serve all systems
    """

    def __init__(
        self, expressions: Mapping[str, sympy.Expr], coordinates: Coordinates, parameters: Arrays
    ) -> None:
        self.names = tuple(expressions)
        self._coordinates = coordinates
        self._single = {name: np.asarray(value, dtype=float) for name, value in parameters.items()}
        self._symbols = [*coordinates.symbols, *coordinates.parameter_symbols, TIME]
        self._function = sympy.lambdify(self._symbols, list(expressions.values()), "numpy", cse=True)

    def __call__(self, arrays: Arrays, time: float) -> np.ndarray:
        """(expressions, systems) values.  arrays: of the state, in host memory."""
        known = {name: array for name, array in arrays.items() if name in self._coordinates.named}
        columns = self._coordinates.columns({**self._single, **known})
        rows = len(next(iter(arrays.values())))
        with np.errstate(all="ignore"):
            values = self._function(*(columns.get(symbol, time) for symbol in self._symbols))
        found = np.empty((len(self.names), rows))
        for line, value in zip(found, values, strict=True):
            line[:] = value
        return found


def term_sizes(expressions: Mapping[str, sympy.Expr]) -> dict[str, sympy.Expr]:
    """Sum of the absolute values of what is added up to each expression."""
    return {
        name: sympy.Add(*(sympy.Abs(term) for term in sympy.Add.make_args(expression)))
        for name, expression in expressions.items()
    }


def references(
    expressions: Mapping[str, sympy.Expr], coordinates: Coordinates, parameters: Arrays, start: Arrays
) -> tuple[np.ndarray, np.ndarray]:
    """(expressions, systems) values at the start, and what their errors are relative to.

    That is |Q|, or the sum of the sizes of Q's terms where these cancel, or 1 where all of them are zero.
    """
    begin = Formulas(expressions, coordinates, parameters)(start, 0.0)
    size = Formulas(term_sizes(expressions), coordinates, parameters)(start, 0.0)
    scale = np.where(np.abs(begin) > CANCELLED * size, np.abs(begin), size)
    return begin, np.where(scale > 0.0, scale, 1.0)


class BatchWatch:
    """Rows of diagnostics of a batch.

    start: this rank's systems at the beginning of the run;  systems: on all ranks
    energy_limit: largest allowed error of the energy, or None;  memory: of the checkpoint being resumed
    Everything is the same for any number of ranks: sums do not depend on their order.
    """

    def __init__(
        self,
        declaration: Declaration,
        start: Arrays,
        communicator,
        systems: int,
        energy_limit: float | None = None,
        memory: dict | None = None,
    ) -> None:
        self.communicator, self.systems, self.energy_limit = communicator, systems, energy_limit
        self.is_conservative = declaration.is_conservative
        kept = {"energy": declaration.energy} if self.is_conservative else {}
        kept |= declaration.invariants
        seen = {} if self.is_conservative else {"energy": declaration.energy}
        seen |= declaration.observables
        self.kept, self.seen = tuple(kept), tuple(seen)
        known = (declaration.coordinates, declaration.parameters)
        self._formulas = Formulas({**kept, **seen}, *known)
        self._begin, self._scale = references(kept, *known, start)
        self.memory: dict = memory or {"largest": dict.fromkeys(self.kept, 0.0)}

    def row(self, arrays: Arrays, time: float) -> dict[str, Any]:
        """Means over the batch, ranges where it has several systems, and the largest error (with its sign)
        of what is conserved; collective."""
        values = self._formulas(arrays, time)
        count = len(self.kept)
        errors = (values[:count] - self._begin) / self._scale
        mean = self._means(values)
        high, low = self._largest(values), -self._largest(-values)
        above, below = self._largest(errors), -self._largest(-errors)
        row: dict[str, Any] = {}
        for k, name in enumerate((*self.kept, *self.seen)):
            row[name] = float(mean[k])
            if self.systems > 1:
                row[f"{name}_min"], row[f"{name}_max"] = float(low[k]), float(high[k])
            if k < count:
                error = float(above[k] if above[k] >= -below[k] else below[k])
                row[f"{name}_error"] = error
                self.memory["largest"][name] = max(self.memory["largest"][name], abs(error))
        return row

    def energy_failure(self, row: Mapping[str, Any], step: int, time: float) -> str:
        """Why the run has failed by its energy, or ""."""
        error = row.get("energy_error", row["energy"])
        if np.isnan(error):
            return f"the energy is not a number after step {step} at time {time:g}"
        if self.energy_limit is not None and abs(error) > self.energy_limit:
            return (
                f"the energy error {error:.3e} after step {step} at time {time:g} is beyond "
                f"[limits] energy_error = {self.energy_limit:g}; use a shorter step or a composition of "
                "higher order"
            )
        return ""

    def worst_system(self, arrays: Arrays, time: float) -> tuple[float, int]:
        """Energy error and local index of this rank's worst system; (-1, -1) where it has none."""
        if not self.is_conservative or not self._begin.shape[1]:
            return -1.0, -1
        errors = np.abs(self._formulas(arrays, time)[0] - self._begin[0]) / self._scale[0]
        worst = int(np.argmax(np.nan_to_num(errors, nan=np.inf)))
        return float(errors[worst]), worst

    def _means(self, values: np.ndarray) -> np.ndarray:
        if self.systems == 1:  # one rank has it: a sum with zeros is exact
            return self.communicator.allreduce(values.sum(axis=1), "sum")
        return self.communicator.sum_reproducible(np.ascontiguousarray(values.T)) / self.systems

    def _largest(self, values: np.ndarray) -> np.ndarray:
        mine = np.max(values, axis=1, initial=-np.inf)
        return np.asarray(self.communicator.allreduce(mine, "max"))
