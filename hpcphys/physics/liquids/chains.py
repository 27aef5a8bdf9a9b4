"""Nosé-Hoover chains of thermostats, for all atoms or for groups of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, ClassVar

import numpy as np

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

_FIVE = 1.0 / (4.0 - 4.0 ** (1.0 / 3.0))
_THREE = 1.0 / (2.0 - 2.0 ** (1.0 / 3.0))
SUZUKI_YOSHIDA: dict[int, tuple[float, ...]] = {
    1: (1.0,),
    3: (_THREE, 1.0 - 2.0 * _THREE, _THREE),
    5: (_FIVE, _FIVE, 1.0 - 4.0 * _FIVE, _FIVE, _FIVE),
}
"""Number of weights -> weights of symmetric steps.  Source: Suzuki (1990) Phys. Lett. A 146, 319; Yoshida
(1990) Phys. Lett. A 150, 262."""


@dataclass(frozen=True)
class Chain:
    """Thermostats (eta_k, w_k), k = 1 ... M, on momenta with `degrees` degrees of freedom, at kT = thermal:

        dp/dt = -w_1 p,   Q_1 dw_1/dt = 2K - degrees kT - Q_1 w_2 w_1,
        Q_k dw_k/dt = Q_(k-1) w_(k-1)² - kT - Q_k w_(k+1) w_k,   deta_k/dt = w_k
        Q_1 = degrees kT tau²,  Q_k = kT tau²

    The variables are scalars of the state: PREFIX.eta.0 ..., PREFIX.rate.0 ...
    inner, weights: the flow is `inner` times a product of 1, 3 or 5 symmetric steps (order 2, 4, 4)
    Source: Martyna, Tuckerman, Tobias & Klein (1996) Mol. Phys. 87, 1117, equations (29) to (35).
    """

    prefix: str
    degrees: int
    thermal: float
    period: float
    length: int
    inner: int
    weights: int

    @property
    def masses(self) -> tuple[float, ...]:
        """Q_k [energy time²]."""
        unit = self.thermal * self.period**2
        return (self.degrees * unit, *[unit] * (self.length - 1))

    def names(self, what: str) -> list[str]:
        """Names of the scalars "eta" or "rate"."""
        return [f"{self.prefix}.{what}.{k}" for k in range(self.length)]

    def begin(self, state: State) -> None:
        """Add the chain's scalars, at rest, where they are not yet."""
        started(state, dict.fromkeys((*self.names("eta"), *self.names("rate")), 0.0))

    def advance(self, state: State, twice_kinetic: float, dt: float) -> float:
        """Move the chain over dt; returns the factor of the momenta, whose 2K is `twice_kinetic`."""
        etas, rates = self.names("eta"), self.names("rate")
        eta = [float(state.scalars[name]) for name in etas]
        rate = [float(state.scalars[name]) for name in rates]
        verify_kinetic(0.5 * twice_kinetic)
        factor = 1.0
        for weight in SUZUKI_YOSHIDA[self.weights] * self.inner:
            try:
                part = self._step(eta, rate, twice_kinetic, weight * dt / self.inner)
            except OverflowError:
                raise ValueError(
                    f"the chain {self.prefix} of thermostats cannot follow a kinetic energy of "
                    f"{0.5 * twice_kinetic:.3g} over {self.degrees} degrees of freedom at kT = "
                    f"{self.thermal:g}: atoms overlap, or the step or the chain's period is wrong"
                ) from None
            factor *= part
            twice_kinetic *= part * part
        state.scalars.update(zip((*etas, *rates), (*eta, *rate), strict=True))
        return factor

    def _step(self, eta: list[float], rate: list[float], twice_kinetic: float, dt: float) -> float:
        """One symmetric step: rates from the end of the chain to its head, then eta and p, then back."""
        for k in reversed(range(self.length)):
            self._push(rate, k, twice_kinetic, dt)
        factor = exp(-dt * rate[0])
        for k in range(self.length):
            eta[k] += dt * rate[k]
        for k in range(self.length):
            self._push(rate, k, twice_kinetic * factor * factor, dt)
        return factor

    def _push(self, rate: list[float], k: int, twice_kinetic: float, dt: float) -> None:
        """Half a step of rate k: drag, push, drag."""
        masses = self.masses
        if k == 0:
            push = twice_kinetic - self.degrees * self.thermal
        else:
            push = masses[k - 1] * rate[k - 1] ** 2 - self.thermal
        drag = exp(-0.25 * dt * rate[k + 1]) if k + 1 < self.length else 1.0
        rate[k] = (rate[k] * drag + 0.5 * dt * push / masses[k]) * drag

    def energy(self, state: State) -> float:
        """sum Q_k w_k²/2 + kT (degrees eta_1 + eta_2 + ...)."""
        eta = [float(state.scalars[name]) for name in self.names("eta")]
        rate = [float(state.scalars[name]) for name in self.names("rate")]
        kinetic = sum(0.5 * mass * w * w for mass, w in zip(self.masses, rate, strict=True))
        return kinetic + self.thermal * (self.degrees * eta[0] + sum(eta[1:]))

    def reverse(self, state: State) -> None:
        """w <- -w: time reversed."""
        for name in self.names("rate"):
            state.scalars[name] = -state.scalars[name]


def verify_chain(period: float, length: int, inner: int, weights: int) -> None:
    """Raise ValueError for a chain that cannot be."""
    positive("period", period)
    for name, value in (("length", length), ("inner", inner)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} of a Nosé-Hoover chain is {value!r}; 1, 2, ... are allowed")
    if weights not in SUZUKI_YOSHIDA:
        raise ValueError(f"weights = {weights!r}: allowed are {', '.join(map(str, SUZUKI_YOSHIDA))}")


