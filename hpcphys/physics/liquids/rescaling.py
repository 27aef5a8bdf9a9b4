"""Thermostats that scale all velocities by one factor: stochastic velocity rescaling, and Berendsen's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import copysign, exp, expm1, sqrt
from typing import ClassVar

from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.setting import (
    Ensemble,
    Setting,
    drift_piece,
    kick_piece,
    positive,
    started,
    verify_kinetic,
)
from hpcphys.physics.liquids.variates import THERMOSTAT, Variates

HEAT = "thermostat.heat"
"""Scalar of the state: the kinetic energy that the thermostat has given to the atoms."""


@dataclass(frozen=True)
class Rescaling(Ensemble, ABC):
    """A thermostat v <- alpha v with alpha a function of the kinetic energy K.

    temperature: T;  period: relaxation time tau of K [time]
    """

    temperature: float
    period: float

    def __post_init__(self) -> None:
        positive("temperature", self.temperature)
        positive("period", self.period)

    @property
    def composition(self) -> str:
        return "obabo"

    def begin(self, state: State, setting: Setting) -> None:
        started(state, {HEAT: 0.0})

    def pieces(self, setting: Setting) -> tuple[Piece, ...]:
        motion = setting.motion
        return (drift_piece(motion), kick_piece(motion), self.bath(setting))

    @abstractmethod
    def factor(self, state: State, kinetic: float, mean: float, degrees: int, dt: float) -> float:
        """alpha over the time dt, from K, its mean at T, and the degrees of freedom."""

    def bath(self, setting: Setting) -> Piece:
        """The thermostat's piece; the change of K is added to the scalar "thermostat.heat"."""
        mean = 0.5 * setting.degrees * setting.boltzmann * self.temperature

        def flow(state: State, dt: float) -> None:
            kinetic = setting.motion.kinetic_energy(state)
            verify_kinetic(kinetic)
            if not kinetic > 0.0:
                raise ValueError(
                    f"the kinetic energy is {kinetic!r}: a thermostat that scales velocities cannot warm "
                    "atoms at rest; draw velocities first (maxwell_boltzmann)"
                )
            alpha = self.factor(state, kinetic, mean, setting.degrees, dt)
            setting.motion.scale(state["velocity"], alpha)
            state.scalars[HEAT] += kinetic * (alpha * alpha - 1.0)

        return Piece(
            "bath",
            self.equation,
            frozenset({"velocity", "mass"}),
            frozenset({"velocity"}),
            flow,
            role="O",
            keeps_constraints=True,
        )

    @property
    @abstractmethod
    def equation(self) -> str:
        """What the box or the velocities obey, as text."""

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        return {"heat given": -float(state.scalars[HEAT])}

    def describe(self) -> str:
        return f"{self.name} at T = {self.temperature:g}, period {self.period:g}"


@dataclass(frozen=True)
class VelocityRescaling(Rescaling):
    """dK = (K0 - K) dt/tau + 2 sqrt(K K0/(N tau)) dW, K0 = N kT/2: samples exp(-H/kT).

        alpha² = c + (1 - c) K0/(N K) (R1² + ... + RN²) + 2 R1 sqrt(c (1 - c) K0/(N K)),   c = e^(-dt/tau)

    This is the exact flow of K.  Conserved: H - heat (effective energy), but for the error of the splitting.
    The kinetic energy's autocorrelation time is tau where the forces do not matter.
    Source: Bussi, Donadio & Parrinello (2007) J. Chem. Phys. 126, 014101, appendix A; sign of alpha: Bussi &
    Parrinello (2008) Comput. Phys. Commun. 179, 26.
    """

    name: ClassVar[str] = "velocity_rescaling"
    samples: ClassVar[str] = "the canonical ensemble"

    @property
    def equation(self) -> str:
        return "dK = (K0 - K) dt/tau + 2 sqrt(K K0/(N tau)) dW"

    def factor(self, state: State, kinetic: float, mean: float, degrees: int, dt: float) -> float:
        draw = Variates(state, THERMOSTAT)
        kept = exp(-dt / self.period)
        unit = -expm1(-dt / self.period) * mean / (degrees * kinetic)
        first = draw.normal()
        squares = first * first + draw.sum_of_squares(degrees - 1)
        square = kept + unit * squares + 2.0 * first * sqrt(kept * unit)
        return copysign(sqrt(max(square, 0.0)), first * sqrt(unit) + sqrt(kept))


@dataclass(frozen=True)
class BerendsenThermostat(Rescaling):
    """dK/dt = (K0 - K)/tau:  alpha² = 1 + (K0/K - 1)(1 - e^(-dt/tau)), its exact flow.

    WARNING: it samples no known ensemble. Fluctuations of K are suppressed, heat capacities from them are
    wrong, and energy collects in slow motions ("flying ice cube").  For reaching a temperature, not for
    measuring at it: use VelocityRescaling, which relaxes as fast and samples the canonical ensemble.
    Source: Berendsen, Postma, van Gunsteren, DiNola & Haak (1984) J. Chem. Phys. 81, 3684; what it does not
    sample: Morishita (2000) J. Chem. Phys. 113, 2976.
    """

    name: ClassVar[str] = "berendsen_thermostat"
    samples: ClassVar[str] = (
        "NO known ensemble: fluctuations of the kinetic energy are suppressed. For equilibration only; "
        "velocity_rescaling relaxes as fast and samples the canonical ensemble"
    )

    @property
    def equation(self) -> str:
        return "dK/dt = (K0 - K)/tau"

    def factor(self, state: State, kinetic: float, mean: float, degrees: int, dt: float) -> float:
        return sqrt(1.0 - (mean / kinetic - 1.0) * expm1(-dt / self.period))
