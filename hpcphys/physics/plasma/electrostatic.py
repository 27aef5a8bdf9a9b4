"""The field of charges at rest:  ∇·E = ρ/ε0,  E = -∇φ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


class ElectrostaticField:
    """ρ on the nodes and E of this rank's block, guards included.

    blocks: of the grid;  spacing: of its cells;  poisson: solves for E (fields.Poisson), or None: E stays 0
    """

    def __init__(
        self, blocks: Any, spacing: Sequence[float], poisson: Any, permittivity: float, real: Any,
    ):  # fmt: skip
        self.blocks, self.spacing, self.poisson, self.permittivity = blocks, spacing, poisson, permittivity
        self.E = blocks.backend.zeros((3, *blocks.local_shape), real)
        self.rho = blocks.backend.zeros(tuple(blocks.local_shape), real)

    def finish_charge(self, rho: Any) -> None:
        """A deposited charge density → that of all particles; behind walls are images.  Collective."""
        self.blocks.sum(rho)
        if self.poisson is not None:
            self.poisson.walls.fold_charge(rho)

    def solve(self) -> None:
        """E of the present ρ, guards valid.  Collective."""
        if self.poisson is not None:
            self.poisson.solve(self.rho, self.E)

    def energy(self) -> np.ndarray:
        """ε0/2 ∫E² of the three components on this rank's cells, in double."""
        own = self.blocks.backend.host(self.E)[(slice(None), *self.blocks.owned)]
        axes = tuple(range(1, own.ndim))
        volume = math.prod(self.spacing)
        return 0.5 * self.permittivity * volume * np.sum(np.square(own, dtype=np.float64), axis=axes)
