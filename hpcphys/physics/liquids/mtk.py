"""Constant pressure by equations of motion: Martyna, Tobias & Klein, isotropic and fully flexible."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any, ClassVar

import numpy as np

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.boxes import begin_box, image_frame, known_box, vector_change
from hpcphys.physics.liquids.chains import Chain, verify_chain
from hpcphys.physics.liquids.pressure import COMPONENTS, kinetic_of_centres, virial_of_centres
from hpcphys.physics.liquids.setting import Ensemble, Setting, positive, started

RATE = "barostat.rate"
CENTRES = "barostat.centres"
LARGEST_RATE = 0.2
"""Of the rate times the step: beyond it the box would change by its own size in a few steps."""

MEASURE = np.array([2.0, 0.0, -2.0])
"""Powers of the box's diagonal that the lower triangular motion lacks; see MartynaTobiasKlein."""

MTK = Composition(
    "mtk",
    2,
    "Martyna, Tuckerman, Tobias & Klein (1996) Mol. Phys. 87, 1117, section 4; Tuckerman, Alejandre, "
    "Lopez-Rendon, Jochim & Martyna (2006) J. Phys. A 39, 5629",
    sequence=(("O", 0.5), ("P", 0.5), ("B", 0.5), ("A", 1.0), ("B", 0.5), ("P", 0.5), ("O", 0.5)),
)


