"""Stand-in for the fused engine."""

from __future__ import annotations

from dataclasses import dataclass

from hpcphys.physics.vorticity.reference import ReferenceEngine


@dataclass(frozen=True)
class Damping:
    viscosity: float = 0.0
    viscosity_order: int = 1
    drag: float = 0.0
    drag_order: int = 0


class VorticityEngine(ReferenceEngine):
    def __init__(self, grid, backend, communicator, damping=None, threads=1):
        super().__init__(grid, damping or Damping())
        self.model_bytes = 0
        self.counters = {}
