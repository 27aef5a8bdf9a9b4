"""Even splits of rows, and the communicator of one rank."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.rows import Rows


@pytest.mark.parametrize("total", [0, 1, 255, 256, 257, 5000, 10**6])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_split_is_even_in_blocks(total, size):
    rows = Rows(total, size)
    counts = [rows.count(rank) for rank in range(size)]
    assert sum(counts) == total
    assert min(counts) >= 0
    assert all(rows.first(rank) % 256 == 0 or rows.first(rank) == total for rank in range(size))
    assert max(counts) <= -(-total // 256 // size) * 256 + 256


@pytest.mark.parametrize("arguments", [(-1, 1), (1, 0), (1, 1, 0)])
def test_split_refuses_what_cannot_be(arguments):
    with pytest.raises(ValueError, match="there must be"):
        Rows(*arguments)


def test_one_rank_without_mpi():
    serial = Communicator.serial()
    assert (serial.rank, serial.size, serial.mpi, serial.node) == (0, 1, None, serial)
    serial.barrier()
    assert serial.bcast("x") == "x"
    assert serial.gather(3) == [3]
    assert serial.allgather(3) == [3]
    assert serial.allreduce(2) == 2
    assert serial.allreduce(2.5, "max") == 2.5
    assert serial.agree(True) == 1
    assert serial.exscan(4) == 0
    array = np.arange(3)
    total = serial.allreduce(array)
    assert total is not array
    assert (total == array).all()
    parts = serial.alltoallv([array])
    assert parts[0] is not array
    assert (parts[0] == array).all()
    transfer = Rows.even(serial, 3).transfer(serial, 3)
    assert (transfer.backward(transfer.forward(array)) == array).all()
    assert serial.counters() == {"bytes_sent": 0, "messages_sent": 0, "seconds": pytest.approx(0.0, abs=1.0)}


def test_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="'product' is unknown; use one of sum, min, max"):
        Communicator.serial().allreduce(1, "product")
