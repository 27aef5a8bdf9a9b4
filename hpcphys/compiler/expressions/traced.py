"""Numbers that remember how they were computed: what `trace` passes to a Python function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.errors import ExpressionError
from hpcphys.compiler.expressions.functions import FUNCTIONS
from hpcphys.compiler.expressions.meaning import decimal

BRANCH = "it branches on {}; a Hamiltonian must be one formula: use min, max, abs or sign of hpcphys"

_NUMPY_NAMES = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
}


class Comparison:
    """The outcome of comparing a traced number: unknown, so that a branch on it is an error."""

    def __init__(self, left: Any, sign: str, right: Any):
        self.text = f"{left} {sign} {right}"

    def __bool__(self) -> bool:
        raise ExpressionError(BRANCH.format(self.text))


def plain(value: Any) -> sympy.Expr:
    """The SymPy expression of a traced or ordinary number.  Raises TypeError for anything else."""
    if isinstance(value, Traced):
        return value.expr
    if isinstance(value, bool | np.bool_ | complex | np.complexfloating):
        raise TypeError
    if isinstance(value, int | np.integer):
        return sympy.Integer(int(value))
    if isinstance(value, float | np.floating):
        # What was written: 0.5 is 1/2, as in the grammar.
        return decimal(repr(float(value))) if np.isfinite(value) else sympy.nan
    if isinstance(value, sympy.Expr):
        return value
    raise TypeError


class Traced:
    """A number that remembers how it was computed; np.sqrt and others find its methods: x.sqrt()."""

    __slots__ = ("expr",)

    def __init__(self, expr: sympy.Expr):
        self.expr = expr

    def __repr__(self) -> str:
        return f"Traced({self.expr})"

    def __getattr__(self, name: str) -> Callable[..., Traced]:
        function = FUNCTIONS.get(_NUMPY_NAMES.get(name, name))
        if function is None:
            raise AttributeError(
                f"a traced number has no {name!r}; functions that can be traced: {', '.join(FUNCTIONS)}"
            )
        return lambda *others: function(self, *others)

    def conjugate(self) -> Traced:
        """The number itself, for it is real (np.conj, np.vdot)."""
        return self

    def hypot(self, other: Any) -> Traced:
        """sqrt(x² + y²) (np.hypot)."""
        return Traced(sympy.sqrt(self.expr**2 + plain(other) ** 2))

    def applied(self, image: Callable[..., sympy.Expr], arguments: tuple[Any, ...]) -> Traced:
        """A function of SymPy's of traced and ordinary numbers."""
        return Traced(image(*map(plain, arguments)))

    def _sympy_(self) -> sympy.Expr:
        return self.expr

    def __bool__(self) -> bool:
        raise ExpressionError(BRANCH.format(self.expr))

    def __float__(self) -> float:
        raise ExpressionError(
            f"it turns {self.expr} into a float; use the functions of NumPy or of "
            "hpcphys.compiler.expressions.functions instead of those of math"
        )

    def __int__(self) -> int:
        raise ExpressionError(f"it turns {self.expr} into an integer; only loop indices may be integers")

    __index__ = __int__

    def __hash__(self) -> int:
        return hash(self.expr)

    def __eq__(self, other: object) -> Any:
        return Comparison(self.expr, "==", other)

    def __ne__(self, other: object) -> Any:
        return Comparison(self.expr, "!=", other)

    def __lt__(self, other: object) -> Any:
        return Comparison(self.expr, "<", other)

    def __le__(self, other: object) -> Any:
        return Comparison(self.expr, "<=", other)

    def __gt__(self, other: object) -> Any:
        return Comparison(self.expr, ">", other)

    def __ge__(self, other: object) -> Any:
        return Comparison(self.expr, ">=", other)

    def __add__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a + b)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b + a)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b - a)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a * b)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b * a)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a / b)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b / a)

    def __pow__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: a**b)

    def __rpow__(self, other: Any) -> Any:
        return self._with(other, lambda a, b: b**a)

    def _with(self, other: Any, operation: Callable[[sympy.Expr, sympy.Expr], sympy.Expr]) -> Any:
        """The operation with a number; arrays take over and come back component by component."""
        if isinstance(other, np.ndarray):
            return NotImplemented
        try:
            return Traced(operation(self.expr, plain(other)))
        except TypeError:
            return NotImplemented

    def __neg__(self) -> Traced:
        return Traced(-self.expr)

    def __pos__(self) -> Traced:
        return self

    def __abs__(self) -> Traced:
        return Traced(sympy.Abs(self.expr))
