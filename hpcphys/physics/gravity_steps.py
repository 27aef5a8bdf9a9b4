"""Criteria for adaptive steps of self-gravitating particles: how fast does this state move?

Both are even in the velocities, smooth, and the same on every rank: what `compiler.adaptive.SymmetricSteps`
asks for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.state import State

MASS = "criterion.mass"
ENERGY = "criterion.energy"
ROWS_PER_PIECE = 1 << 16


class _RowSums:
    """Sums over the rows of all ranks, in pieces so that temporaries stay small; exact if reproducible."""

    def __init__(self, communicator: Any, backend: Any, reproducible: bool):
        self.communicator = communicator
        self.backend = backend
        self.reproducible = reproducible

    def sum(self, terms: Any, *arrays: Any) -> float:
        """Sum of terms(*rows) over the rows of all ranks, in double precision. Collective."""
        count = int(arrays[0].shape[0])
        pieces = (
            terms(*(array[start : start + ROWS_PER_PIECE].astype(np.float64) for array in arrays))
            for start in range(0, count, ROWS_PER_PIECE)
        )
        if self.reproducible:
            rows = [np.zeros(0), *(np.asarray(self.backend.host(piece)) for piece in pieces)]
            return float(self.communicator.sum_reproducible(np.concatenate(rows)))
        return float(self.communicator.allreduce(sum(float(piece.sum()) for piece in pieces), "sum"))


class AccelerationSteps:
    """h(z) = sqrt(2 accuracy softening / |a|), |a| the mass-weighted power mean over the particles.

    1/h = (sum_i m_i r_i^p / M)^(1/p) with r_i = sqrt(|a_i| / (2 accuracy softening)). A large p follows the
    fastest particles; the mean, unlike the maximum, is smooth and does not jump when two particles meet.

    accuracy: eta; 0.025 is usual;  softening: length [length], above 0;  power: p, one of 4, 8, 16
    communicator, backend: sums over ranks, arrays to the host
    reproducible: exact sums, independent of the order of rows and of the rank count
    Raises ValueError for arguments outside these ranges.
    Source: Power et al. (2003) MNRAS 338, 14; eta as in SWIFT (Schaller et al. 2024).
    """

    reads = frozenset({"acceleration", "mass"})
    outputs_at_start: frozenset[str] = frozenset()

    def __init__(
        self,
        communicator: Any,
        backend: Any,
        *,
        softening: float,
        accuracy: float = 0.025,
        power: int = 8,
        reproducible: bool = False,
    ):
        if not softening > 0.0:
            raise ValueError(
                f"softening = {softening!r}: the criterion sqrt(2 accuracy softening/|a|) needs a softening "
                "above 0; without softening use the virial criterion"
            )
        if not accuracy > 0.0:
            raise ValueError(f"accuracy = {accuracy!r}; it must be above 0 (0.025 is usual)")
        if power not in (4, 8, 16):
            raise ValueError(f"power = {power!r}; allowed: 4, 8, 16")
        self.softening = softening
        self.accuracy = accuracy
        self.power = power
        self._sums = _RowSums(communicator, backend, reproducible)

    def start(self, state: State) -> None:
        """Keep the total mass."""
        state.scalars[MASS] = self._sums.sum(lambda mass: mass, state["mass"])

    def rate(self, state: State) -> float:
        """1/h(z) [1/time]. Collective; equal on all ranks."""

        def terms(acceleration: Any, mass: Any) -> Any:
            x, y, z = acceleration.T  # a sum over axis 1 costs three times as much
            squared = x * x + y * y + z * z
            # m |a|^(p/2), by squaring: a general power costs more than the rest of the sum.
            for _ in range((self.power // 4).bit_length() - 1):
                squared = squared * squared
            return mass * squared

        mean = self._sums.sum(terms, state["acceleration"], state["mass"]) / state.scalars[MASS]
        acceleration = mean ** (2.0 / self.power)
        return float(np.sqrt(acceleration / (2.0 * self.accuracy * self.softening)))

    def describe(self) -> str:
        """One line for `explain`."""
        return (
            f"h(z) = sqrt(2 eta softening/|a|), eta = {self.accuracy:g}, softening = {self.softening:g}, "
            f"|a| a mass-weighted mean of power {self.power // 2}"
        )


class VirialSteps:
    """h(z) = accuracy G M^(5/2) / |W|^(3/2): a fraction of the crossing time, with W = E0 - T.

    For every state on the orbit W is the potential energy, but it costs no potentials: E0 is measured once,
    and T is a sum over the velocities. The scale of a whole system or of a two-body orbit, where h follows
    r^(3/2); blind to a dense centre in a large halo.

    accuracy: eta; 0.005 gives 200 steps per crossing time of a virialised system
    G: the constant of gravity;  communicator, backend, reproducible: as in AccelerationSteps
    Raises ValueError for an accuracy or G that is not above 0, or if the potential energy at the start is
    not below 0.
    Source: crossing time of Heggie & Mathieu (1986), with 2|E| replaced by |W|.
    """

    reads = frozenset({"velocity", "mass"})
    outputs_at_start = frozenset({"potential"})

    def __init__(
        self,
        communicator: Any,
        backend: Any,
        *,
        accuracy: float = 0.005,
        G: float = 1.0,
        reproducible: bool = False,
    ):
        for name, value in (("accuracy", accuracy), ("G", G)):
            if not value > 0.0:
                raise ValueError(f"{name} = {value!r}; it must be above 0")
        self.accuracy = accuracy
        self.G = G
        self._sums = _RowSums(communicator, backend, reproducible)

    def _kinetic(self, state: State) -> float:
        def terms(velocity: Any, mass: Any) -> Any:
            return mass * (velocity * velocity).sum(axis=1)

        return 0.5 * self._sums.sum(terms, state["velocity"], state["mass"])

    def start(self, state: State) -> None:
        """Keep the total mass and the energy E0 = T + 1/2 sum m phi of the first state."""
        potential = 0.5 * self._sums.sum(lambda mass, phi: mass * phi, state["mass"], state["potential"])
        if not potential < 0.0:
            raise ValueError(
                f"potential energy {potential!r} at the start; the virial criterion needs it below 0"
            )
        state.scalars[MASS] = self._sums.sum(lambda mass: mass, state["mass"])
        state.scalars[ENERGY] = self._kinetic(state) + potential

    def rate(self, state: State) -> float:
        """1/h(z) [1/time]. Collective; equal on all ranks. Zero where the energy error exceeds |W|."""
        depth = max(self._kinetic(state) - state.scalars[ENERGY], 0.0)
        return depth**1.5 / (self.accuracy * self.G * state.scalars[MASS] ** 2.5)

    def describe(self) -> str:
        """One line for `explain`."""
        return f"h(z) = eta G M^(5/2)/|W|^(3/2), eta = {self.accuracy:g}, W = E0 - T"
