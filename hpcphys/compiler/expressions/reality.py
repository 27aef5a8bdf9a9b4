"""Whether an expression of real symbols can be a real, finite number.

Sums, products and integer powers of real numbers are real: only roots, logarithms and inverse functions can
leave them, so that only those are asked, which SymPy answers slowly.
"""

from __future__ import annotations

import sympy

LARGEST = sympy.Float("1e300")
_PARTIAL = (sympy.log, sympy.asin, sympy.acos, sympy.acosh, sympy.atanh)


def surely_nonnegative(expr: sympy.Expr) -> bool:
    """True if the form of an expression shows that it is not negative: sums of squares and the like."""
    if expr.is_Number:
        return bool(expr >= 0)
    if expr.is_Pow:
        return (expr.exp.is_Integer and expr.exp % 2 == 0) or surely_nonnegative(expr.base)
    if expr.is_Add or expr.is_Mul:
        return all(map(surely_nonnegative, expr.args))
    return isinstance(expr, sympy.Abs | sympy.exp) or expr is sympy.pi


def may_be_complex(expr: sympy.Expr) -> bool:
    """True if the outermost operation of an expression makes it complex wherever it is evaluated."""
    if expr.is_Pow:
        if expr.exp.is_Integer or surely_nonnegative(expr.base):
            return False
        if not expr.exp.is_number:
            # (-2)^x is real for some x alone; a base of any sign is trusted to be positive.
            return bool(expr.base.is_nonpositive)
        return expr.is_extended_real is False
    return isinstance(expr, _PARTIAL) and expr.is_extended_real is False


def unreal(expr: sympy.Expr) -> str:
    """What makes an expression not real or not finite, in words; "" if nothing is known against it."""
    if expr.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        return "the value is not finite"
    if expr.has(sympy.I) or any(map(may_be_complex, expr.atoms(sympy.Pow, *_PARTIAL))):
        return "the value is not real"
    if any(abs(number) > LARGEST for number in expr.atoms(sympy.Number)):
        return "a number is beyond 1e300"
    return ""
