"""The functions that expressions may call: each with its SymPy image and its number of arguments.

They also serve Python functions that are traced (`tracing.trace`): with numbers or arrays they are NumPy's,
with symbols SymPy's, so that  H = lambda q, p: p**2 / 2 - cos(q)  works in both worlds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.reality import surely_nonnegative


def _real_cube_root(x: sympy.Expr) -> sympy.Expr:
    # SymPy's cbrt of a negative number is complex; in real coordinates the real root is meant.
    if surely_nonnegative(x):
        return sympy.cbrt(x)
    if x.is_Mul and len(x.args) == 2:
        # The root of a root, sign(y) |y|^r, has the same form.
        factors = sorted(x.args, key=lambda factor: isinstance(factor, sympy.sign))
        root, sign_of = factors
        if isinstance(sign_of, sympy.sign) and root.is_Pow and root.base == sympy.Abs(sign_of.args[0]):
            return sign_of * sympy.cbrt(root)
    return sympy.sign(x) * sympy.cbrt(sympy.Abs(x))


def _angle(y: sympy.Expr, x: sympy.Expr) -> sympy.Expr:
    # SymPy's atan2(0, x) is a Heaviside function of x, which no compiler of C knows.
    return sympy.pi * (1 - sympy.sign(x)) / 2 if y.is_zero and not x.is_zero else sympy.atan2(y, x)


@dataclass(frozen=True)
class Function:
    """One function of the grammar, callable with traced numbers, SymPy expressions, numbers and arrays.

    name; image: of SymPy; numeric: of NumPy; least, most: number of arguments
    """

    name: str
    image: Callable[..., sympy.Expr]
    numeric: Callable[..., Any]
    least: int = 1
    most: int = 1

    @property
    def arity(self) -> str:
        """The allowed number of arguments, in words."""
        if self.least == self.most:
            return f"{self.least} argument" + ("s" if self.least > 1 else "")
        return f"{self.least} to {self.most} arguments"

    def __call__(self, *arguments: Any) -> Any:
        """The function of the arguments; arrays component by component."""
        if any(isinstance(x, np.ndarray) and x.dtype == object for x in arguments):
            return np.frompyfunc(self, len(arguments), 1)(*arguments)
        for argument in arguments:
            if hasattr(argument, "applied"):  # a traced number
                return argument.applied(self.image, arguments)
            if isinstance(argument, sympy.Expr):
                return self.image(*arguments)
        return self.numeric(*arguments)


def _special(name: str) -> Callable[..., Any]:
    def numeric(x: Any) -> Any:
        import scipy.special  # slow to import, and rarely needed

        return getattr(scipy.special, name)(x)

    return numeric


FUNCTIONS: dict[str, Function] = {
    function.name: function
    for function in (
        Function("sqrt", sympy.sqrt, np.sqrt),
        Function("cbrt", _real_cube_root, np.cbrt),
        Function("exp", sympy.exp, np.exp),
        Function("log", sympy.log, np.log),
        Function("sin", sympy.sin, np.sin),
        Function("cos", sympy.cos, np.cos),
        Function("tan", sympy.tan, np.tan),
        Function("asin", sympy.asin, np.arcsin),
        Function("acos", sympy.acos, np.arccos),
        Function("atan", sympy.atan, np.arctan),
        Function("atan2", _angle, np.arctan2, 2, 2),
        Function("sinh", sympy.sinh, np.sinh),
        Function("cosh", sympy.cosh, np.cosh),
        Function("tanh", sympy.tanh, np.tanh),
        Function("asinh", sympy.asinh, np.arcsinh),
        Function("acosh", sympy.acosh, np.arccosh),
        Function("atanh", sympy.atanh, np.arctanh),
        Function("abs", sympy.Abs, np.abs),
        Function("sign", sympy.sign, np.sign),
        Function("min", sympy.Min, lambda *x: reduce(np.minimum, x), 2, 8),
        Function("max", sympy.Max, lambda *x: reduce(np.maximum, x), 2, 8),
        Function("erf", sympy.erf, _special("erf")),
        Function("erfc", sympy.erfc, _special("erfc")),
    )
}
"""Name -> function, for every function of scalars that an expression may call."""

(sqrt, cbrt, exp, log, sin, cos, tan, asin, acos, atan, atan2) = list(FUNCTIONS.values())[:11]
(sinh, cosh, tanh, asinh, acosh, atanh, abs, sign, min, max, erf, erfc) = list(FUNCTIONS.values())[11:]

VECTOR_FUNCTIONS: dict[str, int] = {"dot": 2, "norm": 1, "cross": 2}
"""Name -> number of arguments, for the functions of vectors."""

RANGES: frozenset[str] = frozenset({"sum", "product"})
"""sum(term, i, first, last) and product(term, i, first, last); both bounds are included."""
