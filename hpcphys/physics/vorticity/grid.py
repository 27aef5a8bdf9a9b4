"""The truncated spectral grid (stand-in until the engine's own is merged)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class VorticityGrid:
    n: int
    length: float = 2.0 * np.pi
    dealias: str = "two_thirds"
    precision: str = "double"
    rank: int = 0
    size: int = 1

    @property
    def cutoff(self) -> int:
        return (self.n - 1) // 3 if self.dealias == "two_thirds" else self.n // 2 - 1

    @property
    def columns(self) -> tuple[int, int]:
        count = self.cutoff + 1
        return count * self.rank // self.size, count * (self.rank + 1) // self.size

    @cached_property
    def kx(self):
        return np.arange(*self.columns)

    @cached_property
    def ky(self):
        return np.concatenate([np.arange(self.cutoff + 1), np.arange(-self.cutoff, 0)])

    @cached_property
    def k2(self):
        unit = 2.0 * np.pi / self.length
        return unit**2 * (self.kx[:, None] ** 2 + self.ky[None, :] ** 2).astype(float)

    @cached_property
    def weight(self):
        return np.where(self.kx == 0, 1.0, 2.0)[:, None]

    @property
    def real_type(self):
        return np.dtype(np.float64 if self.precision == "double" else np.float32)

    @property
    def complex_type(self):
        return np.dtype(np.complex128 if self.precision == "double" else np.complex64)
