"""Differential operators as products with the wavevector.  None of them communicates or changes its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .grid import SpectralGrid


def derivative(grid: SpectralGrid, amplitudes: Any, axis: int, order: int = 1) -> Any:
    """∂^p u / ∂x_a^p  ↔  (i k_a)^p û: exact for what the grid resolves.

    amplitudes: (spectral.subshape);  axis: of the field;  order: p >= 0
    Odd derivatives leave out the amplitude |m| = n/2 of an even axis, which stands for both signs of k and
    whose derivative vanishes at every point.  Raises ValueError for a negative order.
    Source: Trefethen (2000), Spectral Methods in MATLAB, ch. 3.
    """
    if order < 0:
        raise ValueError(f"derivative of order {order}: it must not be negative; see inverse_laplacian")
    k = grid.wavevector[axis]
    if order % 2:
        k = grid.xp.where(grid.unpaired(axis), 0, k).astype(k.dtype)
    turn = (1, 1j, -1, -1j)[order % 4]
    return amplitudes * (k**order * amplitudes.dtype.type(turn))


def laplacian(grid: SpectralGrid, amplitudes: Any, power: int = 1) -> Any:
    """Δ^p u  ↔  (-|k|²)^p û.  Raises ValueError for p < 0."""
    if power < 0:
        raise ValueError(f"Laplacian to the power {power}: it must not be negative; see inverse_laplacian")
    return amplitudes * (-grid.k2) ** power


def inverse_laplacian(grid: SpectralGrid, amplitudes: Any, power: int = 1) -> Any:
    """Δ^-p u  ↔  (-1/|k|²)^p û, and 0 at k = 0: the solution without a mean.  Raises ValueError for p < 1."""
    if power < 1:
        raise ValueError(f"inverse Laplacian to the power {power}: at least 1 is needed")
    return amplitudes * (-grid.inverse_k2) ** power


def diffusion_factor(grid: SpectralGrid, coefficient: float, dt: float, power: float = 1) -> Any:
    """exp(-ν |k|^{2p} dt): the exact flow of  ∂u/∂t = -ν (-Δ)^p u  over dt.

    coefficient: ν [length^{2p}/time];  power: p, 1 for diffusion, more for hyperdiffusion, negative for
    friction at large scales (then k = 0 keeps its value, since (-Δ)^p of a mean is taken as 0)
    """
    rates = grid.inverse_k2 ** (-power) if power < 0 else grid.k2**power
    return grid.xp.exp(-coefficient * dt * rates).astype(grid.transform.real_type)


def translation_factor(grid: SpectralGrid, velocity: Sequence[float], dt: float) -> Any:
    """exp(-i k·c dt): the exact flow of  ∂u/∂t = -c·∇u  over dt;  velocity: c for each axis [length/time].

    The amplitudes |m| = n/2 of even axes keep their place: a real field has no phase there.
    """
    phase: Any = 0
    for axis, speed in enumerate(velocity):
        k = grid.xp.where(grid.unpaired(axis), 0, grid.wavevector[axis])
        phase = phase + k * speed
    return grid.xp.exp(-1j * dt * phase).astype(grid.transform.spectral_type)
