"""Zeitlin's model as a system: state, structure and the isospectral flow."""

from __future__ import annotations

import numpy as np

from hpcphys.compiler.flows.fixed_points import FixedPoint, Midpoints
from hpcphys.compiler.state import State
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.physics.zeitlin.isospectral import IsospectralMidpoint
from hpcphys.physics.zeitlin.sine_bracket import SineBracket
from hpcphys.physics.zeitlin.structure import ZeitlinStructure

EQUATION = "H = (L²/2N) tr(Psi W),  -laplacian Psi = W"
NOT_HERMITIAN = 1e-6
"""Largest |W - W†| relative to |W| of what is taken for Hermitian (single precision rounds to 1e-7)."""


def zeitlin(
    state: State,
    bracket: SineBracket,
    *,
    tolerance: float | None = None,
    remembered: int = 4,
    window: int = 0,
) -> PhysicalSystem:
    """The system dW/dt = -i c [Psi(W), W], one piece "isospectral" of order 2.

    Compile it with "leapfrog" for the isospectral midpoint itself, or with a symmetric composition (yoshida4,
    suzuki4, kahan_li6, …) for a higher order; "lie_trotter" has order 1 by name only.
    state: {"vorticity": (rows, N) complex}, this rank's rows of the Hermitian W (SineBracket.matrix_of); the
        flow adds the arrays midpoint_1, … of the same shape
    tolerance: of the iteration, relative to |W| (Frobenius); eps by default, 2e-16 in double precision: in
        effect until it stagnates, as 10^4 residuals of one sign would add up in the Casimirs
    remembered: midpoints from which the next start is extrapolated;  window: of Anderson's iteration; 2 or 3
        saves a fifth of the iterations of very long steps and costs more than it saves otherwise
    The flow is `system.pieces[0].flow`, a method of IsospectralMidpoint, which counts its iterations.
    Raises ValueError for an array that does not fit N and the ranks, is not finite or not Hermitian.
    Collective.
    """
    _check(state, bracket)
    allowed = float(np.finfo(state["vorticity"].dtype).eps) if tolerance is None else tolerance
    solver = FixedPoint(allowed, window, total=bracket.matrices.total)
    midpoint = IsospectralMidpoint(bracket, Midpoints("vorticity", remembered), solver)
    return PhysicalSystem(state, (midpoint.piece(),), ZeitlinStructure(bracket), equation=EQUATION)


def _check(state: State, bracket: SineBracket) -> None:
    """One error, on all ranks alike, for a matrix that Zeitlin's model cannot move."""
    if "vorticity" not in state:
        raise ValueError('Zeitlin\'s model needs the array "vorticity"')
    matrix, rows = state["vorticity"], bracket.matrices
    wrong = matrix.shape != (rows.rows, bracket.n) or matrix.dtype != bracket.complex_type
    if rows.total(np.array([float(wrong)]))[0]:
        raise ValueError(
            f"vorticity has shape {matrix.shape} and type {matrix.dtype}; rank {rows.rank} of {rows.size} "
            f"needs ({rows.rows}, {bracket.n}) {bracket.complex_type}: rows {rows.first} to {rows.last} of W"
        )
    size = rows.inner(matrix, matrix)
    difference = matrix - rows.adjoint(matrix)
    defect = rows.inner(difference, difference)
    if not np.isfinite(size) or defect > NOT_HERMITIAN**2 * size:
        found = "holds values that are not finite" if not np.isfinite(size) else "is not Hermitian"
        raise ValueError(f"the vorticity matrix {found}; make it from amplitudes with SineBracket.matrix_of")
