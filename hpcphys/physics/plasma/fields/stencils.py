"""Stencils of Faraday's law with less dispersion, their symbols and the longest stable step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def cole_karkkainen_cowan(spacing: Sequence[float]) -> np.ndarray:
    """(3, 4) weights of averaged differences along x, y, z, to be multiplied by dt/dx, ….

    spacing: (dx, dy, dz), infinite where the grid has no such axis.
    Row a: the line itself, its neighbours along the first and along the second other axis, the corners.  They
    sum to 1 (with their multiplicities), so that the stencil is second order, and are such that c dt = the
    smallest spacing is stable, with no dispersion along that axis.
    Source: Cole (1997, 2002); Kärkkäinen et al. (2006); Cowan et al. (2013), Phys. Rev. ST Accel. Beams 16,
    041303, eqs. 14-20.
    """
    smallest = min(spacing)
    x, y, z = ((smallest / d) ** 2 for d in spacing)
    ratio = [x, y, z]
    axes = sum(math.isfinite(d) for d in spacing)
    product, pairs = x * y * z, x * y + y * z + z * x
    beta = 0.125 * (1 - product / pairs) if axes == 3 else 0.125
    rows = []
    for a in range(3):
        p, q = (b for b in range(3) if b != a)
        corner = 0.0
        if axes == 3:
            both = ratio[p] * ratio[q]
            corner = both * (0.0625 - 0.125 * both / pairs)
        along_p, along_q = ratio[p] * beta, ratio[q] * beta
        rows.append([1 - 2 * along_p - 2 * along_q - 4 * corner, along_p, along_q, corner])
    return np.array(rows)


def yee(spacing: Sequence[float]) -> np.ndarray:
    """(3, 4) weights of plain differences."""
    return np.tile([1.0, 0.0, 0.0, 0.0], (3, 1))


def symbol(weights: np.ndarray, spacing: Sequence[float], k: Sequence[np.ndarray | float]) -> np.ndarray:
    """Σ_a A_a(k) sin²(k_a dx_a/2)/dx_a² = sin²(ω dt/2)/(c dt)², the grid's dispersion.

    weights: (3, 4) of a stencil; k: wavenumbers along the grid's axes (0 for axes that it does not have)
    """
    cosine = [np.cos(np.asarray(k[a]) * spacing[a]) if math.isfinite(spacing[a]) else 1.0 for a in range(3)]
    total: np.ndarray = np.zeros(())
    for a in range(3):
        if not math.isfinite(spacing[a]):
            continue
        p, q = (b for b in range(3) if b != a)
        w = weights[a]
        mean = w[0] + 2 * w[1] * cosine[p] + 2 * w[2] * cosine[q] + 4 * w[3] * cosine[p] * cosine[q]
        total = total + mean * np.sin(0.5 * np.asarray(k[a]) * spacing[a]) ** 2 / spacing[a] ** 2
    return total


def frequency(
    weights: np.ndarray,
    spacing: Sequence[float],
    k: Sequence[np.ndarray | float],
    dt: float,
    light_speed: float,
) -> np.ndarray:
    """ω of a plane wave in vacuum on the grid [1/time]: exactly what the leapfrog does."""
    return 2 / dt * np.arcsin(light_speed * dt * np.sqrt(symbol(weights, spacing, k)))


def stable_step(weights: np.ndarray, spacing: Sequence[float], light_speed: float) -> float:
    """The longest dt that is stable: c dt √(max symbol) = 1.  The maximum lies at a corner of the zone."""
    corners = [
        [bit * math.pi / d if math.isfinite(d) else 0.0 for bit, d in zip(bits, spacing, strict=True)]
        for bits in np.ndindex(2, 2, 2)
    ]
    return 1 / (light_speed * math.sqrt(max(float(symbol(weights, spacing, k)) for k in corners)))
