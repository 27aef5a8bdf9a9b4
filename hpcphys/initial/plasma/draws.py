"""Random numbers of a particle: functions of the seed, its species, its cell, its number in the cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.flows.noise import philox

_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@dataclass(frozen=True)
class Draws:
    """The random numbers of some particles of one species.

    seed: of the run;  species: its index, below 2**16
    cell: (n,) index of each one's cell in the whole grid, below 2**48;  number: (n,) in the cell, below 2**32
    """

    seed: int
    species: int
    cell: Any
    number: Any

    def rows(self, chosen: Any) -> Draws:
        """The same numbers for some of the particles."""
        return Draws(self.seed, self.species, self.cell[chosen], self.number[chosen])

    def uniform(self, block: int) -> tuple[np.ndarray, ...]:
        """Four independent numbers in (0, 1) for each particle: 24 bits and a half, so never 0 or 1."""
        return tuple(
            (word >> np.uint64(8)).astype(np.float64) * 2.0**-24 + 2.0**-25 for word in self._words(block)
        )

    def normal(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """Two independent standard normal numbers for each particle.

        Source: Box & Muller (1958) Ann. Math. Stat. 29, 610, with 32 bits for radius and angle.
        """
        first, second, *_ = self._words(block)
        radius = np.sqrt(-2.0 * np.log((first.astype(np.float64) + 0.5) * 2.0**-32))
        angle = 2.0 * np.pi * (second.astype(np.float64) + 0.5) * 2.0**-32
        return radius * np.cos(angle), radius * np.sin(angle)

    def _words(self, block: int) -> tuple[Any, ...]:
        cell = np.asarray(self.cell, dtype=np.uint64)
        number = np.asarray(self.number, dtype=np.uint64)
        high = (cell >> _HALF) | np.uint64(self.species << 16)
        key = (self.seed & 0xFFFFFFFF, (self.seed >> 32) & 0xFFFFFFFF)
        return philox((cell & _LOW, high, number, np.uint64(block)), key)


def radical_inverse(index: Any, base: int, total: int) -> np.ndarray:
    """The numbers that van der Corput's sequence has at these indices below `total`, moved off 0.

    The digits of the index in the base, behind the point in reverse order; half of the last digit is added,
    so that all numbers lie in (0, 1).  In base 2 the bits are reversed.
    Source: van der Corput (1935) Proc. Akad. Wet. Amsterdam 38, 813; Halton (1960) Numer. Math. 2, 84.
    """
    left = np.asarray(index, dtype=np.int64)
    found, place = np.zeros(left.shape), 1.0
    while total > 0:
        place /= base
        found += place * (left % base)
        left, total = left // base, total // base
    return found + 0.5 * place
