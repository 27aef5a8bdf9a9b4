"""Poisson structures dz/dt = J(z) grad H(z): canonical pairs, any J(z) of the user's, direct products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.options import expression_of, matrix_of
from hpcphys.compiler.structures.symbolic import Motion, SymbolicStructure


class PoissonStructure(SymbolicStructure):
    """dz/dt = J(z) grad H.  Antisymmetric J with the Jacobi identity: H and all Casimirs are conserved.

    Source: Hairer, Lubich & Wanner (2006), section VII.2.
    """

    def motion(self, gradient: Mapping[sympy.Symbol, sympy.Expr], hamiltonian: sympy.Expr) -> Motion:
        """J grad H."""
        return self.matrix_times(gradient)


def momentum_name(position: str) -> tuple[str, ...]:
    """Names that the momentum of a position may have: q1 -> p1, x -> px or p_x, position -> momentum."""
    named = ["momentum"] if position == "position" else []
    if position.startswith("q"):
        named.append("p" + position[1:])
    return (*named, f"p{position}", f"p_{position}")


def canonical_pairs(variables: Sequence[Variable]) -> tuple[tuple[str, str], ...]:
    """The (position, momentum) pairs that the names suggest; x alone with p is a pair too.

    Raises StructureError if a variable finds no partner.
    """
    names = [variable.name for variable in variables]
    pairs: list[tuple[str, str]] = []
    for name in names:
        partner = next((other for other in momentum_name(name) if other in names), None)
        if partner is not None:
            pairs.append((name, partner))
    paired = {name for pair in pairs for name in pair}
    alone = [name for name in names if name not in paired]
    if len(alone) == 2 and alone[1] == "p":
        pairs.append((alone[0], "p"))
        alone = []
    if alone or len(paired | {n for p in pairs for n in p}) != 2 * len(pairs):
        raise StructureError(
            f"cannot tell which variables are pairs of position and momentum: {', '.join(alone or names)} of "
            f'{", ".join(names)}; name them q, p (or x, px), or give the pairs: [["angle", "spin"]]'
        )
    return tuple(pairs)


class SymbolicCanonical(PoissonStructure):
    """dq/dt = dH/dp, dp/dt = -dH/dq for declared pairs (q, p) of equal size; masses are part of H.

    pairs: (position, momentum) names; by default those that the names suggest (see canonical_pairs)
    No Casimirs; the reversal of time is p -> -p (a symmetry if H is even in p).
    Raises StructureError if the pairs do not cover each variable once with equal sizes.
    Source: Hairer, Lubich & Wanner (2006), section VI.1.
    """

    def __init__(self, coordinates: Coordinates, pairs: Sequence[Sequence[str]] | None = None):
        chosen = canonical_pairs(coordinates.variables) if pairs is None else pairs
        self.pairs: tuple[tuple[str, str], ...] = tuple((q, p) for q, p in chosen)
        _check_pairs(coordinates, self.pairs)
        row = {symbol: index for index, symbol in enumerate(coordinates.symbols)}
        entries: dict[tuple[int, int], int] = {}
        for position, momentum in self.symbol_pairs(coordinates):
            i, j = row[position], row[momentum]
            entries[i, j], entries[j, i] = 1, -1
        size = coordinates.dimension
        super().__init__(
            "canonical",
            "dq/dt = dH/dp,  dp/dt = -dH/dq",
            coordinates,
            sympy.SparseMatrix(size, size, entries),
            reversal={p: -p for _, p in self.symbol_pairs(coordinates)},
        )

    def symbol_pairs(self, coordinates: Coordinates | None = None) -> list[tuple[sympy.Symbol, sympy.Symbol]]:
        """(position, momentum) symbols of every degree of freedom."""
        named = (coordinates or self.coordinates).named
        return [pair for q, p in self.pairs for pair in zip(named[q].symbols, named[p].symbols, strict=True)]


def _check_pairs(coordinates: Coordinates, pairs: Sequence[tuple[str, str]]) -> None:
    variables = {variable.name: variable for variable in coordinates.variables}
    named = [name for pair in pairs for name in pair]
    unknown = [name for name in named if name not in variables]
    if unknown:
        raise StructureError(f"pairs name {', '.join(unknown)}; the variables are {', '.join(variables)}")
    wrong = [name for name in variables if named.count(name) != 1]
    if wrong:
        raise StructureError(
            f"each variable belongs to one pair of position and momentum: {', '.join(wrong)}"
        )
    for q, p in pairs:
        if variables[q].size != variables[p].size:
            raise StructureError(f"pair {variables[q]}, {variables[p]}: position and momentum need one size")


class PoissonMatrix(PoissonStructure):
    """dz/dt = J(z) grad H for a matrix of the user's.

    matrix: one row and column per component of the variables, in their order; entries are texts in the
        grammar of expressions, numbers, or SymPy expressions
    casimirs: name -> C(z), text or expression;  reversal: component such as "m[0]" -> its image, likewise
    verify: prove the properties at once (see SymbolicStructure.verify)
    Raises StructureError for a wrong shape and, if `verify`, when J is not antisymmetric, violates the Jacobi
    identity or a Casimir; ExpressionError for a text that is no expression.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        matrix: Any,
        *,
        casimirs: Mapping[str, Any] | None = None,
        reversal: Mapping[str, Any] | None = None,
        name: str = "poisson",
        equation: str = "dz/dt = J(z) grad H",
        verify: bool = True,
    ):
        super().__init__(
            name,
            equation,
            coordinates,
            matrix_of(matrix, coordinates, "J"),
            casimirs={
                label: expression_of(text, coordinates, f"casimir {label}")
                for label, text in (casimirs or {}).items()
            },
            reversal={
                expression_of(symbol, coordinates, "reversal"): expression_of(image, coordinates, "reversal")
                for symbol, image in (reversal or {}).items()
            },
        )
        if verify:
            self.verify()


def product(*structures: SymbolicStructure) -> PoissonStructure:
    """The direct product: J is block diagonal, the Casimirs are those of the factors.

    The factors' variables must have different names; parameters of one name are one parameter.
    Raises StructureError if a factor is no Poisson structure.
    """
    for structure in structures:
        if not isinstance(structure, PoissonStructure):
            raise StructureError(
                f"structure {structure.name!r} cannot be a factor of a product; only Poisson structures can"
            )
    variables = tuple(v for structure in structures for v in structure.coordinates.variables)
    parameters = tuple(dict.fromkeys(p for structure in structures for p in structure.coordinates.parameters))
    blocks = [structure.matrix for structure in structures]
    casimirs: dict[str, sympy.Expr] = {}
    reversal: dict[sympy.Symbol, sympy.Expr] = {}
    for structure in structures:
        casimirs |= structure.casimir_expressions
        reversal |= structure.reversal
    return PoissonStructure(
        " x ".join(structure.name for structure in structures),
        ";  ".join(structure.equation for structure in structures),
        Coordinates(variables, parameters),
        sympy.SparseMatrix(sympy.diag(*blocks)),
        casimirs=casimirs,
        reversal=reversal if all(structure.reversal for structure in structures) else {},
    )
