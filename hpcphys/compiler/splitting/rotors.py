"""Kinetic energies of rigid bodies, rewritten so that fewer rotations do."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import sympy

from hpcphys.compiler.splitting.signs import Signs
from hpcphys.compiler.structures.lie_poisson import cross_matrix
from hpcphys.compiler.structures.symbolic import SymbolicStructure

Vector = tuple[sympy.Symbol, ...]


def angular_momenta(structure: SymbolicStructure) -> list[Vector]:
    """The vectors m with {m_i, m_j} = -e_ijk m_k (or +) of a structure."""
    symbols = structure.coordinates.symbols
    found = []
    for variable in structure.coordinates.variables:
        if variable.size != 3:
            continue
        rows = [symbols.index(s) for s in variable.symbols]
        block = sympy.Matrix(structure.matrix.extract(rows, rows))
        cross = cross_matrix(variable.symbols)
        if block in (cross, -cross):
            found.append(variable.symbols)
    return found


def rotor_terms(
    hamiltonian: sympy.Expr, structure: SymbolicStructure, signs: Signs
) -> tuple[list[sympy.Expr], sympy.Expr]:
    """Every  a m_1² + b m_2² + c m_3²  of H as three terms, a symmetric top and a rest; and what is left of
    H:

        a |m|²,   (c - a) m_3²,   (b - a) m_2²        with |b - a| the smallest of the differences.

    |m|² commutes with m_3², so that two parts do for three rotations, and their error is proportional to the
    asymmetry of the body.
    Source: Fassò (2003) J. Comput. Phys. 189, 527 (symmetric + rest).
    """
    terms: list[sympy.Expr] = []
    for m in angular_momenta(structure):
        coefficients = _diagonal(hamiltonian, m)
        if coefficients is None:
            continue
        a, b, c = _ordered(coefficients, signs)
        old = sympy.Add(*(k * x**2 for k, x in zip(coefficients, m, strict=True)))
        hamiltonian = sympy.expand(hamiltonian - old)
        terms.append(coefficients[a] * sympy.Add(*(x**2 for x in m)))
        terms += [(coefficients[k] - coefficients[a]) * m[k] ** 2 for k in (c, b)]
    return terms, hamiltonian


def _diagonal(hamiltonian: sympy.Expr, m: Vector) -> list[sympy.Expr] | None:
    """Coefficients of m_1², m_2², m_3² if all have one that does not move, else None."""
    plain = sympy.expand(hamiltonian)
    coefficients = [plain.coeff(x, 2) for x in m]
    standing = [k != 0 and not any(s in m for s in k.free_symbols) for k in coefficients]
    return coefficients if all(standing) else None


def _ordered(coefficients: list[sympy.Expr], signs: Signs) -> tuple[int, int, int]:
    """Indices a, b, c with |b - a| the smallest difference where values are known, else 0, 1, 2."""
    known = all(k.free_symbols <= signs.values.keys() for k in coefficients)
    if not known:
        return 0, 1, 2
    values = [float(np.ravel(signs.numbers(k) if k.free_symbols else [float(k)])[0]) for k in coefficients]
    a, b = min(combinations(range(3), 2), key=lambda pair: abs(values[pair[0]] - values[pair[1]]))
    return a, b, 3 - a - b


def bonds(hamiltonian: sympy.Expr, structure: SymbolicStructure) -> list[sympy.Expr]:
    """The terms k a.b between angular momenta a and b (Heisenberg), for every pair that has one.

    Taken whole a bond turns both about a + b, which stands still.
    """
    plain = sympy.expand(hamiltonian)
    products = {term.as_independent(*structure.coordinates.symbols)[1] for term in sympy.Add.make_args(plain)}
    found = []
    for a, b in combinations(angular_momenta(structure), 2):
        pairs = [x * y for x, y in zip(a, b, strict=True)]
        if not products.issuperset(pairs):
            continue
        strengths = {plain.coeff(x, 1).coeff(y, 1) for x, y in zip(a, b, strict=True)}
        strength = strengths.pop()
        if not strengths and not strength.free_symbols & {*a, *b}:
            found.append(strength * sympy.Add(*pairs))
    return found


def spin_field(hamiltonian: sympy.Expr, structure: SymbolicStructure) -> tuple[sympy.Expr, sympy.Expr]:
    """The terms linear in the angular momenta as one, which may commute with the bonds, and the others."""
    spins = {symbol for vector in angular_momenta(structure) for symbol in vector}
    linear: list[sympy.Expr] = []
    others: list[sympy.Expr] = []
    for term in sympy.Add.make_args(hamiltonian):
        _, moving = term.as_independent(*structure.coordinates.symbols)
        (linear if moving in spins else others).append(term)
    return sympy.Add(*linear), sympy.Add(*others)
