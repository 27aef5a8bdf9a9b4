"""Matrix exponentials in closed form: the exact flow of dz/dt = A z + b over DT, as expressions.

A and b may hold symbols that do not move. Every form stays finite where a frequency vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.splitting.signs import Signs

TINY = sympy.Float("1e-300")
"""Added to a squared frequency that may vanish: sin(w t)/w is then t to round-off, and never 0/0."""

NILPOTENT_UP_TO = 8


class Exponential(NamedTuple):
    """The flow of dz/dt = A z + b over DT:  z <- z + change z + shift,  change = exp(A DT) - 1.

    The change is formed without 1: a constant rounding error of cos(w DT) would make a rotation grow, a few
    1e-17 each step, and all the same way.  kind: how it was found
    """

    change: sympy.Matrix
    shift: sympy.Matrix
    kind: str


class Stumpff(NamedTuple):
    """For A² = c: exp(A t) = 1 + c c2 + c1 A, with c1 = sin(w t)/w, c2 = 2 sin²(w t/2)/w² and w² = -c, or the
    hyperbolic functions for c > 0.

    Source: Stiefel & Scheifele (1971), section 11.
    """

    c1: sympy.Expr
    c2: sympy.Expr


def blocks(matrix: sympy.Matrix) -> list[list[int]]:
    """Rows of `matrix` in groups that do not act on each other, each in ascending order."""
    group = list(range(matrix.rows))

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    for (i, j), entry in matrix.todok().items():
        if entry != 0:
            a, b = sorted((root(i), root(j)))
            group[b] = a
    found: dict[int, list[int]] = {}
    for i in range(matrix.rows):
        found.setdefault(root(i), []).append(i)
    return list(found.values())


def closed_exponential(matrix: sympy.Matrix, shift: sympy.Matrix, signs: Signs) -> Exponential | None:
    """The flow of dz/dt = matrix z + shift, block by block; None if one has no closed form here.

    Closed forms: nilpotent A (a polynomial), A - mu with a square that is a number times 1 (rotations,
    oscillators, growth; all 1 x 1 and 2 x 2 blocks), A³ = c A (rotations about an axis, a charge in a uniform
    magnetic field).
    """
    n = matrix.rows
    result, moved = sympy.zeros(n, n), sympy.zeros(n, 1)
    kinds = []
    for rows in blocks(matrix):
        part = _block(matrix.extract(rows, rows), shift.extract(rows, [0]), signs)
        if part is None:
            return None
        kinds.append(part.kind)
        for i, row in enumerate(rows):
            moved[row] = part.shift[i]
            for j, column in enumerate(rows):
                result[row, column] = part.change[i, j]
    return Exponential(result, moved, strongest(kinds))


def strongest(kinds: Sequence[str]) -> str:
    """The kind of a flow that has parts of these kinds."""
    unique = set(kinds) - {"shear"}
    return unique.pop() if len(unique) == 1 else "linear" if unique else "shear"


def _block(a: sympy.Matrix, b: sympy.Matrix, signs: Signs) -> Exponential | None:
    return _turn(a, b) or _polynomial(a, b) or _square(a, b, signs) or _cube(a, b, signs)


def _turn(a: sympy.Matrix, b: sympy.Matrix) -> Exponential | None:
    """Antisymmetric blocks of two and three without a shift: plain rotations.

    In space by the angle |w| t about w: 1 + sin(|w| t)/|w| A + 2 sin²(|w| t/2)/|w|² A².
    Source: Rodrigues (1840) J. Math. Pures Appl. 5, 380.
    """
    n = a.rows
    if n not in (2, 3) or not b.is_zero_matrix or not vanishes(a + a.T):
        return None
    if n == 2:
        half = DT * a[0, 1] / 2
        sine = sympy.sin(half)
        turn, drop = 2 * sine * sympy.cos(half), -2 * sine**2
        return Exponential(sympy.Matrix([[drop, turn], [-turn, drop]]), sympy.zeros(2, 1), "rotation")
    rate = sympy.sqrt(sympy.Add(a[0, 1] ** 2, a[0, 2] ** 2, a[1, 2] ** 2) + TINY)
    functions = _circular(rate, rate)
    return Exponential(functions.c1 * a + functions.c2 * (a * a), sympy.zeros(3, 1), "rotation")


def _circular(rate: sympy.Expr, divisor: sympy.Expr, *, hyperbolic: bool = False) -> Stumpff:
    """The functions for a rate w: of the half angle, so that 1 + c c2 and c1 belong to one rotation."""
    sine, cosine = (sympy.sinh, sympy.cosh) if hyperbolic else (sympy.sin, sympy.cos)
    half = sine(rate * DT / 2) / divisor
    return Stumpff(2 * half * cosine(rate * DT / 2), 2 * half**2)


def vanishes(matrix: sympy.Matrix) -> bool:
    """Whether all entries are zero once they are multiplied out."""
    return all(sympy.expand(entry) == 0 for entry in matrix.todok().values())


def _polynomial(a: sympy.Matrix, b: sympy.Matrix) -> Exponential | None:
    """A^k = 0: exp(A t) = sum A^j t^j / j!."""
    if any(a[i, i] != 0 for i in range(a.rows)) and a.trace() != 0:
        return None
    n = a.rows
    change, integral, power = sympy.zeros(n, n), DT * b, sympy.eye(n)
    for k in range(1, min(n, NILPOTENT_UP_TO) + 1):
        power = (power * a).applyfunc(sympy.expand)
        if power.is_zero_matrix:
            return Exponential(change, integral, "shear" if n == 1 else "polynomial")
        change += power * DT**k / sympy.factorial(k)
        integral += power * b * DT ** (k + 1) / sympy.factorial(k + 1)
    return None


def _square(a: sympy.Matrix, b: sympy.Matrix, signs: Signs) -> Exponential | None:
    """B = A - mu, B² = c: exp(A t) = e^(mu t) (C0 + t C1 B)."""
    n = a.rows
    mu = sympy.cancel(a.trace() / n)
    rest = (a - mu * sympy.eye(n)).applyfunc(sympy.cancel)
    square = (rest * rest).applyfunc(sympy.expand)
    c = square[0, 0]
    if (square - c * sympy.eye(n)).applyfunc(sympy.expand).is_zero_matrix is not True:
        return None
    one = sympy.eye(n)
    if c == 0:
        functions, turn = Stumpff(DT, DT**2 / 2), DT * rest
    else:
        functions, turn = stumpff(c, rest, signs)
    kind = "rotation" if mu == 0 and vanishes(rest + rest.T) else "exponential" if n == 1 else "linear"
    change = c * functions.c2 * one + turn
    if mu == 0:
        return Exponential(change, functions.c1 * b + functions.c2 * rest * b, kind)
    half, _ = stumpff(mu**2 / 4, sympy.zeros(1, 1), signs)
    # (e^(mu t) - 1)/mu = e^(mu t/2) 2 sinh(mu t/2)/mu
    growth = sympy.exp(mu * DT / 2) * half.c1
    change = sympy.exp(mu * DT) * change + mu * growth * one
    if b.is_zero_matrix:
        return Exponential(change, sympy.zeros(n, 1), kind)
    if n == 1:
        return Exponential(change, growth * b, kind)
    return Exponential(change, a.inv() * change * b, kind) if signs.nonzero(a.det()) else None


def _cube(a: sympy.Matrix, b: sympy.Matrix, signs: Signs) -> Exponential | None:
    """A³ = c A: exp(A t) = 1 + t C1 A + t² C2 A².  Source: Rodrigues (1840) for rotations."""
    if not b.is_zero_matrix or a.trace() != 0:
        return None
    n = a.rows
    square = (a * a).applyfunc(sympy.expand)
    c = sympy.cancel(square.trace() / (2 if n in (3, 4) else 1))
    if n not in (3, 4) or not (square * a - c * a).applyfunc(sympy.expand).is_zero_matrix:
        return None
    functions, turn = stumpff(c, a, signs)
    kind = "rotation" if vanishes(a + a.T) else "linear"
    return Exponential(turn + functions.c2 * square, sympy.zeros(n, 1), kind)


def stumpff(c: sympy.Expr, matrix: sympy.Matrix, signs: Signs) -> tuple[Stumpff, sympy.Matrix]:
    """The functions for a square c, and c1 times the matrix, without a division where it cancels."""
    sign = signs.of(c)
    if sign in ("positive", "negative", "nonnegative", "nonpositive"):
        hyperbolic = sign in ("positive", "nonnegative")
        square = c if hyperbolic else -c
        w = plain_root(square)
        if w is not None:
            direction = matrix.applyfunc(lambda entry: sympy.cancel(entry / w))
            # Where the frequency cancels in the direction, nothing is divided by it.
            if signs.nonzero(w) or not any(_denominator_vanishes(x, signs) for x in direction):
                divisor = w if signs.nonzero(w) else sympy.sqrt(square + TINY)
                turn = _circular(w, sympy.S.One, hyperbolic=hyperbolic).c1 * direction
                rate = w if signs.nonzero(w) else divisor
                return _circular(rate, divisor, hyperbolic=hyperbolic), turn
        w = sympy.sqrt(square if signs.nonzero(square) else square + TINY)
        functions = _circular(w, w, hyperbolic=hyperbolic)
        return functions, functions.c1 * matrix
    # Either sign: one of the two frequencies is (nearly) zero, and its functions are t and t²/2.
    w, g = sympy.sqrt(sympy.Max(-c, TINY)), sympy.sqrt(sympy.Max(c, TINY))
    turning, growing = _circular(w, w), _circular(g, g, hyperbolic=True)
    functions = Stumpff(turning.c1 + growing.c1 - DT, turning.c2 + growing.c2 - DT**2 / 2)
    return functions, functions.c1 * matrix


def plain_root(square: sympy.Expr) -> sympy.Expr | None:
    """w with w² = square, where that holds no square root; sin(w t)/w does not depend on its sign."""
    root = sympy.sqrt(sympy.factor(square)).replace(sympy.Abs, lambda x: x)
    if any(p.exp.is_Rational and not p.exp.is_Integer and p.base.free_symbols for p in root.atoms(sympy.Pow)):
        return None
    return root


def _denominator_vanishes(expr: sympy.Expr, signs: Signs) -> bool:
    denominator = sympy.denom(expr)
    return bool(denominator.free_symbols) and not signs.nonzero(denominator)
