"""H = T(p) + V(q): drift and kick, the oldest splitting and the one with the most compositions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import sympy

from hpcphys.compiler.expressions.coordinates import DT, TIME, Variable
from hpcphys.compiler.expressions.derivatives import gradient, hessian
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.splitting.parts import Part, Splitting
from hpcphys.compiler.structures.poisson import SymbolicCanonical


def separable(hamiltonian: sympy.Expr, structure: SymbolicCanonical) -> Splitting | None:
    """The splitting of H = T(p) + V(q, t), or None if a term holds positions and momenta.

    T need not be quadratic; masses may be any parameters. The forces -dV/dq are derived arrays force_p, which
    a field computes once for all flows that need them.
    """
    halves = halves_of(hamiltonian, structure)
    if halves is None:
        return None
    kinetic, potential = halves
    named, pairs = structure.coordinates.named, structure.pairs
    slopes = gradient(hamiltonian, structure.coordinates.symbols)
    derived, drift, force, kick = [], {}, {}, {}
    for position, momentum in pairs:
        held = Variable(f"force_{momentum}", named[momentum].size)
        derived.append(held)
        symbols = (named[position].symbols, named[momentum].symbols, held.symbols)
        for q, p, f in zip(*symbols, strict=True):
            drift[q] = q + DT * slopes[p]
            force[f] = -slopes[q]
            kick[p] = p + DT * f
    momenta = [p for _, p in structure.symbol_pairs()]
    quadratic = all(not second.free_symbols & set(momenta) for second in hessian(kinetic, momenta).values())
    reason = "moves positions at speeds that stand still" + ("" if quadratic else "; T is not quadratic")
    parts = (
        Part("drift", "drift", kinetic, "dq/dt = dT/dp", Update.of(drift), reason, role="A"),
        Part(
            "kick",
            "kick",
            potential,
            "dp/dt = -dV/dq",
            Update.of(kick),
            "moves momenta by forces that stand still",
            role="B",
            gradient=_force_gradient(hamiltonian, kinetic, structure, derived) if quadratic else None,
        ),
    )
    return Splitting(
        hamiltonian,
        parts,
        tuple(derived),
        Update.of(force),
        quadratic,
        ("separable: H = T(p) + V(q)",),
    )


def _force_gradient(
    hamiltonian: sympy.Expr,
    kinetic: sympy.Expr,
    structure: SymbolicCanonical,
    derived: Sequence[Variable],
) -> Callable[[], dict[sympy.Symbol, sympy.Expr]]:
    """d/dq_i (F.M⁻¹F) = -2 sum_j V_ij (M⁻¹F)_j, F the forces: what compositions with a force gradient need.

    Source: Omelyan, Mryglod & Folk (2003) Comput. Phys. Commun. 151, 272, equation (5).
    """

    def gradients() -> dict[sympy.Symbol, sympy.Expr]:
        pairs = structure.symbol_pairs()
        momentum = dict(pairs)
        positions, momenta = list(momentum), list(momentum.values())
        force = dict(zip(momenta, (s for held in derived for s in held.symbols), strict=True))
        speed = dict.fromkeys(positions, sympy.S.Zero)
        of = {p: q for q, p in pairs}
        for (a, b), entry in hessian(kinetic, momenta).items():
            speed[of[a]] += entry * force[b]
        found = dict.fromkeys(momenta, sympy.S.Zero)
        for (a, b), entry in hessian(hamiltonian, positions).items():
            found[momentum[a]] -= 2 * entry * speed[b]
        return found

    return gradients


def halves_of(hamiltonian: sympy.Expr, structure: SymbolicCanonical) -> tuple[sympy.Expr, sympy.Expr] | None:
    """T(p) and V(q, t), or None.  Products are multiplied out only where that is needed to tell."""
    pairs = structure.symbol_pairs()
    positions, momenta = {q for q, _ in pairs} | {TIME}, {p for _, p in pairs}
    kinetic, potential = [], []
    for term in sympy.Add.make_args(hamiltonian):
        pieces = [term]
        if term.free_symbols & positions and term.free_symbols & momenta:
            pieces = list(sympy.Add.make_args(sympy.expand(term)))
        for piece in pieces:
            if not piece.free_symbols & momenta:
                potential.append(piece)
            elif not piece.free_symbols & positions:
                kinetic.append(piece)
            else:
                return None
    return sympy.Add(*kinetic), sympy.Add(*potential)
