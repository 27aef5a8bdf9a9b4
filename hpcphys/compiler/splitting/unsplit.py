"""What cannot be split: which implicit method moves it, and what that conserves."""

from __future__ import annotations

from collections.abc import Mapping

import sympy

from hpcphys.compiler.flows.implicit import discrete_gradient, midpoint, spherical_midpoint
from hpcphys.compiler.flows.iterated import CONVERGED, LIMIT, NEWTON_UP_TO, Iterated
from hpcphys.compiler.splitting.closed import moving
from hpcphys.compiler.splitting.parts import Part, equations
from hpcphys.compiler.splitting.rotors import angular_momenta
from hpcphys.compiler.structures.poisson import PoissonStructure
from hpcphys.compiler.structures.symbolic import SymbolicStructure

IMPLICIT = ("midpoint", "discrete_gradient", "spherical_midpoint")

Motion = Mapping[sympy.Symbol, sympy.Expr]


def suitable(structure: SymbolicStructure) -> str:
    """The implicit method for a structure: symplectic where one is, else exact in what can be exact."""
    if not isinstance(structure, PoissonStructure) or not structure.matrix.free_symbols & {
        *structure.coordinates.symbols
    }:
        return "midpoint"
    return "spherical_midpoint" if on_spheres(structure) else "discrete_gradient"


def on_spheres(structure: SymbolicStructure) -> bool:
    """Whether the structure is so(3) or a product of such."""
    vectors = angular_momenta(structure)
    of = {symbol: index for index, vector in enumerate(vectors) for symbol in vector}
    symbols = structure.coordinates.symbols
    if not isinstance(structure, PoissonStructure) or set(of) != set(symbols):
        return False
    return all(of[symbols[i]] == of[symbols[j]] for i, j in structure.entries)


def implicit_part(name: str, hamiltonian: sympy.Expr, structure: SymbolicStructure, method: str) -> Part:
    """The part that moves H by an implicit method.

    Raises ValueError if the method does not apply: discrete gradients need a Poisson structure, the spherical
    midpoint a product of so(3).
    """
    motion = moving(structure.vector_field(hamiltonian))
    code = _code(motion, hamiltonian, structure, method)
    solver = "Newton's method" if len(motion) <= NEWTON_UP_TO else "fixed-point iteration"
    reason = (
        f"{kept(method, structure)}; {len(motion)} equations by {solver} to {CONVERGED:.0e} or round-off, "
        f"at most "
        f"{LIMIT} iterations; symmetric: may be the basic step of symmetric compositions"
    )
    constant = not structure.matrix.free_symbols & {*structure.coordinates.symbols}
    poisson = method == "spherical_midpoint" or (method == "midpoint" and constant)
    return Part(
        name, method.replace("_", " "), hamiltonian, equations(motion), code, reason, order=2, poisson=poisson
    )


def _code(motion: Motion, hamiltonian: sympy.Expr, structure: SymbolicStructure, method: str) -> Iterated:
    if method == "midpoint":
        return midpoint(motion)
    if method == "discrete_gradient":
        if not isinstance(structure, PoissonStructure):
            raise ValueError(
                f"discrete gradients conserve the energy of Poisson structures; {structure.name} is none: "
                f"choose "
                "midpoint"
            )
        symbols = structure.coordinates.symbols
        matrix = {(symbols[i], symbols[j]): entry for (i, j), entry in structure.entries.items()}
        return discrete_gradient(motion, hamiltonian, matrix)
    if not on_spheres(structure):
        raise ValueError(
            f"the spherical midpoint is for so(3) and its products; found {structure.name}: choose "
            f"midpoint or "
            "discrete_gradient"
        )
    return spherical_midpoint(motion, angular_momenta(structure))


def kept(method: str, structure: SymbolicStructure) -> str:
    """What an implicit method conserves on a structure, in words."""
    constant = not structure.matrix.free_symbols & {*structure.coordinates.symbols}
    if method == "spherical_midpoint":
        return "implicit: Poisson, each |s|² exact, energy bounded"
    if method == "discrete_gradient":
        return "implicit: energy exact; Casimirs exact where of degree two at most"
    if not isinstance(structure, PoissonStructure):
        return "implicit: invariants of degree two at most exact"
    geometry = "symplectic" if constant else "Poisson to third order in dt only"
    return f"implicit: {geometry}; invariants and Casimirs of degree two at most exact"
