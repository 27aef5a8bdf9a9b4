"""The distributed tree on easy and hostile distributions: right, and the same on any number of ranks."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend

pytestmark = pytest.mark.mpi

SOFTENING = 0.05


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.fixture(scope="module")
def cpu():
    return backend("cpu", threads=1)


def plummer(rng, count):
    radius = 1 / np.sqrt(rng.uniform(0.001, 0.999, count) ** (-2 / 3) - 1)
    direction = rng.normal(size=(count, 3))
    return radius[:, None] * direction / np.linalg.norm(direction, axis=1)[:, None]


def uniform(rng, count):
    return rng.uniform(-1, 1, (count, 3))


def cluster_beside_void(rng, count):
    position = 0.01 * rng.normal(size=(count, 3)) + 5.0
    position[:: max(count // 10, 1)] = rng.uniform(-10, 10, position[:: max(count // 10, 1)].shape)
    return position


def one_point(rng, count):
    return np.full((count, 3), 0.3)


def distant_outliers(rng, count):
    position = plummer(rng, count)
    position[: count // 100] *= 1e6
    return position


def a_line(rng, count):
    return np.outer(np.linspace(0, 1, count), [1.0, 0.0, 0.0])


DISTRIBUTIONS = [plummer, uniform, cluster_beside_void, one_point, distant_outliers, a_line]


def system(distribution, count):
    """All rows of the system; masses differ by a factor of a hundred."""
    rng = np.random.default_rng(11)
    return {
        "position": np.ascontiguousarray(distribution(rng, count), dtype=np.float64),
        "velocity": rng.normal(size=(count, 3)),
        "mass": 10.0 ** rng.uniform(-1, 1, count) / max(count, 1),
        "id": rng.permutation(count).astype(np.int64),
    }


def share(everything, ranks):
    """This rank's rows in an arbitrary split; where there are three ranks or more, the second has none."""
    owner = np.random.default_rng(12).integers(0, ranks.size, len(everything["id"]))
    if ranks.size > 2:
        owner[owner == 1] = 0
    return State({name: array[owner == ranks.rank].copy() for name, array in everything.items()})


def evaluated(state, communicator, cpu, times=1, **options):
    field = TreeGravity(cpu, communicator, softening=SOFTENING, **options)
    for _ in range(times):
        field.layout.exchange(state)
        field.evaluate(state, frozenset({"potential"}))
    return field


def joined(ranks, state):
    """All ranks' rows in the order of their identity."""
    everything = {name: np.concatenate(ranks.allgather(np.asarray(state[name]))) for name in state.names()}
    order = np.argsort(everything["id"])
    return {name: array[order] for name, array in everything.items()}


def direct(rows):
    """Softened sums over all pairs: accelerations, potentials, and the sum of the moduli of all pulls."""
    separation = rows["position"][None] - rows["position"][:, None]
    square = (separation**2).sum(axis=2)
    inverse = 1 / np.sqrt(square + SOFTENING**2)
    weight = rows["mass"] * inverse**3
    np.fill_diagonal(inverse, 0.0)
    return (
        (weight[:, :, None] * separation).sum(axis=1),
        -(rows["mass"] * inverse).sum(axis=1),
        (weight * np.sqrt(square)).sum(axis=1),
    )


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("count", [1, 5, 900])
def test_forces_are_those_of_direct_sums(ranks, cpu, distribution, count):
    everything = system(distribution, count)
    state = share(everything, ranks)
    # The correction of the total momentum is larger than what pulls at an outlier: it is left out here.
    options = {
        "criterion": "geometric",
        "opening_angle": 0.3,
        "precision": "double",
        "conserve_momentum": False,
    }
    evaluated(state, ranks, cpu, **options)
    found = joined(ranks, state)
    order = np.argsort(everything["id"])
    for name in everything:
        assert (found[name] == everything[name][order]).all(), name
    acceleration, potential, pull = direct(found)
    error = np.linalg.norm(found["acceleration"] - acceleration, axis=1)
    # Where the pulls cancel, as inside a line, the error is small against them and not against their sum.
    assert (error <= 1e-2 * pull + 1e-14 * pull.max()).all()
    assert np.abs(found["potential"] - potential).max() <= 1e-3 * np.abs(potential).max()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("precision", ["mixed", "double"])
def test_ranks_agree_bit_for_bit(ranks, cpu, distribution, precision):
    everything = system(distribution, 900)
    state, alone = share(everything, ranks), State({name: a.copy() for name, a in everything.items()})
    evaluated(state, ranks, cpu, times=2, precision=precision)
    serial = Communicator.serial()
    evaluated(alone, serial, cpu, times=2, precision=precision)
    found, wanted = joined(ranks, state), joined(serial, alone)
    assert set(found) == set(wanted)
    for name in wanted:
        assert (found[name] == wanted[name]).all(), name


@pytest.mark.parametrize("distribution", [plummer, cluster_beside_void, distant_outliers])
def test_momentum_is_conserved(ranks, cpu, distribution):
    state = share(system(distribution, 900), ranks)
    evaluated(state, ranks, cpu, precision="mixed")
    force = state["mass"][:, None] * np.asarray(state["acceleration"], dtype=np.float64)
    total = np.abs(ranks.sum_reproducible(force)).max()
    assert total < 1e-6 * ranks.sum_reproducible(np.linalg.norm(force, axis=1))


def test_work_is_shared(ranks, cpu):
    """After one evaluation the cuts follow the measured work."""
    state = share(system(plummer, 4000), ranks)
    field = evaluated(state, ranks, cpu, group_size=16, leaf_size=8)
    field.layout.exchange(state)
    work = float(np.asarray(state["work"], dtype=np.float64).sum())
    assert ranks.allreduce(work, "max") < 1.15 * ranks.allreduce(work) / ranks.size


def test_cuts_are_kept_while_they_serve(ranks, cpu):
    """In a slow drift most steps keep the cuts, and forces are those of one rank at every step."""
    everything = system(plummer, 6000)
    state, alone = share(everything, ranks), State({name: a.copy() for name, a in everything.items()})
    field = TreeGravity(cpu, ranks, group_size=16, leaf_size=8)
    single = TreeGravity(cpu, Communicator.serial(), group_size=16, leaf_size=8)
    kept = 0
    for _ in range(8):
        last = field.layout.cuts
        for force, rows in ((field, state), (single, alone)):
            rows["position"] = rows["position"] * 1.0005
            if force is field:
                restored = State({name: rows[name].copy() for name in rows.names()}, scalars=rows.scalars)
                other = TreeGravity(cpu, ranks, group_size=16, leaf_size=8)
                other.layout.exchange(restored)
            force.layout.exchange(rows)
            force.evaluate(rows)
        serial = Communicator.serial()
        assert (joined(ranks, state)["acceleration"] == joined(serial, alone)["acceleration"]).all()
        assert ranks.agree(not np.array_equal(restored["id"], state["id"])) == 0, "a restart is cut alike"
        kept += field.layout.cuts is last
    assert ranks.size != 2 or kept >= 3


def test_essential_trees_hold_a_part_of_the_others(ranks, cpu):
    """Far cells come as one node each: fewer particles are imported than live elsewhere."""
    state = share(system(uniform, 8000), ranks)
    field = evaluated(state, ranks, cpu, criterion="geometric", opening_angle=0.8, group_size=32)
    imported = field.statistics()["imported_particles"]
    if ranks.size == 1:
        assert imported == 0
    else:
        assert 0 < ranks.allreduce(imported) < 0.7 * 8000 * (ranks.size - 1)
