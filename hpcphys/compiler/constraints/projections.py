"""The projections of expression systems in symbols: SHAKE of positions, RATTLE of momenta.

g_k(q) = 0, G = dg/dq, constant mass matrix M, q0 the remembered positions, h the length of the drift:

    SHAKE   q <- q - M^-1 G(q0)^T l,   p <- p - G(q0)^T l / h,   g(q) = 0
            Newton:  G(q) M^-1 G(q0)^T dl = g(q),   l <- l + dl
    RATTLE  p <- p - G(q)^T k,   G(q) M^-1 G(q)^T k = G(q) M^-1 p
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

from hpcphys.compiler.constraints.errors import ConstraintError
from hpcphys.compiler.constraints.multipliers import emit_solution
from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.expressions.derivatives import gradient

if TYPE_CHECKING:
    from hpcphys.compiler.native.writer import Writer

EPSILON = float(np.finfo(np.float64).eps)
Columns = Mapping[sympy.Symbol, Any]
Sparse = dict[tuple[int, int], sympy.Expr]


@dataclass(frozen=True)
class Surface:
    """The constraints in symbols.

    names: what each is called in messages;  values: g_k(q)
    positions, momenta, reference: q, p and q0, in one order
    inverse_mass: (i, j) -> entry of M^-1 in parameters
    """

    names: tuple[str, ...]
    values: tuple[sympy.Expr, ...]
    positions: tuple[sympy.Symbol, ...]
    momenta: tuple[sympy.Symbol, ...]
    reference: tuple[sympy.Symbol, ...]
    inverse_mass: Sparse

    @cached_property
    def slopes(self) -> Sparse:
        """G: (k, i) -> dg_k/dq_i, where it is not identically zero."""
        rows = (gradient(value, self.positions) for value in self.values)
        return {
            (k, i): row[symbol]
            for k, row in enumerate(rows)
            for i, symbol in enumerate(self.positions)
            if row[symbol] != 0
        }

    @cached_property
    def directions(self) -> Sparse:
        """G M^-1: (k, j) -> how the multiplier of constraint k moves position j."""
        found: dict[tuple[int, int], list[sympy.Expr]] = {}
        for (k, i), slope in self.slopes.items():
            for (a, j), mass in self.inverse_mass.items():
                if a == i:
                    found.setdefault((k, j), []).append(slope * mass)
        return {key: sympy.Add(*terms) for key, terms in found.items()}

    @cached_property
    def velocities(self) -> tuple[sympy.Expr, ...]:
        """M^-1 p."""
        rows: list[list[sympy.Expr]] = [[] for _ in self.positions]
        for (i, j), mass in self.inverse_mass.items():
            rows[i].append(mass * self.momenta[j])
        return tuple(sympy.Add(*row) for row in rows)

    @cached_property
    def rates(self) -> tuple[sympy.Expr, ...]:
        """dg/dt = G M^-1 p."""
        return tuple(
            sympy.Add(*(s * self.velocities[i] for (a, i), s in self.slopes.items() if a == k))
            for k in range(len(self.values))
        )

    @cached_property
    def coupled(self) -> tuple[tuple[int, int], ...]:
        """(k, l) for which (G M^-1 G^T)_kl can differ from zero."""
        count = range(len(self.values))
        touched = [{i for a, i in self.slopes if a == k} for k in count]
        moved = [{j for a, j in self.directions if a == k} for k in count]
        return tuple((k, j) for k in count for j in count if touched[k] & moved[j])

    def sizes(self, tolerance: float) -> tuple[sympy.Expr, ...]:
        """What |g_k| may be: the tolerance times the terms of g_k, and what rounding of q makes of it."""
        found = []
        for k, value in enumerate(self.values):
            slopes = {i: slope for (a, i), slope in self.slopes.items() if a == k}
            roundings = [sympy.Abs(slope) * sympy.Abs(self.positions[i]) for i, slope in slopes.items()]
            terms = sympy.Add.make_args(value)
            size = sympy.Add(*(map(sympy.Abs, terms) if len(terms) > 1 else roundings))
            found.append(tolerance * size + 4 * EPSILON * sympy.Add(*roundings))
        return tuple(found)

    @cached_property
    def to_reference(self) -> dict[sympy.Symbol, sympy.Symbol]:
        """q -> q0."""
        return dict(zip(self.positions, self.reference, strict=True))

    @cached_property
    def held(self) -> frozenset[sympy.Symbol]:
        """Positions and parameters that the constraints and the masses hold."""
        exprs = (*self.values, *self.inverse_mass.values())
        return frozenset().union(*(sympy.sympify(expr).free_symbols for expr in exprs))

    def matrix(self, slopes: Sequence[Any], directions: Sequence[Any], systems: int) -> np.ndarray:
        """(systems, m, m) numbers of G M^-1 G0^T from those of `slopes` and `directions`."""
        g = self.dense(self.slopes, slopes, systems)
        return g @ np.swapaxes(self.dense(self.directions, directions, systems), 1, 2)

    def dense(self, entries: Sparse, values: Sequence[Any], systems: int) -> np.ndarray:
        """(systems, m, positions) numbers of sparse entries."""
        array = np.zeros((systems, len(self.values), len(self.positions)))
        for (k, i), value in zip(entries, values, strict=True):
            array[:, k, i] = value
        return array


def compiled(expressions: Sequence[sympy.Expr]) -> Any:
    """A function of columns that gives the numbers of the expressions, in NumPy."""
    given = [sympy.sympify(expression) for expression in expressions]
    symbols = sorted(frozenset().union(*(expression.free_symbols for expression in given)), key=str)
    # Names such as q[0] would make lambdify replace each symbol by itself, which takes seconds.
    plain = {symbol: sympy.Symbol(f"x_{k}", real=True) for k, symbol in enumerate(symbols)}
    reduced = [expression.xreplace(plain) for expression in given]
    function = sympy.lambdify(list(plain.values()), reduced, "numpy", cse=True)

    def values(columns: Columns) -> list[Any]:
        return function(*(columns[symbol] for symbol in symbols))

    return values


def systems_of(columns: Columns, symbols: Sequence[sympy.Symbol]) -> int:
    """Number of systems in the columns of variables."""
    return max(np.size(columns[symbol]) for symbol in symbols)


@dataclass(frozen=True)
class Shake:
    """Positions onto g = 0 along the gradients at the remembered ones; momenta by the same impulses over DT.

    tolerance: see Surface.sizes;  limit: most Newton steps
    """

    surface: Surface
    tolerance: float
    limit: int
    normals: tuple[sympy.Symbol, ...] = ()

    @property
    def reads(self) -> frozenset[sympy.Symbol]:
        own = self.surface
        return own.held | {*own.positions, *own.momenta, *own.reference}

    @property
    def writes(self) -> frozenset[sympy.Symbol]:
        return frozenset({*self.surface.positions, *self.surface.momenta})

    @cached_property
    def _at_reference(self) -> list[sympy.Expr]:
        """Sizes, G and G M^-1 at q0."""
        own = self.surface
        exprs = (*own.sizes(self.tolerance), *own.slopes.values(), *own.directions.values())
        return [sympy.sympify(expr).xreplace(own.to_reference) for expr in exprs]

    def emit(self, writer: Writer) -> None:
        """Newton's method in the words of the writer; a system that does not get there fails."""
        own = self.surface
        count, slopes = len(own.values), len(own.slopes)
        names = writer.evaluate(self._at_reference)
        sizes, start = names[:count], names[count : count + slopes]
        along = dict(zip(own.directions, names[count + slopes :], strict=True))
        total = [writer.variable(writer.evaluate([sympy.S.Zero])[0]) for _ in own.values]
        met = [sympy.Symbol(f"size_{k}", real=True) for k in range(count)]
        local = dict(zip(met, sizes, strict=True))
        with writer.iterate(self.limit + 1) as loop:
            inside = [sympy.Le(sympy.Abs(g), size) for g, size in zip(own.values, met, strict=True)]
            loop.stop(writer.condition(sympy.And(*inside, evaluate=False), local))
            step = self._newton_step(writer, along)
            self._move(writer, step, along, total)
        for met_now, text in zip(inside, own.names, strict=True):
            message = f"constraint {text} cannot be met in {self.limit} Newton steps; shorten the step"
            writer.fail(writer.complement(writer.condition(met_now, local)), message)
        self._push(writer, start, total)

    def _newton_step(self, writer: Writer, along: Mapping[tuple[int, int], str]) -> list[str]:
        """Names of dl."""
        own = self.surface
        symbols = {key: sympy.Symbol(f"along_{key[0]}_{key[1]}", real=True) for key in along}
        entries = [
            sympy.Add(
                *(
                    slope * symbols[b, i]
                    for (a, i), slope in own.slopes.items()
                    if a == k and (b, i) in symbols
                )
            )
            for k, b in own.coupled
        ]
        names = writer.evaluate([*own.values, *entries], {symbols[key]: along[key] for key in along})
        count = len(own.values)
        return emit_solution(writer, dict(zip(own.coupled, names[count:], strict=True)), names[:count])

    def _move(
        self, writer: Writer, step: list[str], along: Mapping[tuple[int, int], str], total: list[str]
    ) -> None:
        """q <- q - M^-1 G0^T dl,  l <- l + dl."""
        own = self.surface
        local: dict[sympy.Symbol, str] = {}

        def value(name: str) -> sympy.Symbol:
            symbol = sympy.Symbol(f"value({name})", real=True)
            local[symbol] = name
            return symbol

        multipliers = [value(name) for name in step]
        moved = sorted({j for _, j in along})
        new = [
            own.positions[j]
            - sympy.Add(*(value(name) * multipliers[k] for (k, i), name in along.items() if i == j))
            for j in moved
        ]
        sums = [value(old) + dl for old, dl in zip(total, multipliers, strict=True)]
        names = writer.evaluate([*new, *sums], local)
        writer.assign([own.positions[j] for j in moved], names[: len(moved)])
        writer.set(total, names[len(moved) :])

    def _push(self, writer: Writer, start: Sequence[str], total: Sequence[str]) -> None:
        """p <- p - G0^T l / h."""
        own = self.surface
        multipliers = [sympy.Symbol(f"total_{k}", real=True) for k in range(len(total))]
        slopes = {key: sympy.Symbol(f"slope_{key[0]}_{key[1]}", real=True) for key in own.slopes}
        local = dict(zip((*multipliers, *slopes.values()), (*total, *start), strict=True))
        pushed = sorted({i for _, i in slopes})
        new = [
            own.momenta[i] - sympy.Add(*(slopes[k, j] * multipliers[k] for k, j in slopes if j == i)) / DT
            for i in pushed
        ]
        writer.assign([own.momenta[i] for i in pushed], writer.evaluate(new, local))

    @cached_property
    def _functions(self) -> tuple[Any, Any]:
        own = self.surface
        return compiled(self._at_reference), compiled([*own.values, *own.slopes.values()])

    def apply(self, columns: Columns, dt: float) -> dict[sympy.Symbol, Any]:
        """q and p, in NumPy.  Raises ConstraintError that names constraint and system."""
        own = self.surface
        systems, count = systems_of(columns, own.positions), len(own.values)
        at_reference, at_present = self._functions
        found = at_reference(columns)
        sizes = np.stack([np.broadcast_to(size, systems) for size in found[:count]], axis=1)
        start = own.dense(own.slopes, found[count : count + len(own.slopes)], systems)
        along = own.dense(own.directions, found[count + len(own.slopes) :], systems)
        q = np.stack([np.broadcast_to(columns[s], systems) for s in own.positions], axis=1).astype(np.float64)
        total = np.zeros((systems, count))
        for iteration in range(self.limit + 1):
            now = at_present({**columns, **dict(zip(own.positions, q.T, strict=True))})
            g = np.stack([np.broadcast_to(value, systems) for value in now[:count]], axis=1)
            unmet = ~(np.abs(g) <= sizes)
            running = unmet.any(axis=1)
            if not running.any():
                break
            if iteration == self.limit:
                raise self._unmet(g, sizes, unmet)
            matrix = own.dense(own.slopes, now[count:], systems) @ np.swapaxes(along, 1, 2)
            step = solved(matrix[running], g[running])
            total[running] += step
            q[running] -= np.einsum("skj,sk->sj", along[running], step)
        push = np.einsum("ski,sk->si", start, total) / dt
        momenta = {p: columns[p] - push[:, i] for i, p in enumerate(own.momenta)}
        return dict(zip(own.positions, q.T, strict=True)) | momenta

    def _unmet(self, g: np.ndarray, sizes: np.ndarray, unmet: np.ndarray) -> ConstraintError:
        system, k = (int(index[0]) for index in np.nonzero(unmet))
        return ConstraintError(
            f"constraint {self.surface.names[k]} of system {system} cannot be met in {self.limit} Newton "
            f"steps: its value is {g[system, k]:.3g}, allowed {sizes[system, k]:.1e}; shorten the step"
        )


def solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """x of A x = y for (systems, m, m) and (systems, m); NaN where A is singular."""
    try:
        return np.linalg.solve(matrix, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        return np.full_like(right, np.nan)


@dataclass(frozen=True)
class Rattle:
    """Momenta onto dg/dt = 0, to rounding."""

    surface: Surface
    normals: tuple[sympy.Symbol, ...] = ()

    @property
    def reads(self) -> frozenset[sympy.Symbol]:
        return self.surface.held | {*self.surface.positions, *self.surface.momenta}

    @property
    def writes(self) -> frozenset[sympy.Symbol]:
        return frozenset(self.surface.momenta)

    @cached_property
    def _matrix(self) -> list[sympy.Expr]:
        """The structural non-zeros of G M^-1 G^T."""
        own = self.surface
        return [
            sympy.Add(
                *(
                    slope * own.directions[b, i]
                    for (a, i), slope in own.slopes.items()
                    if a == k and (b, i) in own.directions
                )
            )
            for k, b in own.coupled
        ]

    def emit(self, writer: Writer) -> None:
        """One linear solution."""
        own = self.surface
        count = len(own.values)
        names = writer.evaluate([*own.rates, *self._matrix])
        found = emit_solution(writer, dict(zip(own.coupled, names[count:], strict=True)), names[:count])
        symbols = [sympy.Symbol(f"multiplier_{k}", real=True) for k in range(count)]
        pushed = sorted({i for _, i in own.slopes})
        new = [
            own.momenta[i] - sympy.Add(*(s * symbols[k] for (k, j), s in own.slopes.items() if j == i))
            for i in pushed
        ]
        values = writer.evaluate(new, dict(zip(symbols, found, strict=True)))
        writer.assign([own.momenta[i] for i in pushed], values)

    @cached_property
    def _function(self) -> Any:
        own = self.surface
        return compiled([*own.rates, *own.slopes.values(), *own.directions.values()])

    def apply(self, columns: Columns, dt: float) -> dict[sympy.Symbol, Any]:
        """p, in NumPy."""
        own = self.surface
        systems, count, slopes = systems_of(columns, own.positions), len(own.values), len(own.slopes)
        found = self._function(columns)
        rates = np.stack([np.broadcast_to(rate, systems) for rate in found[:count]], axis=1)
        g = own.dense(own.slopes, found[count : count + slopes], systems)
        along = own.dense(own.directions, found[count + slopes :], systems)
        push = np.einsum("ski,sk->si", g, solved(g @ np.swapaxes(along, 1, 2), rates))
        return {p: columns[p] - push[:, i] for i, p in enumerate(own.momenta)}
