"""Forces while particles move from rank to rank: bit for bit those of one rank, for trees and direct sums."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
from reference import (
    cluster_beside_void,
    coincident_pairs,
    disc,
    distant_outliers,
    fractal,
    one_point,
    plummer,
    two_clusters,
)

SOFTENING = 0.05
DISTRIBUTIONS = [
    plummer,
    two_clusters,
    disc,
    fractal,
    cluster_beside_void,
    one_point,
    coincident_pairs,
    distant_outliers,
]


def communicator():
    return Communicator.start(abort_hook=False)


@pytest.fixture(scope="module")
def ranks():
    return communicator()


def system(distribution, count):
    rng = np.random.default_rng(41)
    return {
        "position": np.ascontiguousarray(distribution(rng, count)),
        "velocity": rng.normal(size=(count, 3)),
        "mass": 10 ** rng.uniform(-2, 0, count) / max(count, 1),
        "id": rng.permutation(count).astype(np.int64),
    }


def share(everything, ranks, where="scattered"):
    """This rank's rows: scattered over all ranks, or all on the last one."""
    owner = np.random.default_rng(42).integers(0, ranks.size, len(everything["id"]))
    if where == "last":
        owner[:] = ranks.size - 1
    return State({name: array[owner == ranks.rank].copy() for name, array in everything.items()})


def moved(state, communicator, field, steps):
    """Leapfrog-like moves: kick, drift, exchange, evaluate; the potential with the last."""
    field.layout.exchange(state)
    field.evaluate(state)
    for step in range(steps):
        state["velocity"] += 0.05 * np.asarray(state["acceleration"], np.float64)
        state["position"] += 0.05 * state["velocity"]
        field.layout.exchange(state)
        field.evaluate(state, frozenset({"potential"} if step == steps - 1 else ()))
    return state


def joined(ranks, state):
    everything = {name: np.concatenate(ranks.allgather(np.asarray(state[name]))) for name in state.names()}
    order = np.argsort(everything["id"])
    return {name: array[order] for name, array in everything.items()}


def compared(ranks, cpu, kind, everything, steps, where="scattered", alone_on=None, **options):
    """Run on all ranks and on one; every array must agree in every bit.  Returns the field of all ranks."""
    field = kind(cpu, ranks, softening=SOFTENING, **options)
    state = moved(share(everything, ranks, where), ranks, field, steps)
    serial = Communicator.serial()
    alone = State({name: array.copy() for name, array in everything.items()})
    alone = moved(alone, serial, kind(alone_on or cpu, serial, softening=SOFTENING, **options), steps)
    found, wanted = joined(ranks, state), joined(serial, alone)
    assert set(found) == set(wanted)
    for name in wanted:
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)
    return field


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("distribution", "where"),
    [
        *((distribution, "scattered") for distribution in DISTRIBUTIONS),
        (plummer, "last"),
        (one_point, "last"),
    ],
)
def test_tree_follows_moving_particles(ranks, distribution, where):
    cpu = backend("cpu", threads=1)
    compared(ranks, cpu, TreeGravity, system(distribution, 1500), 3, where, tolerance=0.02)


@pytest.mark.mpi
@pytest.mark.parametrize("precision", ["mixed", "double"])
@pytest.mark.parametrize("distribution", [plummer, one_point, distant_outliers])
def test_direct_sums_do_not_depend_on_ranks(ranks, distribution, precision):
    compared(
        ranks, backend("cpu", threads=1), DirectGravity, system(distribution, 900), 2, precision=precision
    )


@pytest.mark.mpi
@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_fewer_particles_than_ranks(ranks, kind, count):
    compared(ranks, backend("cpu", threads=1), kind, system(plummer, count), 2)


@pytest.mark.mpi(max_size=4)
@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
def test_threads_inside_ranks(ranks, kind):
    two, one = backend("cpu", threads=2), backend("cpu", threads=1)
    compared(ranks, two, kind, system(plummer, 1500), 2, alone_on=one)


@pytest.mark.mpi
@pytest.mark.parametrize("group_size", [6, 100])
@pytest.mark.parametrize("kernel", ["spline", "none"])
def test_small_groups_and_other_kernels(ranks, group_size, kernel):
    """Many groups and roots per rank, among them thinly spread ones; the spline's support opens far cells."""
    options = {"softening_kernel": kernel, "group_size": group_size, "leaf_size": min(group_size, 8)}
    cpu = backend("cpu", threads=1)
    compared(
        ranks, cpu, TreeGravity, system(plummer, 1500), 2, criterion="geometric", opening_angle=0.5, **options
    )
    compared(ranks, cpu, TreeGravity, system(plummer, 1500), 2, tolerance=0.01, **options)


@pytest.mark.mpi
@pytest.mark.parametrize("distribution", [plummer, fractal, coincident_pairs, distant_outliers])
@pytest.mark.parametrize("group_size", [2, 13])
def test_groups_do_not_depend_on_ranks(ranks, distribution, group_size):
    """Cells of hundreds of groups, cut between ranks at every depth of the octree."""
    options = {"group_size": group_size, "leaf_size": group_size, "tolerance": 0.05}
    compared(ranks, backend("cpu", threads=1), TreeGravity, system(distribution, 1500), 1, **options)


@pytest.mark.mpi
def test_imports_are_bounded_and_counted(ranks):
    """An essential tree holds a part of what the others have, in nodes and particles of known size."""
    cpu = backend("cpu", threads=1)
    count = 40000
    state = share(system(plummer, count), ranks)
    field = TreeGravity(cpu, ranks, softening=SOFTENING, tolerance=0.1)
    for _ in range(2):
        field.layout.exchange(state)
        field.evaluate(state)
    found = field.statistics()
    assert ranks.allreduce(found["particles"]) == count
    if ranks.size == 1:
        assert found["imported_bytes"] == 0
        return
    assert 0 < found["imported_particles"] < count - found["particles"]
    assert found["imported_nodes"] > 0
    assert ranks.allreduce(found["imported_particles"]) < 0.6 * count * (ranks.size - 1)
    assert ranks.allreduce(found["imported_nodes"]) < 0.15 * count * (ranks.size - 1)
    record, source = field.tree.node.itemsize, 16
    assert found["imported_bytes"] == record * found["imported_nodes"] + source * found["imported_particles"]
