"""Plasmas: macro-particles in tiles, fields on grids, and what theory says of their waves."""
