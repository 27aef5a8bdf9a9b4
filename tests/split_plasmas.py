"""Small plasmas for tests of the splitting: random particles and fields that meet Gauss's laws."""

from __future__ import annotations

import numpy as np

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import Maxwell
from hpcphys.physics.plasma.particles import Particles, Species
from hpcphys.physics.plasma.splitting import hamiltonian_splitting

SPACING = (0.5, 0.7, 0.6)
LIGHT, PERMITTIVITY = 1.3, 0.8
CHARGE, MASS = -1.3, 1.7


class SmallPlasma:
    """One species of n particles on a periodic grid, as engine and as the system of its splitting."""

    def __init__(
        self, shape, order, precision="double", *, n=40, thermal=0.3, fields=0.3, seed=5, communicator=None
    ):
        axes = len(shape)
        self.shape, self.spacing = tuple(shape), SPACING[:axes]
        # One thread: a few particles are done before a second one has woken up.
        one = backend("cpu", threads=1)
        self.blocks = GridBlocks(
            shape, communicator or Communicator.serial(), max(2, order + 1 + (order == 3)), backend=one
        )
        species = Species("electrons", CHARGE, MASS, relativistic=False, tracked=True)
        self.particles = Particles(
            species, self.blocks, self.spacing, order=order, precision=precision, light_speed=LIGHT,
            backend=one,
        )  # fmt: skip
        self.fields = Maxwell(
            self.blocks, self.spacing, light_speed=LIGHT, permittivity=PERMITTIVITY, precision=precision
        )
        rng = np.random.default_rng(seed)
        self.length = np.array(shape) * self.spacing
        self.weight = (rng.random(n) + 0.5) * np.prod(self.length) / n
        position, momentum = rng.random((n, axes)) * self.length, thermal * rng.normal(size=(n, 3))
        cells = position / self.spacing
        end = np.add(self.blocks.start, self.blocks.count)
        mine = ((cells >= self.blocks.start) & (cells < end)).all(axis=1)
        self.particles.add(position[mine], momentum[mine], self.weight[mine], np.flatnonzero(mine))
        self.particles.migrate()
        self.background = -CHARGE * self.weight.sum() / np.prod(self.length)
        self.fields.initial_E(self.charge())
        # A potential of B, so that ∇·B = 0, from the same random numbers on every rank.
        window = tuple(slice(s, s + k) for s, k in zip(self.blocks.start, self.blocks.count, strict=True))
        potential = np.zeros_like(self.fields.E)
        for field, by in ((potential, fields), (self.fields.E, fields)):
            whole = by * rng.normal(size=(3, *shape))
            field[(slice(None), *self.blocks.owned)] += whole[(slice(None), *window)]
        kept, self.fields.E = self.fields.E.copy(), potential
        self.fields.fill_E()
        self.fields.faraday(1.0)
        self.fields.E = kept
        self.fields.fill_E()
        inside = (None, ..., *self.blocks.owned)
        self.state = State({name: getattr(self.fields, name)[inside] for name in ("E", "B", "J")})
        self.system = hamiltonian_splitting(self.state, {"electrons": self.particles}, self.fields)

    def piece(self, name):
        return next(piece for piece in self.system.pieces if piece.name == name)

    def charge(self):
        """ρ on the nodes with the background."""
        rho = np.zeros(self.blocks.local_shape, self.particles.real)
        self.particles.deposit_charge(rho)
        self.blocks.sum(rho)
        return rho + self.particles.real(self.background)

    def values(self):
        """Position, momentum, E, B in double, particles in the order of their numbers: for a bracket."""
        rows = self.particles.rows()
        order = np.argsort(rows["id"])
        inside = (slice(None), *self.blocks.owned)
        return {
            "position": rows["position"][order], "momentum": rows["momentum"][order],
            "E": self.fields.E[inside].astype(float), "B": self.fields.B[inside].astype(float),
        }  # fmt: skip

    def put(self, values):
        """The state of `values` in place of the present one; one rank."""
        particles = self.particles
        kept = particles.saved()
        particles.restore({name: array[:0] for name, array in kept.items()})
        n = len(values["position"])
        particles.add(values["position"] % self.length, values["momentum"], self.weight, np.arange(n))
        for name in ("E", "B"):
            getattr(self.fields, name)[(slice(None), *self.blocks.owned)] = values[name]
        self.fields.fill_E(), self.fields.fill_B()

    def energy(self):
        fields = self.fields.energy()
        return self.particles.kinetic_energy() + sum(float(part.sum()) for part in fields.values())

    def shifted(self, after, before):
        """Differences of two `values`, positions by the nearest image."""
        found = {name: after[name] - before[name] for name in after}
        found["position"] = (found["position"] + self.length / 2) % self.length - self.length / 2
        return found
