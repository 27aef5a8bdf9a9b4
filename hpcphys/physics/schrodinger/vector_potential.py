"""Vector potentials whose kinetic energies have exact flows: A_j(t), and A_j(x) free of x_j."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions import TIME, Coordinates
from hpcphys.physics.schrodinger.grid import AXES, WaveGrid
from hpcphys.physics.schrodinger.potential import GridFunction, PotentialError, expression

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


class VectorPotential:
    """q A(x, t), component by component.

    given: axis ("x", "y", "z") -> text, number or SymPy expression; absent axes are 0
    charge: q

    A component of t alone acts in the kinetic flow of its axis: exactly, since all (k_j - q A_j(t))² commute.
    A component of the other coordinates alone (Landau's gauge A_y = B x) has a flow of its own, exact by one
    transform along its axis. Raises PotentialError for A_j that holds x_j, or both t and a coordinate.
    """

    def __init__(
        self,
        given: Mapping[str, Any] | None,
        grid: WaveGrid,
        parameters: Mapping[str, float] | None = None,
        charge: float = 1.0,
    ):
        self.grid, self.charge = grid, float(charge)
        unknown = sorted(set(given or {}) - set(AXES[: grid.dimension]))
        if unknown:
            allowed = ", ".join(AXES[: grid.dimension])
            raise PotentialError(f"vector potential along {', '.join(unknown)}; the axes are {allowed}")
        self.uniform: dict[int, Any] = {}
        self.transverse: dict[int, GridFunction] = {}
        for axis, label in enumerate(AXES[: grid.dimension]):
            expr = expression((given or {}).get(label, 0), grid, parameters, f"vector potential A_{label}")
            if expr != 0:
                self._place(axis, label, expr)

    def _place(self, axis: int, label: str, expr: sympy.Expr) -> None:
        own = Coordinates.declare([label]).symbols[0]
        if own in expr.free_symbols:
            raise PotentialError(
                f"vector potential A_{label} = {expr} holds {label}: its kinetic energy has no exact flow; "
                f"choose a gauge in which A_{label} does not depend on {label}"
            )
        if expr.free_symbols <= {TIME}:
            self.uniform[axis] = sympy.lambdify((TIME,), expr, modules="numpy")
        elif TIME in expr.free_symbols:
            raise PotentialError(
                f"vector potential A_{label} = {expr} holds both t and a coordinate; allowed: a function of "
                "t, or of the other coordinates"
            )
        else:
            self.transverse[axis] = GridFunction(expr, self.grid, name=f"vector potential A_{label}")

    def integrals(self, axis: int, start: float, duration: float) -> tuple[float, float]:
        """(∫ q A_j dt, ∫ (q A_j)² dt) from start over a duration, by 8 Gauss-Legendre points."""
        function = self.uniform.get(axis)
        if function is None:
            return 0.0, 0.0
        times = start + duration * (_NODES + 1.0) / 2.0
        values = self.charge * np.array([float(function(t)) for t in times])
        return float(duration / 2 * (_WEIGHTS @ values)), float(duration / 2 * (_WEIGHTS @ values**2))

    def uniform_at(self, axis: int, clock: float) -> float:
        """q A_j at a time, where it depends on t alone; else 0."""
        function = self.uniform.get(axis)
        return 0.0 if function is None else self.charge * float(function(clock))
