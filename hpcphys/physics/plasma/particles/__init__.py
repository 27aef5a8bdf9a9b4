"""Macro-particles of a plasma: sorted tiles, pushed and deposited by native kernels."""

from __future__ import annotations

from .errors import ParticleError
from .particles import Particles
from .species import Species

__all__ = ["ParticleError", "Particles", "Species"]
