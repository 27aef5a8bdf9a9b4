"""Exact flows of particles under single terms of the Hamiltonian of Vlasov and Maxwell."""

from __future__ import annotations

from typing import Any

from .errors import ParticleError
from .particles import Particles


class ParticleFlows:
    """Two flows of the particles of a species, non-relativistic (v = u), each exact in given fields:

        electric   du/dt = (q/m) E(x),  dx/dt = 0
        along i    dx_i/dt = u_i,  du/dt = (q/m) u_i e_i × B(x),  J_i = Σ q w u_i S(x)

    u_i is constant in the second, so that the other momenta change by integrals of B along a straight line,
    and the current is that of its path: both integrals of shapes, split at the faces of bins, exact to
    round-off.  dt may be negative: a flow over dt and one over -dt give the start, to round-off.

    particles: order 1 to 3, gather="energy", periodic axes, a species that is not relativistic
    Source: He, Qin, Sun, Xiao, Zhang & Liu (2015) Phys. Plasmas 22, 124503.
    Raises ParticleError for other particles.
    """

    def __init__(self, particles: Particles):
        species = particles.species
        problems = [
            text
            for text, found in (
                ("order 0 (use 1, 2 or 3)", particles.order == 0),
                ('gather="momentum" (use "energy")', particles.gather != "energy"),
                ('deposition="direct" (use "charge_conserving")', particles.deposition == "direct"),
                ("γ (use relativistic=False)", species.relativistic),
                ("walls (use periodic axes)", not all(particles.blocks.periodic)),
            )
            if found
        ]
        if problems:
            raise ParticleError(
                f"species '{species.name}': the Hamiltonian splitting has no exact flows with "
                + ", ".join(problems)
            )
        self.particles = particles
        self._call = particles.backend.module(
            "pic_splitting", **particles._defines(), **particles._push_defines()
        ).host

    def electric(self, E: Any, dt: float) -> None:
        """u ← u + dt (q/m) E(x).  E: (3, *blocks.local_shape), guards filled; dt [time]."""
        self._call("pic_electric", self.particles.handle, E, dt)

    def along(self, axis: int, B: Any, J: Any, dt: float) -> None:
        """x_i ← x_i + dt u_i, the other momenta turn about B, and J_i += the mean current of dt.

        axis: i, one of 0, 1, 2; where the grid has no such axis only momenta and J change
        B: (3, *blocks.local_shape), guards filled;  J: (*blocks.local_shape), component i alone, whose guards
        are left to the caller;  dt: not 0 [time].  Particles that leave the block wait for `migrate`.
        Raises ParticleError if a particle would cross more than `reach` bins.
        """
        if self._call("pic_along", self.particles.handle, axis, B, J, dt):
            raise self.particles._too_far(dt)
