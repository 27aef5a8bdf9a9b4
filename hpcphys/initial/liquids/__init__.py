"""Atoms and molecules to start from: each rank makes its share; the whole is the same for every rank count.

lattice = Lattice("fcc", (6, 6, 6), density=0.8442)
arrays = on_lattice(lattice, *share_of(communicator, lattice.count))
thermal_velocities(arrays, lattice.count, 1.44, rng_seed, communicator)
"""

from __future__ import annotations

from hpcphys.initial.liquids.atoms import (
    mixture,
    on_lattice,
    random_packing,
    replicated,
    share_of,
    thermal_velocities,
)
from hpcphys.initial.liquids.lattices import BASES, Lattice, cells_for
from hpcphys.initial.liquids.molecules import (
    Template,
    bonds_of,
    chain,
    dumbbell,
    molecules_on_lattice,
    water,
)

__all__ = [
    "BASES",
    "Lattice",
    "Template",
    "bonds_of",
    "cells_for",
    "chain",
    "dumbbell",
    "mixture",
    "molecules_on_lattice",
    "on_lattice",
    "random_packing",
    "replicated",
    "share_of",
    "thermal_velocities",
    "water",
]
