"""Quantum structures: the Schrödinger equation of finitely many states as a canonical system."""

from __future__ import annotations

from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.options import matrix_of
from hpcphys.compiler.structures.poisson import SymbolicCanonical
from hpcphys.compiler.structures.proofs import Proofs, Prover


class QuantumStructure(SymbolicCanonical):
    """i dpsi/dt = H psi with psi = (x + i y)/sqrt(2), canonical in (x, y); hbar = 1.

    With H = A + i B (A symmetric, B antisymmetric) the Hamiltonian is the expectation
    <psi|H|psi> = (x.A x + y.A y)/2 - x.B y, and dx/dt = A y + B x, dy/dt = -A x + B y: unitary, so that
    the norm <psi|psi> = (x.x + y.y)/2 is conserved.

    real, imaginary: A and B as rows of numbers, texts over the parameters, or expressions; B zero by default.
        `real` may also be one complex matrix (NumPy or SymPy).
    coordinates: two vectors of one size per state, by default x[n], y[n]
    Reverses by complex conjugation y -> -y (a symmetry of a real H).
    Raises StructureError if H is not Hermitian.
    Source: Heslot (1985) Phys. Rev. D 31, 1341; Strocchi (1966) Rev. Mod. Phys. 38, 36.
    """

    def __init__(
        self, real: Any, imaginary: Any = None, coordinates: Coordinates | None = None, *, verify: bool = True
    ):
        if imaginary is None:
            real, imaginary = _parts(real)
        states = len(real)
        coordinates = coordinates or Coordinates((Variable("x", states), Variable("y", states)))
        if [variable.size for variable in coordinates.variables] != [states, states]:
            declared = ", ".join(map(str, coordinates.variables))
            raise StructureError(
                f"an operator of {states} states moves the vectors x[{states}], y[{states}]; "
                f"the variables are {declared}"
            )
        x, y = coordinates.variables
        super().__init__(coordinates, [(x.name, y.name)])
        self.name = "quantum"
        self.equation = "i dpsi/dt = H psi,  psi = (x + i y)/sqrt(2)"
        self.real = matrix_of(real, coordinates, "real", states)
        self.imaginary = matrix_of(imaginary, coordinates, "imaginary", states)
        moving = (self.real.free_symbols | self.imaginary.free_symbols) & set(coordinates.symbols)
        if moving:
            raise StructureError(f"the operator depends on {', '.join(map(str, moving))}; it must be linear")
        if verify:
            self.verify()

    @property
    def hamiltonian(self) -> sympy.Expr:
        """<psi|H|psi> in x and y."""
        x, y = (sympy.Matrix(variable.symbols) for variable in self.coordinates.variables)
        half = sympy.Rational(1, 2)
        return sympy.expand(
            (half * (x.T * self.real * x + y.T * self.real * y) - x.T * self.imaginary * y)[0]
        )

    @property
    def norm(self) -> sympy.Expr:
        """<psi|psi> in x and y."""
        return sympy.Add(*(symbol**2 for symbol in self.coordinates.symbols)) / 2

    def conserved(self, hamiltonian: sympy.Expr) -> dict[str, sympy.Expr]:
        """The energy, and the norm where H does not depend on the phase of psi."""
        found = super().conserved(hamiltonian)
        if Prover().vanishes(self.poisson(self.norm, hamiltonian)):
            found["norm"] = self.norm
        return found

    def prove(self, proofs: Proofs) -> None:
        """The operator is Hermitian, and the motion conserves the norm."""
        super().prove(proofs)
        n = self.real.rows
        proofs.vanish(
            "hermiticity",
            (
                (f"{part}[{i}][{j}] {'-+'[sign > 0]} {part}[{j}][{i}]", matrix[i, j] + sign * matrix[j, i])
                for part, matrix, sign in (("real", self.real, -1), ("imaginary", self.imaginary, 1))
                for i in range(n)
                for j in range(i, n)
            ),
        )
        proofs.vanish("norm", [("{norm, H}", self.poisson(self.norm, self.hamiltonian))])


def _parts(given: Any) -> tuple[list[list[Any]], list[list[Any]]]:
    """Real and imaginary parts of a matrix whose entries may be complex."""
    rows = given.tolist() if hasattr(given, "tolist") else given
    real: list[list[Any]] = []
    imaginary: list[list[Any]] = []
    for row in rows:
        real.append([])
        imaginary.append([])
        for entry in row:
            if isinstance(entry, complex):
                a, b = entry.real, entry.imag
            elif isinstance(entry, sympy.Expr):
                a, b = entry.as_real_imag()
            else:
                a, b = entry, 0
            real[-1].append(a)
            imaginary[-1].append(b)
    return real, imaginary
