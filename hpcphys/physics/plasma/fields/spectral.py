"""Maxwell's equations in Fourier space, analytically in time: the periodic case on pencils."""

from __future__ import annotations

import math
from collections import OrderedDict
from functools import cached_property
from typing import Any

import numpy as np

from hpcphys.decomposition.pencils.transform import FourierTransform

from .geometry import ELECTRIC, MAGNETIC, FieldGeometry

KEPT = 4


class SpectralUpdate:
    """E and B from t to t + dt for a current that is constant in between (PSATD), in Fourier space:

        E ← C E + i c S κ×B - S J/(ε0 c k) + (1 - C) κ (κ·E) + κ (κ·J) (S/(c k) - dt)/ε0
        B ← C B - i (S/c) κ×E + i (1 - C)/(ε0 c² k) κ×J,      C = cos(c k dt), S = sin(c k dt), κ = k/|k|

    Fields stay on Yee's places: each is moved to the nodes by its phases exp(-i k_a dx_a/2).  J_a is
    multiplied by sin(k_a dx_a/2)/(k_a dx_a/2), so that a current that obeys the grid's continuity equation
    (finite differences) obeys i k·J = -dρ/dt too: then i k·E = ρ/ε0 stays to round-off.  The highest
    wavenumber of an axis with an even number of cells has no staggered counterpart and is dropped.
    Source: Haber et al. (1973), Proc. 6th Conf. Num. Sim. Plasmas; Vay, Haber & Godfrey (2013), J. Comput.
    Phys. 243, 260, eqs. 11-12.
    Raises ValueError for axes that are not periodic, LayoutError where pencils do not fit the ranks.
    """

    def __init__(self, geometry: FieldGeometry, light_speed: float = 1.0, permittivity: float = 1.0):
        blocks = geometry.blocks
        if not all(blocks.periodic):
            raise ValueError('solver "psatd" needs all axes periodic; choose "yee" for walls and layers')
        self._geometry, self._c, self._permittivity = geometry, light_speed, permittivity
        self.transform = FourierTransform(
            blocks.shape, blocks.communicator, real=True, precision=geometry.precision,
            backend=geometry.backend if geometry.backend.name == "cuda" else None,
        )  # fmt: skip
        self.regrid = blocks.regrid(self.transform.physical)
        self._factors: OrderedDict[float, tuple[Any, ...]] = OrderedDict()
        xp = self._xp = self.transform.xp
        self.k: list[Any] = []
        self._half: list[Any] = []  # exp(-i k dx/2), 0 at the highest wavenumber
        self._mean: list[Any] = []  # sin(k dx/2)/(k dx/2)
        for axis, n in enumerate(blocks.shape):
            m = self.transform.wavenumbers(axis)
            shape = [1] * geometry.axes
            shape[axis] = -1
            k = (2 * math.pi / (n * geometry.spacing[axis]) * m).reshape(shape)
            kept = (2 * abs(m) != n).reshape(shape)
            self.k.append(k)
            phase = xp.exp(-0.5j * k * geometry.spacing[axis]) * kept
            self._half.append(phase.astype(self.transform.spectral_type))
            mean = xp.sinc(k * geometry.spacing[axis] / (2 * math.pi))
            self._mean.append(mean.astype(self.transform.real_type))

    def amplitudes(self, field: Any, between: tuple[bool, ...]) -> Any:
        """Fourier amplitudes of one component (*local_shape), moved to the nodes."""
        owned = self._xp.ascontiguousarray(field[self._geometry.blocks.owned])
        found = self.transform.forward(self.regrid.forward(owned))
        return self._shifted(found, between, back=False)

    def put(self, amplitudes: Any, field: Any, between: tuple[bool, ...]) -> None:
        """The inverse: owned values of one component ← amplitudes on the nodes, which are used up."""
        moved = self._shifted(amplitudes.astype(self.transform.spectral_type, copy=False), between, back=True)
        values = self.transform.backward(self._xp.ascontiguousarray(moved), overwrite=True)
        field[self._geometry.blocks.owned] = self.regrid.backward(values)

    def _shifted(self, amplitudes: Any, between: tuple[bool, ...], back: bool) -> Any:
        for axis in range(self._geometry.axes):
            if between[axis]:
                amplitudes *= self._half[axis].conj() if back else self._half[axis]
            elif self._geometry.blocks.shape[axis] % 2 == 0 and not back:
                amplitudes *= self._kept[axis]
        return amplitudes

    @cached_property
    def _kept(self) -> list[Any]:
        return [(abs(phase) > 0.5).astype(self.transform.real_type) for phase in self._half]

    def advance(self, E: Any, B: Any, J: Any, dt: float) -> None:
        """Owned E, B (3, *local_shape) from t to t + dt; J of the middle of the step, or None."""
        kappa, cosine, sine, sine_k, growth, drift = self._step_factors(dt)
        e = [self.amplitudes(E[c], ELECTRIC[c]) for c in range(3)]
        b = [self.amplitudes(B[c], MAGNETIC[c]) for c in range(3)]
        along = (1 - cosine) * self._dot(kappa, e)
        curl_b, curl_e = self._cross(kappa, b), self._cross(kappa, e)
        new_e = [cosine * e[c] + 1j * self._c * sine * curl_b[c] + along * kappa[c] for c in range(3)]
        new_b = [cosine * b[c] - 1j / self._c * sine * curl_e[c] for c in range(3)]
        if J is not None:
            j = [self.amplitudes(J[c], ELECTRIC[c]) / self._permittivity for c in range(3)]
            for axis in range(self._geometry.axes):
                j[axis] = j[axis] * self._mean[axis]
            kick, curl_j = drift * self._dot(kappa, j), self._cross(kappa, j)
            for c in range(3):
                new_e[c] += kick * kappa[c] - sine_k * j[c]
                new_b[c] += 1j * growth * curl_j[c]
        for c in range(3):
            self.put(new_e[c], E[c], ELECTRIC[c])
            self.put(new_b[c], B[c], MAGNETIC[c])

    def gauss_residual(self, E: Any, rho: Any) -> tuple[float, float]:
        """(max |i k·E - ρ/ε0|, max |ρ/ε0|) over all nodes, without what staggered fields cannot have.

        rho: (*local_shape).  Collective.
        """
        charge = self.amplitudes(rho, (False,) * 3) / self._permittivity
        charge = charge * (sum(k**2 for k in self.k) > 0)
        excess = sum(1j * self.k[a] * self.amplitudes(E[a], ELECTRIC[a]) for a in range(self._geometry.axes))
        excess = excess - charge
        most = []
        for amplitudes in (excess, charge):
            values = self.transform.backward(amplitudes.astype(self.transform.spectral_type))
            most.append(float(abs(values).max()))
        found = self._geometry.blocks.communicator.allreduce(np.array(most), "max")
        return float(found[0]), float(found[1])

    def _step_factors(self, dt: float) -> tuple[Any, ...]:
        """κ, C, S, S/(c k), (1 - C)/(c² k), S/(c k) - dt; the last three without 1/ε0."""
        if dt not in self._factors:
            xp, c = self._xp, self._c
            k = xp.sqrt(sum(along**2 for along in self.k))
            safe = xp.where(k > 0, k, 1.0)
            kappa = [along / safe for along in self.k] + [0.0] * (3 - len(self.k))
            cosine, sine = xp.cos(c * k * dt), xp.sin(c * k * dt)
            sine_k = xp.where(k > 0, sine / (c * safe), dt)
            growth = (1 - cosine) / (c * c * safe)
            real = self.transform.real_type
            kappa = [along if isinstance(along, float) else along.astype(real) for along in kappa]
            factors = (factor.astype(real) for factor in (cosine, sine, sine_k, growth, sine_k - dt))
            self._factors[dt] = (kappa, *factors)
            while len(self._factors) > KEPT:
                self._factors.popitem(last=False)
        return self._factors[dt]

    @staticmethod
    def _dot(u: list[Any], v: list[Any]) -> Any:
        return u[0] * v[0] + u[1] * v[1] + u[2] * v[2]

    @staticmethod
    def _cross(u: list[Any], v: list[Any]) -> list[Any]:
        return [u[(c + 1) % 3] * v[(c + 2) % 3] - u[(c + 2) % 3] * v[(c + 1) % 3] for c in range(3)]
