"""Liquids: many atoms, forces of a short range, and an ensemble.

    dx/dt = v,   dv/dt = F/m,   and the pieces of the ensemble

The field computes F (PairForces or anything with its interface); the ensemble adds thermostats and barostats
as further pieces, with their variables in scalars of the state.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.compositions import Composition
from hpcphys.compiler.program import Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.pressure import ENERGY, TotalsField, keep_totals
from hpcphys.physics.liquids.setting import Ensemble, Setting

NEEDED = ("position", "velocity", "mass", "id")


class LiquidStructure(CanonicalStructure):
    """The canonical structure with an ensemble's variables, which reverse with time."""

    def __init__(self, ensemble: Ensemble, setting: Setting):
        super().__init__()
        self._ensemble, self._setting = ensemble, setting

    def reverse(self, state: State) -> None:
        """v <- -v, and the rates of thermostats and barostats."""
        super().reverse(state)
        self._ensemble.reverse(state, self._setting)


@dataclass(frozen=True)
class Liquid(PhysicalSystem):
    """A physical system with an ensemble.  Made by `liquid`."""

    ensemble: Ensemble = dataclasses.field(default_factory=Ensemble)
    setting: Setting | None = None

    @property
    def composition(self) -> str | Composition:
        """The composition that the ensemble is made for, or its name."""
        return self.ensemble.composition

    def program(self, dt: float, **options: Any) -> Program:
        """compile_structure with the ensemble's composition."""
        return compile_structure(self, self.composition, dt=dt, **options)


def liquid(
    state: State,
    field: Any,
    backend: Any,
    communicator: Any,
    *,
    ensemble: Ensemble | str = "nve",
    constraints: Any = None,
    boltzmann: float = 1.0,
    conserved_momenta: int | None = None,
    reproducible: bool = False,
) -> Liquid:
    """The system of the module's equations, split into the pieces of the ensemble.

    state: position, velocity (n, 3) float64, mass (n,) float64, id (n,) int64 of this rank; the box in its
        scalars where a barostat changes it
    field: writes "force"; `totals()` -> {"energy", "virial"} after an evaluation with request_totals
    ensemble: "nve", or Langevin(...), NoseHooverChain(...), VelocityRescaling(...), ...
    constraints: RigidMolecules, or None
    boltzmann: k_B [energy/temperature]
    conserved_momenta: components of the total momentum that are zero and stay so; by default 3, or 0 with an
        ensemble that does not keep them; 0 where an external field acts
    reproducible: sums over atoms do not depend on the number of ranks
    Adds the ensemble's scalars and arrays to the state unless they are there (a restart).
    Raises ValueError for missing arrays, masses that are not positive, a moving centre of mass, and for
    fewer than one degree of freedom.
    """
    if isinstance(ensemble, str):
        if ensemble != "nve":
            raise ValueError(f'ensemble {ensemble!r}: allowed are "nve" and the objects of physics.liquids')
        ensemble = Ensemble()
    missing = [name for name in NEEDED if name not in state]
    if missing or "force" not in field.writes:
        found = f"missing: {', '.join(missing)}" if missing else "the field does not compute the array force"
        raise ValueError(f"a liquid needs the arrays {', '.join(NEEDED)} and a field of forces; {found}")
    motion = Motion(backend, communicator, reproducible)
    verify_masses(state, motion)
    kept = _kept_momenta(state, motion, ensemble, conserved_momenta)
    atoms = motion.count(state)
    bound = 0 if constraints is None else constraints.bind(state, field, motion)
    degrees = 3 * atoms - bound - kept
    if degrees < 1:
        raise ValueError(
            f"{atoms} atoms with {bound} constraints and {kept} conserved momenta have {degrees} degrees of "
            "freedom; at least 1 is needed"
        )
    if ensemble.needs_totals:
        field = TotalsField(field)
    setting = Setting(motion, field, constraints, float(boltzmann), atoms, degrees, kept)
    ensemble.begin(state, setting)
    return Liquid(
        state,
        ensemble.pieces(setting),
        LiquidStructure(ensemble, setting),
        fields=(field,),
        quadratic_kinetic=type(ensemble) is Ensemble,
        equation=f"H = sum p²/2m + V(q);  {ensemble.describe()}: samples {ensemble.samples}",
        constraints=constraints,
        ensemble=ensemble,
        setting=setting,
    )


def conserved(system: Liquid) -> dict[str, float]:
    """The conserved quantity of the ensemble (for stochastic ones the effective energy) and its parts.

    Keys: "kinetic", "potential", the ensemble's own parts, and "conserved", their sum [energy].  Collective.
    Evaluates the field once more if its totals do not belong to the present positions.
    """
    state, setting = system.state, system.setting
    assert setting is not None
    parts = {"kinetic": setting.motion.kinetic_energy(state), "potential": potential_energy(system)}
    parts |= system.ensemble.parts(state, setting)
    return parts | {"conserved": sum(parts.values())}


def potential_energy(system: Liquid) -> float:
    """The field's energy at the present positions, with its corrections for what lies beyond the cutoff."""
    state, field = system.state, system.fields[0]
    if isinstance(field, TotalsField):
        if not state.is_valid("force"):
            field.evaluate(state)
            state.mark_valid(field.writes)
        return float(state.scalars[ENERGY])
    before, field.request_totals = field.request_totals, True
    field.evaluate(state, frozenset())
    state.mark_valid(field.writes)
    field.request_totals = before
    keep_totals(state, field.totals())
    return float(state.scalars[ENERGY])


def verify_masses(state: State, motion: Motion) -> None:
    """Raise ValueError, on every rank, for masses that are not positive and finite."""
    mass = motion.backend.host(state["mass"])
    wrong = np.flatnonzero(~(mass > 0.0) | ~np.isfinite(mass))
    if motion.communicator.allreduce(len(wrong), "sum"):
        own = motion.backend.host(state["id"])[wrong[:1]]
        first = int(motion.communicator.allreduce(int(own[0]) if len(own) else -1, "max"))
        raise ValueError(
            f"{motion.communicator.allreduce(len(wrong), 'sum')} atoms have a mass that is not positive and "
            f"finite, such as the atom with id {first}; every atom that moves needs a mass > 0"
        )


def _kept_momenta(state: State, motion: Motion, ensemble: Ensemble, given: int | None) -> int:
    """How many components of the total momentum are conserved.  Raises ValueError if they are not zero."""
    if given not in (None, 0, 1, 2, 3):
        raise ValueError(f"conserved_momenta = {given!r}; allowed: 0, 1, 2, 3")
    if given is not None:
        return given
    if not ensemble.keeps_momentum:
        return 0
    # Axis by axis: no array of all velocities is made beside the lists.
    mass, velocity = state["mass"], state["velocity"]
    size = sum(motion.total((mass * velocity[:, axis]) ** 2) for axis in range(3))
    total = motion.momentum(state)
    if np.abs(total).max() > 1e-6 * np.sqrt(size):
        raise ValueError(
            f"the total momentum is {total}: {ensemble.name} keeps it, and temperature and pressure would "
            "count it as heat; call remove_centre_of_mass(state, ...) first, or give conserved_momenta = 0"
        )
    return 3
