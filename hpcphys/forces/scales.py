"""Units of the kernels' single-precision arithmetic: powers of two, so that changing them rounds nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hpcphys.decomposition.communicator import Communicator

CHUNK = 65536  # rows at a time


@dataclass(frozen=True)
class Scales:
    """Positions are multiplied by `length`, masses by `mass`: the bulk then has size and mass of order one.

    Far outliers may still underflow in single precision, and where they do depends on the scales: so
    these are the same for every number of ranks.
    """

    length: float
    mass: float

    @classmethod
    def of(cls, communicator: Communicator, position: np.ndarray, mass: np.ndarray) -> Scales:
        """From the geometric mean distance to the mean position, in whole powers of two, and the total mass.

        position (n, 3), mass (n,), on the host.  Collective.
        """
        count = int(communicator.allreduce(len(position), "sum"))
        if count == 0:
            return cls(1.0, 1.0)
        centre = np.asarray(communicator.sum_reproducible(position)) / count
        exponents = np.zeros(2, dtype=np.int64)  # their sum, and how many distances are not zero
        for first in range(0, len(position), CHUNK):
            distance = np.abs(position[first : first + CHUNK] - centre).max(axis=1)
            exponent = np.frexp(distance[distance > 0])[1]
            exponents += int(exponent.sum(dtype=np.int64)), len(exponent)
        total, number = (int(value) for value in communicator.allreduce(exponents, "sum"))
        mass_sum = float(communicator.sum_reproducible(mass))
        # The mean exponent, rounded to the nearest integer.
        power = (2 * total + number) // (2 * number) if number else 0
        return cls(2.0**-power, 2.0 ** -round(math.log2(mass_sum)) if mass_sum > 0 else 1.0)
