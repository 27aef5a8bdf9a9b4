"""Functions of position and time on a grid: potentials, absorbers and vector potentials as expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.special
import sympy

from hpcphys.compiler.expressions import TIME, Coordinates, gradient, parse
from hpcphys.physics.schrodinger.grid import AXES, WaveGrid

BLOCK = 1 << 18
"""Points that are evaluated at once: intermediate results stay in cache."""

_SPECIAL = {"erf": scipy.special.erf, "erfc": scipy.special.erfc}
_CORNERS = (sympy.Abs, sympy.sign, sympy.Min, sympy.Max, sympy.Piecewise, sympy.Heaviside)


class PotentialError(ValueError):
    """A function of the grid that cannot be used; the message names it, the point and the value."""


def expression(
    given: Any, grid: WaveGrid, parameters: Mapping[str, float] | None = None, name: str = "potential"
) -> sympy.Expr:
    """The SymPy expression of a text (expressions.parse) in x, y, z, t and parameters, or of a number.

    Raises ExpressionError for a text that is no expression.
    """
    if isinstance(given, sympy.Expr):
        return given
    if not isinstance(given, str):
        return sympy.Float(float(given))
    coordinates = Coordinates.declare(AXES[: grid.dimension])
    values = {key: sympy.Float(float(value)) for key, value in (parameters or {}).items()}
    return parse(given, coordinates, name=name, locals=values, time=True)


class GridFunction:
    """f(x, t) on this rank's points.

    given: a text, a number, a SymPy expression in the symbols of `expression`, or an array of this rank's
        values (then without gradient and without time)
    `time_dependent`: whether f depends on t;  `corners`: whether it has kinks or jumps (abs, min, max, …)

    A function of the form sum_k f_k(t) g_k(x) is evaluated once on the grid and combined at each time.
    """

    def __init__(
        self,
        given: Any,
        grid: WaveGrid,
        parameters: Mapping[str, float] | None = None,
        name: str = "potential",
    ):
        self.grid, self.name = grid, name
        self.expression: sympy.Expr | None = None
        self._array: np.ndarray | None = None
        self._parts: list[tuple[Callable[[float], float], np.ndarray]] | None = None
        if isinstance(given, np.ndarray):
            if given.shape != grid.shape:
                raise PotentialError(
                    f"{name}: an array of shape {given.shape}; this rank's points are {grid.shape}"
                )
            self._array = np.ascontiguousarray(given, dtype=np.float64)
        else:
            self.expression = expression(given, grid, parameters, name)
        expr = self.expression
        self.time_dependent = expr is not None and TIME in expr.free_symbols
        self.corners = expr is not None and expr.has(*_CORNERS)
        self._slope: GridFunction | None = None

    def problem(self, clock: float) -> str:
        """Why f cannot be used at a time, or "": the first point where it is infinite or not a number."""
        values = self.values(clock)
        bad = np.flatnonzero(~np.isfinite(values))
        if not bad.size:
            return ""
        index = np.unravel_index(bad[0], values.shape)
        point = ", ".join(
            f"{AXES[axis]} = {self.grid.axes[axis][place]:g}" for axis, place in enumerate(index)
        )
        return (
            f"{self.name} is {values[index]:g} at {point}; it must be finite on every point of the grid: "
            "soften the expression, or move the grid so that no point lies there"
        )

    def values(self, clock: float = 0.0) -> np.ndarray:
        """f at a time [time] on this rank's points, float64 of the grid's shape; kept where f has no t."""
        if self._array is None:
            if not self.time_dependent:
                self._array = self._evaluate(self.expression, clock)
            else:
                return self._moving(clock)
        return self._array

    def squared_gradient(self, clock: float = 0.0) -> np.ndarray:
        """sum_j (df/dx_j)²/m_j at a time, from symbolic derivatives.

        Raises PotentialError for a function that was given as an array.
        """
        if self._slope is None:
            if self.expression is None:
                raise PotentialError(
                    f"{self.name} is given by an array and has no symbolic gradient; give it as an "
                    "expression, or choose a composition without force gradient, such as blanes_moan_rkn4"
                )
            symbols = Coordinates.declare(AXES[: self.grid.dimension]).symbols
            slopes = gradient(self.expression, symbols).values()
            square = sympy.Add(*(s**2 / m for s, m in zip(slopes, self.grid.mass, strict=True)))
            self._slope = GridFunction(square, self.grid, name=f"squared gradient of the {self.name}")
            problem = self._slope.problem(clock)
            if problem:
                raise PotentialError(problem)
        return self._slope.values(clock)

    def _moving(self, clock: float) -> np.ndarray:
        if self._parts is None:
            self._parts = self._separated()
        if not self._parts:
            return self._evaluate(self.expression, clock)
        (first, array), *rest = self._parts
        total = first(clock) * array
        for factor, array in rest:
            total += factor(clock) * array
        return total

    def _separated(self) -> list[tuple[Callable[[float], float], np.ndarray]]:
        """[(f_k, g_k on the grid)] if the expression is sum_k f_k(t) g_k(x), else []."""
        for expr in (self.expression, sympy.expand(self.expression)):
            sums: dict[sympy.Expr, sympy.Expr] = {}
            for term in sympy.Add.make_args(expr):
                still, moving = term.as_independent(TIME, as_Add=False)
                sums[moving] = sums.get(moving, sympy.S.Zero) + still
            if all(moving.free_symbols <= {TIME} for moving in sums):
                break
        else:
            return []
        return [
            (sympy.lambdify((TIME,), moving, modules=[_SPECIAL, "numpy"]), self._evaluate(still, 0.0))
            for moving, still in sums.items()
        ]

    def _evaluate(self, expr: sympy.Expr, clock: float) -> np.ndarray:
        """An expression on this rank's points, by blocks of rows."""
        symbols = Coordinates.declare(AXES[: self.grid.dimension]).symbols
        function = sympy.lambdify((*symbols, TIME), expr, modules=[_SPECIAL, "numpy"], cse=True)
        shape = self.grid.shape
        result = np.empty(shape)
        rows = max(1, BLOCK // max(1, int(np.prod(shape[1:]))))
        open_axes = [self.grid.along(axis, x) for axis, x in enumerate(self.grid.axes)]
        with np.errstate(all="ignore"):
            for first in range(0, shape[0], rows):
                block = slice(first, first + rows)
                result[block] = function(open_axes[0][block], *open_axes[1:], clock)
        return result
