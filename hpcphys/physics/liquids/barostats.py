"""Barostats that scale the box from time to time: stochastic cell rescaling, and Berendsen's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import exp, isfinite, log, sqrt
from typing import Any, ClassVar

import numpy as np

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.compositions import composition as composition_named
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.boxes import begin_box, image_frame, known_box, vector_change
from hpcphys.physics.liquids.pressure import ENERGY, kinetic_of_centres, virial_of_centres
from hpcphys.physics.liquids.setting import Ensemble, Setting, positive, started
from hpcphys.physics.liquids.variates import BAROSTAT, Variates

WORK = "barostat.work"
LARGEST_CHANGE = 0.5
"""Of the volume in one application: a barostat that wants more is faulty, too fast, or applied too seldom."""


@dataclass(frozen=True)
class BoxRescaling(Ensemble, ABC):
    """A barostat that scales positions and box in every `every`-th step, with a thermostat.

    pressure: P0 [energy/volume];  period: tau_p [time];  compressibility: beta_T of the liquid, or a guess:
        the volume relaxes with tau_p times the true one over it [volume/energy]
    thermostat: an ensemble with a temperature;  every: steps between applications, whose extra evaluation of
        the forces makes a step 1/every dearer
    The box is of first order in the time between applications, every dt. Beyond 2 tau_p/(beta_T M), with M
    the modulus -V dP/dV of a sudden scaling (several times 1/beta_T in a liquid), each change overshoots the
    last, and the run ends with an error.
    With constraints the molecules' centres of mass are scaled, and their shapes stay.
    """

    pressure: float
    period: float
    compressibility: float
    thermostat: Any
    every: int = 10

    needs_totals: ClassVar[bool] = True
    scales_box: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("period", self.period)
        positive("compressibility", self.compressibility)
        if not isfinite(self.pressure):
            raise ValueError(f"pressure = {self.pressure!r}: must be finite")
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise ValueError(f"every = {self.every!r}; 1, 2, ... steps are allowed")
        if not hasattr(self.thermostat, "temperature") or np.ndim(self.thermostat.temperature):
            raise ValueError(f"a barostat needs a thermostat of one temperature; found {self.thermostat}")

    @property
    def composition(self) -> Composition:
        """The thermostat's composition after the scaling of the box: forces are valid when a step ends."""
        inner = composition_named(str(self.thermostat.composition))
        return Composition(
            f"box+{inner.name}",
            1,
            f"first order in the box alone; then {inner.source}",
            symmetric=False,
            sequence=(("S", 1.0), *inner.sequence),
        )

    @property
    def keeps_momentum(self) -> bool:
        return self.thermostat.keeps_momentum

    def begin(self, state: State, setting: Setting) -> None:
        begin_box(state, setting.field, self.name)
        started(state, {WORK: 0.0})
        self.thermostat.begin(state, setting)

    def pieces(self, setting: Setting) -> tuple[Piece, ...]:
        return (*self.thermostat.pieces(setting), self._cell(setting))

    def _cell(self, setting: Setting) -> Piece:
        waiting: list[Callable[[State], None]] = []

        def complete(state: State) -> None:
            while waiting:
                waiting.pop()(state)

        setting.field.completed.append(complete)

        def flow(state: State, dt: float) -> None:
            if state.step % self.every:
                setting.field.idle = True
                return
            waiting.append(self.rescale(state, setting, dt * self.every))

        return Piece(
            "box",
            self.equation,
            frozenset({"position", "velocity", "mass", "force"}),
            frozenset({"position", "velocity"}),
            flow,
            role="S",
            keeps_constraints=True,
        )

    @property
    @abstractmethod
    def equation(self) -> str:
        """What the box or the velocities obey, as text."""

    @abstractmethod
    def rescale(self, state: State, setting: Setting, dt: float) -> Callable[[State], None]:
        """Scale the box; returns what completes the account of the work after the next evaluation."""

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        return {"barostat's work": float(state.scalars[WORK]), **self.thermostat.parts(state, setting)}

    def reverse(self, state: State, setting: Setting) -> None:
        self.thermostat.reverse(state, setting)

    def describe(self) -> str:
        every = f", every {self.every} steps" if self.every > 1 else ""
        bath = self.thermostat.describe()
        return f"{self.name} at P = {self.pressure:g}, period {self.period:g}{every}; {bath}"


