"""Plasmas to start from: macro-particles by species, the same ones whatever the number of ranks.

A particle is known by its cell in the whole grid and its number in that cell: all that is random about it
follows from these two and the seed.
"""

from __future__ import annotations

from hpcphys.initial.plasma.draws import Draws, radical_inverse
from hpcphys.initial.plasma.loading import Box, Loading, LoadingError, Part, loaded
from hpcphys.initial.plasma.momenta import maxwell_juttner, maxwellian
from hpcphys.initial.plasma.places import LAYOUTS, lattice, places

__all__ = [
    "LAYOUTS",
    "Box",
    "Draws",
    "Loading",
    "LoadingError",
    "Part",
    "lattice",
    "loaded",
    "maxwell_juttner",
    "maxwellian",
    "places",
    "radical_inverse",
]
