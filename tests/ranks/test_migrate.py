"""Cuts and migration of real rows, and transfers between layouts, at whatever size this is launched with."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition import migrate
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.cuts import Cuts, cuts
from hpcphys.decomposition.migrate import Migration
from hpcphys.decomposition.rows import Rows

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def whole_system(count, seed=1, ties=False):
    """All rows of a system whose arrays all tell their row's identity."""
    rng = np.random.default_rng(seed)
    identity = rng.permutation(count).astype(np.int64)
    hi = rng.integers(0, 2**63, count, dtype=np.uint64)
    lo = rng.integers(0, 2**63, count, dtype=np.uint64)
    if ties:
        hi = rng.integers(0, 3, count).astype(np.uint64) << np.uint64(60)
        lo = rng.integers(0, 3, count).astype(np.uint64) << np.uint64(20)
    arrays = {
        "hi": hi,
        "lo": lo,
        "id": identity,
        "position": identity[:, None] + np.array([0.25, 0.5, 0.75]),
        "acceleration": (identity[:, None] * np.ones((1, 3))).astype(np.float32),
        "work": (1 + identity % 17).astype(np.float32),
        "kind": (identity % 100).astype(np.int8),
    }
    return arrays


def spread(ranks, system, how):
    """This rank's share of the rows before the exchange."""
    count = len(system["id"])
    owner = {
        "mixed": np.random.default_rng(2).integers(0, ranks.size, count),
        "on the last rank": np.full(count, ranks.size - 1),
        "in blocks": np.arange(count) * ranks.size // max(count, 1),
    }[how]
    return {name: array[owner == ranks.rank] for name, array in system.items()}


def exchanged(ranks, rows, with_lo=True, group_size=4, where=None):
    """Sort, cut and migrate the rows; returns the migration and the cuts."""
    order = np.lexsort((rows["lo"], rows["hi"])) if with_lo else np.argsort(rows["hi"], kind="stable")
    hi, lo = rows["hi"][order], rows["lo"][order] if with_lo else None
    found = where or cuts(ranks, hi, lo, rows["work"][order], group_size)
    migration = Migration(ranks, found, order, hi, lo, rows["id"])
    migration.apply(rows)
    return migration, found


def joined(ranks, rows):
    return {name: np.concatenate(ranks.allgather(array)) for name, array in rows.items()}


def check_same_rows(before, after):
    """Every row is there once, with all its own values."""
    old, new = np.argsort(before["id"]), np.argsort(after["id"])
    for name in before:
        assert after[name].dtype == before[name].dtype
        assert (after[name][new] == before[name][old]).all(), name


@pytest.mark.parametrize("how", ["mixed", "on the last rank", "in blocks"])
@pytest.mark.parametrize("count", [0, 1, 5, 1000])
@pytest.mark.parametrize("with_lo", [True, False])
def test_rows_arrive_whole_and_in_order(ranks, how, count, with_lo):
    system = whole_system(count)
    rows = spread(ranks, system, how)
    migration, found = exchanged(ranks, rows, with_lo)
    assert migration.count == len(rows["id"]) == len(rows["position"])
    assert (migration.hi == rows["hi"]).all()
    assert (found.owner(rows["hi"], rows["lo"] if with_lo else None) == ranks.rank).all()
    everything = joined(ranks, rows)
    check_same_rows(system, everything)
    assert (np.diff(everything["hi"].astype(np.int64)) >= 0).all()
    leaving, arriving = ranks.allreduce(np.array([migration.leaving, migration.arriving]))
    assert leaving == arriving


@pytest.mark.parametrize("with_lo", [True, False])
def test_equal_keys_lie_in_the_order_of_their_identity(ranks, with_lo):
    system = whole_system(300, ties=True)
    rows = spread(ranks, system, "mixed")
    exchanged(ranks, rows, with_lo)
    everything = joined(ranks, rows)
    check_same_rows(system, everything)
    low = (everything["lo"],) if with_lo else ()
    expected = np.lexsort((everything["id"], *low, everything["hi"]))
    assert (expected == np.arange(300)).all()


def test_result_does_not_depend_on_where_the_rows_were(ranks):
    system = whole_system(500)
    results = []
    for how in ("mixed", "on the last rank", "in blocks"):
        rows = spread(ranks, system, how)
        _, found = exchanged(ranks, rows)
        results.append((found, rows))
    for found, rows in results[1:]:
        assert (found.hi == results[0][0].hi).all()
        assert (found.lo == results[0][0].lo).all()
        assert all((rows[name] == results[0][1][name]).all() for name in rows)


