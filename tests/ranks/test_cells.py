"""Cells and halos: each pair on one rank, forces back to their owners, rows moved whole, planes that follow."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.communicator import Communicator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from short_range import (
    CASES,
    attraction,
    brute_force,
    everything,
    forces,
    found_here,
    in_order,
    layout,
    share,
)

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def joined(ranks, array):
    return np.concatenate(ranks.allgather(array))


def settled(case, ranks, **more):
    """A system on the ranks that own it: all rows (wrapped), layout, this rank's state and its halo."""
    cells = layout(case, ranks, **more)
    state = share(everything(case, cells.box), ranks)
    cells.exchange(state)
    rows = {name: joined(ranks, state[name]) for name in state.names()}
    return rows, cells, state, Halo(cells, state["position"])


@pytest.mark.parametrize("name", CASES)
def test_each_pair_is_on_one_rank_and_forces_reach_their_owners(ranks, name):
    rows, cells, state, halo = settled(CASES[name], ranks)
    expected = brute_force(rows, cells.box, cells.reach)
    pairs, (i, j) = found_here(cells, halo, state)
    assert in_order(joined(ranks, pairs)).tolist() == expected.tolist()
    assert len(expected) > 20 or CASES[name].count < 20
    copies = np.empty((halo.count, 3))
    halo.forward(state["position"], copies)
    x = np.concatenate((state["position"], copies))
    pull = attraction(x[j] + pairs[:, 2:] @ cells.box.vectors - x[i])
    force = np.zeros((halo.home + halo.count, 3))
    np.add.at(force, i, pull)
    np.add.at(force, j, -pull)
    of_all = forces(rows, expected, cells.box)
    order = np.argsort(rows["id"])
    wanted = of_all[order[np.searchsorted(rows["id"], state["id"], sorter=order)]]
    mine, others = force[: halo.home].copy(), force[halo.home :].copy()
    halo.backward(others, mine)
    np.testing.assert_allclose(mine, wanted, atol=1e-12)
    check_in_fixed_point(ranks, halo, force, wanted)


def check_in_fixed_point(ranks, halo, force, wanted):
    fixed = np.rint(force * 2**40).astype(np.int64)
    mine, others = fixed[: halo.home].copy(), fixed[halo.home :].copy()
    halo.start_backward(others, mine)
    halo.finish()
    np.testing.assert_allclose(mine / 2**40, wanted, atol=1e-9)
    assert (joined(ranks, mine).sum(axis=0) == 0).all()
