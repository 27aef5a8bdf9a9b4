"""Probability through a plane: the current at one time, and resolved by energy over a scattering run."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.physics.schrodinger.engine import SplitOperator
from hpcphys.physics.schrodinger.observables import axis_of
from hpcphys.physics.schrodinger.potential import PotentialError


class Plane:
    """ψ and ∂ψ/∂x_j on the plane x_j = place, which need not lie on a point: Fourier's interpolation.

    axis: name or number;  place [length] inside the box.  Raises ValueError for a plane outside.
    """

    def __init__(self, engine: SplitOperator, axis: str | int, place: float):
        self.engine, self.axis, self.place = engine, axis_of(engine, axis), float(place)
        grid = engine.grid
        lower, upper = grid.lower[self.axis], grid.upper[self.axis]
        if not lower <= place < upper:
            raise ValueError(
                f"plane at {place:g} along axis {axis}; the box goes from {lower:g} to {upper:g}"
            )
        self.mass = grid.mass[self.axis]
        k, odd = grid.wavenumbers[self.axis], grid.derivative_wavenumbers[self.axis]
        waves = np.exp(1j * np.outer(place - grid.coordinates(self.axis), k))
        self.weights = np.array([waves.sum(axis=1).real, (waves @ (1j * odd)).real]) / len(k)
        if self.axis == 0:
            self.weights = self.weights[:, slice(*grid.rows)]

    def values(self, state: State) -> tuple[np.ndarray, np.ndarray]:
        """(ψ, ∂ψ/∂x_j) on the points of the plane: all of them for axis 0, else this rank's."""
        self.engine.synchronise(state)
        psi = self.engine.backend.host(state[WAVEFUNCTION])
        found = np.tensordot(self.weights, psi, axes=(1, self.axis))
        if self.axis == 0:
            found = self.engine.communicator.allreduce(np.ascontiguousarray(found, dtype=complex))
        return found[0], found[1]

    def integral(self, values: np.ndarray) -> np.ndarray:
        """∫ over the plane of values (…, the points of `values`), collective."""
        grid = self.engine.grid
        area = grid.volume_element / grid.spacing[self.axis]
        others = tuple(range(values.ndim - (grid.dimension - 1), values.ndim))
        total = np.asarray(values.sum(axis=others)) * area
        return total if self.axis == 0 else np.asarray(self.engine.communicator.allreduce(total))


def flux(state: State, engine: SplitOperator, axis: str | int, place: float) -> float:
    """∫ j over the plane x_axis = place,  j = Im(ψ* ∂ψ)/m - qA|ψ|²/m: probability per time, collective.

    Raises PotentialError where A_axis depends on the other coordinates.
    """
    plane = Plane(engine, axis, place)
    vector = engine.vector_potential
    if plane.axis in vector.transverse:
        raise PotentialError(f"the current along {axis} with A_{axis}(x) is not at hand; choose another axis")
    psi, slope = plane.values(state)
    shift = vector.uniform_at(plane.axis, engine.clock(state))
    current = (psi.conj() * slope).imag - shift * (psi.real**2 + psi.imag**2)
    return float(plane.integral(current)) / plane.mass


class EnergyFlux:
    """Probability through a plane per energy, over a run: F(E) = Im ∫ ψ_E* ∂ψ_E /m,  ψ_E = ∫ exp(iEt) ψ dt.

    engine, axis, place: as for Plane;  energies: (count,), any spacing

    Call `record` at equal intervals dt until the packet has left the plane: the sum is then exact to the
    accuracy of ψ if |E| dt < π for all energies that ψ holds. ∫F dE/2π is the probability that has passed.
    In one dimension `transmission` divides by what came in, for a whole sweep of energies in one run.
    Source: Neuhauser, Baer, Judson & Kouri (1989) J. Chem. Phys. 90, 5882; Tannor & Weeks (1993)
    J. Chem. Phys. 98, 3884.
    """

    def __init__(self, engine: SplitOperator, axis: str | int, place: float, energies: Any):
        self.plane = Plane(engine, axis, place)
        self.energies = np.asarray(energies, dtype=float)
        self._sums: np.ndarray | None = None
        self._incoming: np.ndarray | None = None

    def record(self, state: State, dt: float) -> None:
        """Add the state at its time, with the weight dt [time] of its interval; collective."""
        values = np.stack(self.plane.values(state))
        phase = dt * np.exp(1j * self.energies * state.time)
        added = phase.reshape(-1, *[1] * values.ndim) * values
        self._sums = added if self._sums is None else self._sums + added

    def flux(self) -> np.ndarray:
        """F(E) (count,) [1/energy], collective; zeros before the first record."""
        if self._sums is None:
            return np.zeros(len(self.energies))
        current = (self._sums[:, 0].conj() * self._sums[:, 1]).imag
        return self.plane.integral(current) / self.plane.mass

    def incoming(self, state: State) -> np.ndarray:
        """|a(k)|² m/k of the packet ψ = ∫ a(k) exp(ikx) dk/2π at E = k²/2m, before it meets V; remembered.

        (count,) [1/energy]; positive k where the plane's axis points away from the packet.
        Raises ValueError on more than one axis, and for energies that are not positive.
        """
        engine = self.plane.engine
        if engine.grid.dimension != 1 or (self.energies <= 0).any():
            raise ValueError("the incoming flux per energy needs a grid of one axis and positive energies")
        engine.synchronise(state)
        psi = engine.backend.host(state[WAVEFUNCTION]).astype(complex, copy=False)
        x = engine.grid.axes[0]
        centre = float((abs(psi) ** 2 @ x) / (abs(psi) ** 2).sum())
        k = np.sqrt(2.0 * self.plane.mass * self.energies) * np.sign(self.plane.place - centre)
        amplitude = np.exp(-1j * np.outer(k, x)) @ psi * engine.grid.volume_element
        self._incoming = abs(amplitude) ** 2 * self.plane.mass / abs(k)
        return self._incoming

    def transmission(self) -> np.ndarray:
        """T(E) = |F(E)| over the incoming flux: the share of each energy that went through the plane.

        Meaningful where the packet holds the energy. Raises ValueError before `incoming` was called.
        """
        if self._incoming is None:
            raise ValueError("call incoming(state) with the packet before it starts, then record the run")
        return abs(self.flux()) / self._incoming
