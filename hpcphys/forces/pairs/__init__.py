"""Short-range pair forces: potentials, and the field that sums them over lists of clusters."""

from __future__ import annotations

from hpcphys.forces.pairs.errors import OverlapError
from hpcphys.forces.pairs.field import PairForces
from hpcphys.forces.pairs.potential import PairPotential
from hpcphys.forces.pairs.potentials import WCA, Buckingham, LennardJones, Morse, SoftCore
from hpcphys.forces.pairs.stated import Expression, Table

__all__ = [
    "WCA",
    "Buckingham",
    "Expression",
    "LennardJones",
    "Morse",
    "OverlapError",
    "PairForces",
    "PairPotential",
    "SoftCore",
    "Table",
]
