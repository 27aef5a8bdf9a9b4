"""Small liquids with pair forces for tests of native loops."""

from __future__ import annotations

from math import pi

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.forces.pairs import LennardJones, PairForces
from hpcphys.initial.liquids import Lattice, on_lattice, share_of
from hpcphys.kernels import backend
from hpcphys.physics.liquids import (
    Motion,
    RigidMolecules,
    dumb_bell,
    liquid,
    maxwell_boltzmann,
    remove_centre_of_mass,
    three_site,
)

CPU = backend("cpu", threads=1)
CUTOFF, BUFFER = 1.8, 0.2
SITES = {
    "dumb_bell": (dumb_bell((0, 0), 0.5), [[0, 0, 0], [0.5, 0, 0]]),
    "water": (three_site((0, 1, 1), 0.5, pi / 2), [[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]]),
}


def program_of_atoms(
    ranks, ensemble, dt=0.005, *, cells=5, precision="mixed", field_class=PairForces, **options
):
    """Lennard-Jones atoms, hot enough for several lists in 60 steps."""
    crystal = Lattice("fcc", (cells,) * 3, density=0.8442)
    state = State(on_lattice(crystal, *share_of(ranks, crystal.count)))
    maxwell_boltzmann(state, 1.44, CPU, ranks, seed=1, exact=True)
    box = Box(crystal.vectors)
    box.to_scalars(state)
    blocks = Cells(box, ranks, reach=CUTOFF + BUFFER) if ranks.size > 1 else None
    field = field_class(
        CPU,
        ranks,
        box,
        LennardJones(),
        cutoff=CUTOFF,
        buffer=BUFFER,
        precision=precision,
        cells=blocks,
        **options,
    )
    return liquid(state, field, CPU, ranks, ensemble=ensemble).program(dt)


def program_of_molecules(ranks, ensemble, what, dt=0.004):
    """Rigid molecules on a cubic lattice, on one rank."""
    template, sites = SITES[what]
    width, atoms = 5, len(sites)
    corners = np.stack(np.meshgrid(*[np.arange(width) * 1.6] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    position = (corners + np.array(sites)).reshape(-1, 3)
    count = len(position)
    state = State(
        {
            "position": position,
            "velocity": np.random.default_rng(1).normal(size=(count, 3)),
            "mass": np.ones(count),
            "id": np.arange(count),
            "type": np.tile(np.array(template.types, np.int32), count // atoms),
            "molecule": np.arange(count) // atoms,
        }
    )
    within = [(i, i + k) for i in range(count) for k in range(1, atoms - i % atoms)]
    potential = LennardJones() if what == "dumb_bell" else LennardJones([1.0, 1.0], [1.0, 1.0])
    field = PairForces(
        CPU, ranks, Box(np.eye(3) * width * 1.6), potential, cutoff=CUTOFF, buffer=BUFFER, exclusions=within
    )
    rigid, motion = RigidMolecules([template]), Motion(CPU, ranks)
    rigid.bind(state, field, motion)
    rigid.project_momenta(state)
    remove_centre_of_mass(state, motion)
    return liquid(state, field, CPU, ranks, ensemble=ensemble, constraints=rigid).program(dt)


def step_by_step(program):
    """The same program without its native loop."""
    program.loop = None
    return program


def difference(one, other) -> list[str]:
    """What is not the same bit for bit in two programs: arrays, scalars, time, lists."""
    a, b = one.state, other.state
    found = [name for name in a if not np.array_equal(a[name], b[name])]
    found += [name for name in {*a.scalars, *b.scalars} if a.scalars.get(name) != b.scalars.get(name)]
    counts = ("builds", "dangerous", "evaluations")
    fields = one.system.fields[0], other.system.fields[0]
    found += [name for name in counts if getattr(fields[0], name) != getattr(fields[1], name)]
    return found + (["time"] if (a.time, a.step) != (b.time, b.step) else [])
