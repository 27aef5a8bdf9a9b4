"""The search for a splitting: terms with closed flows, in as few parts as commute or close together."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy

from hpcphys.compiler.flows.sequence import Sequence
from hpcphys.compiler.splitting.closed import LARGE, ClosedFlow, closed_flow, lie_derivative, moving
from hpcphys.compiler.splitting.parts import Part, equations
from hpcphys.compiler.splitting.rotors import bonds, rotor_terms, spin_field
from hpcphys.compiler.splitting.signs import Signs
from hpcphys.compiler.structures.poisson import PoissonStructure
from hpcphys.compiler.structures.symbolic import SymbolicStructure


@dataclass
class Group:
    """Terms that move together: by one closed flow, or by flows that commute."""

    terms: list[sympy.Expr]
    flows: list[ClosedFlow]
    hamiltonians: list[sympy.Expr] = field(default_factory=list)

    @property
    def total(self) -> sympy.Expr:
        """The sum of the terms."""
        return sympy.Add(*self.terms)


def terms_of(hamiltonian: sympy.Expr, structure: SymbolicStructure, signs: Signs) -> list[sympy.Expr]:
    """H as a sum of terms, each of which moves something; a term without a closed flow is multiplied out."""
    found, hamiltonian = rotor_terms(hamiltonian, structure, signs)
    pairs = bonds(hamiltonian, structure)
    if pairs:
        hamiltonian = sympy.expand(hamiltonian - sympy.Add(*pairs))
        field, hamiltonian = spin_field(hamiltonian, structure)
        found += [*pairs, field]
    symbols = set(structure.coordinates.symbols)
    spread = [part for term in sympy.Add.make_args(hamiltonian) for part in _distributed(term, symbols)]
    for term in spread:
        motion = moving(structure.vector_field(term))
        apart = sympy.Add.make_args(sympy.expand(term))
        if len(apart) > 1 and closed_flow(motion, signs) is None:
            found += apart
        else:
            found.append(term)
    return [term for term in found if moving(structure.vector_field(term))]


def _distributed(term: sympy.Expr, symbols: set[sympy.Symbol]) -> tuple[sympy.Expr, ...]:
    """k (a + b + ...) as k a, k b, ... where k does not move."""
    constant, rest = term.as_independent(*symbols, as_Add=False)
    return tuple(constant * part for part in sympy.Add.make_args(rest))


def grouped(
    terms: list[sympy.Expr], structure: SymbolicStructure, signs: Signs
) -> tuple[list[Group], list[sympy.Expr]]:
    """Groups with exact flows, and the terms that have none."""
    flows = [(term, closed_flow(structure.vector_field(term), signs)) for term in terms]
    left = [term for term, flow in flows if flow is None]
    found = [(term, flow) for term, flow in flows if flow is not None]
    groups: list[Group] = []
    # Shears first: a potential then stays whole, and what commutes with it joins it.
    for term, flow in sorted(found, key=lambda pair: pair[1].kind != "shear"):
        if not any(_join(group, term, flow, structure, signs) for group in groups):
            groups.append(Group([term], [flow], [term]))
    return groups, left


def _join(
    group: Group, term: sympy.Expr, flow: ClosedFlow, structure: SymbolicStructure, signs: Signs
) -> bool:
    """Add the term to the group if both move exactly together: by one flow, or one after the other."""
    both = moving(structure.vector_field(group.total + term))
    together = closed_flow(both, signs, linear_only=True)
    if together is not None and (together.kind == "shear" or len(group.flows) == 1):
        group.terms.append(term)
        group.flows, group.hamiltonians = [together], [group.total]
        return True
    # Every part's own flow is applied whole, so that the term has to commute with each of them.
    if not all(commute(part, term, structure) for part in group.hamiltonians):
        return False
    group.terms.append(term)
    group.flows.append(flow)
    group.hamiltonians.append(term)
    return True


def commute(f: sympy.Expr, g: sympy.Expr, structure: SymbolicStructure) -> bool:
    """Whether algebra shows that the flows of f and g commute: {f, g} = 0, or [X_f, X_g] = 0."""
    if isinstance(structure, PoissonStructure):
        bracket = structure.poisson(f, g)
        return sympy.count_ops(bracket) < LARGE and sympy.expand(bracket) == 0
    x, y = moving(structure.vector_field(f)), moving(structure.vector_field(g))
    brackets = [
        lie_derivative(x, y.get(s, sympy.S.Zero)) - lie_derivative(y, x.get(s, sympy.S.Zero))
        for s in {*x, *y}
    ]
    return all(sympy.count_ops(b) < LARGE and sympy.expand(b) == 0 for b in brackets)


def part_of(group: Group, structure: SymbolicStructure, name: str) -> Part:
    """The part of a group."""
    first, *others = group.flows
    motion = moving(structure.vector_field(group.total))
    if not others:
        return Part(name, first.kind, group.total, equations(motion), first.code, first.reason)
    kinds = {flow.kind for flow in group.flows}
    kind = kinds.pop() if len(kinds) == 1 else "commuting"
    reason = f"{len(group.flows)} flows that commute, one after the other; the first: {first.reason}"
    code = Sequence(tuple(flow.code for flow in group.flows))
    return Part(name, kind, group.total, equations(motion), code, reason)
