"""Whether expressions vanish for all values of their symbols, and whether matrices are positive.

Every question is first put to numbers: at random rational points, with 30 digits. A value that is not zero
there is a violation for certain. Otherwise a proof is tried (expansion, then simplification, both only while
the expression is small and the time for proofs is not used up); if none is found the answer stays "zero at
the points", and is reported as such.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
import sympy

from hpcphys.compiler.structures.base import StructureError, Verification

POINTS = 6
DIGITS = 30
_SIMPLIFY_OPERATIONS = 300
_EXPAND_OPERATIONS = 20_000


@dataclass
class Prover:
    """Decides whether expressions vanish, within a time for proofs.

    seconds: time for proofs in all;  seed: of the random points
    residual: largest value found at the points where only numbers could decide
    """

    seconds: float = 10.0
    seed: int = 1
    residual: float = 0.0
    numeric_only: int = 0
    started: float = field(default_factory=monotonic)

    def vanishes(self, expr: sympy.Expr) -> bool:
        """True if `expr` is zero for all values of its symbols (proved or at random points)."""
        expr = sympy.sympify(expr)
        if expr.is_zero or expr == 0:
            return True
        values = list(self.values(expr))
        scale = 10.0 ** (-DIGITS / 2)
        if any(abs(value) > scale for value in values):
            return False
        if self.proved(expr):
            return True
        if not values:
            return False
        self.numeric_only += 1
        self.residual = max(self.residual, *(float(abs(value)) for value in values))
        return True

    def proved(self, expr: sympy.Expr) -> bool:
        """Whether algebra shows that `expr` is zero, within the limits of size and time."""
        operations = sympy.count_ops(expr)
        if operations < _EXPAND_OPERATIONS and sympy.expand(expr) == 0:
            return True
        if operations > _SIMPLIFY_OPERATIONS or monotonic() - self.started > self.seconds:
            return False
        return sympy.simplify(expr) == 0

    def values(self, expr: sympy.Expr) -> Iterator[sympy.Expr]:
        """Values at random points where `expr` is defined, relative to the size of its terms."""
        generator = random.Random(self.seed)
        symbols = sorted(expr.free_symbols, key=lambda symbol: symbol.name)
        found = 0
        for attempt in range(4 * POINTS):
            # Half of the points have only positive coordinates, where roots and logarithms are defined.
            low = 1 if attempt % 2 else -2000
            point = {s: sympy.Rational(generator.randint(low, 2000) or 1, 1009) for s in symbols}
            value = expr.xreplace(point).evalf(DIGITS, maxn=4 * DIGITS)
            if value.is_Number and value.is_finite:
                yield value / (1 + self.size(expr, point))
                found += 1
            if found == POINTS:
                return

    @staticmethod
    def size(expr: sympy.Expr, point: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
        """Sum of the magnitudes of the terms at a point."""
        terms = sympy.Add.make_args(expr)
        sizes = (abs(term.xreplace(point).evalf(DIGITS)) for term in terms)
        return sympy.Add(*(size for size in sizes if size.is_Number and size.is_finite))

    @property
    def how(self) -> str:
        """How the questions so far were decided."""
        if not self.numeric_only:
            return "proved"
        return f"zero at {POINTS} random points (no proof found for {self.numeric_only} expressions)"


Claims = Iterable[tuple[str, sympy.Expr]]
"""(quantity as text, its expression), for quantities that must vanish."""


class Proofs:
    """The properties that a structure claims, proved one by one; `found` collects how each came out.

    name: of the structure, for messages;  seconds: time for proofs, for each property
    """

    def __init__(self, name: str, seconds: float = 10.0):
        self.name, self.seconds = name, seconds
        self.found = Verification()

    def vanish(self, what: str, claims: Claims) -> None:
        """All quantities vanish.  Raises StructureError naming the property, the quantity and its value."""
        prover = Prover(self.seconds)
        for quantity, expr in claims:
            if not prover.vanishes(expr):
                raise StructureError(
                    f"structure {self.name!r} violates {what}: {quantity} = {shortened(expr)}, which must "
                    "vanish; correct the matrix or what is claimed of it"
                )
        self.found.record(what, prover.residual, prover.how)

    def positive(self, what: str, matrix: sympy.MatrixBase, positive: frozenset[sympy.Symbol]) -> None:
        """A symmetric matrix has no negative eigenvalue, at random points.

        positive: symbols that take only positive values (parameters, temperatures); the others take any
        Raises StructureError with the point and the eigenvalue.
        """
        generator = random.Random(1)
        symbols = sorted(matrix.free_symbols, key=str)
        tried = 0
        for _ in range(4 * POINTS):
            point = {s: generator.uniform(0.1 if s in positive else -2.0, 2.0) for s in symbols}
            values = matrix.xreplace({s: sympy.Float(x) for s, x in point.items()}).evalf()
            if not all(value.is_Number and value.is_finite for value in values):
                continue
            tried += 1
            lowest = float(np.linalg.eigvalsh(np.array(values.tolist(), dtype=float)).min())
            if lowest < -1e-12 * max(1.0, *(abs(float(value)) for value in values)):
                where = ", ".join(f"{s} = {x:.3g}" for s, x in point.items()) or "every point"
                raise StructureError(
                    f"structure {self.name!r} violates {what}: an eigenvalue is {lowest:.3g} at {where}; it "
                    "must not be negative (name the variables that are always positive, if that is why)"
                )
        if tried == 0:
            raise StructureError(
                f"structure {self.name!r}: no random point was found where {what} is defined"
            )
        self.found.record(what, 0.0, f"at {tried} random points" if symbols else "proved")


def shortened(expr: sympy.Expr, length: int = 300) -> str:
    """An expression as text, cut if it is long."""
    text = str(sympy.factor_terms(sympy.expand(expr)))
    return text if len(text) <= length else text[:length] + " ..."
