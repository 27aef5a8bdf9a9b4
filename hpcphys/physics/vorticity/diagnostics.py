"""What is conserved and watched in a two-dimensional flow, without gathering the field.

Everything is a mean over the box, per unit of mass and area, as is usual for turbulence:

    energy       E = ½ <|u|²> = ½ Σ |ω̂|²/k²          (sums over the full plane of wavenumbers)
    enstrophy    Z = ½ <ω²>   = ½ Σ |ω̂|²
    palinstrophy P = ½ <|∇ω|²> = ½ Σ k² |ω̂|²
    dissipation  of E by viscosity Σ ν k^(2p-2) |ω̂|², by drag Σ μ k^(-2q-2) |ω̂|²; of Z each times k²

Each rank sums its own columns in double precision; one small reduction follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

QUADRATIC = ("energy", "enstrophy", "palinstrophy")
DISSIPATION = (
    "energy_viscous_dissipation", "energy_drag_dissipation",
    "enstrophy_viscous_dissipation", "enstrophy_drag_dissipation",
)  # fmt: skip


class QuadraticSums:
    """Every quadratic quantity of the flow as one product of a matrix of weights with |ω̂|².

    grid: VorticityGrid of this rank;  damping: Damping;  communicator: allreduce
    The weights take seven arrays of half the size of the state's (three without damping), on each rank.
    """

    def __init__(self, grid: Any, damping: Any, communicator: Any):
        self.communicator = communicator
        weight = grid.weight * np.ones(grid.shape)
        inverse = weight * grid.inverse_k2
        rows = {"energy": 0.5 * inverse, "enstrophy": 0.5 * weight, "palinstrophy": 0.5 * weight * grid.k2}
        for name, rate in (("viscous", damping.viscous_rates(grid)), ("drag", damping.drag_rates(grid))):
            if rate.any():
                rows[f"energy_{name}_dissipation"] = rate * inverse
                rows[f"enstrophy_{name}_dissipation"] = rate * weight
        # A rank without columns does not know which rates vanish: all sum all names.
        self._names = tuple(rows)
        self._weights = np.stack([row.ravel() for row in rows.values()])

    def __call__(self, vorticity: np.ndarray) -> dict[str, float]:
        """Energy, enstrophy, palinstrophy and the four dissipation rates; collective, equal on all ranks.

        vorticity: (columns, 2K + 1) complex, in host memory
        """
        own = dict(zip(self._names, self._weights @ power(vorticity).ravel(), strict=True))
        mine = np.array([own.get(name, 0.0) for name in (*QUADRATIC, *DISSIPATION)])
        total = self.communicator.allreduce(mine, "sum")
        return dict(zip((*QUADRATIC, *DISSIPATION), total.tolist(), strict=True))


def power(vorticity: np.ndarray) -> np.ndarray:
    """|ω̂|² in double precision."""
    found = np.square(vorticity.real, dtype=np.float64)
    found += np.square(vorticity.imag, dtype=np.float64)
    return found


ROWS_PER_PIECE = 64
"""Rows of the grid that are worked on at a time: temporaries stay in the cache."""


def moments(rows: np.ndarray, largest: int, points: int, communicator: Any) -> tuple[np.ndarray, float]:
    """(<ω²>, ..., <ω^largest>) over the grid, and max |ω|; collective.

    rows: (rows_y, n) ω of this rank on the grid;  points: n² of the whole grid
    For 2D Euler these are Casimirs; a truncated model keeps only the second (Zeitlin's keeps analogues of all).
    """
    sums = np.zeros(largest - 1)
    extreme = 0.0
    for start in range(0, len(rows), ROWS_PER_PIECE):
        piece = rows[start : start + ROWS_PER_PIECE].astype(np.float64)
        extreme = max(extreme, float(np.abs(piece).max()))
        product = piece * piece
        for order in range(largest - 1):
            if order:
                product *= piece
            sums[order] += product.sum()
    total = communicator.allreduce(sums, "sum") / points
    return total, float(communicator.allreduce(extreme, "max"))