@dataclass(frozen=True)
class NoseHooverChain(Ensemble):
    """Nosé-Hoover chains: deterministic and reversible; sample exp(-H/kT) where the motion is ergodic.

    temperature: T, or one for each group;  period: tau [time] of the thermostats' own oscillation
    length: M of each chain;  inner, weights: of the flow (see Chain)
    groups: None for one chain on all atoms; else which types belong to each group, such as [[0], [1, 2]]
    Conserved: H + the chains' energy, to the order of the composition.  With several groups the total
    momentum is not conserved, and no degree of freedom is taken off for it; half of each constraint's is
    taken off for each of its two atoms.
    Raises ValueError for a type that belongs to no group or to two.
    Source: Martyna, Klein & Tuckerman (1992) J. Chem. Phys. 97, 2635.
    """

    temperature: float | Sequence[float]
    period: float
    length: int = 3
    inner: int = 1
    weights: int = 3
    groups: Sequence[Sequence[int]] | None = None

    name: ClassVar[str] = "nose_hoover_chain"
    samples: ClassVar[str] = (
        "the canonical ensemble, where the motion is ergodic (not in a lone harmonic well)"
    )

    def __post_init__(self) -> None:
        verify_chain(self.period, self.length, self.inner, self.weights)
        for value in np.ravel(self.temperature):
            positive("temperature", value)
        given, wanted = np.size(self.temperature), 1 if self.groups is None else len(self.groups)
        if given not in (1, wanted):
            raise ValueError(f"{given} temperatures for {wanted} groups; give one, or one for each group")

    @property
    def composition(self) -> str:
        return "obabo"

    @property
    def keeps_momentum(self) -> bool:
        return self.groups is None or len(self.groups) == 1

    def chains(self, setting: Setting, degrees: Sequence[int]) -> list[Chain]:
        """The chains for groups of so many degrees of freedom."""
        thermal = setting.boltzmann * np.broadcast_to(np.asarray(self.temperature, dtype=float), len(degrees))
        return [
            Chain(f"chain.{g}", count, float(kt), self.period, self.length, self.inner, self.weights)
            for g, (count, kt) in enumerate(zip(degrees, thermal, strict=True))
        ]

    def begin(self, state: State, setting: Setting) -> None:
        for g, count in enumerate(self._group_degrees(state, setting)):
            state.scalars.setdefault(f"chain.{g}.degrees", count)
        for chain in self._chains(state, setting):
            chain.begin(state)

    def _chains(self, state: State, setting: Setting) -> list[Chain]:
        groups = 1 if self.groups is None else len(self.groups)
        return self.chains(setting, [int(state.scalars[f"chain.{g}.degrees"]) for g in range(groups)])

    def _group_degrees(self, state: State, setting: Setting) -> list[int]:
        if self.groups is None:
            return [setting.degrees]
        index = self._group_of(state, setting)
        shares = setting.motion.backend.host(index)
        freedom = np.full(state.count, 3.0)
        if setting.constraints is not None:
            freedom -= setting.constraints.shares(state)
        counts = np.bincount(shares, weights=freedom, minlength=len(self.groups))
        total = setting.motion.communicator.allreduce(counts.astype(np.float64), "sum")
        if len(self.groups) == 1:
            total[0] -= setting.conserved_momenta
        if total.min() < 1:
            g = int(np.argmin(total))
            raise ValueError(f"group {g} of types {list(self.groups[g])} has no degree of freedom")
        return [round(count) for count in total]

    def _group_of(self, state: State, setting: Setting) -> Any:
        """(n,) int32 group of each atom."""
        assert self.groups is not None
        kinds = [kind for group in self.groups for kind in group]
        if len(set(kinds)) != len(kinds):
            raise ValueError(f"groups {self.groups}: a type belongs to one group alone")
        table = np.full(max(kinds) + 1, -1, dtype=np.int32)
        for g, group in enumerate(self.groups):
            table[list(group)] = g
        found = setting.motion.backend.host(state["type"])
        missing = sorted(set(np.unique(found).tolist()) - set(kinds))
        if missing:
            raise ValueError(
                f"atoms of type {missing[0]} belong to no group of the thermostats {self.groups}"
            )
        return setting.motion.backend.array(table[found])

    def pieces(self, setting: Setting) -> tuple[Piece, ...]:
        motion = setting.motion
        return (drift_piece(motion), kick_piece(motion), self.bath(setting))

    def bath(self, setting: Setting) -> Piece:
        """The chains' piece."""
        motion = setting.motion

        def flow(state: State, dt: float) -> None:
            chains = self._chains(state, setting)
            if self.groups is None:
                motion.scale(
                    state["velocity"], chains[0].advance(state, 2.0 * motion.kinetic_energy(state), dt)
                )
                return
            index = self._group_of(state, setting)
            energies = motion.group_energies(state, index, len(chains))
            factors = [
                chain.advance(state, 2.0 * float(k), dt) for chain, k in zip(chains, energies, strict=True)
            ]
            motion.scale_groups(state["velocity"], index, np.array(factors))

        return Piece(
            "bath",
            "dv/dt = -w_1 v, and the chain",
            frozenset({"velocity", "mass"}),
            frozenset({"velocity"}),
            flow,
            role="O",
            # Groups are scaled by different factors, which stretches bonds between them.
            keeps_constraints=self.groups is None,
        )

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        return {"chains": sum(chain.energy(state) for chain in self._chains(state, setting))}

    def reverse(self, state: State, setting: Setting) -> None:
        """Time reversed."""
        for chain in self._chains(state, setting):
            chain.reverse(state)

    def describe(self) -> str:
        groups = "" if self.groups is None else f" on {len(self.groups)} groups of types"
        return f"Nosé-Hoover chain of {self.length} at T = {self.temperature}, period {self.period:g}{groups}"