def test_a_second_exchange_moves_nothing(ranks):
    rows = spread(ranks, whole_system(800), "mixed")
    exchanged(ranks, rows)
    before = {name: array.copy() for name, array in rows.items()}
    migration, _ = exchanged(ranks, rows)
    assert (migration.leaving, migration.arriving) == (0, 0)
    assert all((rows[name] == before[name]).all() for name in rows)


def test_everything_on_one_rank(ranks):
    system = whole_system(400)
    rows = spread(ranks, system, "mixed")
    nowhere = np.zeros(ranks.size - 1, dtype=np.uint64)
    exchanged(ranks, rows, where=Cuts(nowhere, nowhere))
    assert len(rows["id"]) == (400 if ranks.rank == ranks.size - 1 else 0)
    check_same_rows(system, joined(ranks, rows))
    exchanged(ranks, rows)
    check_same_rows(system, joined(ranks, rows))
    work = ranks.allreduce(rows["work"].sum(), "max")
    assert work < 1.3 * system["work"].sum() / ranks.size + 17 * 4


@pytest.mark.parametrize("chunk", [1, 100, 1000])
def test_small_chunks_give_the_same(ranks, chunk, monkeypatch):
    system = whole_system(300)
    rows, again = spread(ranks, system, "mixed"), spread(ranks, system, "mixed")
    exchanged(ranks, rows)
    monkeypatch.setattr(migrate, "CHUNK", chunk)
    exchanged(ranks, again)
    assert all((rows[name] == again[name]).all() for name in rows)


def test_no_chunk_is_larger_than_asked(ranks, monkeypatch):
    """The bound holds for what a rank sends and for what it receives, also when all send to one."""
    largest = []
    start = Communicator.start_exchange

    def watched(self, rows, counts, arriving=None):
        exchange = start(self, rows, counts, arriving)
        largest.append(max(rows.nbytes, exchange.wait()[0].nbytes))
        return exchange

    monkeypatch.setattr(migrate, "CHUNK", 2400)
    rows = spread(ranks, whole_system(2000), "mixed")
    monkeypatch.setattr(Communicator, "start_exchange", watched)
    nowhere = np.zeros(ranks.size - 1, dtype=np.uint64)
    exchanged(ranks, rows, where=Cuts(nowhere, nowhere))
    # Rounding may add one row of 24 bytes per other rank.
    assert max(largest, default=0) <= 2400 + 24 * ranks.size
    assert ranks.size == 1 or len(largest) > 10


def test_only_leaving_rows_are_sent(ranks):
    rows = spread(ranks, whole_system(1000), "mixed")
    exchanged(ranks, rows)
    order = np.lexsort((rows["lo"], rows["hi"]))
    hi, lo = rows["hi"][order], rows["lo"][order]
    found = cuts(ranks, hi, lo, rows["work"][order], 4)
    # Shift the first cut by a few rows of the first rank.
    if ranks.size > 1:
        new = ranks.bcast((int(hi[-3]), int(lo[-3])) if ranks.rank == 0 else None)
        moved = Cuts(found.hi.copy(), found.lo.copy())
        moved.hi[0], moved.lo[0] = new
        migration = Migration(ranks, moved, order, hi, lo, rows["id"])
        ranks.reset_counters()
        migration.forward(rows["position"])
        assert ranks.bytes_sent == (3 * 24 if ranks.rank == 0 else 0)
        assert ranks.messages_sent == (1 if ranks.rank == 0 else 0)


@pytest.mark.parametrize("total", [0, 1, 256, 300, 5000])
def test_rows_go_to_the_even_split_and_back(ranks, total):
    bounds = np.sort(np.random.default_rng(total).integers(0, total + 1, ranks.size - 1))
    bounds = np.concatenate(([0], bounds, [total]))
    mine = np.arange(bounds[ranks.rank], bounds[ranks.rank + 1])[:, None] * np.array([1.0, -1.0])
    split = Rows.even(ranks, len(mine))
    assert split.total == total
    transfer = split.transfer(ranks, len(mine))
    there = transfer.forward(mine)
    first = split.first(ranks.rank)
    assert (there[:, 0] == np.arange(first, first + split.count(ranks.rank))).all()
    assert (transfer.backward(there) == mine).all()
