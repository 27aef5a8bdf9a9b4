"""The Lie-Poisson structure of ideal flow in two dimensions, in the Fourier amplitudes of its vorticity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.base import Arrays, Casimir, Structure

MOMENTS = (2, 3, 4, 5, 6)
"""Powers m of the Casimirs, the integrals of omega^m."""

LIMIT = "holds where no product is truncated: for fields of long waves, and for all as the cutoff grows"


class VorticityStructure(Structure):
    """d omega/dt = {dH/d omega, omega},   {f, g} = df/dx dg/dy - df/dy dg/dx,  on a periodic square.

    For H = 1/2 integral psi omega, dH/d omega = psi and this is d omega/dt = -u . grad omega with
    u = (d psi/dy, -d psi/dx). The state holds amplitudes, omega = sum w_k exp(i 2 pi k . x/L), for
    k_x = 0 … K and k_y = 0 … K, -K … -1; those of k_x < 0 are their conjugates. Products are exact
    convolutions, then truncated to |k_x|, |k_y| <= K.

    Pairing: <a, b> = integral a b = L² sum_k Re conj(a_k) b_k, over the whole plane of k.
    Antisymmetric; energy and enstrophy (the moment 2) are conserved with truncation too. The identity of
    Jacobi and the higher moments hold only without truncation (`approximate`): Zeitlin's has them all.
    Reverses by omega -> -omega.

    grid: .cutoff K, .length L, .kx (columns,), this rank's k_x, all integers
    communicator: of the ranks that share the columns, or None for one rank.  The bracket gathers the plane on
        every rank: it is for checks and small grids; engines have their own tendency.
    name: the array of the state, (columns, 2K + 1) complex
    Source: Morrison (1998) Rev. Mod. Phys. 70, 467, section IV; Arnold & Khesin (1998), section I.9.
    """

    name = "vorticity"
    equation = "d omega/dt = {dH/d omega, omega},  {f, g} = f_x g_y - f_y g_x"

    def __init__(self, grid: Any, communicator: Any = None, array: str = "vorticity"):
        self.grid, self.communicator, self.array = grid, communicator, array
        self.casimirs = tuple(Casimir(f"moment {m}", self._moment_gradient(m)) for m in MOMENTS)
        self.approximate = {"jacobi": LIMIT} | {f"casimir moment {m}": LIMIT for m in MOMENTS if m > 2}

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """{G, omega}, truncated, for the amplitudes G of the gradient: this rank's columns.  Collective."""
        return {self.array: self.jacobian(gradient[self.array], z[self.array])}

    def jacobian(self, f: Any, g: Any) -> Any:
        """{f, g} = f_x g_y - f_y g_x of two fields in amplitudes, truncated.  Collective."""
        factor = 2.0 * np.pi / self.grid.length
        wave_x = factor * np.arange(self.grid.cutoff + 1)[:, None]
        wave_y = factor * self._wave_y[None, :]
        f_x, f_y, g_x, g_y = (
            self._physical(1j * wave * field, 2)
            for field in (self._plane(f), self._plane(g))
            for wave in (wave_x, wave_y)
        )
        return self._spectral(f_x * g_y - f_y * g_x)

    def moment(self, z: Arrays, power: int) -> float:
        """integral omega^m, exact for the field of these amplitudes.  Collective."""
        values = self._physical(self._plane(z[self.array]), power)
        return float(np.mean(values**power)) * self.grid.length**2

    def pairing(self, a: Arrays, b: Arrays) -> float:
        """integral a b over the square.  Collective."""
        weight = np.where(np.asarray(self.grid.kx) == 0, 1.0, 2.0)[:, None]
        local = sum(float(np.sum(weight * (np.conj(a[name]) * b[name]).real)) for name in a)
        total = local if self.communicator is None else self.communicator.allreduce(local)
        return total * self.grid.length**2

    def covector(self, z: Arrays, names: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
        """Amplitudes of random real fields without mean, the same on any number of ranks."""
        points = 2 * self.grid.cutoff + 2
        return {name: self._spectral(rng.standard_normal((points, points)), mean=False) for name in names}

    def reverse(self, state: State) -> None:
        """omega <- -omega: the velocity turns round."""
        state[self.array] *= -1.0

    def _moment_gradient(self, power: int) -> Any:
        """z -> amplitudes of m omega^(m-1), truncated."""

        def gradient(z: Arrays) -> dict[str, Any]:
            values = self._physical(self._plane(z[self.array]), power)
            return {self.array: self._spectral(power * values ** (power - 1))}

        return gradient

    @property
    def _wave_y(self) -> np.ndarray:
        cutoff = self.grid.cutoff
        return np.r_[0 : cutoff + 1, -cutoff:0]

    def _plane(self, amplitudes: Any) -> np.ndarray:
        """All columns, k_x = 0 … K, on this rank."""
        own = amplitudes.get() if hasattr(amplitudes, "get") else np.asarray(amplitudes)
        if self.communicator is None or self.communicator.size == 1:
            return own
        return np.concatenate(self.communicator.allgather(own))

    def _physical(self, plane: np.ndarray, factors: int) -> np.ndarray:
        """The field on a grid so fine that the mean, or the kept modes, of a product of so many are exact."""
        cutoff = self.grid.cutoff
        points = (factors + 1) * cutoff // 2 * 2 + 2  # the next even number above (factors + 1) K
        spectrum = np.zeros((points // 2 + 1, points), dtype=np.complex128)
        spectrum[: cutoff + 1, self._wave_y % points] = plane
        return np.fft.irfft(np.fft.ifft(spectrum, axis=1), points, axis=0) * points**2

    def _spectral(self, values: np.ndarray, mean: bool = True) -> Any:
        """This rank's amplitudes of a field on a grid (x, y)."""
        points = values.shape[0]
        spectrum = np.fft.fft(np.fft.rfft(values, axis=0), axis=1)[:, self._wave_y % points] / points**2
        if not mean:
            spectrum[0, 0] = 0.0
        return np.ascontiguousarray(spectrum[np.asarray(self.grid.kx)])
