"""Transformations of time for systems stated as expressions: assignments in symbols, ready to be compiled.

Every system of a batch has its own physical time, in a variable `time` ("t" is the name of the time in a
Hamiltonian and cannot be a variable).  The equations are those of `adaptive.time_transformation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy

from hpcphys.compiler.expressions.coordinates import DT, TIME

CLOCK = sympy.Symbol("time", real=True)
BINDING = sympy.Symbol("binding", real=True)
DENSITY = sympy.Symbol("density", real=True)

Assignments = Mapping[sympy.Symbol, sympy.Expr]


@dataclass(frozen=True)
class Assigned:
    """The flow of one piece: all `assignments` at once, symbol <- expression in symbols and DT.

    role: the part that it plays in a composition ("A", "B" or "")
    """

    name: str
    assignments: Assignments
    role: str = ""


@dataclass(frozen=True)
class Transformed:
    """Pieces in the new time s (DT is ds), and the variables that they add.

    added: symbol of each added variable -> its value at the start, as an expression in the others
    """

    pieces: tuple[Assigned, ...]
    added: Assignments


def logarithmic_hamiltonian(
    kinetic: sympy.Expr,
    potential: sympy.Expr,
    pairs: Sequence[tuple[sympy.Symbol, sympy.Symbol]],
) -> Transformed:
    """H = T(p) + V(q, t) with V < 0 under log(T + B) - log(-V):

        drift:  q <- q + ds T_p/(T + B),  time <- time + ds/(T + B)
        kick:   p <- p + ds V_q/V,        binding <- binding + ds V_t/V

    kinetic: T in the momenta and parameters; potential: V in the positions, parameters and TIME
    pairs: (position, momentum) symbols
    Adds the variables `time` (starts as TIME) and `binding` B (starts as -H).
    Raises ValueError if T depends on a position, or V on a momentum.
    Source: Mikkola & Tanikawa (1999) Mon. Not. R. Astron. Soc. 310, 745; Preto & Tremaine (1999) Astron. J.
        118, 2532.
    """
    positions, momenta = {q for q, _ in pairs}, {p for _, p in pairs}
    for name, expression, foreign in (
        ("kinetic energy", kinetic, positions | {TIME}),
        ("potential", potential, momenta),
    ):
        found = sorted(map(str, expression.free_symbols & foreign))
        if found:
            raise ValueError(
                f"the {name} depends on {', '.join(found)}; the logarithmic Hamiltonian needs T(p) + V(q, t)"
            )
    total = kinetic + BINDING
    depth = -potential.subs(TIME, CLOCK)
    drift = {q: q + DT * sympy.diff(kinetic, p) / total for q, p in pairs}
    drift[CLOCK] = CLOCK + DT / total
    kick = {p: p + DT * sympy.diff(depth, q) / depth for q, p in pairs}
    if potential.has(TIME):
        kick[BINDING] = BINDING + DT * sympy.diff(depth, CLOCK) / depth
    pieces = (Assigned("drift", drift, "A"), Assigned("kick", kick, "B"))
    return Transformed(pieces, {CLOCK: TIME, BINDING: -(kinetic + potential)})


def sundman(
    pieces: Sequence[Assigned],
    density: sympy.Expr,
    vector_field: Mapping[sympy.Symbol, sympy.Expr],
) -> Transformed:
    """Any pieces under dt = ds/R, with a last piece that moves the density R of steps:

        each piece:  its flow over ds/R;  the first also time <- time + ds/R
        density:     R <- R + ds (grad Q · f)/Q

    pieces: flows in DT
    density: Q(z) > 0, even under reversal; ds Q^-1 is the step wanted at z
    vector_field: f(z) = dz/dt of the whole system, for the symbols that Q depends on
    Adds the variables `time` (starts as TIME) and `density` R (starts as Q).  Time-reversible, of the order
    of the composition.  Raises ValueError if Q depends on the time.
    Source: Hairer & Söderlind (2005) SIAM J. Sci. Comput. 26, 1838.
    """
    if density.has(TIME):
        raise ValueError(
            "the density of steps depends on the time t; it must be a function of the state alone"
        )
    scaled = []
    for index, piece in enumerate(pieces):
        changed = {symbol: e.subs(DT, DT / DENSITY) for symbol, e in piece.assignments.items()}
        if index == 0:
            changed[CLOCK] = CLOCK + DT / DENSITY
        scaled.append(Assigned(piece.name, changed, piece.role))
    growth = sum(sympy.diff(density, z) * f for z, f in vector_field.items())
    moving = Assigned("density", {DENSITY: DENSITY + DT * sympy.simplify(growth / density)})
    return Transformed((*scaled, moving), {CLOCK: TIME, DENSITY: density})