@dataclass(frozen=True)
class MartynaTobiasKlein(Ensemble):
    """Isothermal-isobaric equations of motion with chains of thermostats on atoms and on the box.

        dx/dt = v + x G,   dV/dt = V G (rows: V the box vectors, G lower triangular),
        dv/dt = F/m - (G + Tr G/N) v,   W dG/dt = sum m v v + virial - P0 |V| + (2K/N) + kT c

    isotropic: G = g 1 and the trace of the last equation.  N: degrees of freedom of the centres.
    flexible: the six components of G move, so that the box turns with none of its shape's changes; c = (2, 0,
        -2) on the diagonal makes the measure |V|^-2 d^9 V of Martyna et al., of which the triangular box is
        what is left after rotations: it is |V|^N e^(-P0 |V|/kT) in the volume.
    temperature, period: of the atoms' chain;  pressure: P0;  box_period: tau of box and its chain
    length, inner, weights: of both chains (see Chain)
    masses: W = (N + 3) kT tau² (isotropic), a third of it for each component (flexible)
    Conserved: H + P0 |V| + W G²/2 + the chains' energy [- kT c ln V_aa].  Reversible, second order.
    With constraints the molecules' centres are scaled: F, m, v, x of the equations are theirs.
    Total momentum is conserved if it is zero; the volume then follows |V|^(centres - 1) e^(-P0 |V|/kT).
    Sources: Martyna, Tobias & Klein (1994) J. Chem. Phys. 101, 4177; composition: see MTK; triangular boxes:
    Tuckerman (2010), Statistical Mechanics, section 5.11.
    """

    temperature: float
    period: float
    pressure: float
    box_period: float
    flexible: bool = False
    length: int = 3
    inner: int = 1
    weights: int = 3

    name: ClassVar[str] = "martyna_tobias_klein"
    samples: ClassVar[str] = "the isothermal-isobaric ensemble, where the motion is ergodic"
    needs_totals: ClassVar[bool] = True
    scales_box: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("temperature", self.temperature)
        positive("box_period", self.box_period)
        verify_chain(self.period, self.length, self.inner, self.weights)
        if not np.isfinite(self.pressure):
            raise ValueError(f"pressure = {self.pressure!r}: must be finite")

    @property
    def composition(self) -> Composition:
        return MTK

    # -- variables in the state --------------------------------------------------------------------------

    @property
    def rates(self) -> tuple[str, ...]:
        """Names of the scalars that hold G."""
        return tuple(f"{RATE}.{name}" for name in COMPONENTS) if self.flexible else (RATE,)

    def begin(self, state: State, setting: Setting) -> None:
        begin_box(state, setting.field, self.name)
        constraints = setting.constraints
        centres = setting.atoms if constraints is None else constraints.centres(state)
        started(state, {**dict.fromkeys(self.rates, 0.0), CENTRES: centres})
        for chain in self._chains(setting):
            chain.begin(state)

    def _chains(self, setting: Setting) -> tuple[Chain, Chain]:
        """Of the atoms, and of the box."""
        thermal = setting.boltzmann * self.temperature
        shape = (self.length, self.inner, self.weights)
        return (
            Chain("chain.0", setting.degrees, thermal, self.period, *shape),
            Chain("chain.box", len(self.rates), thermal, self.box_period, *shape),
        )

    def _freedom(self, state: State, setting: Setting) -> int:
        """Degrees of freedom of the centres."""
        return 3 * int(state.scalars[CENTRES]) - setting.conserved_momenta

    def mass(self, state: State, setting: Setting) -> float:
        """W [energy time²]."""
        whole = (
            (self._freedom(state, setting) + 3) * setting.boltzmann * self.temperature * self.box_period**2
        )
        return whole / 3.0 if self.flexible else whole

    def _rate(self, state: State) -> np.ndarray:
        """(3, 3) G."""
        if not self.flexible:
            return float(state.scalars[RATE]) * np.eye(3)
        found = np.zeros((3, 3))
        for name in COMPONENTS:
            found["xyz".index(name[0]), "xyz".index(name[1])] = state.scalars[f"{RATE}.{name}"]
        return found

    # -- flows -------------------------------------------------------------------------------------------

    def pieces(self, setting: Setting) -> tuple[Piece, ...]:
        motion, centres = setting.motion, setting.constraints

        def drift(state: State, dt: float) -> None:
            grown, lasting = exponentials(self._rate(state).T, dt)
            box = known_box(state, setting.field)
            larger = box.scaled(grown.T)
            if centres is None:
                position = state["position"]
                position -= motion.backend.array(box.origin)
                motion.affine(position, grown, state["velocity"], lasting)
                position += motion.backend.array(box.origin)
            else:
                frame = vector_change(box, larger, motion.backend)
                images = image_frame(box, motion.backend)
                centres.move(state, motion, dt, grown, lasting, frame, images)
            larger.to_scalars(state)

        def kick(state: State, dt: float) -> None:
            rate = self._rate(state)
            drag = rate + np.trace(rate) / self._freedom(state, setting) * np.eye(3)
            left, lasting = exponentials(-drag, dt)
            if centres is None:
                motion.affine(state["velocity"], left, state["force"], lasting, state["mass"])
            else:
                centres.kick(state, motion, dt, left, lasting)

        x, v, derived = "position", "velocity", frozenset({"force", "mass"})
        return (
            Piece(
                "drift", "dx/dt = v + x G, dV/dt = V G", frozenset({x, v}), frozenset({x}), drift, role="A"
            ),
            Piece("kick", "dv/dt = F/m - (G + Tr G/N) v", derived | {v}, frozenset({v}), kick, role="B"),
            self._push(setting),
            self._bath(setting),
        )

    def _push(self, setting: Setting) -> Piece:
        def flow(state: State, dt: float) -> None:
            kinetic = kinetic_of_centres(state, setting)
            volume = known_box(state, setting.field).volume
            drive = kinetic + virial_of_centres(state, setting)
            mean = np.trace(kinetic) / self._freedom(state, setting)
            drive += (mean - self.pressure * volume) * np.eye(3)
            mass = self.mass(state, setting)
            if not self.flexible:
                state.scalars[RATE] += dt * float(np.trace(drive)) / mass
                return
            drive += setting.boltzmann * self.temperature * np.diag(MEASURE)
            for name in COMPONENTS:
                entry = drive["xyz".index(name[0]), "xyz".index(name[1])]
                state.scalars[f"{RATE}.{name}"] += dt * float(entry) / mass

        reads = frozenset({"position", "velocity", "force", "mass"})
        return Piece(
            "push", "W dG/dt = m v v + virial - P0 V + ...", reads, frozenset({RATE}), flow, role="P"
        )

    def _bath(self, setting: Setting) -> Piece:
        atoms, box = self._chains(setting)

        def flow(state: State, dt: float) -> None:
            kinetic = setting.motion.kinetic_energy(state)
            setting.motion.scale(state["velocity"], atoms.advance(state, 2.0 * kinetic, dt))
            factor = box.advance(state, 2.0 * self._box_energy(state, setting), dt)
            for name in self.rates:
                state.scalars[name] *= factor

        return Piece(
            "bath",
            "dv/dt = -w_1 v, and the chains",
            frozenset({"velocity", "mass"}),
            frozenset({"velocity"}),
            flow,
            role="O",
            keeps_constraints=True,
        )

    # -- what is conserved -------------------------------------------------------------------------------

    def _box_energy(self, state: State, setting: Setting) -> float:
        squares = sum(float(state.scalars[name]) ** 2 for name in self.rates)
        return 0.5 * self.mass(state, setting) * squares

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        box = known_box(state, setting.field)
        atoms, own = self._chains(setting)
        found = {
            "pressure times volume": self.pressure * box.volume,
            "box": self._box_energy(state, setting),
            "chains": atoms.energy(state) + own.energy(state),
        }
        if self.flexible:
            thermal = setting.boltzmann * self.temperature
            powers = zip(MEASURE, np.diag(box.vectors), strict=True)
            found["measure"] = -thermal * sum(float(c) * log(float(edge)) for c, edge in powers)
        return found

    def reverse(self, state: State, setting: Setting) -> None:
        for name in self.rates:
            state.scalars[name] = -state.scalars[name]
        for chain in self._chains(setting):
            chain.reverse(state)

    def describe(self) -> str:
        kind = "flexible" if self.flexible else "isotropic"
        return (
            f"Martyna-Tobias-Klein, {kind}, at T = {self.temperature:g}, P = {self.pressure:g}, periods "
            f"{self.period:g} and {self.box_period:g}"
        )


def exponentials(matrix: np.ndarray, dt: float) -> tuple[Any, Any]:
    """e^(M dt) and the integral of e^(M s) over s from 0 to dt, by their series; |M dt| is small.

    Raises ValueError beyond LARGEST_RATE.
    """
    m = matrix * dt
    size = float(np.abs(m).max())
    if not size <= LARGEST_RATE:
        raise ValueError(
            f"the box changes at a rate of {size:.3g} in one step, more than {LARGEST_RATE}: the pressure is "
            "far from its target or not finite; begin nearer to it, or give a longer box_period"
        )
    term = np.eye(3)
    grown, lasting = np.eye(3), np.eye(3)
    for k in range(1, 20):
        term = term @ m / k
        grown += term
        lasting += term / (k + 1)
    return grown, dt * lasting
