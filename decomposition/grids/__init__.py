"""Blocks of a Cartesian grid with guards: fields of particle-in-cell and local stencils on any ranks."""

from .blocks import GridBlocks
from .cutting import GridError
from .regrid import Regrid

__all__ = ["GridBlocks", "GridError", "Regrid"]