def scale_box(state: State, setting: Setting, factors: np.ndarray, velocities: bool, who: str) -> None:
    """Positions (of centres) and box times a factor for each axis about the origin, velocities by the inverse
    if asked for.  Raises ValueError for a change that no sound run makes."""
    ratio = float(np.prod(factors))
    if not (abs(ratio - 1.0) <= LARGEST_CHANGE and min(factors) > 0.0):
        raise ValueError(
            f"{who} would change the volume by a factor {ratio:.4g} at once, more than "
            f"{LARGEST_CHANGE:.0%}: the pressure is far from its target or not finite, or each change "
            "overshoots the last; begin nearer to it, give a longer period, or change the box more often (a "
            "smaller 'every')"
        )
    box = known_box(state, setting.field)
    assert box is not None
    larger = box.scaled(factors)
    motion, centres = setting.motion, setting.constraints
    grown, nothing = np.diag(factors), np.zeros((3, 3))
    if centres is None:
        motion.transform(state["position"], grown, box.origin)
        if velocities:
            motion.transform(state["velocity"], np.diag(1.0 / factors))
    else:
        frame = vector_change(box, larger, motion.backend)
        centres.move(state, motion, 0.0, grown, nothing, frame, image_frame(box, motion.backend))
        if velocities:
            centres.kick(state, motion, 0.0, np.diag(1.0 / factors), nothing)
    larger.to_scalars(state)


@dataclass(frozen=True)
class CellRescaling(BoxRescaling):
    """Stochastic cell rescaling, isotropic: samples exp(-(H + P0 V)/kT).

        dV = -(beta_T V/tau_p)(P0 - P - kT/V) dt + sqrt(2 kT beta_T V/tau_p) dW,
        x ~ V^(1/3),  v ~ V^(-1/3)

    in l = sqrt(V), whose noise does not depend on it:  dl = D f dt + sqrt(2 D) dW with
    D = kT beta_T/(4 tau_p)  and  f = (2 l/kT)(P - P0 + kT/(2V)).
    P is the pressure of the moment, kinetic part included.
    Conserved (effective energy): K + U + P0 V - (kT/2) ln V, less what thermostat and barostat gave: of each
    move kT times the logarithm of the ratio of its probability to its reverse's.
    Source: Bernetti & Bussi (2020) J. Chem. Phys. 153, 114107, equations (4) to (9) and section II C.
    """

    name: ClassVar[str] = "cell_rescaling"
    samples: ClassVar[str] = "the isothermal-isobaric ensemble"

    @property
    def equation(self) -> str:
        return (
            "dV = -(beta_T V/tau_p)(P0 - P - kT/V) dt + sqrt(2 kT beta_T V/tau_p) dW, x ~ V^1/3, v ~ V^-1/3"
        )

    def axes(self, state: State) -> list[int]:
        """The Cartesian axes that this application scales."""
        return [0, 1, 2]

    def rescale(self, state: State, setting: Setting, dt: float) -> Callable[[State], None]:
        thermal = setting.boltzmann * self.thermostat.temperature
        mobility = thermal * self.compressibility / (4.0 * self.period)
        volume, axes = known_box(state, setting.field).volume, self.axes(state)
        kinetic = float(np.diag(kinetic_of_centres(state, setting))[axes].sum())

        def push(now: State, twice_kinetic: float, size: float) -> float:
            virial = float(np.diag(virial_of_centres(now, setting))[axes].sum())
            internal = (twice_kinetic + virial) / (len(axes) * size)
            return 2.0 * sqrt(size) / thermal * (internal - self.pressure + 0.5 * thermal / size)

        first = push(state, kinetic, volume)
        draw = Variates(state, BAROSTAT).normal()
        change = mobility * first * dt + sqrt(2.0 * mobility * dt) * draw
        root = sqrt(volume) + change
        ratio = root * root / volume if root > 0.0 else float("nan")
        factors = np.ones(3)
        factors[axes] = ratio ** (1.0 / len(axes))
        scale_box(state, setting, factors, True, self.name)

        def complete(now: State) -> None:
            last = push(now, kinetic / factors[axes[0]] ** 2, root * root)
            bias = 0.25 * mobility * dt * (last * last - first * first)
            now.scalars[WORK] += thermal * (0.5 * change * (first + last) + bias)

        return complete

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        volume = known_box(state, setting.field).volume
        thermal = setting.boltzmann * self.thermostat.temperature
        own = {"pressure times volume": self.pressure * volume, "measure": -0.5 * thermal * log(volume)}
        return own | super().parts(state, setting)


