"""Langevin dynamics: friction and noise on every atom."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, sqrt
from typing import Any, ClassVar

from hpcphys.compiler.fused.calls import Offer
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.setting import Ensemble, Setting, drift_piece, kick_piece, positive

HEAT = "heat"
"""Array of the state: the kinetic energy that friction and noise have given to each atom."""


@dataclass(frozen=True)
class Langevin(Ensemble):
    """dv = F/m dt - friction v dt + sqrt(2 friction kT/m) dW;  samples exp(-H/kT).

    temperature: T;  friction: rate [1/time];  splitting: baoab, obabo, aboba, oabao or gsd
    account: keep each atom's heat in the array "heat" (8 bytes per atom), so that the effective energy
        H - sum heat can be reported: it is flat but for the error of the splitting
    Guarantees: O is exact in law; the noise belongs to (seed; id, step, draw), so that trajectories do not
    depend on ranks. Total momentum is not conserved: 3 N - constraints degrees of freedom.
    Sources: Leimkuhler & Matthews (2013) Appl. Math. Res. Express 2013, 34; with constraints (2016) Proc. R.
    Soc. A 472, 20160138 (g-BAOAB); effective energy: Bussi & Parrinello (2007) Phys. Rev. E 75, 056707.
    """

    temperature: float
    friction: float
    splitting: str = "baoab"
    account: bool = True

    name: ClassVar[str] = "langevin"
    samples: ClassVar[str] = "the canonical ensemble"

    def __post_init__(self) -> None:
        positive("temperature", self.temperature)
        positive("friction", self.friction, zero=True)

    @property
    def composition(self) -> str:
        return self.splitting

    @property
    def keeps_momentum(self) -> bool:
        return False

    def begin(self, state: State, setting: Setting) -> None:
        if self.account and HEAT not in state:
            state[HEAT] = setting.motion.backend.zeros(state.count)

    def pieces(self, setting: Setting) -> tuple[Piece, ...]:
        motion = setting.motion
        return (drift_piece(motion), kick_piece(motion), self._bath(setting))

    def _bath(self, setting: Setting) -> Piece:
        thermal = setting.boltzmann * self.temperature
        motion, constraints = setting.motion, setting.constraints

        def flow(state: State, dt: float) -> None:
            # 1 - e^(-2 a), without the loss of digits for small a
            spread = sqrt(-thermal * expm1(-2.0 * self.friction * dt))
            heat: Any = state[HEAT] if self.account else None
            if constraints is None:
                motion.ornstein_uhlenbeck(state, exp(-self.friction * dt), spread, heat)
                return
            # What the projection takes away was not given: the heat is counted after it.
            if self.account:
                motion.add_energy(state, heat, -1.0)
            motion.ornstein_uhlenbeck(state, exp(-self.friction * dt), spread)
            constraints.project_momenta(state)
            if self.account:
                motion.add_energy(state, heat, 1.0)

        def native(state: State, dt: float) -> Offer | None:
            if not motion.is_native:
                return None
            spread = sqrt(-thermal * expm1(-2.0 * self.friction * dt))
            heat: Any = state[HEAT] if self.account else None
            if constraints is None:
                return Offer((motion.noise_call(state, exp(-self.friction * dt), spread, heat),))
            projection = constraints.native_offer("momenta", state, dt)
            if projection is None:
                return None
            calls = (motion.noise_call(state, exp(-self.friction * dt), spread), *projection.calls)
            if self.account:
                taken, given = (motion.energy_call(state, heat, sign) for sign in (-1.0, 1.0))
                calls = (taken, *calls, given)
            return Offer(calls, projection.token, projection.current)

        return Piece(
            "bath",
            "dv = -friction v dt + sqrt(2 friction kT/m) dW",
            frozenset({"velocity", "mass", "id"}),
            frozenset({"velocity", *([HEAT] if self.account else [])}),
            flow,
            role="O",
            native=native,
            keeps_constraints=True,
        )

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        return {"heat given": -setting.motion.total(state[HEAT])} if self.account else {}

    def describe(self) -> str:
        return f"Langevin at T = {self.temperature:g}, friction {self.friction:g}"
