"""The two kinds of flow on arrays of any namespace (NumPy, CuPy): phases in positions, phases in momenta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.slabs import Columns


@dataclass(frozen=True)
class Kick:
    """ψ ← exp(-i (τ V - gradient |∇V|²/m) - τ W) ψ exp(-i g ∫|ψ|²): what is due in positions.

    values: V [energy] on this rank's points, or None for V = 0;  duration: τ [time]
    slope: |∇V|²/m, or None;  gradient: its coefficient [time³]
    damping: exp(-τ W) on the points, or None;  strength: g
    exposure: ∫_0^τ exp(-2 W s) ds on the points, over which |ψ|² acts, or None for τ itself
    imaginary: τ stands for -i τ, and damping for exp(-τ V …)
    """

    values: Any
    duration: float
    slope: Any = None
    gradient: float = 0.0
    damping: Any = None
    strength: float = 0.0
    exposure: Any = None
    imaginary: bool = False


@dataclass(frozen=True)
class Drift:
    """ψ̂ ← t_0(k_0) t_1(k_1) t_2(k_2) ψ̂: what is due in momenta; factors: one complex array per axis."""

    factors: tuple[Any, ...]


class ArraySweeps:
    """Flows of a wavefunction by the array functions of a backend; ψ is in positions between calls."""

    mixed = False

    def __init__(self, grid: WaveGrid, backend: Any, communicator: Any):
        self.grid, self.backend, self.xp = grid, backend, backend.xp
        self.columns = Columns(grid, communicator)

    def advance(self, psi: Any, kick: Kick | None, drift: Drift) -> None:
        """ψ ← drift(kick(ψ)), in place."""
        if kick is not None:
            self.kick(psi, kick)
        if self.grid.size > 1:
            self._advance_in_columns(psi, drift.factors)
            return
        axes = tuple(range(self.grid.dimension))
        waves = self.xp.fft.fftn(psi, axes=axes)
        for axis, factor in enumerate(drift.factors):
            waves *= self.grid.along(axis, factor)
        psi[...] = self.xp.fft.ifftn(waves, axes=axes)

    def _advance_in_columns(self, psi: Any, factors: tuple[Any, ...]) -> None:
        """The same over several ranks: whole columns of axis 0 for its transform, through the host."""
        xp, trailing = self.xp, tuple(range(1, self.grid.dimension))
        slab = np.array(self.backend.host(xp.fft.fftn(psi, axes=trailing)), dtype=psi.dtype)
        columns = xp.fft.fft(self.backend.array(self.columns.to_columns(slab)), axis=0)
        columns = xp.fft.ifft(columns * factors[0][:, None], axis=0)
        self.columns.to_slab(self.backend.host(columns).astype(psi.dtype, copy=False), slab)
        waves = self.backend.array(slab)
        for axis in trailing:
            waves *= self.grid.along(axis, factors[axis])
        psi[...] = xp.fft.ifftn(waves, axes=trailing)

    def finish(self, psi: Any, kick: Kick | None) -> None:
        """ψ to positions, with the kick that is still due."""
        if kick is not None:
            self.kick(psi, kick)

    def directional(self, psi: Any, axis: int, shift: np.ndarray, rate: complex) -> None:
        """ψ̂ ← exp(rate (k - shift(x))²) ψ̂ along one axis; shift: float64 on the points, free of that axis."""
        k = self.grid.wavenumbers[axis]
        if axis > 0:
            waves = np.fft.fft(self.backend.host(psi), axis=axis)
            waves *= np.exp(rate * (self.grid.along(axis, k) - shift) ** 2)
            psi[...] = self.backend.array(np.fft.ifft(waves, axis=axis))
            return
        slab = np.array(self.backend.host(psi))
        columns = np.fft.fft(self.columns.to_columns(slab), axis=0)
        columns *= np.exp(rate * (k[:, None] - self.columns.own_of_row(shift)) ** 2)
        self.columns.to_slab(np.fft.ifft(columns, axis=0).astype(slab.dtype, copy=False), slab)
        psi[...] = self.backend.array(slab)

    def kick(self, psi: Any, kick: Kick) -> None:
        """The flow of a kick on ψ in positions."""
        xp = self.xp
        density = psi.real**2 + psi.imag**2 if kick.strength else None
        exposure = kick.duration if kick.exposure is None else kick.exposure
        if kick.damping is not None:
            psi *= kick.damping
        if kick.imaginary:
            if density is not None:
                psi /= xp.sqrt(1.0 + 2.0 * kick.strength * density * exposure)
            return
        angle = 0.0
        if kick.values is not None:
            angle = kick.duration * kick.values
        if kick.slope is not None:
            angle = angle - kick.gradient * kick.slope
        if density is not None:
            angle = angle + kick.strength * density * exposure
        psi *= xp.exp(-1j * angle)
