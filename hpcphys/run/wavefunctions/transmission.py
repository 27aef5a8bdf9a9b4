"""Transmission through a barrier for many energies, from one wave packet."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.physics.schrodinger.grid import AXES, WaveGrid
from hpcphys.run.wavefunctions.declaration import ENERGY, Declaration, numeric

BLOCK = 1 << 20
"""Amplitudes that are summed over the ranks in one message."""

FAINT = 1e-6
"""Energies of which the first packet holds less than this share of its largest momentum density are left
out."""


class Sweep:
    """T(E_j) = |φ_out(k_j)|²/|φ_in(k_j)|² with k_j = sqrt(2 m E_j).

    φ(k) = ∫ exp(-i k x) ψ dx is a plain sum over the points, so that energies need not fit the grid; of
    several axes the squares are summed over the others.  Exact once the packet has left the barrier: momenta
    beyond it no longer change, and what was reflected is on the other side of the plane.

    table: [transmission] of the job;  incoming: |φ_in|² of the checkpoint being resumed, or None
    """

    def __init__(
        self, table: Any, declaration: Declaration, grid: WaveGrid, communicator: Any, incoming: Any = None
    ) -> None:
        self.table, self.grid, self.communicator = table, grid, communicator
        self.axis = AXES.index(table.axis)
        self.energies = np.linspace(table.energies[0], table.energies[1], table.count)
        self.momenta = np.sqrt(2.0 * grid.mass[self.axis] * self.energies)
        self.incoming = None if incoming is None else np.asarray(incoming)
        self.exact = None
        if declaration.transmission is not None:
            self.exact = np.array(numeric(declaration.transmission, (ENERGY,))(self.energies))

    def begin(self, psi: np.ndarray) -> None:
        """Remember the momentum density of the first packet; collective."""
        self.incoming = self._density(psi, None)

    def result(self, psi: np.ndarray) -> dict[str, Any]:
        """energies, transmission, exact (or None) and error_max; collective.

        Only energies that the first packet holds are listed.
        """
        held = self.incoming > FAINT * self.incoming.max()
        share = self._density(psi, self.table.beyond)[held] / self.incoming[held]
        found: dict[str, Any] = {
            "energies": self.energies[held].tolist(), "transmission": share.tolist(), "exact": None
        }  # fmt: skip
        if self.exact is not None:
            found["exact"] = self.exact[held].tolist()
            found["error_max"] = float(np.abs(share - self.exact[held]).max())
        return found

    def _density(self, psi: np.ndarray, beyond: float | None) -> np.ndarray:
        """|φ(k_j)|² of what lies beyond the plane, or of everything."""
        x, axis = self.grid.axes[self.axis], self.axis
        if beyond is not None:
            psi = np.where(self.grid.along(axis, x > beyond), psi, 0.0)
        rows = np.moveaxis(psi, axis, 0).reshape(len(x), -1)
        found = np.zeros(len(self.momenta))
        block = max(1, BLOCK // max(1, rows.shape[1]))
        for first in range(0, len(self.momenta), block):
            k = self.momenta[first : first + block]
            amplitude = np.exp(-1j * k[:, None] * x) @ rows * self.grid.spacing[axis]
            if axis == 0 and self.communicator.size > 1:
                amplitude = self.communicator.allreduce(amplitude, "sum")
            found[first : first + block] = (np.abs(amplitude) ** 2).sum(axis=1)
        if axis > 0:
            found = self.communicator.allreduce(found, "sum")
        return found
