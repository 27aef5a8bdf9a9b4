"""The forcing of a run, which measures what it adds to energy and enstrophy."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler import State
from hpcphys.physics.vorticity.forcing import BandForcing


class MeasuredForcing(BandForcing):
    """Band forcing; `injected` says how much energy and enstrophy it has added since it was last asked."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self._energy, self._enstrophy = 0.0, 0.0

    def apply(self, state: State, dt: float, backend: Any, communicator: Any) -> float:
        """As BandForcing; remembers what came in.  Collective."""
        where, _ = self._places(backend)
        before = self._squares(state, where, backend)
        gained = super().apply(state, dt, backend, communicator)
        self._energy += gained
        # ½ |ω̂|² of each drawn mode and of its mirror
        self._enstrophy += self._squares(state, where, backend) - before
        return gained

    def injected(self, communicator: Any) -> tuple[float, float]:
        """(energy, enstrophy) of all ranks since the last call; collective."""
        found = self._energy, float(communicator.allreduce(self._enstrophy, "sum"))
        self._energy, self._enstrophy = 0.0, 0.0
        return found

    @staticmethod
    def _squares(state: State, where: Any, backend: Any) -> float:
        modes = backend.host(state["vorticity"][where])
        return float(
            np.sum(np.square(modes.real, dtype=np.float64) + np.square(modes.imag, dtype=np.float64))
        )
