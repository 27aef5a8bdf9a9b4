"""Closed-form flows of vector fields: found by what the field does to its own ingredients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.flows.code import FlowCode
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.splitting.linear import closed_exponential
from hpcphys.compiler.splitting.signs import Signs
from hpcphys.compiler.structures.proofs import Prover

Field = Mapping[sympy.Symbol, sympy.Expr]

LARGE = 4000
"""Operations of a field beyond which only shears are looked for: algebra would take too long."""

COMPLICATED = 600
"""Operations of a field beyond which only shears and linear motions are looked for."""

FACTORED = 200
"""Operations of a field beyond which no common factor is looked for: factoring would take too long."""

LIE_TERMS = 8
GROWN = 150
"""Operations of a term of a Lie series beyond which the series is taken not to end."""


@dataclass(frozen=True)
class ClosedFlow:
    """An exact flow.  kind: shear, rotation, exponential, linear or polynomial; reason: why it is exact."""

    kind: str
    reason: str
    code: FlowCode


def moving(field: Field) -> dict[sympy.Symbol, sympy.Expr]:
    """The components of a field that do not vanish."""
    kept = {}
    for symbol, rate in field.items():
        if rate == 0 or (sympy.count_ops(rate) < LARGE and sympy.expand(rate) == 0):
            continue
        kept[symbol] = rate
    return kept


def lie_derivative(field: Field, expr: sympy.Expr) -> sympy.Expr:
    """X f = sum_i X_i df/dz_i: the rate of change of f along the flow of X."""
    return sympy.Add(*(rate * sympy.diff(expr, symbol) for symbol, rate in field.items()))


def is_invariant(field: Field, expr: sympy.Expr) -> bool:
    """Whether f is constant along the flow: df/dt multiplies out to zero, or vanishes at random points."""
    if not expr.free_symbols & field.keys():
        return True
    return Prover(seconds=0.0).vanishes(lie_derivative(field, expr))


def closed_flow(field: Field, signs: Signs | None = None, *, linear_only: bool = False) -> ClosedFlow | None:
    """The exact flow of dz/dt = X(z) in closed form, or None if none of the rules below finds one.

    1. shear: X does not depend on what it moves.   2. linear: X is affine in what it moves, with coefficients
    that stand still, and its matrix exponential is closed.   3. X = g Y with g constant along X and Y one of
    these: the flow of Y over g dt.   4. the Lie series of X ends.   5. combinations of what moves stand
    still,
    and with them X is linear: two spins about their sum.
    """
    signs = signs or Signs()
    field = moving(field)
    shear = _shear(field)
    if shear is not None or sum(sympy.count_ops(rate) for rate in field.values()) > LARGE:
        return shear
    linear = _linear(field, signs)
    if linear is not None or linear_only or sum(map(sympy.count_ops, field.values())) > COMPLICATED:
        return linear
    return _about_sums(field, signs) or _scaled(field, signs) or _lie_series(field)


def _shear(field: Field) -> ClosedFlow | None:
    if any(rate.free_symbols & field.keys() for rate in field.values()):
        return None
    code = Update.of({symbol: symbol + DT * rate for symbol, rate in field.items()})
    return ClosedFlow("shear", "its rates do not depend on what it moves", code)


def affine_parts(field: Field) -> tuple[sympy.Matrix, sympy.Matrix] | None:
    """A, b of X = A z + b over the moving symbols, or None if X is not affine in them."""
    symbols = list(field)
    rates = [sympy.expand(rate) for rate in field.values()]
    entries: dict[tuple[int, int], sympy.Expr] = {}
    for i, rate in enumerate(rates):
        held = [(j, symbol) for j, symbol in enumerate(symbols) if rate.has(symbol)]
        if not rate.is_polynomial(*(symbol for _, symbol in held)):
            return None
        for j, symbol in held:
            slope = sympy.diff(rate, symbol)
            if slope.free_symbols & field.keys():
                return None
            if slope != 0:
                entries[i, j] = slope
    rest = [rate.xreplace(dict.fromkeys(symbols, sympy.S.Zero)) for rate in rates]
    size = len(symbols)
    return sympy.SparseMatrix(size, size, entries), sympy.Matrix(rest)


def _linear(field: Field, signs: Signs) -> ClosedFlow | None:
    affine = affine_parts(field)
    if affine is None:
        return None
    exponential = closed_exponential(*affine, signs)
    if exponential is None:
        return None
    symbols = sympy.Matrix(list(field))
    after = symbols + exponential.change * symbols + exponential.shift
    code = Update.of(dict(zip(field, after, strict=True)))
    reason = {
        "rotation": "a rotation at a rate that stands still",
        "exponential": "growth at rates that stand still",
        "polynomial": "its matrix is nilpotent",
    }.get(exponential.kind, "linear: its matrix exponential is closed")
    return ClosedFlow(exponential.kind, reason, code)


def _scaled(field: Field, signs: Signs) -> ClosedFlow | None:
    """X = g Y with X g = 0: factors common to all components that are constant along the flow.

    The factors are looked for as the field is written, where differences of positions stay what they are, and
    only then in what factoring makes of it.
    """
    if sum(map(sympy.count_ops, field.values())) > FACTORED:
        return None
    for factored in (dict(field), {symbol: sympy.factor(rate) for symbol, rate in field.items()}):
        scale = _standing_factor(field, list(factored.values()))
        if scale == 1:
            continue
        rest = {symbol: sympy.cancel(rate / scale) for symbol, rate in factored.items()}
        inner = _shear(rest) or _linear(rest, signs) or _lie_series(rest)
        if inner is None or not isinstance(inner.code, Update):
            continue
        code = Update.of({s: after.xreplace({DT: DT * scale}) for s, after in inner.code.assignments})
        return ClosedFlow(
            inner.kind, f"{inner.reason}, over a time scaled by {scale}, which is conserved", code
        )
    return None


def _standing_factor(field: Field, rates: list[sympy.Expr]) -> sympy.Expr:
    """The factor that all rates share and that is constant along the flow, or 1."""
    common: dict[sympy.Expr, sympy.Expr] | None = None
    for rate in rates:
        powers = dict(_power(f) for f in sympy.Mul.make_args(rate) if f.free_symbols & field.keys())
        if common is None:
            common = powers
        else:
            common = {b: sympy.Min(e, powers[b]) for b, e in common.items() if b in powers}
    factors = [b**e for b, e in sorted((common or {}).items(), key=str)]
    standing = [f for f in factors if is_invariant(field, f)]
    scale = sympy.Mul(*(standing or factors))
    return scale if standing or is_invariant(field, scale) else sympy.S.One


def _power(factor: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Base and exponent of a power with a number for exponent; others are their own base."""
    return factor.args if factor.is_Pow and factor.exp.is_number else (factor, sympy.S.One)


