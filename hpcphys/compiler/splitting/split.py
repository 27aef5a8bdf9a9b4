"""`split`: the parts of a Hamiltonian and their flows, found rather than asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy

from hpcphys.compiler.splitting.canonical import separable
from hpcphys.compiler.splitting.closed import LARGE, closed_flow, moving
from hpcphys.compiler.splitting.modes import normal_modes
from hpcphys.compiler.splitting.parts import Part, Splitting, equations, shown
from hpcphys.compiler.splitting.search import grouped, part_of, terms_of
from hpcphys.compiler.splitting.signs import Signs
from hpcphys.compiler.splitting.thermostats import HeatError, heat_part, reversible_structure
from hpcphys.compiler.splitting.unsplit import IMPLICIT, implicit_part, suitable
from hpcphys.compiler.structures.dissipative import DissipativeStructure
from hpcphys.compiler.structures.generic import GenericStructure
from hpcphys.compiler.structures.nose_hoover import NoseHooverStructure
from hpcphys.compiler.structures.poisson import SymbolicCanonical
from hpcphys.compiler.structures.symbolic import SymbolicStructure


class SplittingError(ValueError):
    """A Hamiltonian has no flow of the kind that was asked for; the message says which terms and why."""


METHODS = ("auto", "exact", "separable", "pieces", *IMPLICIT)


def split(
    hamiltonian: sympy.Expr,
    structure: SymbolicStructure,
    method: str = "auto",
    *,
    values: Mapping[sympy.Symbol, Any] | None = None,
    pieces: Mapping[str, sympy.Expr] | None = None,
) -> Splitting:
    """The splitting of H over a structure; print it to see the parts, their flows and the reasons.

    method: "auto" tries in this order
        "exact"      one closed flow of all of H (quadratic Hamiltonians, linear motions)
        "separable"  drift and kick of H = T(p) + V(q)
        "pieces"     terms with closed flows, as few parts as possible
        "midpoint", "discrete_gradient", "spherical_midpoint"   the implicit method that suits the structure,
                     for all of H (see flows.implicit for what each conserves)
    values: symbol of a parameter -> number or array; their signs choose between closed forms
    pieces: name -> term, for a sum whose terms are to be the parts (in the order of composition)
    Raises SplittingError if the method that was asked for does not apply.
    """
    if method not in METHODS:
        raise SplittingError(f"unknown splitting {method!r}; allowed: {', '.join(METHODS)}")
    signs = Signs(values)
    if isinstance(structure, DissipativeStructure | NoseHooverStructure | GenericStructure):
        return _with_heat(hamiltonian, structure, method, signs, pieces)
    return _reversible(hamiltonian, structure, method, signs, pieces)


def _reversible(
    hamiltonian: sympy.Expr,
    structure: SymbolicStructure,
    method: str,
    signs: Signs,
    pieces: Mapping[str, sympy.Expr] | None = None,
) -> Splitting:
    """The splitting of a motion without friction or noise."""
    if pieces is not None:
        return _named(hamiltonian, pieces, structure, signs)
    halves = None
    if method in ("auto", "separable") and isinstance(structure, SymbolicCanonical):
        halves = separable(hamiltonian, structure)
    if method in ("auto", "exact"):
        # What splits into drift and kick can move as a whole only if it is linear.
        found = _exact(hamiltonian, structure, signs, linear_only=halves is not None)
        if found is not None:
            return found
    if halves is not None:
        return halves
    if method in ("auto", "pieces"):
        found = _pieces(hamiltonian, structure, signs)
        if found is not None:
            return found
    if method == "auto" or method in IMPLICIT:
        return _implicit(hamiltonian, structure, method)
    raise SplittingError(
        f"H = {shown(hamiltonian)} has no splitting {method!r} over the structure {structure.name}; let it "
        f"be "
        'found ("auto")'
    )


def _with_heat(
    hamiltonian: sympy.Expr,
    structure: SymbolicStructure,
    method: str,
    signs: Signs,
    pieces: Mapping[str, sympy.Expr] | None,
) -> Splitting:
    """The reversible parts, then the part of friction, noise or thermostats.

    Drift and kick are preferred to one exact flow, so that Langevin compositions (BAOAB) have their parts.
    """
    try:
        heat = heat_part(hamiltonian, structure, signs)
    except HeatError as error:
        raise SplittingError(str(error)) from None
    base = reversible_structure(structure)
    if not base.entries:
        return Splitting(hamiltonian, (heat,), notes=("there is no reversible motion",))
    found = None
    if pieces is None and method == "auto" and isinstance(base, SymbolicCanonical):
        found = separable(hamiltonian, base)
    if found is None:
        found = _reversible(hamiltonian, base, method, signs, pieces)
    return replace(
        found, parts=(*found.parts, heat), notes=(*found.notes, "heat is exchanged in a part of its own")
    )


def _exact(
    hamiltonian: sympy.Expr, structure: SymbolicStructure, signs: Signs, *, linear_only: bool = False
) -> Splitting | None:
    """All of H by one closed flow."""
    if sympy.count_ops(hamiltonian) > LARGE:
        return None
    motion = moving(structure.vector_field(hamiltonian))
    flow = closed_flow(motion, signs, linear_only=linear_only) or normal_modes(motion, signs)
    if flow is None:
        return None
    part = Part("motion", flow.kind, hamiltonian, equations(motion), flow.code, flow.reason)
    return Splitting(hamiltonian, (part,), notes=("one exact flow moves all of H",))


def _pieces(hamiltonian: sympy.Expr, structure: SymbolicStructure, signs: Signs) -> Splitting | None:
    """Terms with closed flows in groups; None if a term has none."""
    groups, left = grouped(terms_of(hamiltonian, structure, signs), structure, signs)
    if left or not groups:
        return None
    names = numbered([group.flows[0].kind for group in groups])
    parts = tuple(part_of(group, structure, name) for group, name in zip(groups, names, strict=True))
    return Splitting(hamiltonian, parts, notes=(f"{len(parts)} parts with exact flows",))


def _implicit(hamiltonian: sympy.Expr, structure: SymbolicStructure, method: str) -> Splitting:
    """All of H by an implicit method."""
    note = "moved whole, as asked"
    if method == "auto":
        method = suitable(structure)
        note = "not split: a term has no exact flow that could be found"
    try:
        part = implicit_part("motion", hamiltonian, structure, method)
    except ValueError as error:
        raise SplittingError(str(error)) from None
    return Splitting(hamiltonian, (part,), notes=(note,))


def _named(
    hamiltonian: sympy.Expr,
    pieces: Mapping[str, sympy.Expr],
    structure: SymbolicStructure,
    signs: Signs,
) -> Splitting:
    """The terms that the user named, each by its exact flow or, if none is found, by an implicit method."""
    parts = []
    for name, term in pieces.items():
        motion = moving(structure.vector_field(term))
        flow = closed_flow(motion, signs) or normal_modes(motion, signs)
        if flow is None:
            parts.append(implicit_part(name, term, structure, suitable(structure)))
            continue
        parts.append(Part(name, flow.kind, term, equations(motion), flow.code, flow.reason))
    return Splitting(hamiltonian, tuple(parts), notes=(f"{len(parts)} parts as they were named",))


def numbered(kinds: Sequence[str]) -> list[str]:
    """Kinds as names: those that appear several times are numbered."""
    return [
        kind if kinds.count(kind) == 1 else f"{kind}_{kinds[: i + 1].count(kind)}"
        for i, kind in enumerate(kinds)
    ]
