"""Contact Hamiltonian motion: canonical pairs and an action s; the geometry of linear damping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy

from hpcphys.compiler.expressions.coordinates import TIME, Coordinates
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.poisson import SymbolicCanonical
from hpcphys.compiler.structures.proofs import Proofs
from hpcphys.compiler.structures.symbolic import Motion, SymbolicStructure


class ContactStructure(SymbolicStructure):
    """dq/dt = dH/dp,  dp/dt = -dH/dq - p dH/ds,  ds/dt = p . dH/dp - H, for H(q, p, s).

    H = p²/2m + V(q) + friction s is the damped motion dp/dt = -V'(q) - friction p. Along every motion
    dH/dt = -H dH/ds: the energy is conserved where H does not depend on s, and the surface H = 0 always.
    coordinates: the pairs and the scalar `action`;  pairs: as in SymbolicCanonical
    bracket() needs the value of H as gradient["hamiltonian"].
    The reversal is (p, s) -> (-p, -s).
    Source: Bravetti, Cruz & Tapias (2017) Ann. Phys. 376, 17.
    """

    def __init__(
        self, coordinates: Coordinates, pairs: Sequence[Sequence[str]] | None = None, action: str = "s"
    ):
        found = coordinates.named.get(action)
        if found is None or found not in coordinates.variables or found.size is not None:
            declared = ", ".join(map(str, coordinates.variables))
            raise StructureError(
                f"a contact structure needs the scalar variable {action!r} (the action) beside its pairs; "
                f"the variables are {declared}"
            )
        others = tuple(variable for variable in coordinates.variables if variable is not found)
        if not others:
            raise StructureError("a contact structure needs pairs of position and momentum beside its action")
        canonical = SymbolicCanonical(Coordinates(others, coordinates.parameters), pairs)
        self.pairs, self.action = canonical.pairs, found.symbols[0]
        self.momenta = tuple(p for _, p in canonical.symbol_pairs())
        row = {symbol: index for index, symbol in enumerate(coordinates.symbols)}
        size = coordinates.dimension
        entries: dict[tuple[int, int], int] = {}
        for q, p in canonical.symbol_pairs():
            entries[row[q], row[p]], entries[row[p], row[q]] = 1, -1
        super().__init__(
            "contact",
            f"dq/dt = dH/dp,  dp/dt = -dH/dq - p dH/d{action},  d{action}/dt = p . dH/dp - H",
            coordinates,
            sympy.SparseMatrix(size, size, entries),
            reversal={x: -x for x in (*self.momenta, self.action)},
        )

    def motion(self, gradient: Mapping[sympy.Symbol, sympy.Expr], hamiltonian: sympy.Expr) -> Motion:
        """The contact vector field."""
        motion = self.matrix_times(gradient)
        for p in self.momenta:
            motion[p] -= p * gradient[self.action]
        motion[self.action] = sympy.Add(*(p * gradient[p] for p in self.momenta)) - hamiltonian
        return motion

    def conserved(self, hamiltonian: sympy.Expr) -> dict[str, sympy.Expr]:
        """The energy, where H depends neither on the action nor on time."""
        return {} if hamiltonian.has(TIME, self.action) else {"energy": hamiltonian}

    def prove(self, proofs: Proofs) -> None:
        """For any H: dH/dt = -H dH/ds, and the contact form ds - p dq of the motion is -H."""
        super().prove(proofs)
        slopes = {s: sympy.Symbol(f"d_{s}", real=True) for s in self.coordinates.symbols}
        value = sympy.Symbol("H", real=True)
        motion = self.motion(slopes, value)
        change = sympy.Add(*(slopes[s] * motion[s] for s in slopes))
        proofs.vanish("rate of H", [("dH/dt + H dH/ds", change + value * slopes[self.action])])
        named = self.coordinates.named
        one_form = motion[self.action] - sympy.Add(
            *(
                p * motion[q]
                for x, y in self.pairs
                for q, p in zip(named[x].symbols, named[y].symbols, strict=True)
            )
        )
        proofs.vanish("contact form", [("ds/dt - p . dq/dt + H", one_form + value)])
