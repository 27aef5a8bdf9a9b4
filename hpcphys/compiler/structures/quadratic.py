"""Point vortices and Lotka-Volterra systems: Poisson structures of the plane and of populations."""

from __future__ import annotations

from typing import Any

import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.options import components_of, constant_of, matrix_of
from hpcphys.compiler.structures.poisson import PoissonStructure


class VortexStructure(PoissonStructure):
    """{x_i, y_i} = 1/Gamma_i: Gamma_i dx_i/dt = dH/dy_i, Gamma_i dy_i/dt = -dH/dx_i for point vortices.

    H = -sum over pairs of Gamma_i Gamma_j log(r_ij)/(2 pi) is Kirchhoff's.
    coordinates: two vectors of one size, the x and y of the vortices
    circulation: Gamma, any sign but not zero: one value, a list, or the name of a vector parameter
    Reverses by the mirror y -> -y.
    Source: Newton (2001), The N-Vortex Problem, chapter 2.
    """

    def __init__(self, coordinates: Coordinates, circulation: Any = 1):
        sizes = [variable.width for variable in coordinates.variables]
        if len(sizes) != 2 or sizes[0] != sizes[1]:
            declared = ", ".join(map(str, coordinates.variables))
            raise StructureError(
                f"vortices move two variables of one size, x[n] and y[n]; the variables are {declared}"
            )
        x, y = coordinates.variables
        self.circulation = components_of(circulation, x, coordinates, "circulation", negative=True)
        n = sizes[0]
        entries: dict[tuple[int, int], sympy.Expr] = {}
        for i, strength in enumerate(self.circulation):
            entries[i, n + i], entries[n + i, i] = 1 / strength, -1 / strength
        super().__init__(
            "vortices",
            f"Gamma d{x.name}/dt = dH/d{y.name},  Gamma d{y.name}/dt = -dH/d{x.name}",
            coordinates,
            sympy.SparseMatrix(2 * n, 2 * n, entries),
            reversal={symbol: -symbol for symbol in y.symbols},
        )


class LotkaVolterraStructure(PoissonStructure):
    """J_ij = a_ij z_i z_j with an antisymmetric constant matrix a: populations z > 0 that feed on each other.

    With H = sum (b_i z_i - c_i log z_i) it is Lotka and Volterra's dz_i/dt = z_i sum a_ij (b_j z_j - c_j).
    matrix: a, one row per component; for two components [[0, 1], [-1, 0]] by default
    Casimirs: sum n_i log z_i for every vector n with a n = 0 (where a holds only numbers).
    Source: Plank (1995) J. Math. Phys. 36, 3520; Hairer, Lubich & Wanner (2006), section VII.2.
    """

    def __init__(self, coordinates: Coordinates, matrix: Any = None):
        symbols, n = coordinates.symbols, coordinates.dimension
        if matrix is None:
            if n != 2:
                raise StructureError(f"a Lotka-Volterra structure of {n} populations needs its matrix")
            matrix = [[0, 1], [-1, 0]]
        rates = matrix_of(matrix, coordinates, "matrix")
        rates = rates.applyfunc(lambda entry: constant_of(entry, coordinates, "matrix"))
        casimirs = {}
        if not rates.free_symbols:
            for index, vector in enumerate(sympy.Matrix(rates).nullspace()):
                terms = (weight * sympy.log(s) for weight, s in zip(vector, symbols, strict=True))
                casimirs[f"logarithms {index + 1}"] = sympy.Add(*terms)
        super().__init__(
            "lotka_volterra",
            "dz_i/dt = z_i sum a_ij z_j dH/dz_j",
            coordinates,
            sympy.SparseMatrix(n, n, lambda i, j: rates[i, j] * symbols[i] * symbols[j]),
            casimirs=casimirs,
        )
        self.rates = rates
        self.verify()
