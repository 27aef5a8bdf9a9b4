"""Stand-in for the fused engine."""

from __future__ import annotations

from math import inf

from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.reference import ReferenceEngine


class VorticityEngine(ReferenceEngine):
    def __init__(self, grid, backend, communicator, damping=None):
        super().__init__(grid, damping or Damping())
        self.backend, self.communicator, self.damping = backend, communicator, damping or Damping()

    courant_limit = 2.0

    def largest_speed(self, state, begin=False):
        return super().largest_speed(state)

    def longest_step(self, speed):
        return 2.0 / (self.grid.unit * self.grid.cutoff * speed) if speed > 0 else inf
