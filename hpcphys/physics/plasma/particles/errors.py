"""What can be wrong with particles."""

from __future__ import annotations


class ParticleError(ValueError):
    """Particles that do not fit their grid, or a move that no grid allows; the message names the particle."""
