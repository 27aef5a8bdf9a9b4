"""Expressions as a graph of values: each value once, signs drawn outward, powers of one base made together.

A reference is an integer: +k is node k, -k its negative; so x - y and y - x are one node. Sums and products
have any number of terms until `share` has looked for what several of them have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import sympy

FUNCTIONS: dict[type, str] = {
    sympy.exp: "exponential",
    sympy.log: "logarithm",
    sympy.sin: "sine",
    sympy.cos: "cosine",
    sympy.tan: "tangent",
    sympy.asin: "arc_sine",
    sympy.acos: "arc_cosine",
    sympy.atan: "arc_tangent",
    sympy.atan2: "arc_tangent_of",
    sympy.sinh: "hyperbolic_sine",
    sympy.cosh: "hyperbolic_cosine",
    sympy.tanh: "hyperbolic_tangent",
    sympy.erf: "error_function",
    sympy.Abs: "absolute",
    sympy.sign: "sign_of",
    sympy.floor: "floor_of",
    sympy.ceiling: "ceiling_of",
}
"""SymPy's function -> the name in kernels/elementary.h."""

RELATIONS = {
    "<": "less", ">": "less", "<=": "less_equal", ">=": "less_equal", "==": "equal", "!=": "unequal",
}  # fmt: skip
LARGEST_CHAIN = 8  # powers up to this one are products, in which others may share; higher ones are squarings


class PrintError(ValueError):
    """An expression holds something that has no C++ form; the message names it."""


