"""Pair potentials stated as expressions of r, or as tables: in the same kernels as the built-in ones."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np

from hpcphys.forces.pairs.potential import PairPotential, per_pair, type_count


class Table(PairPotential):
    """E(r) from points: a cubic in s = r² between knots of equal distance in s, value and slope continuous.

    Nearer than the first point there is nothing: such a pair is an error, as an overlap is.
    """

    struct = "Table"

    def __init__(
        self,
        r: Any,
        energy: Any,
        force: Any,
        *,
        points: int = 2000,
        shift="none",
        switch_from: float | None = None,
    ):
        """r: (m,) ascending distances, up to the cutoff or beyond; energy, force (= -dE/dr): (m,) each.
        points: knots of the kernel's table.  Between the given points a cubic in r is laid through energy and
        force.  Raises ValueError for tables that do not fit together."""
        super().__init__(1, shift, switch_from)
        self.r, self.energy, self.force = (np.asarray(a, dtype=np.float64) for a in (r, energy, force))
        sizes = {self.r.shape, self.energy.shape, self.force.shape}
        if (
            len(sizes) != 1
            or self.r.ndim != 1
            or len(self.r) < 2
            or (np.diff(self.r) <= 0).any()
            or self.r[0] <= 0
        ):
            raise ValueError(
                f"a table of shapes {self.r.shape}, {self.energy.shape}, {self.force.shape}: r must ascend "
                "from "
                "above 0, with an energy and a force (-dE/dr) for each, two points at least"
            )
        if points < 2:
            raise ValueError(f"points = {points}: at least 2 knots are needed")
        self._squares = np.linspace(self.r[0] ** 2, self.r[-1] ** 2, points)
        knots = np.sqrt(self._squares)
        value, slope = self._interpolated(knots)
        h = self._squares[1] - self._squares[0]
        slope = -slope / (2 * knots) * h  # dE/ds in units of the distance of knots
        rise = np.diff(value)
        self._cubics = np.stack(
            (
                value[:-1],
                slope[:-1],
                3 * rise - 2 * slope[:-1] - slope[1:],
                slope[:-1] + slope[1:] - 2 * rise,
            ),
            1,
        )
        self.data = self._cubics.ravel()

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential; NaN outside the table."""
        s, h = np.asarray(r) ** 2, self._squares[1] - self._squares[0]
        x = (s - self._squares[0]) / h
        at = np.clip(np.floor(x), 0, len(self._cubics) - 1)
        t = x - at
        a, b, c, d = np.moveaxis(self._cubics[at.astype(int)], -1, 0)
        energy = a + t * (b + t * (c + t * d))
        force = -2 * np.asarray(r) / h * (b + t * (2 * c + t * 3 * d))
        outside = (x < -1e-12) | (s > self._squares[-1] * (1 + 1e-12))
        return np.where(outside, np.nan, energy)[None, None], np.where(outside, np.nan, force)[None, None]

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        h = self._squares[1] - self._squares[0]
        return [np.full((1, 1), v) for v in (0.0, self._squares[0], 1 / h, float(len(self._cubics)))]

    def _interpolated(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Energy and force by the cubic through the given points."""
        k = np.clip(np.searchsorted(self.r, r, side="right") - 1, 0, len(self.r) - 2)
        h = self.r[k + 1] - self.r[k]
        t = (r - self.r[k]) / h
        e0, e1, d0, d1 = self.energy[k], self.energy[k + 1], -self.force[k] * h, -self.force[k + 1] * h
        c, d = 3 * (e1 - e0) - 2 * d0 - d1, d0 + d1 - 2 * (e1 - e0)
        return e0 + t * (d0 + t * (c + t * d)), -(d0 + t * (2 * c + t * 3 * d)) / h


TEXT = """// A pair potential stated by the user: {stated}
#include "pair_words.h"
struct Stated {{
  static constexpr int COEFFICIENTS = {count};
  template <class num> DEV void pair(num s, const num* c, const real*, num& energy, num& force) {{
    typedef decltype(s < s) lanes;
    typedef turned_of<num> turned;
{body}
    energy = {energy};
    force = {force};
  }}
}};
#include "pair_field.h"
"""


class Expression(PairPotential):
    """E(r) as a text, such as "4*eps*((s/r)^12 - (s/r)^6)": differentiated by SymPy, then compiled.

    The grammar is that of hpcphys.compiler.expressions.parse: r and the parameters' names are known.  Written
    in r² where that avoids roots; what depends on parameters alone is worked out once per pair of types.
    """

    struct = "Stated"

    def __init__(
        self,
        energy: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        shift: str = "none",
        switch_from: float | None = None,
    ):
        """energy: E as a text; parameters: name -> a number, or a symmetric matrix per pair of types.

        Raises ExpressionError for a text outside the grammar, ValueError for bad parameters.
        """
        import sympy  # slow to import, and needed here alone

        from hpcphys.compiler.expressions import Coordinates, parse

        given = dict(parameters or {})
        super().__init__(type_count(0.0, *given.values()), shift, switch_from)
        self.parameters = {name: per_pair(name, value, self.types) for name, value in given.items()}
        self.stated = energy
        coordinates = Coordinates.declare(["r"], list(given))
        parsed = parse(energy, coordinates, name="pair potential")
        (distance,) = coordinates.symbols
        self._symbols = dict(zip(given, coordinates.parameter_symbols, strict=True))
        self._square = sympy.Symbol("s_", positive=True)
        self._energy = parsed.xreplace({distance: sympy.sqrt(self._square)})
        self._force = -2 * sympy.diff(self._energy, self._square)
        self._write()

    def curve(self, r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See PairPotential."""
        r = np.asarray(r, dtype=np.float64)
        shape = (self.types, self.types, *([1] * r.ndim))
        values = {symbol: self.parameters[name].reshape(shape) for name, symbol in self._symbols.items()}
        values[self._square] = (r * r)[None, None]
        whole = np.zeros((self.types, self.types, *r.shape))
        return whole + _evaluated(self._energy, values), whole + _evaluated(self._force, values) * r

    def rows(self) -> list[np.ndarray]:
        """See PairPotential."""
        rows = []
        for constant in self._constants:
            row = np.empty((self.types, self.types))
            for a, b in np.ndindex(self.types, self.types):
                values = {
                    symbol: float(self.parameters[name][a, b]) for name, symbol in self._symbols.items()
                }
                row[a, b] = float(constant.xreplace(_numbers(values)).evalf(17))
            rows.append(row)
        return rows

    def describe(self) -> str:
        """See PairPotential."""
        return f"E(r) = {self.stated}; {super().describe()}"

    def _write(self) -> None:
        """The kernel's text, and the constants of a pair of types as expressions."""
        import sympy

        from hpcphys.compiler.native.graph import Graph
        from hpcphys.compiler.native.share import share
        from hpcphys.compiler.native.statements import Statements

        self._constants: list[Any] = []
        known: dict[Any, Any] = {}

        def constant(expression: Any) -> Any:
            if expression not in known:
                known[expression] = sympy.Symbol(f"c[{len(self._constants)}]", real=True)
                self._constants.append(expression)
            return known[expression]

        results = [_gathered(e, self._square, constant) for e in (self._energy, self._force)]
        names = {self._square: "s", **{symbol: symbol.name for symbol in known.values()}}
        graph = Graph(names, lambda symbol: False)
        references = graph.add(results)
        share(graph, references)
        counter = iter(range(1_000_000))
        made = Statements(
            graph, references, lambda stem: f"{stem}_{next(counter)}", {}, lambda statement: None
        )
        lines = [f"    const {st.type} {st.name} = {_typed(st.text)};" for st in made.moving]
        energy, force = (_typed(text) for text in made.results)
        if not self._constants:  # the kernel's arrays have one element at least
            self._constants.append(sympy.Integer(0))
        self.text = TEXT.format(
            stated=" ".join(self.stated.split()), count=len(self._constants), body="\n".join(lines),
            energy=energy, force=force,
        )  # fmt: skip


def _typed(text: str) -> str:
    """Numbers in the kernel's precision: a double would not mix with single-precision tiles."""
    return text.replace("num(", "num((real)")


def _numbers(values: Mapping[Any, float]) -> dict[Any, Any]:
    import sympy

    return {symbol: sympy.Float(value, 17) for symbol, value in values.items()}


def _evaluated(expression: Any, values: Mapping[Any, np.ndarray]) -> Any:
    """The expression on arrays, in double precision."""
    import sympy

    from hpcphys.compiler.expressions.functions import FUNCTIONS

    if expression in values:
        return values[expression]
    if expression.is_Number or expression.is_NumberSymbol:
        return float(expression)
    parts = [_evaluated(part, values) for part in expression.args]
    if expression.is_Add:
        return sum(parts)
    if expression.is_Mul:
        return functools.reduce(operator.mul, parts)
    if expression.is_Pow:
        return parts[0] ** parts[1]
    if isinstance(expression, sympy.exp):
        return np.exp(parts[0])
    named = {function.image: function.numeric for function in FUNCTIONS.values()}
    return named[expression.func](*parts)


def _gathered(expression: Any, square: Any, constant: Any) -> Any:
    """The expression with each largest part that does not depend on the distance as one constant.

    Sums are split into powers of the distance first, so that terms of one power share one constant.
    """
    import sympy

    expression = sympy.expand_mul(sympy.powsimp(sympy.expand_power_base(expression, force=False)))
    if expression.is_Add:
        terms: dict[Any, Any] = {}
        for term in expression.args:
            fixed, moving = term.as_independent(square, as_Add=False)
            terms[moving] = terms.get(moving, 0) + fixed
        return sympy.Add(*(_weighted(fixed, moving, square, constant) for moving, fixed in terms.items()))
    fixed, moving = expression.as_independent(square, as_Add=False)
    return _weighted(fixed, moving, square, constant)


def _weighted(fixed: Any, moving: Any, square: Any, constant: Any) -> Any:
    """fixed · moving, with what is constant inside of moving gathered too."""
    import sympy

    if moving is sympy.S.One:
        return constant(fixed) if fixed.free_symbols or not fixed.is_Integer else fixed
    if moving.args and not (moving.is_Pow and moving.base == square):
        moving = moving.func(*(_inside(part, square, constant) for part in moving.args))
    if fixed is sympy.S.One:
        return moving
    return constant(fixed) * moving


def _inside(part: Any, square: Any, constant: Any) -> Any:
    if not part.has(square):
        return constant(part) if part.free_symbols else part
    if part == square or not part.args or (part.is_Pow and part.base == square):
        return part
    if part.is_Pow:
        return part.func(_gathered(part.base, square, constant), part.exp)
    if part.is_Add or part.is_Mul:
        return _gathered(part, square, constant)
    return part.func(*(_inside(inner, square, constant) for inner in part.args))
