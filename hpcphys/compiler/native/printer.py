"""SymPy expressions as C++ in the words of kernels/batch.h: every value is a `num`, one double per system."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sympy

FUNCTIONS: dict[type, str] = {
    sympy.exp: "exponential",
    sympy.log: "logarithm",
    sympy.sin: "sine",
    sympy.cos: "cosine",
    sympy.tan: "tangent",
    sympy.sinh: "hyperbolic_sine",
    sympy.cosh: "hyperbolic_cosine",
    sympy.tanh: "hyperbolic_tangent",
    sympy.Abs: "absolute",
}
"""SymPy's function -> the name in batch.h."""


class PrintError(ValueError):
    """An expression holds something that has no C++ form; the message names it."""


class Printer:
    """Prints expressions with the C++ names of their symbols.

    names: symbol -> C++ name of a `num`; invariant: whether a symbol keeps its value during a run, so that
    products with it are formed first and the compiler can move them out of the loop over steps.
    Raises PrintError for a symbol without a name and for a function that batch.h does not have.
    """

    def __init__(self, names: Mapping[sympy.Symbol, str], invariant: Callable[[sympy.Symbol], bool]):
        self.names = names
        self.invariant = invariant

    def __call__(self, expression: sympy.Expr) -> str:
        """The expression as C++ of type num."""
        if expression.is_Number or expression.is_NumberSymbol:
            return f"num({literal(expression)})"
        if expression.is_Symbol:
            if expression not in self.names:
                raise PrintError(f"symbol {expression} has no value in this program")
            return self.names[expression]
        if expression.is_Add:
            return self._sum(expression)
        if expression.is_Mul:
            return self._product(expression)
        if expression.is_Pow:
            return self._power(*expression.as_base_exp())
        name = FUNCTIONS.get(expression.func)
        if name is None or len(expression.args) != 1:
            raise PrintError(f"{expression.func.__name__} is not available in compiled programs")
        return f"{name}({self(expression.args[0])})"

    def relation(self, relation: sympy.Basic) -> str:
        """A relation as C++ of type lanes: the systems for which it holds."""
        if relation.is_Relational and relation.rel_op in ("<", "<=", ">", ">="):
            return f"({self(relation.lhs)} {relation.rel_op} {self(relation.rhs)})"
        parts = [self.relation(part) for part in relation.args]
        if isinstance(relation, sympy.Not):
            return f"!{parts[0]}"
        if isinstance(relation, sympy.And | sympy.Or):
            return f"({(' & ' if isinstance(relation, sympy.And) else ' | ').join(parts)})"
        raise PrintError(f"{relation} is no relation of numbers; allowed: <, <=, >, >=, And, Or, Not")

    def _sum(self, expression: sympy.Expr) -> str:
        text = ""
        for term in expression.as_ordered_terms():
            negative = term.could_extract_minus_sign()
            printed = self(-term if negative else term)
            if not text:
                text = f"-{printed}" if negative else printed
            else:
                text += f" - {printed}" if negative else f" + {printed}"
        return f"({text})"

    def _product(self, expression: sympy.Expr) -> str:
        if expression.could_extract_minus_sign():
            return f"(-{self(-expression)})"
        above, below = [], []
        for factor in expression.as_ordered_factors():
            base, exponent = factor.as_base_exp()
            if exponent.is_Rational and exponent < 0 and not base.is_Number:
                below.append(sympy.Pow(base, -exponent))
            else:
                above.append(factor)
        text = self._factors(above) if above else "num(1.0)"
        return f"({text} / ({self._factors(below)}))" if below else f"({text})"

    def _factors(self, factors: list[sympy.Expr]) -> str:
        first = [f for f in factors if all(self.invariant(s) for s in f.free_symbols)]
        rest = [f for f in factors if f not in first]
        return " * ".join(self(factor) for factor in (*first, *rest))

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> str:
        if exponent.is_Rational and exponent < 0:
            return f"(num(1.0) / {self._power(base, -exponent)})"
        if exponent.is_Integer:
            return self(base) if exponent == 1 else f"power<{int(exponent)}>({self(base)})"
        if exponent.is_Rational and exponent.q == 2:
            root, whole = f"square_root({self(base)})", int(exponent.p // 2)
            return f"({self._power(base, sympy.Integer(whole))} * {root})" if whole else root
        return f"exponential({self(exponent)} * logarithm({self(base)}))"


def literal(number: sympy.Expr) -> str:
    """A number as a C++ double, to all its digits; a fraction as the quotient that the compiler folds.

    Raises PrintError for infinities and for numbers that are not real.
    """
    if not number.is_real or not number.is_finite:
        raise PrintError(f"{number} is not a finite real number")
    return repr(float(number.evalf(25)))
