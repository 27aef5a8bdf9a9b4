"""The two kinds of flow on arrays of any namespace (NumPy, CuPy): phases in positions, phases in momenta."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.slabs import Columns


@dataclass(frozen=True)
class Kick:
    """ψ ← exp(-i (τ V - gradient |∇V|²/m + g ∫|ψ|²) - τ W) ψ: what is due in positions.

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
    """Flows of a wavefunction by the transforms of a backend's arrays (cuFFT on a GPU), kernels for phases.

    ψ is in positions between calls. Over several ranks columns travel through the host.
    """

    mixed = False

    def __init__(self, grid: WaveGrid, backend: Any, communicator: Any):
        self.grid, self.backend, self.xp = grid, backend, backend.xp
        self.columns = Columns(grid, communicator)
        real = "double" if grid.precision == "double" else "float"
        self.module = backend.module("split_operator", REAL=real)
        self._one = backend.array(np.ones(1), dtype=grid.complex_type)

    def advance(self, psi: Any, kick: Kick | None, drift: Drift) -> None:
        """ψ ← drift(kick(ψ)), in place."""
        self.finish(psi, kick)
        if self.grid.size > 1:
            self._advance_in_columns(psi, drift.factors)
            return
        axes = tuple(range(self.grid.dimension))
        waves = self._narrow(self.xp.fft.fftn(psi, axes=axes))
        factors = [self.real(factor) for factor in (*drift.factors, self._one, self._one)[:3]]
        n = (*self.grid.points, 1, 1)
        self.module.launch("wave_drift", waves.size, self.real(waves), *factors, n[1], n[2])
        psi[...] = self.xp.fft.ifftn(waves, axes=axes)

    def finish(self, psi: Any, kick: Kick | None) -> None:
        """ψ to positions, with the kick that is still due."""
        if kick is not None and psi.size:
            self.module.launch(
                "wave_kick", psi.size, self.real(psi), kick.values, kick.duration, kick.slope, kick.gradient,
                kick.damping, kick.strength, kick.exposure, int(kick.imaginary),
            )  # fmt: skip

    def directional(self, psi: Any, axis: int, shift: np.ndarray, rate: complex) -> None:
        """See directional."""
        directional(self.backend, self.columns, psi, axis, shift, rate)

    def real(self, array: Any) -> Any:
        """Pairs of real and imaginary parts, flat, of the same memory."""
        return array.reshape(-1).view(self.grid.real_type)

    def _narrow(self, waves: Any) -> Any:
        return self.xp.ascontiguousarray(waves, dtype=self.grid.complex_type)

    def _advance_in_columns(self, psi: Any, factors: tuple[Any, ...]) -> None:
        """The same over several ranks: whole columns of axis 0 for its transform, through the host."""
        xp, trailing = self.xp, tuple(range(1, self.grid.dimension))
        slab = np.array(self.backend.host(xp.fft.fftn(psi, axes=trailing)), dtype=psi.dtype)
        columns = xp.fft.fft(self.backend.array(self.columns.to_columns(slab)), axis=0)
        columns = self._narrow(xp.fft.ifft(columns * factors[0][:, None], axis=0))
        self.columns.to_slab(self.backend.host(columns), slab)
        waves = self.backend.array(slab)
        for axis in trailing:
            waves *= self.grid.along(axis, factors[axis])
        psi[...] = xp.fft.ifftn(waves, axes=trailing)


def directional(
    backend: Any, columns: Columns, psi: Any, axis: int, shift: np.ndarray, rate: complex
) -> None:
    """ψ̂ ← exp(rate (k - shift(x))²) ψ̂ along one axis; collective.

    psi: in positions, changed in place;  shift: float64 on this rank's points, free of that axis
    """
    k = columns.grid.wavenumbers[axis]
    if axis > 0:
        waves = np.fft.fft(backend.host(psi), axis=axis)
        waves *= np.exp(rate * (columns.grid.along(axis, k) - shift) ** 2)
        psi[...] = backend.array(np.fft.ifft(waves, axis=axis))
        return
    slab = np.array(backend.host(psi))
    waves = np.fft.fft(columns.to_columns(slab), axis=0)
    waves *= np.exp(rate * (k[:, None] - columns.of_row(shift)) ** 2)
    columns.to_slab(np.fft.ifft(waves, axis=0).astype(slab.dtype, copy=False), slab)
    psi[...] = backend.array(slab)
