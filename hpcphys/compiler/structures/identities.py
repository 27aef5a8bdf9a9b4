"""Whether an expression vanishes for all values of its symbols, and the identities of Poisson structures.

Every question is first put to numbers: at random rational points, with 30 digits. A value that is not zero
there is a violation for certain. Otherwise a proof is tried (expansion, then simplification, both only while
the expression is small and the time for proofs is not used up); if none is found the answer stays "zero at
the points", and is reported as such.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic

import sympy

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


Entries = Mapping[tuple[int, int], sympy.Expr]


def antisymmetry(entries: Entries) -> Iterator[tuple[tuple[int, int], sympy.Expr]]:
    """(i, j), J_ij + J_ji, which must vanish, for every pair that has an entry."""
    for i, j in sorted({(min(key), max(key)) for key in entries}):
        yield (i, j), entries.get((i, j), sympy.S.Zero) + entries.get((j, i), sympy.S.Zero)


def jacobi(
    entries: Entries, symbols: Sequence[sympy.Symbol]
) -> Iterator[tuple[tuple[int, int, int], sympy.Expr]]:
    """(i, j, k), sum over m of J_im d_m J_jk + J_jm d_m J_ki + J_km d_m J_ij, which must vanish.

    entries: of an antisymmetric J; only triples where a term is not zero are visited, so that a constant or
        sparse J costs little.
    Source: Hairer, Lubich & Wanner (2006), section VII.2, equation (2.10).
    """
    columns: dict[int, list[tuple[int, sympy.Expr]]] = {}
    for (i, m), entry in entries.items():
        columns.setdefault(m, []).append((i, entry))
    row = {symbol: index for index, symbol in enumerate(symbols)}
    terms: dict[tuple[int, int, int], list[sympy.Expr]] = {}
    for (j, k), entry in entries.items():
        if j > k:
            continue
        for m in sorted(row[s] for s in entry.free_symbols if s in row):
            slope = sympy.diff(entry, symbols[m])
            for i, factor in columns.get(m, []):
                if i in (j, k):
                    continue  # such triples vanish by antisymmetry
                # The sum is antisymmetric in i, j, k; sorting them costs a sign if i lies between j and k.
                sign = -1 if j < i < k else 1
                a, b, c = sorted((i, j, k))
                terms.setdefault((a, b, c), []).append(sign * factor * slope)
    for triple in sorted(terms):
        yield triple, sympy.Add(*terms[triple])


def casimir_motion(
    entries: Entries, symbols: Sequence[sympy.Symbol], casimir: sympy.Expr
) -> Iterator[tuple[int, sympy.Expr]]:
    """i, (J grad C)_i, which must vanish."""
    rows: dict[int, list[sympy.Expr]] = {}
    for (i, j), entry in entries.items():
        if casimir.has(symbols[j]):
            rows.setdefault(i, []).append(entry * sympy.diff(casimir, symbols[j]))
    for i in sorted(rows):
        yield i, sympy.Add(*rows[i])
