"""The grid of the 2D vorticity equation: its Fourier modes, what is kept of them, and who owns which."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import pi

import numpy as np

DEALIASING = ("two_thirds", "hou_li")
PRECISIONS = ("double", "single")
FILTER_STRENGTH, FILTER_POWER = 36.0, 36


def shares(count: int, size: int) -> list[int]:
    """(size + 1) bounds of `count` rows or columns shared evenly by `size` ranks; ranks may be empty."""
    return [count * rank // size for rank in range(size + 1)]


@dataclass(frozen=True)
class VorticityGrid:
    """n × n points on [0, L)² and the modes k = 2π/L (k_x, k_y) of which ω = Σ ω̂(k) exp(i k·x) is made.

    n: points along each axis, at least 4; any number (products of 2, 3, 5 and 7 are fast)
    length: L [length]
    dealias: "two_thirds" keeps |k_x|, |k_y| <= K = (n-1)//3, so that a product of two fields has no alias
        among them (Orszag 1971, J. Atmos. Sci. 28, 1074); "hou_li" keeps all up to K = (n-1)//2 and
        multiplies the right-hand side by exp(-36 (|k_x|/K)^36) exp(-36 (|k_y|/K)^36)
        (Hou & Li 2007, J. Comput. Phys. 226, 379)
    precision: "double" or "single";  rank, size: of this process and of all

    ω is real, ω̂(-k) = ω̂(k)*: only k_x = 0 … K are stored. This rank owns the columns first … last-1 of them;
    one that owns none takes part all the same. Raises ValueError for arguments outside these ranges.
    """

    n: int
    length: float = 2 * pi
    dealias: str = "two_thirds"
    precision: str = "double"
    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        if self.n != int(self.n) or self.n < 4:
            raise ValueError(f"grid of {self.n} points along an axis; at least 4 are needed")
        if not 0.0 < self.length < float("inf"):
            raise ValueError(f"length = {self.length!r}; a finite length above 0 is needed")
        if self.dealias not in DEALIASING:
            raise ValueError(f"dealias = {self.dealias!r}; allowed: {', '.join(DEALIASING)}")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision = {self.precision!r}; allowed: {', '.join(PRECISIONS)}")
        if not 0 <= self.rank < self.size:
            raise ValueError(f"rank {self.rank} of {self.size} ranks; allowed: 0 to {self.size - 1}")
        if self.size > self.n:
            raise ValueError(f"{self.size} ranks for {self.n} lines of points; allowed: up to {self.n} ranks")

    @property
    def cutoff(self) -> int:
        """K: the largest |k_x| and |k_y| that are kept, in units of 2π/L."""
        return (self.n - 1) // (3 if self.dealias == "two_thirds" else 2)

    @property
    def columns(self) -> tuple[int, int]:
        """(first, last): this rank has k_x = first … last-1."""
        bounds = shares(self.cutoff + 1, self.size)
        return bounds[self.rank], bounds[self.rank + 1]

    @property
    def rows(self) -> tuple[int, int]:
        """(first, last): this rank has the lines y_j = j L/n, j = first … last-1, of fields on the points."""
        bounds = shares(self.n, self.size)
        return bounds[self.rank], bounds[self.rank + 1]

    @property
    def shape(self) -> tuple[int, int]:
        """(columns, 2K+1): shape of this rank's spectral arrays."""
        first, last = self.columns
        return last - first, 2 * self.cutoff + 1

    @property
    def unit(self) -> float:
        """2π/L [1/length]: the wavenumber of index 1."""
        return 2 * pi / self.length

    @cached_property
    def kx(self) -> np.ndarray:
        """(columns,) indices of k_x on this rank."""
        return np.arange(*self.columns)

    @cached_property
    def ky(self) -> np.ndarray:
        """(2K+1,) indices of k_y: 0 … K, -K … -1."""
        return np.fft.ifftshift(np.arange(-self.cutoff, self.cutoff + 1))

    @cached_property
    def k2(self) -> np.ndarray:
        """(columns, 2K+1) k² [1/length²]."""
        return self.unit**2 * (self.kx[:, None] ** 2 + self.ky**2).astype(np.float64)

    @cached_property
    def inverse_k2(self) -> np.ndarray:
        """(columns, 2K+1) 1/k² [length²], 0 at k = 0."""
        return np.divide(1.0, self.k2, out=np.zeros(self.shape), where=self.k2 > 0)

    @cached_property
    def weight(self) -> np.ndarray:
        """(columns, 1): 1 for k_x = 0 and 2 else; Σ weight·a(k) is a sum over the whole plane of k."""
        return np.where(self.kx == 0, 1.0, 2.0)[:, None]

    @cached_property
    def axis_filter(self) -> np.ndarray:
        """(K+1,) factor of the right-hand side for each |k_x| and |k_y|: all 1 with "two_thirds"."""
        index = np.arange(self.cutoff + 1) / self.cutoff
        strength = FILTER_STRENGTH if self.dealias == "hou_li" else 0.0
        return np.exp(-strength * index**FILTER_POWER)

    @property
    def filter(self) -> np.ndarray:
        """(columns, 2K+1) factor of the right-hand side for each mode."""
        return self.axis_filter[self.kx][:, None] * self.axis_filter[np.abs(self.ky)]

    @property
    def real_type(self) -> np.dtype:
        """float64 or float32."""
        return np.dtype(np.float64 if self.precision == "double" else np.float32)

    @property
    def complex_type(self) -> np.dtype:
        """complex128 or complex64."""
        return np.dtype(np.complex128 if self.precision == "double" else np.complex64)
