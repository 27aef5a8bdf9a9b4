"""Fields of a plasma on blocks of a grid: Maxwell's and Poisson's equations, walls, layers, antennas."""

from __future__ import annotations

from .antennas import Antenna, gaussian_pulse, plane_wave
from .external import ExternalFields
from .filters import binomial_filter
from .maxwell import Maxwell
from .poisson import Poisson

__all__ = [
    "Antenna",
    "ExternalFields",
    "Maxwell",
    "Poisson",
    "binomial_filter",
    "gaussian_pulse",
    "plane_wave",
]
