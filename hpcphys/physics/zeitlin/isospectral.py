"""The isospectral midpoint rule: the second-order flow that keeps every eigenvalue of W."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.failures import ConvergenceError
from hpcphys.compiler.flows.fixed_points import FixedPoint, Midpoints
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.zeitlin.sine_bracket import SineBracket


class IsospectralMidpoint:
    """W_n = (1 - A) V (1 + A),   W_{n+1} = (1 + A) V (1 - A),   A = -i (dt/2) c Psi(V).

    A is skew-Hermitian, so that W_{n+1} = U W_n U† with the Cayley transform U = (1 + A)/(1 - A): the
    eigenvalues and all Casimirs stay, up to rounding.  Symmetric, of order 2, a Lie-Poisson map: the energy
    error stays bounded over exponentially long times.

    V = W_n + [A, V] + A V A is solved by iteration (compiler.flows.fixed_points), from a start that
    is extrapolated from the last midpoints.  With X = A V: [A, V] = X + X† and A V A = X A, of which half
    suffices, as it is Hermitian: an iteration costs 1 + 9/16 complex products and two sets of N transforms.
    The step is made as W_{n+1} = W_n + 2 (X + X†): it is added to W_n, so that rounding enters at the size of
    an increment, and the error that a residual r leaves in Casimirs is of the size dt² r.

    bracket: the matrices;  midpoints: what is remembered;  solver: tolerance and window
    Raises ConvergenceError, which names the step, the residual and dt, where the iteration does not converge.
    Source: Modin & Viviani (2020) J. Fluid Mech. 884, A22; Viviani (2020) BIT Numer. Math. 60, 741; Modin &
    Viviani (2020) Found. Comput. Math. 20, 889.
    """

    def __init__(self, bracket: SineBracket, midpoints: Midpoints, solver: FixedPoint):
        self.sine_bracket, self.midpoints, self.solver = bracket, midpoints, solver
        self.iterations = 0
        self._work: Any = None  # X = A V of the last V, and half of A V A

    def flow(self, state: State, dt: float) -> None:
        """W <- W_{n+1} in place.  Collective."""
        matrix, rows = state[self.midpoints.name], self.sine_bracket.matrices
        factor = -0.5j * dt * self.sine_bracket.rate
        if self._work is None:
            self._work = (rows.xp.empty_like(matrix), rows.xp.zeros_like(matrix))
        product, half = self._work
        generator: Any = None

        def image(midpoint: Any, spare: Any) -> Any:
            # F(V) = W_n + (X + X A/2) + (X + X A/2)†
            nonlocal generator
            generator = self.sine_bracket.stream_matrix(midpoint, factor)
            rows.product(generator, midpoint, product)
            rows.hermitian_half(product, generator, half)
            return self._plus_hermitian(matrix, half, product, spare)

        self.midpoints.prepare(state)
        start = self.midpoints.start(state, dt)
        try:
            midpoint = self.solver.solve(image, start, matrix)
        except ConvergenceError as problem:
            raise ConvergenceError(
                f"isospectral midpoint, step {state.step + 1}, dt = {dt:g}: {problem}; take a smaller step"
            ) from problem
        self.iterations += self.solver.images
        # X of the last V = F(V'), with the A of V': Casimirs then change by dt² times the residual, not dt.
        rows.product(generator, midpoint, product)
        change = rows.adjoint(product)
        change += product
        change *= 2.0
        matrix += change
        self.midpoints.remember(state, midpoint, dt)

    def _plus_hermitian(self, matrix: Any, half: Any, product: Any, spare: Any) -> Any:
        """W + S + S†, S = half + product, without touching what is zero in `half`."""
        total = self.sine_bracket.matrices.xp.add(half, product)
        result = self.sine_bracket.matrices.adjoint(total, spare)
        result += total
        result += matrix
        return result

    def piece(self) -> Piece:
        """The flow as a piece of order 2 for symmetric compositions."""
        name = self.midpoints.name
        return Piece(
            "isospectral",
            "dW/dt = -i c [Psi(W), W]",
            frozenset({name}),
            frozenset({name}),
            self.flow,
            order=2,
        )
