"""Implicit flows: the new state solves y = F(z, y, dt), found by iteration to round-off."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.failures import ConvergenceError

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer

CONVERGED = 1e-15
"""A correction of this size, relative to the state, ends the iteration."""

STAGNANT = 1e-12
"""So does one below this size that is no smaller than the one before: only rounding is left."""

LIMIT = 50
"""Iterations after which a step has failed."""

NEWTON_UP_TO = 6
"""Largest number of unknowns that are solved for by Newton's method; more are iterated by F itself."""


@dataclass(frozen=True)
class Iterated:
    """z <- y with y = F(z, y, dt), by  y <- y - M⁻¹ (y - F)  from the start y = E(z, dt).

    symbols: z, what the flow moves;  unknowns: the symbols of y in `image` and `matrix`
    start: E, the first guess;  image: F, one expression each
    matrix: M, the derivative of y - F (that of the midpoint rule serves all methods here), or None for 1

    The iteration ends when the correction |M⁻¹ (y - F)|, summed over components, is below 1e-15 of |y| or
    is below 1e-12 and no longer shrinks; each system of a batch on its own, so that results do not depend
    on the company. After 50 iterations it fails with ConvergenceError.
    Source: Hairer, Lubich & Wanner (2006), section VIII.6 (iteration until it stagnates at round-off).
    """

    symbols: tuple[sympy.Symbol, ...]
    unknowns: tuple[sympy.Symbol, ...]
    start: tuple[sympy.Expr, ...]
    image: tuple[sympy.Expr, ...]
    matrix: sympy.ImmutableDenseMatrix | None = None

    normals = ()

    @cached_property
    def reads(self) -> frozenset[sympy.Symbol]:
        """Symbols that the equation holds, DT and the unknowns left out."""
        held = frozenset().union(*(expr.free_symbols for expr in (*self.start, *self.image)))
        return (held | frozenset(self.symbols)) - {DT, *self.unknowns}

    @property
    def writes(self) -> frozenset[sympy.Symbol]:
        """The symbols that the flow moves."""
        return frozenset(self.symbols)

    @property
    def _defects(self) -> list[sympy.Expr]:
        return [y - f for y, f in zip(self.unknowns, self.image, strict=True)]

    @property
    def _entries(self) -> list[sympy.Expr]:
        return [] if self.matrix is None else list(self.matrix)

    def emit(self, writer: Writer) -> None:
        """The iteration for one system per lane; Newton's linear systems are solved in registers."""
        count = len(self.symbols)
        unknowns = [writer.variable(value) for value in writer.evaluate(self.start)]
        before = writer.variable("num(1e300)")
        local = dict(zip(self.unknowns, unknowns, strict=True))
        size, scale, last = sympy.symbols("size scale last", real=True)
        with writer.iterate(limit=LIMIT) as loop:
            values = writer.evaluate([*self._defects, *self._entries], local)
            steps = _eliminate(writer, values[count:], values[:count]) if self._entries else values[:count]
            corrections = sympy.symbols(f"step:{count}", real=True)
            known = {**local, **dict(zip(corrections, steps, strict=True))}
            sums = [sympy.Add(*map(sympy.Abs, group)) for group in (corrections, self.unknowns)]
            after = [y - step for y, step in zip(self.unknowns, corrections, strict=True)]
            total, extent, *new = writer.evaluate([*sums, *after], known)
            writer.set(unknowns, new)
            names = {size: total, scale: extent, last: before}
            stagnant = sympy.And(size >= last, size <= STAGNANT * scale)
            stopped = writer.condition(sympy.Or(size <= CONVERGED * scale, stagnant), names)
            writer.set([before], [total])
            loop.stop(stopped)
        writer.fail(loop.running, f"no convergence in {LIMIT} iterations; take a smaller step")
        writer.assign(self.symbols, unknowns)

    def apply(self, columns: Mapping[sympy.Symbol, Any], dt: float) -> dict[sympy.Symbol, Any]:
        """The new values, in NumPy.  Raises ConvergenceError that names the first system that fails."""
        held = [columns[symbol] if symbol != DT else dt for symbol in self._arguments]
        shape = np.broadcast_shapes(*(np.shape(columns[symbol]) for symbol in self.symbols))
        unknowns = _stacked(self._compiled_start(*held), shape)
        running, before = np.ones(shape, dtype=bool), np.full(shape, 1e300)
        with np.errstate(all="ignore"):
            for _ in range(LIMIT):
                step = self._corrections(held, unknowns, shape)
                scale = np.sum(np.abs(unknowns), axis=0)
                unknowns = np.where(running, unknowns - step, unknowns)
                size = np.sum(np.abs(step), axis=0)
                stopped = (size <= CONVERGED * scale) | ((size >= before) & (size <= STAGNANT * scale))
                before = size
                running &= ~stopped
                if not running.any():
                    return dict(zip(self.symbols, unknowns, strict=True))
        system = int(np.argmax(running))
        relative = float(np.ravel(size)[system] / np.ravel(scale)[system])
        raise ConvergenceError(
            f"no convergence in {LIMIT} iterations in system {system} (last correction {relative:.1e} of the "
            "state); take a smaller step"
        )

    def _corrections(self, held: list[Any], unknowns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """M⁻¹ (y - F), (unknowns, systems); NaN where M is singular."""
        count = len(self.symbols)
        values = _stacked(self._compiled_step(*held, *unknowns), shape)
        defect = values[:count]
        if self.matrix is None:
            return defect
        matrices = np.moveaxis(values[count:].reshape(count, count, -1), -1, 0)
        defects = np.moveaxis(defect.reshape(count, -1), -1, 0)[..., None]
        sound = np.isfinite(matrices).all(axis=(1, 2))
        steps = np.full(defects.shape, np.nan)
        # What stays NaN never converges, and the failure is reported as such.
        with suppress(np.linalg.LinAlgError):
            steps[sound] = np.linalg.solve(matrices[sound], defects[sound])
        return np.moveaxis(steps[..., 0], 0, -1).reshape(count, *shape)

    @cached_property
    def _arguments(self) -> tuple[sympy.Symbol, ...]:
        return (*sorted(self.reads, key=str), DT)

    @cached_property
    def _compiled_start(self) -> Any:
        return sympy.lambdify(self._arguments, list(self.start), modules="numpy", cse=True)

    @cached_property
    def _compiled_step(self) -> Any:
        expressions = [*self._defects, *self._entries]
        return sympy.lambdify((*self._arguments, *self.unknowns), expressions, modules="numpy", cse=True)


def _stacked(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Values as one array, the systems last; constants are spread over the systems."""
    return np.stack([np.broadcast_to(np.asarray(value, dtype=np.float64), shape) for value in values])


def _eliminate(writer: Writer, matrix: list[str], right: list[str]) -> list[str]:
    """Names of the solution of a small linear system: Gaussian elimination, unrolled.

    Without pivots: M = 1 + O(dt) of a step that can converge is dominated by its diagonal.
    """
    count = len(right)
    a, b, c = sympy.symbols("a b c", real=True)
    rows = [[*matrix[i * count : (i + 1) * count], right[i]] for i in range(count)]
    for k in range(count):
        (inverse,) = writer.evaluate([1 / a], {a: rows[k][k]})
        for i in range(k + 1, count):
            (factor,) = writer.evaluate([a * b], {a: rows[i][k], b: inverse})
            for j in range(k + 1, count + 1):
                (rows[i][j],) = writer.evaluate([a - b * c], {a: rows[i][j], b: factor, c: rows[k][j]})
        rows[k][k] = inverse
    solution: list[str] = [""] * count
    for k in reversed(range(count)):
        value = rows[k][count]
        for j in range(k + 1, count):
            (value,) = writer.evaluate([a - b * c], {a: value, b: rows[k][j], c: solution[j]})
        (solution[k],) = writer.evaluate([a * b], {a: value, b: rows[k][k]})
    return solution