class Graph:
    """Values of a set of expressions.

    names: symbol -> C++ name; invariant: the symbols whose values do not change during a run
    nodes: node k is (kind, arguments): ("name", text), ("constant", positive number), ("sum", references),
        ("product", positive references), ("inverse", (k,)) and functions by the names of kernels/elementary.h
    fixed: whether node k is made of invariant values alone
    """

    def __init__(self, names: Mapping[sympy.Symbol, str], invariant: Callable[[sympy.Symbol], bool]):
        self.names = names
        self.invariant = invariant
        self.nodes: list[tuple[str, tuple]] = [("", ())]
        self.fixed: list[bool] = [True]
        self._known: dict[tuple[str, tuple], int] = {}
        self._lowered: dict[sympy.Basic, int] = {}
        self._exponents: dict[sympy.Expr, set[sympy.Rational]] = {}

    def add(self, expressions: Iterable[sympy.Basic]) -> list[int]:
        """References of the values of expressions, which may be relations.  Raises PrintError."""
        expressions = list(expressions)
        seen: set[sympy.Basic] = set()
        waiting: list[sympy.Basic] = list(expressions)
        while waiting:  # which powers of each base there are decides how its roots are made
            found = waiting.pop()
            if found in seen:
                continue
            seen.add(found)
            if found.is_Pow and found.exp.is_Rational:
                self._exponents.setdefault(found.base, set()).add(found.exp)
            waiting.extend(found.args)
        return [self.lower(expression) for expression in expressions]

    def node(self, kind: str, arguments: tuple, fixed: bool | None = None) -> int:
        """The reference of a node, made if it is new."""
        key = (kind, arguments)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.nodes)
            self.nodes.append(key)
            self.fixed.append(all(self.fixed[abs(a)] for a in arguments) if fixed is None else fixed)
        return found

    def constant(self, number: sympy.Expr | float) -> int:
        """The reference of a number.  Raises PrintError unless it is real and finite."""
        value = number if isinstance(number, float) else _real(number)
        reference = self.node("constant", (abs(value),), True)
        return -reference if value < 0 else reference

    def sum(self, terms: Iterable[int]) -> int:
        """The reference of a sum of references."""
        ordered = sorted((t for t in terms if t), key=lambda t: (abs(t), t))
        if not ordered:
            return self.constant(0.0)
        if len(ordered) == 1:
            return ordered[0]
        sign = 1 if ordered[0] > 0 else -1
        return sign * self.node("sum", tuple(sign * term for term in ordered))

    def product(self, factors: Iterable[int]) -> int:
        """The reference of a product of references; products among them are dissolved."""
        flat: list[int] = []
        sign = 1
        for factor in factors:
            sign = -sign if factor < 0 else sign
            kind, arguments = self.nodes[abs(factor)]
            flat += arguments if kind == "product" else (abs(factor),)
        fixed = sorted(factor for factor in flat if self.fixed[factor])
        moving = sorted(factor for factor in flat if not self.fixed[factor])
        if len(fixed) > 1 and moving:  # what does not change is one factor, formed before the steps
            fixed = [self.node("product", tuple(fixed))]
        ordered = (*fixed, *moving)
        return sign * (ordered[0] if len(ordered) == 1 else self.node("product", ordered))

    def lower(self, expression: sympy.Basic) -> int:
        """The reference of an expression's value."""
        found = self._lowered.get(expression)
        if found is None:
            found = self._lowered[expression] = self._lower(expression)
        return found

    def _lower(self, expression: sympy.Basic) -> int:
        if expression.is_Symbol:
            if expression not in self.names:
                raise PrintError(f"symbol {expression} has no value in this program")
            return self.node("name", (self.names[expression],), self.invariant(expression))
        if isinstance(expression, sympy.Expr) and expression.is_number:
            return self.constant(expression)
        if expression.is_Add:
            return self.sum(self.lower(term) for term in expression.args)
        if expression.is_Mul:
            return self._product(expression)
        if expression.is_Pow:
            return self._power(expression.base, expression.exp)
        if isinstance(expression, sympy.Max | sympy.Min):
            return self._extreme(expression)
        if isinstance(expression, sympy.Piecewise):
            return self._choice(expression)
        if isinstance(expression, sympy.Mod):
            dividend, divisor = map(self.lower, expression.args)
            whole = self.node("floor_of", (self.product((dividend, self.node("inverse", (divisor,)))),))
            return self.sum((dividend, -self.product((divisor, whole))))
        if expression.is_Relational or expression.is_Boolean:
            return self._relation(expression)
        name = FUNCTIONS.get(expression.func)
        if name is None:
            allowed = ", ".join(sorted(known.__name__ for known in FUNCTIONS))
            raise PrintError(
                f"{expression.func.__name__} is not available in compiled programs; functions that are: "
                f"{allowed}"
            )
        return self.node(name, tuple(map(self.lower, expression.args)))

    def _product(self, expression: sympy.Expr) -> int:
        numbers = [factor for factor in expression.args if factor.is_number]
        factors = [self.lower(factor) for factor in expression.args if not factor.is_number]
        number = sympy.Mul(*numbers)
        if number == -1:
            return -self.product(factors)
        return self.product(factors if number == 1 else (self.constant(number), *factors))

    def _power(self, base: sympy.Expr, exponent: sympy.Expr) -> int:
        below = self.lower(base)
        if exponent.is_Integer:
            if exponent > 0:
                return self._whole(below, int(exponent))
            halves = [e for e in self._exponents.get(base, ()) if e.q == 2 and e < 0]
            if halves and not self.fixed[abs(below)]:
                root = self.node("inverse_square_root", (below,))
                return self._whole(root, -2 * int(exponent))
            inverse = self.node("inverse", (abs(below),))
            return self._whole(inverse if below > 0 else -inverse, -int(exponent))
        if exponent.is_Rational and exponent.q == 2:
            if exponent < 0:
                return self._whole(self.node("inverse_square_root", (below,)), -int(exponent.p))
            root, whole = self.node("square_root", (below,)), int(exponent.p // 2)
            return self.product((self._whole(below, whole), root)) if whole else root
        if exponent.is_Rational and exponent.q == 3 and exponent > 0:
            return self._whole(self.node("cube_root", (below,)), int(exponent.p))
        if base is sympy.E:
            return self.node("exponential", (self.lower(exponent),))
        return self.node("power_of", (below, self.lower(exponent)))

    def _whole(self, base: int, exponent: int) -> int:
        """base^exponent for a positive whole exponent."""
        if exponent <= LARGEST_CHAIN:
            return self.product([base] * exponent)
        half = self.node("square", (abs(self._whole(base, exponent // 2)),))
        return self.product((half, base)) if exponent % 2 else half

    def _extreme(self, expression: sympy.Expr) -> int:
        name = "larger" if isinstance(expression, sympy.Max) else "smaller"
        first, *rest = map(self.lower, expression.args)
        for other in rest:
            first = self.node(name, (first, other))
        return first

    def _choice(self, expression: sympy.Piecewise) -> int:
        *pieces, (value, condition) = expression.args
        if condition != True:  # noqa: E712 - SymPy's true
            raise PrintError(
                f"{expression} has no value where none of its conditions holds; end it with True"
            )
        found = self.lower(value)
        for value, condition in reversed(pieces):
            found = self.node("where", (self.lower(condition), self.lower(value), found))
        return found

    def _relation(self, relation: sympy.Basic) -> int:
        if relation.is_Relational:
            relation = relation.canonical if relation.rel_op in ("==", "!=") else relation
            left, right = self.lower(relation.lhs), self.lower(relation.rhs)
            if relation.rel_op in (">", ">="):
                left, right = right, left
            return self.node(RELATIONS[relation.rel_op], (left, right))
        kinds = {sympy.And: "both", sympy.Or: "either", sympy.Not: "complement"}
        if relation.func not in kinds:
            raise PrintError(f"{relation} is no relation of numbers; allowed: <, <=, >, >=, And, Or, Not")
        first, *rest = map(self.lower, relation.args)
        if relation.func is sympy.Not:
            return self.node("complement", (first,))
        for other in rest:
            first = self.node(kinds[relation.func], (first, other))
        return first


def _real(number: sympy.Expr) -> float:
    value = number.evalf(25)
    if not (value.is_real and value.is_finite):
        raise PrintError(f"{number} is not a finite real number")
    return float(value)
