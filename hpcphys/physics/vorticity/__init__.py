"""Incompressible flow in two dimensions, in its vorticity: Euler and Navier-Stokes on a periodic square."""

from __future__ import annotations
