"""Windows between ranks: what arrives, what is counted, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils.windows import Windows

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


def counts_of(ranks):
    """Uneven windows, some of them empty: rank a has (a + 2 b) mod 4 elements for rank b."""
    everyone = np.arange(ranks.size)
    return (ranks.rank + 2 * everyone) % 4, (everyone + 2 * ranks.rank) % 4


def expected(ranks, kind):
    """What arrives: from rank a the numbers 100 a + 10 (this rank) + 0, 1, 2."""
    _, receive = counts_of(ranks)
    parts = [100 * other + 10 * ranks.rank + np.arange(count) for other, count in enumerate(receive)]
    return np.concatenate(parts).astype(kind)


def filled(ranks, kind):
    send, _ = counts_of(ranks)
    parts = [100 * ranks.rank + 10 * other + np.arange(count) for other, count in enumerate(send)]
    return np.concatenate(parts).astype(kind)


@pytest.mark.parametrize("kind", ["f4", "f8", "c8", "c16", "i8"])
def test_each_window_reaches_its_rank(ranks, kind):
    windows = Windows(ranks, *counts_of(ranks), kind)
    wanted = expected(ranks, kind)
    for _ in range(2):
        receive = np.zeros(wanted.size + 3, kind)  # longer buffers are left alone behind the windows
        windows.exchange(filled(ranks, kind), receive)
        assert (receive[: wanted.size] == wanted).all()
        assert not receive[wanted.size :].any()


def test_a_started_exchange_arrives_when_waited_for(ranks):
    windows = Windows(ranks, *counts_of(ranks), "c16")
    receive = np.zeros_like(expected(ranks, "c16"))
    with pytest.raises(RuntimeError, match="call start"):
        windows.wait()
    windows.start(filled(ranks, "c16"), receive)
    with pytest.raises(RuntimeError, match="under way"):
        windows.start(filled(ranks, "c16"), receive)
    windows.wait()
    assert (receive == expected(ranks, "c16")).all()
    windows.exchange(filled(ranks, "c16"), receive)  # and the next one may follow


def test_bytes_and_messages_are_counted(ranks):
    send, receive = counts_of(ranks)
    others = np.arange(ranks.size) != ranks.rank
    windows = Windows(ranks, send, receive, "f4")
    assert windows.bytes == 4 * send[others].sum()
    assert windows.messages == np.count_nonzero(send[others])
    ranks.reset_counters()
    windows.exchange(filled(ranks, "f4"), np.zeros(receive.sum(), "f4"))
    windows.start(filled(ranks, "f4"), np.zeros(receive.sum(), "f4"))
    windows.wait()
    assert (ranks.bytes_sent, ranks.messages_sent) == (2 * windows.bytes, 2 * windows.messages)


def test_a_part_counts_for_the_whole(ranks):
    """What the even ranks and the odd ranks say among themselves is counted by the communicator of all."""
    part = Communicator(ranks.mpi.Split(ranks.rank % 2, ranks.rank), within=ranks)
    ranks.reset_counters()
    windows = Windows(part, np.full(part.size, 2), np.full(part.size, 2), "f8")
    before = ranks.bytes_sent
    windows.exchange(np.full(2 * part.size, float(part.rank)), arrived := np.zeros(2 * part.size))
    assert (arrived.reshape(-1, 2) == np.arange(part.size)[:, None]).all()
    assert ranks.bytes_sent - before == windows.bytes == 16 * (part.size - 1)
    part.mpi.Free()


def test_counts_that_differ_are_refused_by_all(ranks):
    send, receive = counts_of(ranks)
    if ranks.rank == 0:
        receive = receive + np.eye(ranks.size, dtype=int)[-1]
    with pytest.raises(ValueError, match=f"rank {ranks.size - 1} sends .* to rank 0, which expects"):
        Windows(ranks, send, receive, "f8")


def test_too_many_elements_are_refused_by_all(ranks):
    many = np.full(ranks.size, 2**31 // ranks.size + 1)
    with pytest.raises(ValueError, match="use more ranks"):
        Windows(ranks, many, many, "f8")
