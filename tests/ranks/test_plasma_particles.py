"""Particles of a plasma on any number of ranks: the same as on one, and none is lost."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.physics.plasma.particles import Particles, Species

pytestmark = pytest.mark.mpi
SPACING, DT, STEPS = (0.5, 0.7, 0.6), 0.35, 6


def run(communicator, shape, order, periodic, precision="double"):
    """Charge and current of the whole grid after some steps, and what was counted, on every rank."""
    axes = len(shape)
    blocks = GridBlocks(shape, communicator, order + 1 if order > 1 else 2, periodic=periodic)
    walls = {a: ("reflecting", "absorbing") for a in range(axes) if not periodic[a]}
    species = Species("electrons", -1.3, 1.7, tracked=True)
    particles = Particles(
        species, blocks, SPACING[:axes], order=order, precision=precision, light_speed=1.1, boundaries=walls
    )
    rng = np.random.default_rng(9)
    n = 5 * int(np.prod(shape))
    position = rng.random((n, axes)) * np.array(shape) * SPACING[:axes]
    momentum, weight = 0.6 * rng.normal(size=(n, 3)), rng.random(n) + 0.5
    cells = position / SPACING[:axes]
    mine = ((cells >= blocks.start) & (cells < np.add(blocks.start, blocks.count))).all(axis=1)
    particles.add(position[mine], momentum[mine], weight[mine], np.flatnonzero(mine))
    particles.migrate()
    whole = 0.4 * rng.normal(size=(2, 3, *[k + 2 * blocks.guards for k in shape]))
    window = tuple(slice(s, s + k) for s, k in zip(blocks.start, blocks.local_shape, strict=True))
    E, B = (np.ascontiguousarray(field[(slice(None), *window)], dtype=particles.real) for field in whole)
    blocks.fill(E, B)
    for _ in range(STEPS):
        J = np.zeros_like(E)
        before = charge_of(particles)
        particles.advance(E, B, J, DT)
        particles.migrate()
        assert particles.waiting == 0
        blocks.sum(J)
        blocks.fill(J)
    after = charge_of(particles)
    residual = (after - before) / DT
    for a in range(axes):
        residual += (J[a] - np.roll(J[a], 1, a)) / SPACING[a]
    # Charge that a wall has absorbed stays on the nodes that it reached: the wall's and half an order inside.
    g, reached = blocks.guards, order // 2
    inner = tuple(
        slice(
            g + blocks.boundary(a, 0) * (1 + reached), g + blocks.count[a] - blocks.boundary(a, 1) * reached
        )
        for a in range(axes)
    )
    found = {"charge": after, "J": J}
    for name, array in found.items():
        total = np.zeros((*array.shape[:-axes], *shape))
        place = tuple(slice(s, s + k) for s, k in zip(blocks.start, blocks.count, strict=True))
        total[(..., *place)] = array[(..., *blocks.owned)]
        found[name] = communicator.allreduce(total)
    found["residual"] = communicator.allreduce(float(abs(residual[inner]).max() * DT), "max")
    found["count"] = communicator.allreduce(particles.count)
    found["lost"] = communicator.allreduce(sum(loss["count"] for loss in particles.boundary_losses.values()))
    found["given"], found["particles"] = n, particles
    return found


def charge_of(particles):
    charge = np.zeros(particles.blocks.local_shape, particles.real)
    particles.deposit_charge(charge)
    particles.blocks.sum(charge)
    return charge


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


CASES = [
    ((34,), 1, (True,)),
    ((24, 26), 2, (True, True)),
    ((26, 22), 2, (False, True)),
    ((12, 14, 16), 1, (True, True, True)),
    ((16, 14, 12), 1, (True, False, True)),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_as_on_one_rank(ranks, case):
    communicator = ranks
    if communicator.size > 4 and len(case[0]) == 1:
        pytest.skip("blocks thinner than their guards")
    several, one = run(communicator, *case), run(Communicator.serial(), *case)
    assert several["count"] + several["lost"] == several["given"]
    assert several["count"] == one["count"]
    assert several["lost"] == one["lost"]
    assert (several["lost"] > 0) == (not all(case[2]))
    for name in ("charge", "J"):
        assert abs(several[name] - one[name]).max() < 1e-12 * abs(one[name]).max()
    assert several["residual"] < 2e-15 * abs(one["charge"]).max()
    particles = several["particles"]
    saved = particles.saved()
    kept = particles.count
    particles.restore(saved)
    assert particles.count == kept
    assert all(saved[name].tobytes() == particles.saved()[name].tobytes() for name in saved)


def test_other_blocks_have_the_same_particles(ranks):
    """Rows of a run on several ranks, on one; and blocks whose planes have moved."""
    shape, order, periodic = CASES[2]
    if ranks.size > 4:
        pytest.skip("blocks thinner than their guards")
    particles = run(ranks, shape, order, periodic)["particles"]
    blocks = particles.blocks
    borders = [planes.copy() for planes in blocks.borders]
    for planes in borders:
        planes[1:-1] += 1
    moved = particles.rebalanced(GridBlocks(shape, ranks, blocks.guards, periodic=periodic, borders=borders))
    assert ranks.allreduce(moved.count) == ranks.allreduce(particles.count)
    assert moved.boundary_losses == particles.boundary_losses
    rows = [np.concatenate(ranks.allgather(found.rows()[name])) for found in (particles, moved)
            for name in ("id", "position", "momentum")]  # fmt: skip
    for before, after in zip(rows[:3], rows[3:], strict=True):
        assert (before[np.argsort(rows[0])] == after[np.argsort(rows[3])]).all()
