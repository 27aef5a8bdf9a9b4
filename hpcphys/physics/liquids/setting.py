"""What an ensemble is told of the liquid that it acts on."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.motion import Motion


@dataclass(frozen=True)
class Setting:
    """motion: kernels and sums;  field: computes the forces;  constraints: RigidMolecules or None;
    boltzmann: k_B;  atoms: number on all ranks;  degrees: momenta that hold kT/2 each, constraints and
    conserved momenta taken off;  conserved_momenta: components of the total momentum that stay zero"""

    motion: Motion
    field: Any
    constraints: Any
    boltzmann: float
    atoms: int
    degrees: int
    conserved_momenta: int

    def temperature(self, kinetic_energy: float) -> float:
        """T = 2 K / (degrees k_B)."""
        return 2.0 * kinetic_energy / (self.degrees * self.boltzmann)


class Ensemble:
    """Base of the ensembles: microcanonical unless a subclass adds pieces.

    name: the field's word;  composition: the composition that it is made for, or its name
    samples: what a long run samples, or what it does not, in words
    keeps_momentum: the total momentum is conserved, if the forces sum to zero
    needs_totals: the flows read energy and virial of the field in every step
    """

    name: ClassVar[str] = "nve"
    samples: ClassVar[str] = "the microcanonical ensemble: energy, volume and total momentum are constant"
    needs_totals: ClassVar[bool] = False
    scales_box: ClassVar[bool] = False

    @property
    def composition(self) -> str | Composition:
        return "leapfrog"

    @property
    def keeps_momentum(self) -> bool:
        return True

    def begin(self, state: State, setting: Setting) -> None:
        """Add to the state the scalars and arrays that the flows keep there; what is there stays."""

    def pieces(self, setting: Setting) -> tuple[Piece, ...]:
        """The pieces in the order of the splitting H = A + B + ..."""
        return (drift_piece(setting.motion), kick_piece(setting.motion))

    def parts(self, state: State, setting: Setting) -> dict[str, float]:
        """What is added to kinetic and potential energy to make the conserved quantity, by name [energy]."""
        return {}

    def reverse(self, state: State, setting: Setting) -> None:
        """Reverse time in the variables of the ensemble; velocities are reversed by the structure."""

    def describe(self) -> str:
        """One line for `explain` and logs."""
        return self.name


def drift_piece(motion: Motion) -> Piece:
    """dx/dt = v."""
    return Piece(
        "drift",
        "dx/dt = v",
        frozenset({"position", "velocity"}),
        frozenset({"position"}),
        motion.drift,
        role="A",
        native=motion.offered_drift,
    )


def kick_piece(motion: Motion) -> Piece:
    """dv/dt = F/m."""
    reads = frozenset({"velocity", "force", "mass"})
    return Piece(
        "kick",
        "dv/dt = F/m",
        reads,
        frozenset({"velocity"}),
        motion.kick,
        role="B",
        native=motion.offered_kick,
    )


def started(state: State, values: dict[str, float]) -> None:
    """Put scalars into the state that are not there yet."""
    for name, value in values.items():
        state.scalars.setdefault(name, value)


def positive(name: str, value: float, zero: bool = False) -> float:
    """The value as a float.  Raises ValueError unless it is finite and positive (or zero, if allowed)."""
    number = float(value)
    if not (number > 0.0 or (zero and number == 0.0)) or number == float("inf"):
        raise ValueError(f"{name} = {value!r}: must be a finite number {'>= 0' if zero else '> 0'}")
    return number


def verify_kinetic(kinetic: float) -> None:
    """Raise ValueError unless a kinetic energy is finite."""
    if not isfinite(kinetic):
        raise ValueError(
            f"the kinetic energy is {kinetic!r}: a velocity or a force is not finite; atoms overlap, or the "
            "step is far too long"
        )
