"""What is measured in a liquid is the same on any number of ranks, wherever its atoms happen to be."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.by_id import ById, DuplicateId
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.ring import meetings
from hpcphys.kernels import backend
from hpcphys.physics.observables import (
    Lags,
    MeanSquareDisplacement,
    RadialDistribution,
    StructureFactor,
    VelocityAutocorrelation,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_boxes import TILTED, atoms, box_of, dealt

pytestmark = pytest.mark.mpi
ALONE = Communicator.serial()


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def test_rows_come_in_the_order_of_their_ids(ranks):
    """Even shares, whoever had the rows; arrays of several types and shapes stay together."""
    whole = atoms(101, TILTED)
    whole["id"] = 3 * whole["id"] - 50
    mine = dealt(whole, ranks.rank, ranks.size)
    identity, (position, image) = ById.of(ranks, mine["id"]).forward(
        mine["id"], (mine["position"], mine["image"])
    )
    np.testing.assert_array_equal(np.concatenate(ranks.allgather(identity)), whole["id"])
    np.testing.assert_array_equal(np.concatenate(ranks.allgather(position)), whole["position"])
    np.testing.assert_array_equal(np.concatenate(ranks.allgather(image)), whole["image"])
    assert image.dtype == np.int32
    assert abs(len(identity) - 101 / ranks.size) <= 1.5
    with pytest.raises(DuplicateId, match="found more than once: 7"):
        ById.of(ranks, np.array([7])).forward(np.array([7, 7]) if ranks.size == 1 else np.array([7]), ())


def test_every_two_ranks_meet_once(ranks):
    """Blocks of one number each: over all ranks, every pair of different blocks is seen once."""
    empty = 1 if ranks.size > 2 else -1
    rows = np.full((0 if ranks.rank == empty else ranks.rank + 1, 1), float(ranks.rank))
    seen = []
    for own, visiting in meetings(ranks, rows, np.zeros(1), lambda a, b: True):
        assert own == (visiting[0, 0] == ranks.rank)
        assert len(visiting) == visiting[0, 0] + 1
        seen.append(tuple(sorted((ranks.rank, int(visiting[0, 0])))))
    found = sorted(pair for part in ranks.allgather(seen) for pair in part)
    there = [rank for rank in range(ranks.size) if rank != empty]
    assert found == sorted((a, b) for a in there for b in there if a <= b)


@pytest.mark.parametrize("largest", [1.3, 4.2])
def test_structure_is_the_same_bit_for_bit(ranks, largest):
    """Slabs with the last rank empty, so that some ranks are too far apart to meet; then rows at random."""
    box, machine = box_of(TILTED), backend("cpu")
    whole = atoms(400, TILTED, types=2)
    slabs = (np.linalg.solve(TILTED.T, whole["position"].T)[0] * max(ranks.size - 1, 1)).astype(int)
    shares = [
        {name: array[slabs == ranks.rank] for name, array in whole.items()},
        dealt(whole, ranks.rank, ranks.size),
    ]
    radial, structure = (
        [
            (
                RadialDistribution(machine, c, largest=largest, bins=50, types=2),
                StructureFactor(machine, c, box, k_max=4.0, shells=10, types=2),
            )
            for c in (ranks, ALONE)
        ][k]
        for k in (0, 1)
    )
    for mine in shares:
        for observable in radial:
            observable.sample(mine, box)
        for observable in structure:
            observable.sample(whole, box)
    for here, alone in zip(radial, structure, strict=True):
        for name, array in alone.saved().arrays.items():
            np.testing.assert_array_equal(here.saved().arrays[name], array, err_msg=name)


@pytest.mark.parametrize("reproducible", [True, False])
def test_correlations_follow_migrating_atoms(ranks, reproducible):
    """Atoms change ranks at every sample, and the run is taken up again from the rows of other ranks."""
    box, lags = box_of(TILTED), Lags(4, 3)

    def observables(communicator):
        return (
            MeanSquareDisplacement(
                communicator, 0.5, lags=lags, types=2, reproducible=reproducible, remove_drift=True
            ),
            VelocityAutocorrelation(communicator, 0.5, lags=lags, types=2, reproducible=reproducible),
        )

    here, alone = observables(ranks), observables(ALONE)
    for step in range(14):
        whole = atoms(60, TILTED, seed=step)
        whole["type"] = (np.arange(60) % 2).astype(np.int32)
        mine = dealt(whole, ranks.rank, ranks.size, seed=step)
        for (displacement, velocity), state in ((here, mine), (alone, whole)):
            displacement.sample(state, box)
            velocity.sample(state)
        if step == 6:
            resumed = observables(ranks)
            for old, new in zip(here, resumed, strict=True):
                saved = old.saved()
                rows = {
                    name: np.concatenate(ranks.allgather(array))[ranks.rank :: ranks.size]
                    for name, array in saved.rows.items()
                }
                new.restore(type(saved)(saved.numbers, saved.arrays, rows))
            here = resumed
    for mine, whole in zip(here, alone, strict=True):
        for name, array in whole.saved().arrays.items():
            found = mine.saved().arrays[name]
            if reproducible:
                np.testing.assert_array_equal(found, array, err_msg=name)
            else:
                np.testing.assert_allclose(found, array, rtol=1e-12, err_msg=name)
