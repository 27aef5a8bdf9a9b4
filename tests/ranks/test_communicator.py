"""What the ranks say to each other, at whatever size this is launched with."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition import communicator as module
from hpcphys.decomposition.communicator import Communicator

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def test_collectives(ranks):
    assert ranks.size == ranks.mpi.Get_size()
    assert 0 <= ranks.rank < ranks.size
    everyone = list(range(ranks.size))
    assert ranks.allgather(ranks.rank) == everyone
    assert ranks.gather(ranks.rank, root=ranks.size - 1) == (
        everyone if ranks.rank == ranks.size - 1 else None
    )
    assert ranks.bcast({"from": ranks.rank}, root=ranks.size - 1) == {"from": ranks.size - 1}
    assert ranks.agree(75 if ranks.rank == ranks.size - 1 else 0) == 75
    assert ranks.agree(False) == 0
    assert ranks.exscan(ranks.rank + 1) == sum(range(ranks.rank + 1))
    assert ranks.node.size == ranks.size
    assert ranks.node.rank == ranks.rank


def test_rows_of_all_ranks_come_in_rank_order(ranks):
    """Records of several fields, as many as the rank's number."""
    record = np.dtype([("name", np.int64), ("place", np.float32, 3)])
    mine = np.zeros(ranks.rank, record)
    mine["name"], mine["place"] = ranks.rank, np.arange(3)
    told, counts = ranks.allgather_rows(mine)
    assert counts.tolist() == list(range(ranks.size))
    assert told["name"].tolist() == [rank for rank in range(ranks.size) for _ in range(rank)]
    assert (told["place"] == np.arange(3)).all()


def test_reductions_keep_type_and_shape(ranks):
    total = sum(range(ranks.size))
    assert ranks.allreduce(ranks.rank) == total
    assert isinstance(ranks.allreduce(ranks.rank), int)
    assert ranks.allreduce(float(ranks.rank), "max") == ranks.size - 1.0
    array = np.full((2, 3), ranks.rank, dtype=np.float32)
    lowest = ranks.allreduce(array + 5, "min")
    assert lowest.shape == (2, 3)
    assert lowest.dtype == np.float32
    assert (lowest == 5).all()
    assert ranks.allreduce(np.zeros((0, 3))).shape == (0, 3)
    # A transposed array is not contiguous: its elements must still meet their own kind.
    assert (ranks.allreduce(np.arange(6).reshape(2, 3).T) == ranks.size * np.arange(6).reshape(2, 3).T).all()


def test_reproducible_sum_does_not_depend_on_the_ranks(ranks):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(5000, 3)) * 10.0 ** rng.integers(-12, 12, size=(5000, 1))
    owner = rng.integers(0, ranks.size, 5000)
    if ranks.size > 2:
        owner[owner == 1] = 0  # one rank without rows
    mine = rng.permutation(rows[owner == ranks.rank])
    assert (ranks.sum_reproducible(mine) == Communicator.serial().sum_reproducible(rows)).all()
    assert ranks.sum_reproducible(mine[:, 0]) == Communicator.serial().sum_reproducible(rows[:, 0])


def test_reproducible_sum_takes_two_messages(ranks):
    ranks.reset_counters()
    ranks.sum_reproducible(np.ones((100, 20)))
    assert ranks.messages_sent == 2 * (ranks.size - 1).bit_length()


def test_alltoallv_reaches_the_right_rank(ranks):
    parts = [np.full(((ranks.rank + other) % 3, 2), 10 * ranks.rank + other) for other in range(ranks.size)]
    for other, part in enumerate(ranks.alltoallv(parts)):
        assert part.shape == ((ranks.rank + other) % 3, 2)
        assert (part == 10 * other + ranks.rank).all()
    with pytest.raises(ValueError, match="parts for"):
        ranks.alltoallv(parts + parts)


def test_exchange_sends_only_to_ranks_with_rows(ranks):
    """A ring: each rank has rows for the next one alone."""
    counts = np.zeros(ranks.size, dtype=np.int64)
    counts[(ranks.rank + 1) % ranks.size] = 4
    arriving = ranks.alltoall_counts(counts)
    ranks.reset_counters()
    rows, came = ranks.start_exchange(np.full((4, 3), ranks.rank, dtype=np.float32), counts, arriving).wait()
    assert (came == arriving).all()
    assert (rows == (ranks.rank - 1) % ranks.size).all()
    assert (ranks.messages_sent, ranks.bytes_sent) == ((1, 48) if ranks.size > 1 else (0, 0))


def test_long_messages_are_cut_into_pieces(ranks, monkeypatch):
    monkeypatch.setattr(module, "_LARGEST_MESSAGE", 1000)
    parts = [np.arange(1001) + 1000 * ranks.rank + other for other in range(ranks.size)]
    for other, part in enumerate(ranks.alltoallv(parts)):
        assert (part == np.arange(1001) + 1000 * other + ranks.rank).all()


def test_exchange_refuses_rows_that_do_not_match(ranks):
    with pytest.raises(ValueError, match="give just these rows"):
        ranks.start_exchange(np.zeros((3, 2)), np.zeros(ranks.size), np.zeros(ranks.size, np.int64))


def test_seconds_count_the_waiting(ranks):
    import time

    ranks.barrier()
    ranks.reset_counters()
    if ranks.rank == 0:
        time.sleep(0.2)
    ranks.barrier()
    if ranks.rank > 0:
        assert ranks.seconds > 0.1
    elif ranks.size > 1:
        assert ranks.messages_sent > 0
