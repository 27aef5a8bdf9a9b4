"""The canonical structure of particles, whose state holds velocities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpcphys.compiler.state import State
from hpcphys.compiler.structures.base import Arrays, Structure


class CanonicalStructure(Structure):
    """dq/dt = dH/dp, dp/dt = -dH/dq with p = m v; the state holds v.

    With H written in (q, v), dH/dp = (1/m) dH/dv, so that dq/dt = (1/m) dH/dv and dv/dt = -(1/m) dH/dq.
    pairs: (position, velocity) names [(n, d) rows]; mass: name of the (n,) masses. No Casimirs.
    Source: Hairer, Lubich & Wanner (2006), section VI.1.
    """

    name = "canonical"
    equation = "dq/dt = dH/dp,  dp/dt = -dH/dq,  p = m v"

    def __init__(self, pairs: Sequence[tuple[str, str]] = (("position", "velocity"),), mass: str = "mass"):
        self.pairs = tuple(pairs)
        self.mass = mass

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        motion = {}
        for position, velocity in self.pairs:
            shape = (-1,) + (1,) * (gradient[position].ndim - 1)
            inverse_mass = 1.0 / z[self.mass].reshape(shape)
            motion[position] = inverse_mass * gradient[velocity]
            motion[velocity] = -inverse_mass * gradient[position]
        return motion

    def reverse(self, state: State) -> None:
        """v <- -v."""
        for _, velocity in self.pairs:
            state[velocity] *= -1.0
