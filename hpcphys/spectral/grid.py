"""The wavevectors of a periodic box, for this rank's amplitudes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any


class SpectralGrid:
    """Wavevectors k_a = 2π m_a / L_a of the amplitudes that this rank has of a Fourier transform.

    transform: hpcphys.decomposition.pencils.transform.FourierTransform
    length: L of the periodic box, one number or one for each axis [length]
    Arrays are of the transform's namespace and real type.  Raises ValueError for lengths that are not
    positive, or not one for each axis.
    """

    def __init__(self, transform: Any, length: float | Sequence[float] = 2 * math.pi):
        axes = len(transform.shape)
        lengths = tuple(length) if isinstance(length, Sequence) else (length,) * axes
        if len(lengths) != axes or not all(value > 0 and math.isfinite(value) for value in lengths):
            raise ValueError(f"length {length}: one positive number is needed, or {axes}, one for each axis")
        self.transform = transform
        self.length = tuple(float(value) for value in lengths)
        self.xp = transform.xp

    @cached_property
    def indices(self) -> tuple[Any, ...]:
        """m_a along each axis, shaped so that they broadcast to the amplitudes' shape."""
        axes = range(len(self.length))
        return tuple(
            self.transform.wavenumbers(axis).reshape([-1 if other == axis else 1 for other in axes])
            for axis in axes
        )

    @cached_property
    def wavevector(self) -> tuple[Any, ...]:
        """k_a along each axis [1/length], shaped so that they broadcast."""
        return tuple(
            (m * (2 * math.pi / length)).astype(self.transform.real_type)
            for m, length in zip(self.indices, self.length, strict=True)
        )

    @cached_property
    def k2(self) -> Any:
        """|k|² of each amplitude [1/length²]."""
        first, *others = (k * k for k in self.wavevector)
        return sum(others, first)

    @cached_property
    def inverse_k2(self) -> Any:
        """1/|k|² [length²], and 0 where k = 0."""
        zero = self.k2 == 0
        return self.xp.where(zero, 0, 1 / self.xp.where(zero, 1, self.k2)).astype(self.transform.real_type)

    def relative(self, axis: int) -> Any:
        """|m_a| / (n_a/2) along an axis: 1 at the highest wavenumber of an even grid."""
        return abs(self.indices[axis]) / (self.transform.shape[axis] / 2)

    def unpaired(self, axis: int) -> Any:
        """Where |m_a| = n_a/2 on an even grid: the amplitude that stands for both signs of k."""
        return 2 * abs(self.indices[axis]) == self.transform.shape[axis]
