"""The split-operator engine: flows of a wavefunction, as lazy as their order allows.

    i ∂ψ/∂t = [ (p - qA)²/2m + V(x, t) + g|ψ|² - i W(x) ] ψ,      ħ = 1

A potential flow only adds to a phase that is still due, a kinetic flow to one in momenta; both are applied
when a flow arrives that does not commute with them. So the last half kick of one step and the first of the
next are one phase, and a step of n kinetic flows costs n pairs of transforms.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.wavefunction import WAVEFUNCTION
from hpcphys.physics.schrodinger.fused import FusedSweeps
from hpcphys.physics.schrodinger.grid import WaveGrid
from hpcphys.physics.schrodinger.potential import GridFunction, PotentialError
from hpcphys.physics.schrodinger.sweeps import ArraySweeps, Drift, Kick
from hpcphys.physics.schrodinger.vector_potential import VectorPotential

KEPT, KEPT_OF_AXES = 6, 64
"""Tables of the grid's size, and of its axes' sizes, that are kept for durations to come."""


@dataclass(frozen=True)
class _DueKick:
    duration: float
    gradient: float
    clock: float


@dataclass(frozen=True)
class _DueDrift:
    duration: float
    impulse: tuple[float, ...]
    action: tuple[float, ...]


class SplitOperator:
    """Flows of the kinetic and the potential energy of one wavefunction, exact for each.

    grid: WaveGrid of this rank;  backend: kernel runtime;  communicator: of the ranks that share the grid
    potential: V(x, t) as a text in x, y, z, t and parameters, a number, or an array of this rank's values
    nonlinearity: g of g|ψ|²;  absorber: W(x) ≥ 0, a text or an array;  parameters: name -> number
    vector_potential: axis name -> A_j (see VectorPotential);  charge: q

    threads: must be those of the backend (None: whichever they are)

    `frozen`: None, or the time at which H stays while flows run over -i dt instead of dt: all states decay
    towards the ground state, times exp(shift dt), so that the norm stays near 1 for `shift` near its energy.
    Time advances with the kinetic flow (Sanz-Serna & Calvo 1994, section 12.7), from state.time at the start
    of each step. The state is in positions after `synchronise` alone, which programs call.
    Raises PotentialError, on all ranks, if V, W or A is infinite or NaN on the grid, or W negative.
    Source: Feit, Fleck & Steiger (1982) J. Comput. Phys. 47, 412.
    """

    def __init__(
        self,
        grid: WaveGrid,
        backend: Any,
        communicator: Any,
        potential: Any = None,
        nonlinearity: float = 0.0,
        absorber: Any = None,
        vector_potential: Mapping[str, Any] | None = None,
        charge: float = 1.0,
        parameters: Mapping[str, float] | None = None,
        time: float = 0.0,
        threads: int | None = None,
    ):
        if threads is not None and threads != backend.threads:
            raise ValueError(
                f"threads = {threads}, but the backend was made with threads = {backend.threads}"
            )
        self.grid, self.backend, self.communicator = grid, backend, communicator
        self.strength = float(nonlinearity)
        self.frozen: float | None = None
        self.shift = 0.0
        self.potential_function = _function(potential, grid, parameters, "potential")
        self.absorber = _function(absorber, grid, parameters, "absorber")
        self.vector_potential = VectorPotential(vector_potential, grid, parameters, charge)
        self._check(time)
        fused = backend.name == "cpu"
        self.sweeps = (FusedSweeps if fused else ArraySweeps)(grid, backend, communicator)
        self._kick: _DueKick | None = None
        self._drift: _DueDrift | None = None
        self._clock: tuple[float, int, float] = (0.0, 0, 0.0)
        self._tables: OrderedDict[tuple, Any] = OrderedDict()
        self._factors: OrderedDict[tuple, Any] = OrderedDict()

    @property
    def gradient_warning(self) -> str:
        """What to say of compositions with a force gradient (chin4a, …), or "" if they keep their order."""
        field = self.potential_function
        if field is None or not field.corners:
            return ""
        return (
            f"the potential {field.expression} has corners or steps (abs, sign, min, max, …): compositions "
            "with a force gradient lose their order where the wavefunction reaches them; choose "
            "blanes_moan_rkn4"
        )

    @property
    def imaginary(self) -> bool:
        """Whether flows run in imaginary time."""
        return self.frozen is not None

    # -- flows ----------------------------------------------------------------------------------------------

    def kinetic(self, state: State, dt: float) -> None:
        """The flow of (p - qA(t))²/2m over dt [time], of the axes without A_j(x); moves the clock."""
        clock = self.clock(state)
        axes = range(self.grid.dimension)
        if self.imaginary:
            uniform = [self.vector_potential.uniform_at(axis, clock) for axis in axes]
            found = [(a * dt, a * a * dt) for a in uniform]
        else:
            found = [self.vector_potential.integrals(axis, clock, dt) for axis in axes]
        due = self._drift or _DueDrift(0.0, (0.0,) * len(found), (0.0,) * len(found))
        self._drift = _DueDrift(
            due.duration + dt,
            tuple(a + i for a, (i, _) in zip(due.impulse, found, strict=True)),
            tuple(a + j for a, (_, j) in zip(due.action, found, strict=True)),
        )
        time, step, offset = self._clock
        self._clock = (time, step, offset + dt)

    def potential(self, state: State, dt: float, gradient: float = 0.0) -> None:
        """The flow of V + g|ψ|² - iW over dt, with V - gradient/dt |∇V|²/m in the place of V.

        dt [time]; gradient [time³] as Piece.gradient_flow has it.
        Raises PotentialError for dt < 0 with an absorber, and for a gradient with a nonlinearity or a
        potential given as an array.
        """
        if dt < 0 and self.absorber is not None and not self.imaginary:
            raise PotentialError(
                f"an absorber cannot act over the negative time {dt:g}: waves would grow; choose a "
                "composition without negative coefficients of the potential, such as leapfrog or chin4a"
            )
        if gradient and self.strength:
            raise PotentialError(
                "the force gradient of g|ψ|² is not at hand; choose a composition without, such as "
                "blanes_moan_rkn4"
            )
        if self._drift is not None:
            self._flush(state)
        # Kicks without a kinetic flow between them belong to one time: they are one kick.
        due = self._kick or _DueKick(0.0, 0.0, self.clock(state))
        self._kick = _DueKick(due.duration + dt, due.gradient + gradient, due.clock)

    def directional(self, axis: int, state: State, dt: float) -> None:
        """The flow of (p_j - qA_j(x))²/2m_j over dt, A_j free of x_j: one transform along the axis j."""
        self.synchronise(state)
        shift = self.vector_potential.charge * self.vector_potential.transverse[axis].values()
        rate = (-0.5 if self.imaginary else -0.5j) * dt / self.grid.mass[axis]
        self.sweeps.directional(state[WAVEFUNCTION], axis, shift, rate)

    def synchronise(self, state: State) -> None:
        """Bring ψ to positions with all flows applied; collective."""
        if self._drift is not None:
            self._flush(state)
        if self._kick is not None or self.sweeps.mixed:
            kick = None if self._kick is None else self._kick_of(self._kick)
            self._kick = None
            self.sweeps.finish(state[WAVEFUNCTION], kick)

    def clock(self, state: State) -> float:
        """The time within a step: state.time and the kinetic flows since the step began."""
        if self.frozen is not None:
            return self.frozen
        time, step, offset = self._clock
        if (time, step) != (state.time, state.step):
            offset = 0.0
            self._clock = (state.time, state.step, offset)
        return state.time + offset

    # -- what flows are made of -----------------------------------------------------------------------------

    def _flush(self, state: State) -> None:
        kick = None if self._kick is None else self._kick_of(self._kick)
        drift = self._drift_of(self._drift)
        self._kick = self._drift = None
        self.sweeps.advance(state[WAVEFUNCTION], kick, drift)

    def _kick_of(self, due: _DueKick) -> Kick:
        tau, clock, field = due.duration, due.clock, self.potential_function
        if self.imaginary:
            return self._imaginary_kick(due)
        kick = Kick(None, tau, strength=self.strength)
        if field is not None:
            kick = replace(kick, values=self._moving("V", field, clock, field.values))
            if due.gradient:
                slope = self._moving("slope", field, clock, field.squared_gradient)
                kick = replace(kick, slope=slope, gradient=due.gradient)
        if self.absorber is not None:
            rate = self.absorber.values(0.0)
            kick = replace(
                kick,
                damping=self._table(("W", tau), lambda: np.exp(-tau * rate), real=True),
                exposure=self._table(("E", tau), lambda: _exposure(rate, tau)) if self.strength else None,
            )
        return kick

    def _moving(self, name: str, field: GridFunction, clock: float, values: Callable[[float], Any]) -> Any:
        """Values at a time on the backend, kept only if they stay."""
        if field.time_dependent:
            return self.backend.array(values(clock))
        return self._table((name,), lambda: values(clock))

    def _imaginary_kick(self, due: _DueKick) -> Kick:
        """exp(-τ V - gradient |∇V|²/m), and the exact decay of |ψ|² under g|ψ|²."""
        tau, gradient, clock, field = due.duration, due.gradient, due.clock, self.potential_function

        def damping() -> np.ndarray:
            angle = tau * field.values(clock)
            if gradient:
                angle = angle + gradient * field.squared_gradient(clock)
            return np.exp(-angle)

        kick = Kick(None, tau, strength=self.strength, imaginary=True)
        if field is None:
            return kick
        return replace(
            kick,
            damping=self._table(("decay", tau, gradient, clock), damping, real=True),
            exposure=self._table(("exposure", tau, clock), lambda: _exposure(field.values(clock), tau))
            if self.strength
            else None,
        )

    def _drift_of(self, due: _DueDrift) -> Drift:
        """Factors exp(-i (k² τ - 2 k ∫qA + ∫(qA)²)/2m) of each axis; 1 where A_j(x) has its own flow."""

        def factors() -> tuple[Any, ...]:
            found = []
            for axis, k in enumerate(self.grid.wavenumbers):
                square = k * k * due.duration - 2.0 * k * due.impulse[axis] + due.action[axis]
                if axis in self.vector_potential.transverse:
                    square = np.zeros_like(k)
                rate = -0.5 if self.imaginary else -0.5j
                found.append(np.exp(rate / self.grid.mass[axis] * square).astype(self.grid.complex_type))
            if self.imaginary:
                found[0] *= np.exp(self.shift * due.duration)
            return tuple(self.backend.array(factor) for factor in found)

        if self.vector_potential.uniform:
            return Drift(factors())
        key = (due.duration, self.frozen, self.shift)
        return Drift(_remembered(self._factors, KEPT_OF_AXES, key, factors))

    def _table(self, key: tuple, make: Callable[[], np.ndarray], real: bool = False) -> Any:
        """An array on the backend, kept for its key; `real`: in the precision of the wavefunction."""
        kind = self.grid.real_type if real else np.float64
        return _remembered(self._tables, KEPT, key, lambda: self.backend.array(make(), dtype=kind))

    def _check(self, time: float) -> None:
        """Raise PotentialError on all ranks if a function cannot be used on the grid of any."""
        fields = [self.potential_function, self.absorber, *self.vector_potential.transverse.values()]
        problems = [field.problem(time) for field in fields if field is not None]
        if self.absorber is not None and not any(problems):
            values = self.absorber.values(0.0)
            if values.size and values.min() < 0:
                problems.append(f"absorber is {values.min():g} somewhere; W(x) must not be negative")
        found = next((problem for problem in problems if problem), "")
        messages = [message for message in self.communicator.allgather(found) if message]
        if messages:
            raise PotentialError(messages[0])


def _function(given: Any, grid: WaveGrid, parameters: Any, name: str) -> GridFunction | None:
    return None if given is None else GridFunction(given, grid, parameters, name)


def _exposure(rate: np.ndarray, duration: float) -> np.ndarray:
    """∫_0^τ exp(-2 W s) ds = (1 - exp(-2 W τ))/(2 W), τ where W = 0."""
    twice = 2.0 * rate
    safe = np.where(twice == 0.0, 1.0, twice)
    return np.where(twice == 0.0, duration, -np.expm1(-safe * duration) / safe)


def _remembered(kept: OrderedDict[tuple, Any], most: int, key: tuple, make: Callable[[], Any]) -> Any:
    """kept[key], made if it is not there; of more than `most` the one that was not used for longest goes."""
    if key not in kept:
        kept[key] = make()
        if len(kept) > most:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]
