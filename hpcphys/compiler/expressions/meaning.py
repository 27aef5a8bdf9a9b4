"""Syntax tree -> SymPy: names are looked up, sums are written out, every value is checked to be real."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

import sympy

from hpcphys.compiler.expressions import syntax
from hpcphys.compiler.expressions.errors import ExpressionError, suggestion
from hpcphys.compiler.expressions.functions import FUNCTIONS, RANGES, VECTOR_FUNCTIONS
from hpcphys.compiler.expressions.reality import LARGEST, may_be_complex

MAX_SIZE = 100_000  # operations and operands of one value, written out
MAX_EXPONENT = 1000
MAX_INTEGER = 10**9  # inside an index
EXACT = 10**15  # numerators and denominators up to this are kept exactly; doubles hold them exactly too

_NOT_FINITE = (sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)
# SymPy's time grows by about these factors with each level of such functions inside each other.
_WEIGHT = {"cbrt": 4, "min": 10, "max": 10}


@dataclass(frozen=True)
class Value:
    """A number (one part) or a vector (its components), with the size of the expression written out."""

    parts: tuple[sympy.Expr, ...]
    vector: bool = False
    cost: int = 0

    @cached_property
    def size(self) -> int:
        """Operands and operations when shared parts are written out."""
        return self.cost or sum(_tree_size(part) for part in self.parts)

    @property
    def kind(self) -> str:
        return f"a vector of {len(self.parts)} components" if self.vector else "a number"


def _tree_size(expr: sympy.Expr) -> int:
    return 1 + sum(_tree_size(argument) for argument in expr.args)


def decimal(text: str) -> sympy.Expr:
    """The number of a decimal text: exact where numerator and denominator are short, else a double."""
    rounded = float(text)
    if rounded == 0.0 or abs(math.log10(abs(rounded))) <= 15:
        exact = sympy.Rational(text)
        if abs(exact.p) <= EXACT and exact.q <= EXACT:
            return exact
    return sympy.Float(rounded)


class Meaning:
    """The meaning of one text: names -> values, and the indices of the sums that are being written out."""

    def __init__(self, text: str, names: Mapping[str, Value], name: str = "expression"):
        self.text, self.names, self.name = text, names, name
        self.indices: dict[str, int] = {}
        self.work = 0

    def fail(self, message: str, position: int) -> NoReturn:
        raise ExpressionError(message, self.text, position, self.name)

    def value(self, node: syntax.Node) -> Value:
        """The value of a node.  Raises ExpressionError."""
        self.work += 1
        if self.work > MAX_SIZE:
            self.fail(f"more than {MAX_SIZE} operations when sums are written out", node.position)
        if isinstance(node, syntax.Number):
            return Value((self.number(node),))
        if isinstance(node, syntax.Name):
            return self.named(node)
        if isinstance(node, syntax.Item):
            return self.item(node)
        if isinstance(node, syntax.Negative):
            inner = self.value(node.operand)
            return self.checked(tuple(-x for x in inner.parts), inner.vector, node, inner)
        if isinstance(node, syntax.Chain):
            return self.chain(node)
        if isinstance(node, syntax.Power):
            return self.power(node)
        return self.call(node)

    def scalar(self, node: syntax.Node, wanted: str) -> Value:
        value = self.value(node)
        if value.vector:
            self.fail(
                f"{wanted} is {value.kind}; a number is needed: use dot, norm or [index]",
                node.position,
            )
        return value

    def vector(self, node: syntax.Node, function: str) -> Value:
        value = self.value(node)
        if not value.vector:
            self.fail(f"{function} takes vectors and found a number; give a vector's name", node.position)
        return value

    def checked(
        self,
        parts: tuple[sympy.Expr, ...],
        vector: bool,
        node: syntax.Node,
        *inputs: Value,
        at: int | None = None,
    ) -> Value:
        """A value of the parts, if they are real, finite and not too large."""
        position = node.position if at is None else at
        size = 1 + sum(value.size for value in inputs)
        if size > MAX_SIZE:
            self.fail(f"the expression grows beyond {MAX_SIZE} operations here; simplify it", position)
        for part in parts:
            if part in _NOT_FINITE:
                self.fail(f"the value here is not finite ({part}); only finite values are allowed", position)
            if part.is_number:
                self.check_number(part, position)
            elif may_be_complex(part):
                self.fail(f"the value here is not real ({part}); only real values are allowed", position)
        return Value(parts, vector, size)

    def check_number(self, number: sympy.Expr, position: int) -> None:
        """A constant is real, finite and within double precision."""
        value = number if number.is_Number else number.evalf(15)
        if not value.is_extended_real:
            self.fail(f"the value here is not real ({number}); only real values are allowed", position)
        if not abs(value) <= LARGEST:
            self.fail("the number here is beyond 1e300; scale the units", position)

    def number(self, node: syntax.Number) -> sympy.Expr:
        if not math.isfinite(float(node.text)):
            self.fail(f"{node.text} is beyond the range of double precision", node.position)
        return decimal(node.text)

    def named(self, node: syntax.Name) -> Value:
        if node.text in self.indices:
            return Value((sympy.Integer(self.indices[node.text]),))
        value = self.names.get(node.text)
        if value is not None:
            return value
        if node.text in FUNCTIONS or node.text in VECTOR_FUNCTIONS or node.text in RANGES:
            self.fail(f"{node.text} is a function; write {node.text}(...)", node.position)
        if node.text == "t":
            self.fail("the time t is not allowed here", node.position)
        known = [*self.names, *self.indices]
        self.fail(
            f"unknown name {node.text!r}{suggestion(node.text, known)} (declared: {', '.join(known)})",
            node.position,
        )

    def item(self, node: syntax.Item) -> Value:
        target = self.value(node.target)
        if not target.vector:
            self.fail("a number has no components; only vectors take an [index]", node.position)
        index = self.integer(node.index)
        if not 0 <= index < len(target.parts):
            self.fail(
                f"index {index} is out of range; allowed: 0 to {len(target.parts) - 1}", node.index.position
            )
        return Value((target.parts[index],), cost=target.cost)

    def integer(self, node: syntax.Node) -> int:
        """The integer that an index or a bound of a sum is."""
        self.work += 1
        result = None
        if isinstance(node, syntax.Number) and node.text.isdigit() and len(node.text) < 12:
            result = int(node.text)
        elif isinstance(node, syntax.Name) and node.text in self.indices:
            result = self.indices[node.text]
        elif isinstance(node, syntax.Negative):
            result = -self.integer(node.operand)
        elif isinstance(node, syntax.Chain):
            result = self.integer(node.first)
            for sign, operand, position in node.rest:
                result = self.integer_operation(sign, result, self.integer(operand), position)
        if result is None:
            allowed = ", ".join(["integers", *self.indices])
            self.fail(f"an index is made of {allowed}, + - * // % and parentheses", node.position)
        if abs(result) > MAX_INTEGER:
            self.fail(f"index {result} is beyond {MAX_INTEGER}", node.position)
        return result

    def integer_operation(self, sign: str, left: int, right: int, position: int) -> int:
        if sign == "/":
            self.fail("/ is not allowed in an index; // divides integers", position)
        if sign in ("//", "%") and right == 0:
            self.fail("division by zero in an index", position)
        operations: dict[str, Callable[[int, int], int]] = {
            "+": int.__add__,
            "-": int.__sub__,
            "*": int.__mul__,
            "//": int.__floordiv__,
            "%": int.__mod__,
        }
        return operations[sign](left, right)

    def chain(self, node: syntax.Chain) -> Value:
        if node.rest[0][0] in ("+", "-"):
            return self.added(node)
        result = self.value(node.first)
        for sign, operand, position in node.rest:
            if sign in ("//", "%"):
                self.fail(f"{sign} is allowed only inside an index", position)
            right = self.value(operand)
            if right.vector and (result.vector or sign == "/"):
                operation = "divided by" if sign == "/" else "times"
                self.fail(f"{result.kind} {operation} {right.kind}; use dot(a, b) or cross(a, b)", position)
            if sign == "/" and right.parts[0] == 0:
                self.fail("division by zero", position)
            if result.vector or right.vector:
                vector, factor = (result, right) if result.vector else (right, result)
                scale = 1 / factor.parts[0] if sign == "/" else factor.parts[0]
                parts = tuple(x * scale for x in vector.parts)
            else:
                left = result.parts[0]
                parts = (left / right.parts[0] if sign == "/" else left * right.parts[0],)
            result = self.checked(parts, result.vector or right.vector, node, result, right, at=position)
        return result

    def added(self, node: syntax.Chain) -> Value:
        first = self.value(node.first)
        values, signs = [first], [1]
        for sign, operand, position in node.rest:
            right = self.value(operand)
            if right.vector != first.vector or len(right.parts) != len(first.parts):
                self.fail(f"{first.kind} {sign} {right.kind}; both must be of one kind and size", position)
            values.append(right)
            signs.append(1 if sign == "+" else -1)
        # All terms at once: adding one by one would sort a long sum again for each.
        columns = zip(*(value.parts for value in values), strict=True)
        parts = tuple(sympy.Add(*(s * x for s, x in zip(signs, column, strict=True))) for column in columns)
        return self.checked(parts, first.vector, node, *values)

    def power(self, node: syntax.Power) -> Value:
        base = self.scalar(node.base, "the base of a power")
        exponent = self.scalar(node.exponent, "an exponent")
        b, e = base.parts[0], exponent.parts[0]
        if e.is_number:
            size = abs(float(e))
            if size > MAX_EXPONENT:
                self.fail(f"exponent {e} is too large; allowed: up to {MAX_EXPONENT}", node.exponent.position)
            if b.is_number and b != 0 and size * abs(math.log(abs(float(b)))) > 690:
                self.fail(
                    "the number here is beyond the range of double precision; scale the units", node.position
                )
        if b == 0 and e.is_number and e < 0:
            self.fail("division by zero: a power of 0 with a negative exponent", node.position)
        return self.checked((b**e,), False, node, base, exponent)

    def call(self, node: syntax.Call) -> Value:
        if node.name in RANGES:
            return self.ranged(node)
        if node.name in VECTOR_FUNCTIONS:
            return self.vector_call(node)
        function = FUNCTIONS.get(node.name)
        if function is None:
            if node.name in self.names or node.name in self.indices:
                self.fail(
                    f"{node.name} is not a function; write {node.name}*(...) for a product", node.position
                )
            known = [*FUNCTIONS, *VECTOR_FUNCTIONS, *sorted(RANGES)]
            self.fail(
                f"unknown function {node.name!r}{suggestion(node.name, known)} (allowed: {', '.join(known)})",
                node.position,
            )
        if not function.least <= len(node.arguments) <= function.most:
            self.fail(f"{node.name} takes {function.arity}; found {len(node.arguments)}", node.position)
        values = [self.scalar(argument, f"an argument of {node.name}") for argument in node.arguments]
        arguments = [value.parts[0] for value in values]
        if (
            node.name in ("exp", "sinh", "cosh")
            and arguments[0].is_number
            and abs(arguments[0].evalf(15)) > 690
        ):
            self.fail(
                "the number here is beyond the range of double precision; scale the units", node.position
            )
        try:
            image = function.image(*arguments)
        except (ValueError, TypeError) as error:  # SymPy cannot order the arguments of min and max
            self.fail(f"{node.name} cannot be evaluated here: {error}", node.position)
        return self.checked((image,), False, node, *values * _WEIGHT.get(node.name, 1))

    def vector_call(self, node: syntax.Call) -> Value:
        wanted = VECTOR_FUNCTIONS[node.name]
        if len(node.arguments) != wanted:
            word = "vector" if wanted == 1 else "vectors"
            self.fail(f"{node.name} takes {wanted} {word}; found {len(node.arguments)}", node.position)
        values = [self.vector(argument, node.name) for argument in node.arguments]
        a, b = values[0].parts, values[-1].parts
        if len(a) != len(b):
            self.fail(
                f"{node.name} of vectors of {len(a)} and {len(b)}; the sizes must be equal", node.position
            )
        if node.name == "cross":
            if len(a) != 3:
                self.fail(f"cross takes vectors of 3; found {len(a)}", node.position)
            parts = tuple(a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3))
            return self.checked(parts, True, node, *values, *values)
        product = sympy.Add(*(x * y for x, y in zip(a, b, strict=True)))
        return self.checked((sympy.sqrt(product) if node.name == "norm" else product,), False, node, *values)

    def ranged(self, node: syntax.Call) -> Value:
        """sum or product of a term over an index, both bounds included."""
        if len(node.arguments) != 4 or not isinstance(node.arguments[1], syntax.Name):
            self.fail(f"write {node.name}(term, i, first, last)", node.position)
        term, index, low, high = node.arguments
        assert isinstance(index, syntax.Name)
        if index.text in self.names or index.text in self.indices or index.text == "t":
            self.fail(f"the index {index.text!r} has a name that is taken; choose another", index.position)
        first, last = self.integer(low), self.integer(high)
        if last < first - 1:
            self.fail(
                f"the range {first} ... {last} runs backwards; give the lower bound first", node.position
            )
        values = []
        for self.indices[index.text] in range(first, last + 1):
            values.append(self.value(term))
            if values[-1].vector and node.name == "product":
                self.fail("product takes numbers; its term is a vector", term.position)
        self.indices.pop(index.text, None)
        if not values:
            return Value((sympy.Integer(0 if node.name == "sum" else 1),))
        operation = sympy.Add if node.name == "sum" else sympy.Mul
        parts = tuple(operation(*column) for column in zip(*(value.parts for value in values), strict=True))
        return self.checked(parts, values[0].vector, node, *values)
