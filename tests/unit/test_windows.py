"""Windows on one rank without MPI: a copy, and the arrays that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils.windows import Windows


@pytest.fixture
def windows():
    return Windows(Communicator.serial(), [4], [4], "c8")


def test_one_rank_copies(windows):
    send, receive = np.arange(4, dtype="c8").reshape(2, 2), np.zeros(4, "c8")
    windows.exchange(send, receive)
    assert (receive == np.arange(4)).all()
    receive[:] = 0
    windows.start(send, receive)
    windows.wait()
    assert (receive == np.arange(4)).all()
    assert (windows.bytes, windows.messages, windows.communicator.bytes_sent) == (0, 0, 0)


@pytest.mark.parametrize(
    "array", [np.zeros(3, "c8"), np.zeros(4, "c16"), np.zeros(8, "c8")[::2], np.zeros((2, 4), "c8").T]
)
def test_arrays_that_do_not_fit_are_refused(windows, array):
    good = np.zeros(4, "c8")
    with pytest.raises(ValueError, match=r"send: an array of .* is needed"):
        windows.exchange(array, good)
    with pytest.raises(ValueError, match=r"receive: an array of .* is needed"):
        windows.start(good, array)
    windows.exchange(good, np.zeros(4, "c8"))


@pytest.mark.parametrize("counts", [[1, 2], [-1], [[4]]])
def test_counts_must_be_one_per_rank(counts):
    with pytest.raises(ValueError, match="one count of 0 or more for each rank"):
        Windows(Communicator.serial(), counts, [4], "f8")
