"""Flows that are stated mode by mode: the same amplitudes on every grid that resolves them, on any ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

NARROWNESS = 7
"""E(k) of `random` grows as k to this power below its peak."""


def rest(grid: Any) -> np.ndarray:
    """ω = 0: what forcing starts from."""
    return np.zeros(grid.shape, np.complex128)


def taylor_green(grid: Any, *, wavenumber: int = 1, speed: float = 1.0) -> np.ndarray:
    """u = U sin(k'x) cos(k'y),  v = -U cos(k'x) sin(k'y),  ω = 2 U k' sin(k'x) sin(k'y)  with  k' = 2π k/L.

    An eigenfunction of the Laplacian: -u·∇ω = 0, so that viscosity alone changes it,
    ω(t) = ω(0) exp(-ν (2 k'²)^p t).
    wavenumber: k, a positive integer;  speed: U, the largest speed [length/time]
    Raises ValueError when the grid does not resolve it.
    Source: Taylor & Green (1937) Proc. R. Soc. A 158, 499, in two dimensions.
    """
    _check_resolved(grid, wavenumber, "wavenumber")
    modes = rest(grid)
    # sin a sin b = ½ [cos(a - b) - cos(a + b)], and ω = ∂x v - ∂y u = 2 U k' sin sin.
    amplitude = 2.0 * speed * grid.unit * wavenumber / 4.0
    for row in np.flatnonzero(grid.kx == wavenumber):
        modes[row, -wavenumber] = amplitude
        modes[row, wavenumber] = -amplitude
    return modes


def eigenmode(grid: Any, *, wavenumber_squared: int = 25, energy: float = 0.5, seed: int = 1) -> np.ndarray:
    """All modes with k_x² + k_y² = wavenumber_squared (in units of (2π/L)²), random phases, equal amplitudes.

    ω = k² ψ, so that u·∇ω = 0: any such sum is a stationary solution of Euler's equation.
    energy: ½ <u²>;  Raises ValueError when no or unresolved integers have that sum of squares.
    """
    full = np.arange(-grid.cutoff, grid.cutoff + 1) ** 2
    found = np.count_nonzero(full[:, None] + full[None, :] == wavenumber_squared)
    if not found:
        raise ValueError(
            f"wavenumber_squared: found {wavenumber_squared}; no resolved k_x² + k_y² is that "
            f"(K = {grid.cutoff}); try 25, 65 or 125"
        )
    k2 = wavenumber_squared * grid.unit**2
    amplitude = np.sqrt(2.0 * energy * k2 / found)
    squares = grid.kx[:, None] ** 2 + grid.ky[None, :] ** 2
    return np.where(squares == wavenumber_squared, amplitude, 0.0) * phases(grid, seed)


def random(grid: Any, *, peak: float = 8.0, energy: float = 0.5, seed: int = 1) -> np.ndarray:
    """Random phases with  E(k) ~ (k/k_0)^7 exp(-3.5 (k/k_0)²),  k_0 = peak: decaying turbulence starts here.

    peak: wavenumber of the largest E(k), in units of 2π/L;  energy: ½ <u²>, exactly, where the grid resolves
    it all
    Raises ValueError when the peak is not resolved.
    Source: San & Staples (2012) Computers & Fluids 63, 105, eq. 32 (after Ishiko, Ohnishi, Ueno & Sawada
    2009).
    """
    _check_resolved(grid, peak, "peak")
    unit = grid.unit

    def per_mode(k: np.ndarray) -> np.ndarray:
        """Energy of one mode, E(k)/2πk, not normalised."""
        share = k / peak
        return share ** (NARROWNESS - 1) * np.exp(-0.5 * NARROWNESS * share**2)

    # Over all modes that matter, whether this grid has them or not: the flow must not depend on the grid.
    reach = np.arange(-int(6 * peak) - 1, int(6 * peak) + 2)
    total = per_mode(np.hypot(reach[:, None], reach[None, :])).sum()
    k = np.hypot(grid.kx[:, None], grid.ky[None, :])
    return np.sqrt(2.0 * energy * per_mode(k) / total) * unit * k * phases(grid, seed)


def vortices(grid: Any, *, vortices: Sequence[Mapping[str, float]]) -> np.ndarray:
    """ω = Σ Γ/(π a²) exp(-|r - r_v|²/a²), repeated periodically, less the mean:

        ω̂(k) = Σ (Γ/L²) exp(-k² a²/4 - i k·r_v)

    vortices: x, y [length], circulation Γ [length²/time], radius a [length] of each
    A periodic flow has no net circulation: the mean of ω, ΣΓ/L², is subtracted everywhere.
    """
    unit = grid.unit
    kx, ky = unit * grid.kx[:, None], unit * grid.ky[None, :]
    modes = rest(grid)
    for vortex in vortices:
        strength = vortex["circulation"] / grid.length**2
        phase = kx * vortex["x"] + ky * vortex["y"]
        modes += strength * np.exp(-0.25 * grid.k2 * vortex["radius"] ** 2 - 1j * phase)
    if len(grid.kx) and grid.kx[0] == 0:
        modes[0, 0] = 0.0
    return modes


def phases(grid: Any, seed: int) -> np.ndarray:
    """exp(iθ) for each mode of this rank, θ uniform: a function of seed and mode alone.

    Column k_x has a counter-based stream of its own (Philox), from which k_y = 0, 1, -1, 2, -2, ... draw in
    turn: a finer grid only draws further. The column k_x = 0 is Hermitian.
    Source: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.
    """
    found = np.empty(grid.shape, np.complex128)
    order = np.argsort(np.where(grid.ky > 0, 2 * grid.ky - 1, -2 * grid.ky), kind="stable")
    for row, kx in enumerate(grid.kx):
        key = np.array([seed, kx], dtype=np.uint64)
        draws = np.random.Generator(np.random.Philox(key=key)).random(len(order))
        found[row, order] = np.exp(2j * np.pi * draws)
        if kx == 0:
            found[row, grid.cutoff + 1 :] = np.conj(found[row, grid.cutoff : 0 : -1])
            found[row, 0] = 0.0
    return found


def _check_resolved(grid: Any, wavenumber: float, name: str) -> None:
    if not 0 < wavenumber <= grid.cutoff:
        raise ValueError(
            f"{name}: found {wavenumber:g}; the grid resolves wavenumbers 1 to {grid.cutoff} "
            "(in units of 2π/length)"
        )
