"""Velocities of a temperature: drawn atom by atom, whoever owns the atom."""

from __future__ import annotations

from math import sqrt
from typing import Any

from hpcphys.compiler.flows.noise import BLOCKS, SEED
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.motion import Motion
from hpcphys.physics.liquids.system import verify_masses


def maxwell_boltzmann(
    state: State,
    temperature: float,
    backend: Any,
    communicator: Any,
    *,
    seed: int = 0,
    boltzmann: float = 1.0,
    remove_centre: bool = True,
    exact: bool = False,
    constraints: Any = None,
    field: Any = None,
    reproducible: bool = True,
) -> None:
    """v of each atom from exp(-m v²/2kT), a function of (seed; id): the same for every number of ranks.

    seed: also kept in the state, for the noise of the run (scalar "noise.seed")
    remove_centre: take the velocity of the centre of mass away;  exact: then scale so that the kinetic
        temperature is `temperature`, with the degrees of freedom that are left
    constraints: RigidMolecules, onto which the velocities are projected;  field: its field
    The array "velocity" is made if the state has none.  The blocks of random numbers are the last of the
    step, which no flow of a run reaches.
    Raises ValueError for a temperature that is not positive (drop the call, or set velocities to zero
    yourself), or a mass that is not positive.
    """
    if not 0.0 < temperature < float("inf"):
        raise ValueError(
            f"temperature = {temperature!r} where velocities are asked for; it must be positive and finite "
            '(atoms at rest need no draw: state["velocity"][...] = 0)'
        )
    motion = Motion(backend, communicator, reproducible)
    verify_masses(state, motion)
    state.scalars[SEED] = int(seed)
    if "velocity" not in state:
        state["velocity"] = backend.zeros((state.count, 3))
    drawn, state.blocks_drawn = state.blocks_drawn, BLOCKS - 2
    motion.ornstein_uhlenbeck(state, 0.0, sqrt(boltzmann * temperature))
    state.blocks_drawn = drawn
    bound = 0
    if constraints is not None:
        bound = constraints.bind(state, field, motion)
        constraints.project_momenta(state)
    if remove_centre:
        remove_centre_of_mass(state, motion)
    if exact:
        degrees = 3 * motion.count(state) - bound - (3 if remove_centre else 0)
        if degrees < 1:
            raise ValueError(f"{degrees} degrees of freedom are left: no temperature can be given to them")
        kinetic = motion.kinetic_energy(state)
        motion.scale(state["velocity"], sqrt(0.5 * degrees * boltzmann * temperature / kinetic))


def remove_centre_of_mass(state: State, motion: Motion) -> None:
    """v <- v - sum m v / sum m.  Constraints stay met: all atoms move by the same."""
    mass = motion.total(state["mass"])
    state["velocity"] -= motion.backend.array(motion.momentum(state) / mass)
