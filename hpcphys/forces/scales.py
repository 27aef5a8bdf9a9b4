"""Units of the kernels' single-precision arithmetic: powers of two, so that changing them rounds nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hpcphys.decomposition.communicator import Communicator

SAMPLE = 4096


@dataclass(frozen=True)
class Scales:
    """Positions are multiplied by `length`, masses by `mass`: the system's bulk then has size and mass of
    order one."""

    length: float
    mass: float

    @classmethod
    def of(cls, communicator: Communicator, position: np.ndarray, mass: np.ndarray) -> Scales:
        """From the median distance to the median position of a sample, and the mean mass times the number.

        position (n, 3), mass (n,), on the host.  The same on all ranks.
        """
        mine = np.zeros(3)
        if len(position):
            sample = position[:: max(1, len(position) // SAMPLE)]
            size = float(np.median(np.abs(sample - np.median(sample, axis=0)).max(axis=1)))
            if size == 0:
                size = float(np.abs(sample).max()) or 1.0
            mine[:] = math.log2(size), 1.0, float(mass.sum())
        logarithm, ranks, total = communicator.allreduce(mine, "sum")
        length = 2.0 ** -round(logarithm / ranks) if ranks else 1.0
        return cls(length, 2.0 ** -round(math.log2(total)) if total > 0 else 1.0)
