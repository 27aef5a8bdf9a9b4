"""The functions that expressions may call: each with its SymPy image and its number of arguments.

They also serve Python functions that are traced (`tracing.trace`): with numbers or arrays they are NumPy's,
with symbols SymPy's, so that  H = lambda q, p: p**2 / 2 - cos(q)  works in both worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy


def _real_cube_root(x: sympy.Expr) -> sympy.Expr:
    # SymPy's cbrt of a negative number is complex; in real coordinates the real root is meant.
    return sympy.cbrt(x) if x.is_nonnegative else sympy.sign(x) * sympy.cbrt(sympy.Abs(x))


@dataclass(frozen=True)
class Function:
    """One function of the grammar: name, SymPy image, least and most arguments."""

    name: str
    image: Callable[..., sympy.Expr]
    least: int = 1
    most: int = 1

    @property
    def arity(self) -> str:
        """The allowed number of arguments, in words."""
        if self.least == self.most:
            return f"{self.least} argument" + ("s" if self.least > 1 else "")
        return f"{self.least} to {self.most} arguments"


FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("sqrt", sympy.sqrt),
        Function("cbrt", _real_cube_root),
        Function("exp", sympy.exp),
        Function("log", sympy.log),
        Function("sin", sympy.sin),
        Function("cos", sympy.cos),
        Function("tan", sympy.tan),
        Function("asin", sympy.asin),
        Function("acos", sympy.acos),
        Function("atan", sympy.atan),
        Function("atan2", sympy.atan2, 2, 2),
        Function("sinh", sympy.sinh),
        Function("cosh", sympy.cosh),
        Function("tanh", sympy.tanh),
        Function("asinh", sympy.asinh),
        Function("acosh", sympy.acosh),
        Function("atanh", sympy.atanh),
        Function("abs", sympy.Abs),
        Function("sign", sympy.sign),
        Function("min", sympy.Min, 2, 8),
        Function("max", sympy.Max, 2, 8),
        Function("erf", sympy.erf),
        Function("erfc", sympy.erfc),
    )
}
"""Name -> function, for every function of scalars that an expression may call."""

VECTOR_FUNCTIONS: dict[str, int] = {"dot": 2, "norm": 1, "cross": 2}
"""Name -> number of arguments, for the functions of vectors."""

RANGES: frozenset[str] = frozenset({"sum", "product"})
"""sum(term, i, first, last) and product(term, i, first, last); both bounds are included."""
