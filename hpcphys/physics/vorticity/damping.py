"""Linear damping of vorticity, solved exactly: ω̂(t + dt) = exp(-L(k) dt) ω̂(t)."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np

from hpcphys.physics.vorticity.grid import VorticityGrid


@dataclass(frozen=True)
class Damping:
    """∂ω/∂t = -ν (-Δ)^p ω - μ (-Δ)^-q ω, that is L(k) = ν k^2p + μ k^-2q for each mode.

    viscosity, viscosity_order: ν [length^2p/time] and p >= 1; 1 is Navier and Stokes', above it
        hyperviscosity
    drag, drag_order: μ [1/(time·length^2q)] and q >= 0; 0 is linear (Ekman) drag, above it hypoviscosity

    Raises ValueError for a negative coefficient or an order out of range.
    """

    viscosity: float = 0.0
    viscosity_order: float = 1
    drag: float = 0.0
    drag_order: float = 0

    def __post_init__(self) -> None:
        for name, lowest in (("viscosity", 0), ("viscosity_order", 1), ("drag", 0), ("drag_order", 0)):
            value = getattr(self, name)
            if not (isfinite(value) and value >= lowest):
                raise ValueError(f"{name} = {value!r}; it must be finite and at least {lowest}")

    @property
    def absent(self) -> bool:
        """True if nothing is damped."""
        return self.viscosity == 0.0 and self.drag == 0.0

    def viscous_rates(self, grid: VorticityGrid) -> np.ndarray:
        """(columns, 2K+1) ν k^2p [1/time]."""
        return self.viscosity * grid.k2**self.viscosity_order

    def drag_rates(self, grid: VorticityGrid) -> np.ndarray:
        """(columns, 2K+1) μ k^-2q [1/time], 0 at k = 0."""
        return np.where(grid.k2 > 0, self.drag * grid.inverse_k2**self.drag_order, 0.0)

    def rates(self, grid: VorticityGrid) -> np.ndarray:
        """(columns, 2K+1) L(k) [1/time]."""
        return self.viscous_rates(grid) + self.drag_rates(grid)

    def factors(self, grid: VorticityGrid, dt: float) -> np.ndarray:
        """(columns, 2K+1) exp(-L(k) dt)."""
        return np.exp(-dt * self.rates(grid))

    def describe(self) -> str:
        """The terms with their coefficients, for `explain`."""
        terms = []
        if self.viscosity:
            power = "" if self.viscosity_order == 1 else f"^{self.viscosity_order:g}"
            terms.append(f"- {self.viscosity:g} (-Δ){power} ω")
        if self.drag:
            operator = "" if self.drag_order == 0 else f" (-Δ)^-{self.drag_order:g}"
            terms.append(f"- {self.drag:g}{operator} ω")
        return " ".join(terms) or "no damping"
