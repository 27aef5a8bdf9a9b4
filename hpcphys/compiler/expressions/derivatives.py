"""Gradients and second derivatives of expressions, term by term, without distributions."""

from __future__ import annotations

from collections.abc import Sequence

import sympy


def gradient(expr: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> dict[sympy.Symbol, sympy.Expr]:
    """Symbol -> d expr / d symbol, for every one of `symbols`, in their order.

    Each term is differentiated only by what it contains: a chain of n springs costs n steps, not n². Where a
    function has a corner (abs, sign, min, max) the derivative is the one beside it: d sign(x)/dx = 0.
    """
    wanted = set(symbols)
    slopes: dict[sympy.Symbol, list[sympy.Expr]] = {symbol: [] for symbol in symbols}
    for term in sympy.Add.make_args(expr):
        for symbol in sorted(term.free_symbols & wanted, key=str):
            slopes[symbol].append(_without_distributions(_slope(term, symbol)))
    return {symbol: sympy.Add(*slopes[symbol]) for symbol in symbols}


def hessian(
    expr: sympy.Expr, symbols: Sequence[sympy.Symbol]
) -> dict[tuple[sympy.Symbol, sympy.Symbol], sympy.Expr]:
    """(a, b) -> d² expr / da db, for the pairs of `symbols` where it is not zero (both orders)."""
    return {
        (a, b): second
        for a, slope in gradient(expr, symbols).items()
        for b, second in gradient(slope, symbols).items()
        if second != 0
    }


def _slope(expr: sympy.Expr, symbol: sympy.Symbol) -> sympy.Expr:
    """d expr / d symbol; sums, products and constant powers directly, which SymPy takes long for."""
    if symbol not in expr.free_symbols:
        return sympy.S.Zero
    if expr.is_Symbol:
        return sympy.S.One
    if expr.is_Add:
        return sympy.Add(*(_slope(term, symbol) for term in expr.args))
    if expr.is_Mul:
        parts = [(i, _slope(factor, symbol)) for i, factor in enumerate(expr.args)]
        products = [(*expr.args[:i], part, *expr.args[i + 1 :]) for i, part in parts if part != 0]
        return sympy.Add(*(sympy.Mul(*product) for product in products))
    if expr.is_Pow and symbol not in expr.exp.free_symbols:
        return expr.exp * expr.base ** (expr.exp - 1) * _slope(expr.base, symbol)
    return sympy.diff(expr, symbol)


def _without_distributions(expr: sympy.Expr) -> sympy.Expr:
    """Derivatives of jumps are zero beside the jump; Heaviside becomes a plain choice."""
    if not expr.has(sympy.DiracDelta, sympy.Heaviside):
        return expr
    expr = expr.replace(sympy.DiracDelta, lambda *arguments: sympy.S.Zero)
    return expr.replace(sympy.Heaviside, lambda x, *_: (1 + sympy.sign(x)) / 2)
