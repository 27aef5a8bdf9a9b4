"""Pair forces on ranks: those of one rank, to rounding or to the last bit, while atoms migrate."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.pairs import LennardJones, OverlapError, PairForces
from hpcphys.forces.pairs.balancing import imbalance
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from pair_systems import box_of, double_sum, lattice, relative, state_of

pytestmark = pytest.mark.mpi
CUTOFF, BUFFER = 2.5, 0.4


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def share(state, ranks):
    """This rank's rows of a state that all ranks have."""
    state.replace({name: state[name][ranks.rank :: ranks.size].copy() for name in state.names()})
    return state


def field_of(ranks, box, potential=None, **options):
    cells = Cells(box, ranks, reach=CUTOFF + BUFFER)
    return PairForces(
        backend("cpu", threads=1), ranks, box, potential or LennardJones(shift="force"), cutoff=CUTOFF,
        buffer=BUFFER, cells=cells, **options,
    )  # fmt: skip


def joined(ranks, state, name="force"):
    """An array of all ranks in the order of ids."""
    rows = np.concatenate(ranks.allgather(np.asarray(state[name])))
    ids = np.concatenate(ranks.allgather(np.asarray(state["id"])))
    assert sorted(ids) == list(range(len(ids)))
    return rows[np.argsort(ids)]


@pytest.mark.parametrize("kind", ["cube", "tilted", "open", "slab"])
def test_double_sums_on_ranks(ranks, kind):
    x, box = box_of(kind)
    energy, force, virial = double_sum(x, box, CUTOFF)
    state = share(state_of(x), ranks)
    field = field_of(ranks, box, precision="double")
    field.evaluate(state, {"totals"})
    found = field.totals()
    assert found["energy"] == pytest.approx(energy, rel=1e-13)
    np.testing.assert_allclose(found["virial"], virial, atol=1e-11 * np.abs(virial).max())
    assert relative(joined(ranks, state), force) < 1e-13


def test_types_and_exclusions_on_ranks(ranks):
    x, box = box_of("tilted")
    types = np.arange(len(x)) % 2
    potential = LennardJones([1.0, 0.5], [1.0, 0.9], shift="switch", switch_from=2.0)
    bonds = np.stack(
        (np.arange(0, len(x) - 1, 3), np.arange(1, len(x), 3)[: len(range(0, len(x) - 1, 3))]), 1
    )
    state = share(state_of(x, types), ranks)
    field_of(ranks, box, potential, exclusions=bonds).evaluate(state)
    alone = state_of(x, types)
    PairForces(
        backend("cpu", threads=1), Communicator.serial(), box, potential, cutoff=CUTOFF, buffer=BUFFER,
        exclusions=bonds,
    ).evaluate(alone)  # fmt: skip
    expected = np.empty_like(alone["force"])
    expected[alone["id"]] = alone["force"]
    assert relative(joined(ranks, state), expected) < 5e-6


def steps(field, state, count, dt=0.004):
    field.evaluate(state)
    for step in range(count):
        state["velocity"] += 0.5 * dt * state["force"]
        state["position"] += dt * state["velocity"]
        field.evaluate(state, {"totals"} if step == count - 1 else ())
        state["velocity"] += 0.5 * dt * state["force"]


def test_reproducible_runs_are_the_same_to_the_last_bit(ranks):
    """30 steps over several lists and migrations against one rank: positions, energy and virial."""
    # Far from the origin coordinates are coarse: sums of other orders would show.
    x, edge = lattice(5, jitter=0.03)
    x, box = x + 3000.0, Box([edge] * 3, origin=(3000.0,) * 3)
    velocity = np.random.default_rng(3).normal(size=x.shape)
    results = []
    for communicator in (ranks, Communicator.serial()):
        state = state_of(x)
        state["velocity"][:] = 1.2 * velocity[state["id"]]
        share(state, communicator)
        field = field_of(communicator, box, reproducible=True)
        steps(field, state, 30)
        assert field.builds > 2
        unwrapped = state["position"] + state["image"] @ box.vectors
        state["unwrapped"] = unwrapped
        arrays = [joined(communicator, state, name) for name in ("unwrapped", "velocity", "force")]
        results.append((*arrays, field.totals()["energy"], field.totals()["virial"]))
    for found, expected in zip(results[0][1:], results[1][1:], strict=True):
        assert np.array_equal(found, expected)
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=0, atol=1e-11)


def test_planes_follow_the_work(ranks):
    """A slab of liquid in a long, otherwise empty box: shared evenly soon, with the same trajectory."""
    x, edge = lattice(6, jitter=0.03)
    box = Box([5 * edge, edge, edge])
    velocity = np.random.default_rng(3).normal(size=x.shape)
    found = []
    for balance in (False, True):
        state = state_of(x + np.array([0.1 * edge, 0.0, 0.0]))
        state["velocity"][:] = velocity[state["id"]]
        field = field_of(ranks, box, precision="double", balance=balance)
        field.evaluate(share(state, ranks))
        steps(field, state, 20)
        state["unwrapped"] = state["position"] + state["image"] @ box.vectors
        found.append((joined(ranks, state, "unwrapped"), imbalance(field, state), field.balance.moved))
    (x0, before, none), (x1, after, moved) = found
    np.testing.assert_allclose(x1, x0, rtol=0, atol=1e-11)
    assert none == 0
    assert (moved > 0) == (ranks.size > 1)
    assert ranks.size == 1 or (after < 1.4 and before > 1.8)


def test_overlap_ends_all_ranks(ranks):
    x, box = box_of("cube")
    x[40] = x[200]
    with pytest.raises(OverlapError, match=r"overlap|apart"):
        field_of(ranks, box).evaluate(share(state_of(x), ranks))
