"""Shadow energies: the Hamiltonian that a splitting of exact flows conserves, as a series in the step.

A step  z -> flow_1(c_1 dt) flow_2(c_2 dt) ... z  of Hamiltonian flows is, up to terms that no power of dt can
express, the exact flow over dt of a modified Hamiltonian

    H~ = H + dt {..} + dt² {{..}} + ...

For a function f along the flow of H,  df/dt = D_H f = {f, H},  and the flows apply in order as
exp(c_1 dt D_1) exp(c_2 dt D_2) ...; the commutator of two such operators is [D_F, D_G] = -D_{F,G}.  The
logarithm of the product is therefore D of H~, with every commutator replaced by minus the Poisson bracket.
For H = T + V and kick-drift-kick,  H~ = H + dt² ({T, {T, V}}/12 - {V, {V, T}}/24) + O(dt⁴).
Source: Hairer, Lubich & Wanner (2006), sections III.5, IX.1 and IX.4; Yoshida (1990) Phys. Lett. A 150, 262.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sympy

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.compositions import composition as composition_named
from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.theory.free_lie import (
    Bracket,
    Element,
    commutator,
    lie_coefficients,
    product_logarithm,
)

MAX_ORDER = 4


class PoissonBracket(Protocol):
    """What a structure gives: {f, g} of two expressions."""

    def poisson(self, f: sympy.Expr, g: sympy.Expr) -> sympy.Expr: ...


class ShadowError(ValueError):
    """A shadow energy cannot be formed; the message says why."""


def shadow_coefficients(
    composition: Composition | str, roles: int | Sequence[str], order: int = MAX_ORDER
) -> dict[Bracket, float]:
    """Nested Poisson bracket of the pieces -> its coefficient in H~, up to dt^order.

    roles: number of pieces, or the role of each.  A bracket is the index of a piece or a pair of brackets:
        (0, (0, 1)) is {A, {A, B}}, with the factor dt² (one power less than it has pieces).
    Raises ValueError if the pieces do not fit the composition.
    """
    table = composition_named(composition) if isinstance(composition, str) else composition
    pieces = roles if isinstance(roles, int) else len(roles)
    degree = order + 1
    exponents = [
        _exponent(stage.piece, stage.coefficient, stage.gradient, pieces, degree)
        for stage in table.stages(roles)
    ]
    found = lie_coefficients(product_logarithm(exponents, degree), pieces, degree)
    return {bracket: value * (-1.0) ** (weight(bracket) - 1) for bracket, value in found.items()}


def _exponent(piece: int, coefficient: float, gradient: float, pieces: int, degree: int) -> Element:
    """The Lie operator of a stage; with a gradient g it is that of  b V - g {V, {V, T}}  (dt = 1)."""
    letter: Element = {(piece,): 1.0}
    exponent: Element = {(piece,): coefficient}
    if gradient:
        if pieces != 2:
            raise ShadowError(
                f"a force gradient is defined for two pieces T and V, and the system has {pieces}"
            )
        other: Element = {(1 - piece,): 1.0}
        twice = commutator(letter, commutator(letter, other, degree), degree)
        exponent |= {word: -gradient * value for word, value in twice.items()}
    return exponent


def weight(bracket: Bracket) -> int:
    """Number of pieces in a bracket."""
    return sum(map(weight, bracket)) if isinstance(bracket, tuple) else 1


def shadow_energy(
    pieces: Sequence[sympy.Expr],
    composition: Composition | str,
    structure: PoissonBracket,
    *,
    order: int = MAX_ORDER,
    roles: Sequence[str] | None = None,
) -> sympy.Expr:
    """H~ up to dt^order as an expression in coordinates, parameters and DT.

    pieces: the Hamiltonian of each piece, in the order of the system's pieces
    structure: whose bracket {f, g} it is;  roles: of the pieces, where the composition asks for them
    order: at most 4.  The energy of a run of order p departs from H~ up to dt^(p+k) by O(dt^(p+k+1)); terms
        of odd powers vanish for symmetric compositions.
    Raises ShadowError for an order that is not offered.
    """
    if not 0 <= order <= MAX_ORDER:
        raise ShadowError(f"shadow energies are offered for the orders 0 to {MAX_ORDER}; found {order}")
    formed: dict[Bracket, sympy.Expr] = {}

    def value(bracket: Bracket) -> sympy.Expr:
        if not isinstance(bracket, tuple):
            return sympy.sympify(pieces[bracket])
        if bracket not in formed:
            formed[bracket] = structure.poisson(value(bracket[0]), value(bracket[1]))
        return formed[bracket]

    coefficients = shadow_coefficients(composition, roles or len(pieces), order)
    terms = [
        sympy.Float(c) * DT ** (weight(bracket) - 1) * value(bracket) for bracket, c in coefficients.items()
    ]
    return sympy.Add(*terms)


def shadow_energies(
    pieces: Sequence[sympy.Expr],
    composition: Composition | str,
    structure: PoissonBracket,
    *,
    roles: Sequence[str] | None = None,
) -> dict[str, sympy.Expr]:
    """Name -> expression: "energy", "shadow_energy_2" and "shadow_energy_4", to second and fourth order.

    Ready to be observed like any other expression of coordinates, parameters and DT.
    """
    full = shadow_energy(pieces, composition, structure, roles=roles)
    powers: Mapping[Any, sympy.Expr] = sympy.collect(sympy.expand(full, deep=False), DT, evaluate=False)
    energy = sympy.Add(*pieces)
    second = energy + sympy.Add(*(DT**k * powers.get(DT**k, 0) for k in (1, 2)))
    return {"energy": energy, "shadow_energy_2": second, "shadow_energy_4": full}
