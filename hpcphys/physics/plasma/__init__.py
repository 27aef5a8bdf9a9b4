"""Plasmas: macro-particles and fields on a grid, particle-in-cell."""
