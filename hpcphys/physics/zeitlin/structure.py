"""The Lie-Poisson structure of u(N): what Zeitlin's model moves in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.flows.fixed_points import forget_midpoints
from hpcphys.compiler.state import State
from hpcphys.compiler.structures.base import Arrays, Casimir, Structure
from hpcphys.physics.zeitlin.sine_bracket import POWERS, SineBracket


class ZeitlinStructure(Structure):
    """dW/dt = -i c [G, W],  G = dH/dW in the pairing <A, B> = (L²/N) Re tr(A† B),  W Hermitian.

    The pairing is the integral of a b over the square, so that G = Psi for the energy H = <Psi, W>/2.
    Antisymmetry, Jacobi's identity and the Casimirs C_m = (L²/N) tr W^m hold without approximation.
    Reverses by W -> -W.
    bracket: SineBracket, which knows N, c and the ranks;  array: name of the state's (rows, N) of each rank
    Source: Zeitlin (1991) Physica D 49, 353; Hairer, Lubich & Wanner (2006), section VII.2 (Lie-Poisson).
    """

    name = "zeitlin"
    equation = "dW/dt = -i c [dH/dW, W],  i W in su(N),  c = 2 pi N/(s L²)"

    def __init__(self, bracket: SineBracket, array: str = "vorticity"):
        self.sine_bracket, self.array = bracket, array
        self.casimirs = tuple(Casimir(f"tr W^{m}", self._trace_gradient(m)) for m in POWERS)

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """dW/dt for the gradient G, Hermitian, by rows.  Collective."""
        model = self.sine_bracket
        return {self.array: -1j * model.rate * model.commutator(gradient[self.array], z[self.array])}

    def pairing(self, a: Arrays, b: Arrays) -> float:
        """(L²/N) Re tr(A† B).  Collective."""
        model = self.sine_bracket
        return sum(model.area_per_state * model.matrices.inner(a[name], b[name]) for name in a)

    def covector(self, z: Arrays, names: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
        """Random Hermitian matrices, the same on any number of ranks."""
        n, rows = self.sine_bracket.n, self.sine_bracket.matrices
        found = {}
        for name in names:
            full = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
            full = 0.5 * (full + full.conj().T)
            found[name] = self.sine_bracket.backend.array(full[rows.first : rows.last])
        return found

    def reverse(self, state: State) -> None:
        """W <- -W; midpoints of the past are no guide to what follows."""
        state[self.array] *= -1.0
        forget_midpoints(state)

    def _trace_gradient(self, power: int) -> Any:
        """z -> gradient m W^(m-1) of C_m."""

        def gradient(z: Arrays) -> dict[str, Any]:
            matrix = z[self.array]
            result = matrix
            for _ in range(power - 2):
                result = self.sine_bracket.matrices.product(result, matrix)
            return {self.array: power * result}

        return gradient
