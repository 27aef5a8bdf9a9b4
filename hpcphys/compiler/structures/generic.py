"""GENERIC: a reversible bracket moves by the energy, a friction bracket by the entropy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import TIME, Coordinates
from hpcphys.compiler.expressions.derivatives import gradient as gradient_of
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.identities import degeneracy, symmetry
from hpcphys.compiler.structures.options import expression_of, matrix_of
from hpcphys.compiler.structures.proofs import Proofs, Prover
from hpcphys.compiler.structures.symbolic import Motion, SymbolicStructure


class GenericStructure(SymbolicStructure):
    """dz/dt = L grad E + M grad S with L grad S = 0 and M grad E = 0: E is conserved, S never decreases.

    L: antisymmetric with the Jacobi identity;  M: symmetric, positive semi-definite;  both as rows of texts,
        numbers or expressions
    energy, entropy: E and S, texts or expressions
    positive: names of variables that are positive (temperatures, say), where M need only be positive there;
        parameters always count as positive
    verify: prove all of it at once.  Raises StructureError if something fails.
    The Hamiltonian of vector_field is E itself: M belongs to it.
    Source: Grmela & Öttinger (1997) Phys. Rev. E 56, 6620; Öttinger (2005), section 1.2.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        L: Any,
        M: Any,
        energy: Any,
        entropy: Any,
        *,
        positive: Sequence[str] = (),
        verify: bool = True,
    ):
        self.energy = expression_of(energy, coordinates, "energy")
        self.entropy = expression_of(entropy, coordinates, "entropy")
        self.friction = sympy.ImmutableSparseMatrix(matrix_of(M, coordinates, "M"))
        unknown = [name for name in positive if name not in coordinates.named]
        if unknown:
            raise StructureError(
                f"positive names {', '.join(unknown)}; declared: {', '.join(coordinates.named)}"
            )
        self.positive = frozenset(s for name in positive for s in coordinates.named[name].symbols)
        super().__init__(
            "generic", "dz/dt = L grad E + M grad S", coordinates, matrix_of(L, coordinates, "L")
        )
        if verify:
            self.verify()

    def vector_field(self, hamiltonian: sympy.Expr | None = None) -> Motion:
        """L grad E + M grad S.  Raises StructureError for a Hamiltonian that is not the energy."""
        if hamiltonian is not None and not Prover().vanishes(hamiltonian - self.energy):
            raise StructureError(
                f"a GENERIC motion belongs to its energy {self.energy}; found the Hamiltonian {hamiltonian}"
            )
        return super().vector_field(self.energy)

    def motion(self, gradient: Mapping[sympy.Symbol, sympy.Expr], hamiltonian: sympy.Expr) -> Motion:
        """L grad E + M grad S, for the gradient of E."""
        motion = self.matrix_times(gradient)
        return {symbol: motion[symbol] + rate for symbol, rate in self.irreversible.items()}

    @property
    def irreversible(self) -> Motion:
        """M grad S, the part of the motion that produces entropy."""
        symbols = self.coordinates.symbols
        slopes = gradient_of(self.entropy, symbols)
        rows: Motion = dict.fromkeys(symbols, sympy.S.Zero)
        for (i, j), entry in self.friction.todok().items():
            rows[symbols[i]] += entry * slopes[symbols[j]]
        return rows

    @property
    def entropy_production(self) -> sympy.Expr:
        """dS/dt = grad S . M grad S, never negative."""
        slopes = gradient_of(self.entropy, self.coordinates.symbols)
        return sympy.Add(*(slopes[symbol] * rate for symbol, rate in self.irreversible.items()))

    def conserved(self, hamiltonian: sympy.Expr) -> dict[str, sympy.Expr]:
        """The energy."""
        return {} if hamiltonian.has(TIME) else {"energy": hamiltonian}

    def prove(self, proofs: Proofs) -> None:
        """L is Poisson, M symmetric and positive, and each leaves the other's function alone."""
        super().prove(proofs)
        symbols, friction = self.coordinates.symbols, dict(self.friction.todok())
        proofs.vanish("symmetry of M", symmetry(friction, symbols, "M"))
        proofs.positive(
            "positivity of M", self.friction, self.positive | {*self.coordinates.parameter_symbols}
        )
        proofs.vanish("degeneracy of L", degeneracy(self.entries, symbols, self.entropy, "L grad S"))
        proofs.vanish("degeneracy of M", degeneracy(friction, symbols, self.energy, "M grad E"))
