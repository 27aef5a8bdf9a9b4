"""Poisson's equation between walls: real transforms along one axis after the other, on pencils."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.fft

from hpcphys.decomposition.grids import Regrid
from hpcphys.decomposition.pencils.layout import Pencil

from .geometry import FieldGeometry


class SeparableSolver:
    """-Σ_a δ_a² φ = s on the nodes of a grid with two or three axes, φ = 0 on walls.

    Along axes with walls the eigenvectors of -δ² are sines, along periodic ones Hartley's cas = cos + sin;
    eigenvalues (2/dx sin(π m/2N))² and (2/dx sin(π m/N))².  Transforms are those of SciPy in double
    precision; each axis takes one move between pencils.
    Raises LayoutError where pencils do not fit the ranks.
    """

    def __init__(self, geometry: FieldGeometry):
        blocks = self._blocks = geometry.blocks
        self._backend, self._periodic = geometry.backend, blocks.periodic
        axes = range(geometry.axes)
        layouts = [Pencil(blocks.shape, blocks.communicator, None, axis) for axis in axes]
        path = [blocks, *layouts]
        self._moves = [Regrid(a, b) for a, b in itertools.pairwise(path)]
        self._last = layouts[-1]
        total: Any = 0.0
        for axis in axes:
            start, count = self._last.substart[axis], self._last.subshape[axis]
            m, n = np.arange(start, start + count), blocks.shape[axis]
            half = np.pi * m / n if blocks.periodic[axis] else np.pi * m / (2 * n)
            shape = [1] * geometry.axes
            shape[axis] = count
            total = total + ((2 / geometry.spacing[axis] * np.sin(half)) ** 2).reshape(shape)
        self._inverse = np.where(total > 0, 1 / np.where(total > 0, total, 1.0), 0.0)

    def solve(self, source: Any) -> Any:
        """φ (*count) on this rank's nodes of the source there.  Collective."""
        values = self._backend.host(source).astype(np.float64)
        for axis, move in enumerate(self._moves):
            values = self._transformed(move.forward(np.ascontiguousarray(values)), axis)
        values *= self._inverse
        for axis in reversed(range(len(self._moves))):
            values = self._moves[axis].backward(self._transformed(values, axis))
        return self._backend.array(values)

    def _transformed(self, values: Any, axis: int) -> Any:
        """The orthonormal transform along one axis, which is its own inverse."""
        if self._periodic[axis]:
            amplitudes = scipy.fft.fft(values, axis=axis, norm="ortho")
            return amplitudes.real - amplitudes.imag
        found = np.zeros_like(values)
        inner = (slice(None),) * axis + (slice(1, None),)
        if values.shape[axis] > 1:
            found[inner] = scipy.fft.dst(values[inner], type=1, axis=axis, norm="ortho")
        return found
