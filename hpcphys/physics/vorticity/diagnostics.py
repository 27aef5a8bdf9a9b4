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

    grid: VorticityGrid of this rank;  damping: Damping;  communicator: allreduce, sum_reproducible
    reproducible: the same bits for any number of ranks; sums go column by column
    The weights take seven arrays of half the size of the state's (three without damping), on each rank.
    """

    def __init__(self, grid: Any, damping: Any, communicator: Any, reproducible: bool = False):
        self.communicator, self.reproducible = communicator, reproducible
        weight = grid.weight * np.ones(grid.shape)
        inverse = weight * grid.inverse_k2
        rows = {"energy": 0.5 * inverse, "enstrophy": 0.5 * weight, "palinstrophy": 0.5 * weight * grid.k2}
        for name, rate in (("viscous", damping.viscous_rates(grid)), ("drag", damping.drag_rates(grid))):
            if rate.any():
                rows[f"energy_{name}_dissipation"] = rate * inverse
                rows[f"enstrophy_{name}_dissipation"] = rate * weight
        # A rank without columns does not know which rates vanish: all ranks sum all names.
        self._names = tuple(rows)
        self._weights = np.stack([row.ravel() for row in rows.values()])
        self._shape = grid.shape

    def __call__(self, vorticity: np.ndarray) -> dict[str, float]:
        """Energy, enstrophy, palinstrophy and the four dissipation rates; collective, equal on all ranks.

        vorticity: (columns, 2K + 1) complex, in host memory
        """
        names = (*QUADRATIC, *DISSIPATION)
        place = [names.index(name) for name in self._names]
        if self.reproducible:
            terms = self._weights.reshape(-1, *self._shape) * power(vorticity)
            columns = np.zeros((self._shape[0], len(names)))
            columns[:, place] = terms.sum(axis=2).T
            total = self.communicator.sum_reproducible(columns)
        else:
            mine = np.zeros(len(names))
            mine[place] = self._weights @ power(vorticity).ravel()
            total = self.communicator.allreduce(mine, "sum")
        return dict(zip(names, total.tolist(), strict=True))


def power(vorticity: np.ndarray) -> np.ndarray:
    """|ω̂|² in double precision."""
    found = np.square(vorticity.real, dtype=np.float64)
    found += np.square(vorticity.imag, dtype=np.float64)
    return found


ROWS_PER_PIECE = 64
"""Rows of the grid that are worked on at a time: temporaries stay in the cache."""


def moments(
    rows: np.ndarray, largest: int, points: int, communicator: Any, reproducible: bool = False
) -> tuple[np.ndarray, float]:
    """(<ω²>, ..., <ω^largest>) over the grid, and max |ω|; collective.

    rows: (rows_y, n) ω of this rank on the grid;  points: n² of the whole grid
    reproducible: the same bits for any number of ranks
    For 2D Euler these are Casimirs; a truncated model keeps only the second (Zeitlin's keeps analogues of
    all).
    """
    sums = np.zeros((len(rows), largest - 1))
    extreme = 0.0
    for start in range(0, len(rows), ROWS_PER_PIECE):
        piece = rows[start : start + ROWS_PER_PIECE].astype(np.float64)
        extreme = max(extreme, float(np.abs(piece).max()))
        product = piece * piece
        for order in range(largest - 1):
            if order:
                product *= piece
            sums[start : start + ROWS_PER_PIECE, order] = product.sum(axis=1)
    return total_of(sums, communicator, reproducible) / points, float(communicator.allreduce(extreme, "max"))


def total_of(rows: np.ndarray, communicator: Any, reproducible: bool) -> np.ndarray:
    """Sum over the rows of all ranks; if reproducible, the same bits however ranks share them."""
    if reproducible:
        return communicator.sum_reproducible(rows)
    return communicator.allreduce(rows.sum(axis=0), "sum")
