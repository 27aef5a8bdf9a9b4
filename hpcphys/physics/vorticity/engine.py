"""Stand-in for the fused engine."""

from __future__ import annotations

from dataclasses import dataclass

from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.reference import ReferenceEngine




class VorticityEngine(ReferenceEngine):
    def __init__(self, grid, backend, communicator, damping=None, threads=1):
        super().__init__(grid, damping or Damping())
        self.model_bytes = 0
        self.counters = {}
