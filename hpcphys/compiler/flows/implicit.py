"""Implicit methods of second order, symmetric, for motions that cannot be split: what each one conserves.

    midpoint             symplectic where J is constant; every invariant of degree two at most: Casimirs too
    discrete_gradient    H, and Casimirs of degree two at most
    spherical_midpoint   Poisson on products of spheres: every |s|²

All are symmetric, y(-dt) o y(dt) = 1, and so may be the basic step of every symmetric composition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from hpcphys.compiler.expressions.coordinates import DT, TIME
from hpcphys.compiler.expressions.derivatives import gradient
from hpcphys.compiler.flows.iterated import NEWTON_UP_TO, Iterated

Field = Mapping[sympy.Symbol, sympy.Expr]

TINY = sympy.Float("1e-300")


def midpoint(field: Field) -> Iterated:
    """y = z + dt X((z + y)/2).

    Conserves every invariant of X of degree two at most; symplectic for a canonical X and, more generally,
    Poisson for J that does not depend on z. Where J is linear in z (Lie-Poisson) it is Poisson only to
    third order in dt.
    Source: Hairer, Lubich & Wanner (2006), theorems IV.2.1 and VI.4.2; Austin, Krishnaprasad & Wang (1993)
    J. Comput. Phys. 107, 105 for Lie-Poisson systems.
    """
    z, y = _unknowns(field)
    centre = {a: (a + b) / 2 for a, b in zip(z, y, strict=True)}
    rates = [_at(rate, centre) for rate in field.values()]
    return _iterated(field, y, rates)


def discrete_gradient(
    field: Field,
    hamiltonian: sympy.Expr,
    matrix: Mapping[tuple[sympy.Symbol, sympy.Symbol], sympy.Expr],
) -> Iterated:
    """y = z + dt J(m) g,  m = (z + y)/2,  d = y - z,
    g = grad H(m) + (H(y) - H(z) - grad H(m).d) d/|d|².

    As g.d = H(y) - H(z) and J is antisymmetric, H(y) = H(z) to the accuracy of the solver, for every J(z).
    Casimirs
    of degree two at most are conserved as well, since C(y) - C(z) = grad C(m).d; others are not.
    matrix: entries of J between symbols that move
    Source: Gonzalez (1996) J. Nonlinear Sci. 6, 449; Hairer, Lubich & Wanner (2006), section V.5;
    McLachlan, Quispel & Robidoux (1999) Phil. Trans. R. Soc. A 357, 1021.
    """
    z, y = _unknowns(field)
    pairs = list(zip(z, y, strict=True))
    centre = {a: (a + b) / 2 for a, b in pairs}
    slopes = {a: _at(slope, centre) for a, slope in gradient(hamiltonian, z).items()}
    distance = sympy.Add(*((b - a) ** 2 for a, b in pairs)) + TINY
    gain = (
        _at(hamiltonian, dict(pairs))
        - _at(hamiltonian, {})
        - sympy.Add(*(slopes[a] * (b - a) for a, b in pairs))
    )
    excess = gain / distance
    discrete = {a: slopes[a] + excess * (b - a) for a, b in pairs}
    rates = dict.fromkeys(z, sympy.S.Zero)
    for (i, j), entry in matrix.items():
        if i in rates and j in discrete:
            rates[i] += _at(entry, centre) * discrete[j]
    return _iterated(field, y, list(rates.values()))


def spherical_midpoint(field: Field, vectors: Sequence[tuple[sympy.Symbol, ...]]) -> Iterated:
    """y = z + dt X(m),  m_s = |z_s| (z_s + y_s)/|z_s + y_s|  for every vector s of three symbols.

    The midpoint is put back onto the sphere: Poisson for so(3) and its products, and |s|² is conserved as y
    - z is
    normal to y + z.
    Source: McLachlan, Modin & Verdier (2014) Phys. Rev. E 89, 061301.
    """
    z, y = _unknowns(field)
    after = dict(zip(z, y, strict=True))
    centre: dict[sympy.Symbol, sympy.Expr] = {}
    for vector in vectors:
        sums = [s + after.get(s, s) for s in vector]
        radius = sympy.sqrt(sympy.Add(*(s**2 for s in vector)))
        length = sympy.sqrt(sympy.Add(*(s**2 for s in sums)) + TINY)
        centre |= {s: radius * total / length for s, total in zip(vector, sums, strict=True)}
    return _iterated(field, y, [_at(rate, centre) for rate in field.values()])


def _unknowns(field: Field) -> tuple[tuple[sympy.Symbol, ...], tuple[sympy.Symbol, ...]]:
    symbols = tuple(field)
    return symbols, tuple(sympy.Dummy(f"new_{symbol}", real=True) for symbol in symbols)


def _at(expr: sympy.Expr, point: Mapping[sympy.Symbol, sympy.Expr]) -> sympy.Expr:
    """An expression at a point in the middle of the step, in time as well."""
    return expr.xreplace({**point, TIME: TIME + DT / 2})


def _iterated(field: Field, unknowns: tuple[sympy.Symbol, ...], rates: Sequence[sympy.Expr]) -> Iterated:
    """The flow y = z + dt rates, with the derivative of the midpoint rule where Newton's method is used."""
    z = tuple(field)
    matrix = None
    if len(z) <= NEWTON_UP_TO:
        centre = {a: (a + b) / 2 for a, b in zip(z, unknowns, strict=True)}
        jacobian = sympy.Matrix([[_at(sympy.diff(rate, b), centre) for b in z] for rate in field.values()])
        matrix = sympy.ImmutableDenseMatrix(sympy.eye(len(z)) - DT / 2 * jacobian)
    start = tuple(symbol + DT * rate for symbol, rate in field.items())
    image = tuple(symbol + DT * rate for symbol, rate in zip(z, rates, strict=True))
    return Iterated(z, unknowns, start, image, matrix)
