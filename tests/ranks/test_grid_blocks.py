"""Blocks of a grid: guards filled and summed, records to neighbours, parts for files, moved planes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks, GridError
from hpcphys.decomposition.pencils.layout import Pencil

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


CASES = [
    ((37,), (True,), 2),
    ((40,), (False,), 3),
    ((18, 21), (True, True), 2),
    ((18, 21), (False, True), 1),
    ((10, 12, 9), (True, True, True), 2),
    ((9, 10, 12), (True, False, True), 2),
    ((9, 10, 12), (False, False, False), 1),
]


def numbered(blocks, components=0, kind=np.float64):
    """An array whose owned nodes hold their global numbers, guards NaN; and what fill should make of it."""
    extended = tuple(n + (not p) for n, p in zip(blocks.shape, blocks.periodic, strict=True))
    lead = (components,) if components else ()
    whole = np.arange(np.prod((*lead, *extended)), dtype=kind).reshape(*lead, *extended)
    index = []
    for s, n, size, p in zip(blocks.start, blocks.count, blocks.shape, blocks.periodic, strict=True):
        i = np.arange(-blocks.guards, n + blocks.guards) + s
        index.append(np.where(p, i % size, np.where((i < 0) | (i > size), -1, i)))
    mesh = np.meshgrid(*index, indexing="ij")
    outside = np.any([m < 0 for m in mesh], axis=0)
    expected = np.where(outside, np.nan, whole[(..., *mesh)])
    array = np.full((*lead, *blocks.local_shape), np.nan, dtype=kind)
    array[(..., *blocks.nodes)] = expected[(..., *blocks.nodes)]
    return array, expected.astype(kind)


@pytest.mark.parametrize(("shape", "periodic", "guards"), CASES, ids=str)
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_fill_brings_what_the_owners_have(ranks, shape, periodic, guards, kind):
    blocks = GridBlocks(shape, ranks, guards, periodic=periodic)
    (scalar, one), (vector, three) = numbered(blocks, 0, kind), numbered(blocks, 3, kind)
    under_way = blocks.start_fill(scalar, vector)
    under_way.finish()
    np.testing.assert_array_equal(scalar, one)
    np.testing.assert_array_equal(vector, three)
    if ranks.size > 1:
        assert 0 < blocks.messages <= 2 * len(shape)
        assert blocks.bytes > 0


def test_fewer_layers_can_be_filled(ranks):
    blocks = GridBlocks((24, 25), ranks, 3)
    array, expected = numbered(blocks)
    blocks.fill(array, width=1)
    near = (slice(2, -2),) * 2
    np.testing.assert_array_equal(array[near], expected[near])
    assert np.isnan(array[0]).all()
    assert np.isnan(array[:, -2:]).all()


@pytest.mark.parametrize(("shape", "periodic", "guards"), CASES, ids=str)
def test_sum_adds_each_guard_to_its_owner(ranks, shape, periodic, guards):
    """Every rank adds its own (rank-dependent) number everywhere; owners get one term for each local copy."""
    blocks = GridBlocks(shape, ranks, guards, periodic=periodic)
    array = np.empty((2, *blocks.local_shape))
    extended = tuple(n + (not p) for n, p in zip(shape, periodic, strict=True))
    expected = np.zeros((2, *extended))
    for rank in range(ranks.size):
        start, count = blocks.box_of(rank)
        rng = np.random.default_rng(rank)
        local = np.floor(1000 * rng.random((2, *(n + 2 * guards for n in count))))
        if rank == ranks.rank:
            array[...] = local
        index, known = [], []
        for s, n, size, p in zip(start, count, shape, periodic, strict=True):
            i = np.arange(-guards, n + guards) + s
            index.append(i % size if p else i)
            known.append(np.full(len(i), True) if p else (i >= 0) & (i <= size))
        kept = np.ix_(*known)
        places = np.ix_(*(i[k] for i, k in zip(index, known, strict=True)))
        for c in range(2):
            np.add.at(expected[c], places, local[c][kept])
    blocks.sum(array)
    index = [s + np.arange(p.stop - p.start) for s, p in zip(blocks.start, blocks.nodes, strict=True)]
    np.testing.assert_array_equal(
        array[(slice(None), *blocks.nodes)], expected[(slice(None), *np.ix_(*index))]
    )


@pytest.mark.parametrize("periodic", [True, (False, True, False)])
def test_records_reach_the_block_in_their_direction(ranks, periodic):
    blocks = GridBlocks((12, 12, 12), ranks, 2, periodic=periodic)
    away = {}
    for number, direction in enumerate(itertools.product((-1, 0, 1), repeat=3)):
        to = blocks.neighbour(direction)
        if any(direction) and to is not None and number % 3 != ranks.rank % 3:
            content = np.array([ranks.rank, *direction] * (1 + number), dtype=np.int64)
            away[direction] = content.view(np.uint8)
    came = blocks.send_records(away)
    order = [direction for direction, _ in came]
    assert order == sorted(order)
    for direction, records in came:
        rows = records.view(np.int64).reshape(-1, 4)
        assert (rows[:, 0] == blocks.neighbour(direction)).all()
        assert (rows[:, 1:] == -np.array(direction)).all()
    sent = sum(len(records) for records in away.values())
    assert ranks.allreduce(sent) == ranks.allreduce(sum(len(records) for _, records in came))
    if not blocks.boundary(0, 0) or ranks.size > 1:
        assert ranks.allreduce(len(came)) > 0


def test_records_that_lead_nowhere_are_refused(ranks):
    blocks = GridBlocks((24,), ranks, 1, periodic=False)
    wrong = [{(0,): np.zeros(8, np.uint8)}, {(1, 0): np.zeros(8, np.uint8)}]
    if ranks.size == 1:
        wrong.append({(-1,): np.zeros(8, np.uint8)})
    for records in wrong:
        with pytest.raises(ValueError, match="there is no block"):
            blocks.send_records(records)


def test_parts_cover_the_grid_and_values_move_to_pencils_and_back(ranks):
    blocks = GridBlocks((12, 16, 10), ranks, 2, periodic=(True, False, True))
    array, _ = numbered(blocks, 3)
    part = blocks.block(array, nodes=True)
    whole = np.full(part.shape, -1.0)
    for found, start in zip(ranks.allgather(part.array), ranks.allgather(part.substart), strict=True):
        whole[tuple(slice(s, s + n) for s, n in zip(start, found.shape, strict=True))] = found
    assert (whole.reshape(-1) == np.arange(whole.size)).all()
    pencil = Pencil((12, 16, 10), ranks)
    owned = np.ascontiguousarray(array[(0, *blocks.owned)])
    regrid = blocks.regrid(pencil)
    there = regrid.forward(owned)
    assert (there == whole[0, :, :16][pencil.slices]).all()
    assert (regrid.backward(there) == owned).all()


def test_planes_move_to_where_the_work_is(ranks):
    shape, granule = (64, 48), (4, 2)
    blocks = GridBlocks(shape, ranks, 2, granule=granule)
    density = np.exp(-(((np.arange(16) - 4) / 3.0) ** 2))[:, None] * (1 + np.arange(24) / 8.0)
    here = tuple(
        slice(s // g, s // g + n) for s, g, n in zip(blocks.start, granule, blocks.granules, strict=True)
    )
    moved = blocks.balanced(density[here])
    profiles = [density.sum(axis=1 - a)[here[a]] * n / 24 for a, n in ((0, 1), (1, 1))]
    rough = blocks.balanced(profiles)
    work = []
    for found in (blocks, moved, rough):
        place = tuple(
            slice(s // g, s // g + n) for s, g, n in zip(found.start, granule, found.granules, strict=True)
        )
        work.append(ranks.allreduce(density[place].sum(), "max"))
        assert all((planes[:-1] % g == 0).all() for planes, g in zip(found.borders, granule, strict=True))
    if ranks.size == 1:
        assert moved is blocks
        return
    assert work[1] < 0.95 * work[0]
    assert abs(work[2] - work[1]) < 0.3 * work[0]
    assert moved.balanced(density[tuple(
        slice(s // g, s // g + n) for s, g, n in zip(moved.start, granule, moved.granules, strict=True)
    )]) is moved  # fmt: skip
    array, _ = numbered(blocks, 3)
    _, expected = numbered(moved, 3)
    np.testing.assert_array_equal(blocks.moved(array, moved), expected)


def test_uneven_borders_and_what_does_not_fit(ranks):
    if ranks.size == 1:
        for wrong in ({"grid": (2,)}, {"borders": [[0, 5, 9]]}, {"granule": 0}):
            with pytest.raises(GridError):
                GridBlocks((9,), ranks, 2, **wrong)
        with pytest.raises(GridError, match="at least 12 cells"):
            GridBlocks((9,), ranks, 12)
        return
    planes = np.concatenate(([0], 3 + np.arange(ranks.size - 1) * 2, [40]))
    blocks = GridBlocks((40, 7), ranks, 2, grid=(ranks.size, 1), borders=[planes, [0, 7]])
    array, expected = numbered(blocks)
    blocks.fill(array)
    np.testing.assert_array_equal(array, expected)
    with pytest.raises(GridError, match="at least 3 cells"):
        GridBlocks((2 * ranks.size,), ranks, 3)
    with pytest.raises(GridError, match="apart"):
        GridBlocks((40, 7), ranks, 4, grid=(ranks.size, 1), borders=[planes, [0, 7]])