def _lie_series(field: Field) -> ClosedFlow | None:
    """z(t) = sum_k t^k/k! X^k z, where X^k z = 0 from some k on.  Source: Hairer et al. (2006), III.5.1."""
    if not all(rate.is_polynomial(*field) for rate in field.values()):
        return None
    after = {}
    for symbol, rate in field.items():
        total, term = symbol + DT * rate, rate
        for k in range(2, LIE_TERMS + 1):
            rate = lie_derivative(field, term)
            if sympy.count_ops(rate) > 4 * GROWN:
                return None
            term = sympy.expand(rate)
            if term == 0:
                break
            if sympy.count_ops(term) > GROWN:
                return None
            total += DT**k / sympy.factorial(k) * sympy.factor_terms(term)
        else:
            return None
        after[symbol] = total
    return ClosedFlow("polynomial", "its Lie series ends", Update.of(after))


def _about_sums(field: Field, signs: Signs) -> ClosedFlow | None:
    """Linear combinations of the moving symbols that stand still replace some of them."""
    symbols = list(field)
    combinations = _standing(field)
    if not combinations:
        return None
    eliminated: dict[sympy.Symbol, sympy.Expr] = {}
    back: dict[sympy.Symbol, sympy.Expr] = {}
    for combination in combinations:
        pivot = max(j for j, weight in enumerate(combination) if weight != 0)
        constant = sympy.Dummy(f"standing_{symbols[pivot]}", real=True)
        others = sympy.Add(*(w * symbols[j] for j, w in enumerate(combination) if w != 0 and j != pivot))
        eliminated[symbols[pivot]] = (constant - others) / combination[pivot]
        back[constant] = others + combination[pivot] * symbols[pivot]
    rest = {
        symbol: sympy.expand(rate.xreplace(eliminated))
        for symbol, rate in field.items()
        if symbol not in eliminated
    }
    inner = _linear(moving(rest), signs) if moving(rest) else None
    if inner is None or not isinstance(inner.code, Update):
        return None
    after = dict(inner.code.assignments)
    for symbol, expr in eliminated.items():
        after[symbol] = expr.xreplace(after)
    code = Update.of({symbol: expr.xreplace(back) for symbol, expr in after.items()})
    return ClosedFlow(inner.kind, f"{inner.reason}, about sums that stand still", code)


def _standing(field: Field) -> list[list[sympy.Expr]]:
    """Independent combinations c . z of the moving symbols with c . X = 0, in reduced echelon form."""
    terms: dict[sympy.Expr, dict[int, sympy.Expr]] = {}
    for j, rate in enumerate(field.values()):
        for term in sympy.Add.make_args(sympy.expand(rate)):
            weight, monomial = term.as_independent(*field)
            terms.setdefault(monomial, {})[j] = terms.get(monomial, {}).get(j, 0) + weight
    rows = [[row.get(j, sympy.S.Zero) for j in range(len(field))] for row in terms.values()]
    space = sympy.Matrix(rows).nullspace()
    if not space:
        return []
    reduced, _ = sympy.Matrix([list(vector[::-1]) for vector in space]).rref()
    return [list(reduced.row(i))[::-1] for i in range(reduced.rows)]
