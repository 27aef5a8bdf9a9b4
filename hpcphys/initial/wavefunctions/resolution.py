"""What of a wave packet a periodic grid does not hold: norm outside the box, momenta it cannot represent."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, pi, sqrt

import numpy as np

OUTER = 0.9
"""Momenta beyond this share of the largest that the grid has (Nyquist's, π/spacing) count as its edge."""


@dataclass(frozen=True)
class AxisShares:
    """Of the norm along one axis: `edge`, the share in the outermost points of the box at both sides, per
    point and relative to the largest; `fast`, the share with |k| beyond OUTER times Nyquist's momentum;
    `momentum`, the mean of k [1/length]."""

    edge: float
    fast: float
    momentum: float


def axis_shares(psi: np.ndarray, axis: int, spacing: float) -> AxisShares:
    """Edge, fast share and mean momentum of ψ along one axis, measured on the array itself.

    psi: (n0, …) all points;  spacing: of that axis [length]
    The momenta are those of a Fourier transform along the axis, so that a jump where the box closes shows
    as fast momenta too.
    """
    others = tuple(a for a in range(psi.ndim) if a != axis)
    density = (np.abs(psi) ** 2).sum(axis=others)
    waves = (np.abs(np.fft.fft(psi, axis=axis)) ** 2).sum(axis=others)
    k = 2.0 * pi * np.fft.fftfreq(len(density), spacing)
    whole, largest = waves.sum(), density.max()
    if not whole > 0.0:
        return AxisShares(0.0, 0.0, 0.0)
    fast = waves[np.abs(k) > OUTER * pi / spacing].sum()
    return AxisShares(
        float(max(density[0], density[-1]) / largest), float(fast / whole), float((waves * k).sum() / whole)
    )


def outside_of_gaussian(lower: float, upper: float, centre: float, width: float) -> float:
    """Probability outside [lower, upper] of a Gaussian density: erfc of both distances, halved."""
    root = sqrt(2.0) * width
    return 0.5 * (erfc((centre - lower) / root) + erfc((upper - centre) / root))