@dataclass(frozen=True)
class AxesRescaling(CellRescaling):
    """Stochastic cell rescaling with a factor for each Cartesian axis: samples exp(-(H + P0 V)/kT) over boxes
    whose axes are scaled, as crystals and slabs need it.  Angles of an orthorhombic box stay right.

        de_a = (beta_T/(3 tau_p))(P_aa - P0) dt + sqrt(2 kT beta_T/(3 V tau_p)) dW_a,
        x_a ~ e^e_a,  v_a ~ e^-e_a,  V ~ e^(e_x + e_y + e_z)

    One axis at a time, in turn and over three times the time: with the others at rest sqrt(V) is again the
    variable whose noise does not depend on it, and the account of the work is that of CellRescaling.
    exp(-(K + U + P0 V)/kT) V d³e is stationary: V^n e^(-P0 V/kT) in the volume of an ideal gas.  A liquid
    does not resist such changes: its box drifts in shape; take CellRescaling for it.
    Source: Del Tatto, Raiteri, Bernetti & Bussi (2022) Appl. Sci. 12, 1139, for diagonal changes.
    """

    name: ClassVar[str] = "axes_rescaling"
    samples: ClassVar[str] = "the isothermal-isobaric ensemble, over the lengths of the box's axes"

    @property
    def equation(self) -> str:
        return "de_a = (beta_T/3 tau_p)(P_aa - P0) dt + sqrt(2 kT beta_T/3 V tau_p) dW_a, x ~ e^e, v ~ e^-e"

    def axes(self, state: State) -> list[int]:
        return [state.step // self.every % 3]


@dataclass(frozen=True)
class BerendsenBarostat(BoxRescaling):
    """dV/dt = -(beta_T V/tau_p)(P0 - P):  x ~ V^(1/3), velocities untouched.

    WARNING: it samples no known ensemble. The volume's fluctuations are suppressed, and a compressibility
    from them is wrong.  For reaching a density, not for measuring at it: use CellRescaling, which relaxes as
    fast and samples the isothermal-isobaric ensemble.
    Conserved: K + U less what thermostat and scaling gave (an account of energy, not a measure).
    Source: Berendsen, Postma, van Gunsteren, DiNola & Haak (1984) J. Chem. Phys. 81, 3684.
    """

    name: ClassVar[str] = "berendsen_barostat"
    samples: ClassVar[str] = (
        "NO known ensemble: fluctuations of the volume are suppressed. For equilibration only; "
        "cell_rescaling relaxes as fast and samples the isothermal-isobaric ensemble"
    )

    @property
    def equation(self) -> str:
        return "dV/dt = -(beta_T V/tau_p)(P0 - P), x ~ V^1/3"

    def rescale(self, state: State, setting: Setting, dt: float) -> Callable[[State], None]:
        volume = known_box(state, setting.field).volume
        trace = float(np.trace(kinetic_of_centres(state, setting) + virial_of_centres(state, setting)))
        exponent = -self.compressibility * dt / self.period * (self.pressure - trace / (3.0 * volume))
        before = float(state.scalars[ENERGY])
        scale_box(state, setting, np.full(3, exp(min(exponent, 700.0) / 3.0)), False, self.name)

        def complete(now: State) -> None:
            now.scalars[WORK] -= float(now.scalars[ENERGY]) - before

        return complete
