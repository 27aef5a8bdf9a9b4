"""The grid of a wavefunction: a periodic box, cut into slabs along its first axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, prod
from typing import Any

import numpy as np

AXES = ("x", "y", "z")


class GridError(ValueError):
    """A grid that cannot be: the message says what was found, what is allowed, what to do."""


def _per_axis(name: str, given: Any, dimension: int, kind: type) -> tuple[Any, ...]:
    values = (given,) * dimension if np.ndim(given) == 0 else tuple(given)
    if len(values) != dimension:
        raise GridError(f"{name} has {len(values)} values for {dimension} axes; give one for each axis")
    return tuple(kind(value) for value in values)


@dataclass(frozen=True)
class WaveGrid:
    """Points x_j = lower + j (upper - lower)/n, j = 0 … n-1, of a box that repeats itself along every axis.

    points: numbers of points (n0,), (n0, n1) or (n0, n1, n2);  lower, upper: corners of the box [length],
        one number for all axes or one for each;  mass: of the particle, or one for each axis
    precision: "double" (complex128) or "single" (complex64)
    rank, size: this rank and their number: rank r owns the rows n0 r/size … n0 (r+1)/size - 1 of axis 0

    Raises GridError for a box without extent, an axis without points, a mass that is not positive, and more
    ranks than rows (a grid of one axis runs on one rank).
    """

    points: tuple[int, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    mass: tuple[float, ...] = (1.0,)  # one for each axis once made
    precision: str = "double"
    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        given: int | Sequence[int] = self.points
        points = tuple(int(n) for n in ((given,) if isinstance(given, int) else given))
        if not 1 <= len(points) <= 3:
            raise GridError(f"a grid of {len(points)} axes; 1, 2 or 3 are allowed")
        object.__setattr__(self, "points", points)
        for name in ("lower", "upper"):
            object.__setattr__(self, name, _per_axis(name, getattr(self, name), self.dimension, float))
        mass: Any = self.mass
        mass = mass[0] if isinstance(mass, Sequence) and len(mass) == 1 else mass
        object.__setattr__(self, "mass", _per_axis("mass", mass, self.dimension, float))
        self._check()

    def _check(self) -> None:
        for axis, (n, a, b, m) in enumerate(zip(self.points, self.lower, self.upper, self.mass, strict=True)):
            if n < 1:
                raise GridError(f"axis {AXES[axis]} has {n} points; at least 1 is needed")
            if not (np.isfinite(a) and np.isfinite(b) and a < b):
                raise GridError(f"axis {AXES[axis]} runs from {a:g} to {b:g}; the upper end must be larger")
            if not (np.isfinite(m) and m > 0):
                raise GridError(f"mass {m:g} of axis {AXES[axis]}; it must be positive")
        if self.precision not in ("double", "single"):
            raise GridError(f'precision {self.precision!r}; allowed: "double", "single"')
        most = 1 if self.dimension == 1 else self.points[0]
        if not (1 <= self.size <= most and 0 <= self.rank < self.size):
            shape = " x ".join(map(str, self.points))
            raise GridError(
                f"a grid of {shape} points on {self.size} ranks: it is cut into slabs along axis x; "
                f"allowed: {'1 rank for a grid of one axis' if most == 1 else f'1 to {most} ranks'}"
            )

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.points)

    @property
    def rows(self) -> tuple[int, int]:
        """(first, last): this rank's rows of axis 0, the last excluded."""
        return self.rows_of(self.rank)

    def rows_of(self, rank: int) -> tuple[int, int]:
        """The rows (first, last) of any rank."""
        return self.points[0] * rank // self.size, self.points[0] * (rank + 1) // self.size

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of this rank's part of a wavefunction."""
        first, last = self.rows
        return (last - first, *self.points[1:])

    @property
    def real_type(self) -> np.dtype[Any]:
        """Type of real and imaginary parts."""
        return np.dtype(np.float64 if self.precision == "double" else np.float32)

    @property
    def complex_type(self) -> np.dtype[Any]:
        """Type of a wavefunction."""
        return np.dtype(np.complex128 if self.precision == "double" else np.complex64)

    @cached_property
    def lengths(self) -> tuple[float, ...]:
        """Extent of the box along each axis [length]."""
        return tuple(b - a for a, b in zip(self.lower, self.upper, strict=True))

    @cached_property
    def spacing(self) -> tuple[float, ...]:
        """Distance of neighbouring points along each axis [length]."""
        return tuple(length / n for length, n in zip(self.lengths, self.points, strict=True))

    @property
    def volume_element(self) -> float:
        """Volume of one cell [length^dimension]: integrals are sums over points times this."""
        return prod(self.spacing)

    @property
    def count(self) -> int:
        """Points of the whole grid."""
        return prod(self.points)

    def coordinates(self, axis: int) -> np.ndarray:
        """All points of one axis (n,), whichever rank owns them [length]."""
        return self.lower[axis] + np.arange(self.points[axis]) * self.spacing[axis]

    @cached_property
    def axes(self) -> tuple[np.ndarray, ...]:
        """Coordinates of this rank's points, one array for each axis [length]."""
        first, last = self.rows
        return (self.coordinates(0)[first:last], *(self.coordinates(a) for a in range(1, self.dimension)))

    @cached_property
    def wavenumbers(self) -> tuple[np.ndarray, ...]:
        """k = 2π j/L of each whole axis in the order of the FFT: 0, 1, …, -2, -1 [1/length]."""
        return tuple(2.0 * pi * np.fft.fftfreq(n, d) for n, d in zip(self.points, self.spacing, strict=True))

    @cached_property
    def derivative_wavenumbers(self) -> tuple[np.ndarray, ...]:
        """k for odd derivatives: as `wavenumbers`, with 0 at k = -π/spacing, whose sign has no meaning."""
        found = []
        for n, k in zip(self.points, self.wavenumbers, strict=True):
            odd = k.copy()
            if n % 2 == 0:
                odd[n // 2] = 0.0
            found.append(odd)
        return tuple(found)

    def along(self, axis: int, values: Any) -> Any:
        """A 1D array laid along one axis of this rank's part, for broadcasting."""
        shape = [1] * self.dimension
        shape[axis] = -1
        return values.reshape(shape)
