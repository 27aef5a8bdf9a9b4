"""Linear motions with given numbers: their normal modes, found once; each turns or grows by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.splitting.closed import ClosedFlow, affine_parts
from hpcphys.compiler.splitting.signs import Signs

UP_TO = 32
"""Largest number of components: a step costs 2 n² products."""

CONDITION = 1e6
"""Largest condition number of the modes; beyond it (nearly equal modes that are not independent) digits are
lost."""

DIGITS = 17


def normal_modes(field: Mapping[sympy.Symbol, sympy.Expr], signs: Signs) -> ClosedFlow | None:
    """The exact flow of dz/dt = A z by z = V exp(L dt) W z with A = V L W, W V = 1.

    A must be numbers once the parameters, one value for all systems, are put in. None if it is not, if n is
    beyond 32, or if A is not (safely) diagonalisable. The modes are polished to W V = 1 within rounding.
    Source: Hairer, Lubich & Wanner (2006), section XIII.1; Moler & Van Loan (2003) SIAM Rev. 45, 3, method
    14.
    """
    affine = affine_parts(field) if len(field) <= UP_TO else None
    if affine is None or not affine[1].is_zero_matrix:
        return None
    matrix = _numbers(affine[0], signs)
    if matrix is None:
        return None
    values, vectors = np.linalg.eig(matrix)
    if not np.isfinite(vectors).all() or np.linalg.cond(vectors) > CONDITION:
        return None
    # What is rounding in an eigenvalue would grow over many steps.
    noise = 1e-13 * np.abs(values).max()
    values = values.astype(np.complex128)
    values.real[np.abs(values.real) < noise] = 0.0
    values.imag[np.abs(values.imag) < noise] = 0.0
    right, rates = _real_modes(values, vectors)
    left = np.linalg.inv(right)
    left = left + left @ (np.eye(len(left)) - right @ left)
    code = _code(list(field), left, right, rates)
    return ClosedFlow("linear", f"{len(rates)} normal modes of a linear motion", code)


def _numbers(matrix: sympy.Matrix, signs: Signs) -> np.ndarray | None:
    shared = {s: sympy.Float(float(v), DIGITS) for s, v in signs.values.items() if np.ndim(v) == 0}
    if matrix.free_symbols - shared.keys():
        return None
    return np.array(matrix.xreplace(shared).evalf(DIGITS).tolist(), dtype=np.float64)


Rate = tuple[float, float]


def _real_modes(values: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, list[Rate]]:
    """Columns of real modes (one per real eigenvalue, two per complex pair) and growth, frequency of each."""
    columns, rates = [], []
    for value, vector in zip(values, vectors.T, strict=True):
        if value.imag < 0:
            continue
        columns.append(vector.real)
        rates.append((float(value.real), float(value.imag)))
        if value.imag > 0:
            columns.append(vector.imag)
    return np.array(columns).T, rates


def _code(symbols: list[sympy.Symbol], left: np.ndarray, right: np.ndarray, rates: list[Rate]) -> Update:
    """z <- z + V (exp(L dt) - 1) W z.  The amplitudes W z appear whole, so that they are computed once."""
    amplitudes = [_combination(row, symbols) for row in left]
    changes: list[sympy.Expr] = []
    for growth, frequency in rates:
        mu, half = sympy.Float(growth, DIGITS), sympy.Float(frequency / 2, DIGITS) * DT
        grown = 2 * sympy.exp(mu * DT / 2) * sympy.sinh(mu * DT / 2) if growth else sympy.S.Zero
        a = amplitudes[len(changes)]
        if frequency == 0:
            changes.append(grown * a)
            continue
        # v = u + i w, A v = (g + i f) v: the amplitudes of u and w turn by the angle f t
        b = amplitudes[len(changes) + 1]
        scale = sympy.exp(mu * DT) if growth else sympy.S.One
        drop, turn = -2 * sympy.sin(half) ** 2 * scale + grown, 2 * sympy.sin(half) * sympy.cos(half) * scale
        changes += [drop * a + turn * b, drop * b - turn * a]
    return Update.of(
        {symbol: symbol + _combination(row, changes) for symbol, row in zip(symbols, right, strict=True)}
    )


def _combination(weights: np.ndarray, terms: list[sympy.Expr]) -> sympy.Expr:
    """Sum of weight * term, products not multiplied out; weights at the level of rounding are zero."""
    largest = np.abs(weights).max()
    return sympy.Add(
        *(
            sympy.Mul(sympy.Float(float(w), DIGITS), term, evaluate=False)
            for w, term in zip(weights, terms, strict=True)
            if abs(w) > 1e-15 * largest
        )
    )
