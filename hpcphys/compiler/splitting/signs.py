"""What is known of the sign of an expression: from its form, and from the values of the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import sympy


class Signs:
    """Signs of expressions in coordinates and parameters.

    values: symbol of a parameter -> its number, or an array with the number of every system
    """

    def __init__(self, values: Mapping[sympy.Symbol, Any] | None = None):
        self.values = dict(values or {})

    def of(self, expr: sympy.Expr) -> str:
        """One of positive, negative, zero, nonnegative, nonpositive, any."""
        expr = sympy.sympify(expr)
        if expr.free_symbols and expr.free_symbols <= self.values.keys():
            values = self.numbers(expr)
            if np.all(values > 0):
                return "positive"
            if np.all(values < 0):
                return "negative"
            return "nonnegative" if np.all(values >= 0) else "nonpositive" if np.all(values <= 0) else "any"
        known = sympy.factor(expr).xreplace(self._stand_ins)
        for word in ("zero", "positive", "negative", "nonnegative", "nonpositive"):
            if getattr(known, f"is_{word}"):
                return word
        return "any"

    def nonzero(self, expr: sympy.Expr) -> bool:
        """Whether the expression is known never to vanish."""
        return self.of(expr) in ("positive", "negative")

    def numbers(self, expr: sympy.Expr) -> np.ndarray:
        """Values of an expression that holds nothing but parameters."""
        symbols = sorted(expr.free_symbols, key=str)
        function = sympy.lambdify(symbols, expr, "numpy")
        with np.errstate(all="ignore"):
            return np.atleast_1d(np.asarray(function(*(self.values[s] for s in symbols)), dtype=float))

    @cached_property
    def _stand_ins(self) -> dict[sympy.Symbol, sympy.Symbol]:
        """Symbol of a parameter -> one that SymPy knows the sign of."""
        found = {}
        for symbol, value in self.values.items():
            numbers = np.asarray(value)
            if np.all(numbers > 0):
                found[symbol] = sympy.Symbol(symbol.name, positive=True)
            elif np.all(numbers < 0):
                found[symbol] = sympy.Symbol(symbol.name, negative=True)
        return found
