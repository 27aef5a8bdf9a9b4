"""Contiguous windows between all ranks: the transposes of a distributed grid, packed and counted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..communicator import Communicator
from .device_memory import Staging

# Counts and places of MPI-3 are 32-bit.
_MOST_ELEMENTS = (1 << 31) - 1


class Windows:
    """One contiguous window from each rank to each other one, again and again with the same counts.

    communicator: the ranks that exchange
    send_counts, receive_counts: (ranks,) elements for and from each rank, 0 allowed; the windows lie one
        after the other, in the order of their ranks
    dtype: type of the elements, real or complex, of any precision
    backend: where the arrays live (hpcphys.kernels.backend), None for the host.  A GPU's go to MPI as they
        are where it is CUDA-aware (see device_memory), else through the host.

    `bytes`, `messages`: what this rank sends in one exchange; what it keeps for itself is not counted.  The
    communicator counts them as well, and the seconds.  On one rank an exchange is a copy.

    Making one is collective: the ranks compare their counts.  Raises ValueError on all ranks if those of two
    ranks do not belong together, or if a rank has more elements than MPI can count (2^31 - 1).
    Memory of a rank: its own buffers and O(ranks) counts.
    """

    def __init__(
        self,
        communicator: Communicator,
        send_counts: Sequence[int] | np.ndarray,
        receive_counts: Sequence[int] | np.ndarray,
        dtype: Any,
        backend: Any = None,
    ):
        self.communicator = communicator
        self._staging = Staging(backend) if backend is not None and backend.name == "cuda" else None
        self.dtype = np.dtype(dtype)
        self.send_counts = _counts("send_counts", send_counts, communicator.size)
        self.receive_counts = _counts("receive_counts", receive_counts, communicator.size)
        self._agree_on_counts()
        others = np.arange(communicator.size) != communicator.rank
        self.bytes = int(self.send_counts[others].sum()) * self.dtype.itemsize
        self.messages = int(np.count_nonzero(self.send_counts[others]))
        self._send_places = _places(self.send_counts)
        self._receive_places = _places(self.receive_counts)
        self._request: Any = None
        self._buffers: tuple = ()  # alive until a nonblocking exchange is done

    def exchange(self, send: np.ndarray, receive: np.ndarray) -> None:
        """receive ← the windows of all ranks for this one (MPI_Alltoallv); collective.

        send: contiguous, its first Σ send_counts elements are sent; receive: contiguous, its first
        Σ receive_counts elements are overwritten.  They must not overlap.  Raises ValueError for an array
        that does not fit, RuntimeError while an exchange that was started is not finished.
        """
        started = time.perf_counter()
        source, target = self._checked(send, receive)
        if self.communicator.size == 1:
            target[...] = source
            return
        sent, received = self._reachable(source, target)
        self.communicator.mpi.Alltoallv(*self._messages(sent, received))
        self._deliver(received, target)
        self.communicator.count(self.bytes, self.messages, started)

    def start(self, send: np.ndarray, receive: np.ndarray) -> None:
        """Begin the same exchange; until `wait` neither array may be changed or read."""
        started = time.perf_counter()
        source, target = self._checked(send, receive)
        if self.communicator.size == 1:
            target[...] = source
            self._buffers = (source, target, target)
            return
        sent, received = self._reachable(source, target)
        self._request = self.communicator.mpi.Ialltoallv(*self._messages(sent, received))
        self._buffers = (sent, received, target)
        self.communicator.count(self.bytes, self.messages, started)

    def wait(self) -> None:
        """Return when the exchange that was started is done.  Raises RuntimeError if there is none."""
        if not self._buffers:
            raise RuntimeError("no exchange has been started; call start(send, receive) before wait()")
        started = time.perf_counter()
        if self._request is not None:
            self._request.Wait()
            _, received, target = self._buffers
            self._deliver(received, target)
        self._request, self._buffers = None, ()
        if self.communicator.size > 1:
            self.communicator.count(0, 0, started)

    def _reachable(self, source: Any, target: Any) -> tuple[Any, Any]:
        """The two buffers where MPI can reach them."""
        return (source, target) if self._staging is None else self._staging.buffers(source, target)

    def _deliver(self, received: Any, target: Any) -> None:
        """Bring what has come to where it was wanted."""
        if received is not target:
            target.set(received)

    def _checked(self, send: np.ndarray, receive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Flat views of just the elements that move."""
        if self._buffers:
            raise RuntimeError("an exchange is under way; call wait() before the next one")
        return (
            _window("send", send, int(self.send_counts.sum()), self.dtype),
            _window("receive", receive, int(self.receive_counts.sum()), self.dtype),
        )

    def _messages(self, source: np.ndarray, target: np.ndarray) -> tuple[list, list]:
        """What mpi4py wants to know of the two buffers."""
        from mpi4py import MPI

        kind = MPI.Datatype.fromcode(self.dtype.char)
        return (
            [source, (self.send_counts, self._send_places), kind],
            [target, (self.receive_counts, self._receive_places), kind],
        )

    def _agree_on_counts(self) -> None:
        arriving = self.communicator.alltoall_counts(self.send_counts)
        wrong = np.flatnonzero(arriving != self.receive_counts)
        message = ""
        if wrong.size:
            other = int(wrong[0])
            message = (
                f"windows: rank {other} sends {arriving[other]} elements to rank {self.communicator.rank}, "
                f"which expects {self.receive_counts[other]}; both must be told the same"
            )
        elif (most := max(int(self.send_counts.sum()), int(self.receive_counts.sum()))) > _MOST_ELEMENTS:
            message = (
                f"windows: rank {self.communicator.rank} moves {most} elements at once, MPI counts up to "
                f"{_MOST_ELEMENTS}; use more ranks"
            )
        if self.communicator.agree(bool(message)):
            raise ValueError(next(found for found in self.communicator.allgather(message) if found))


def _counts(name: str, counts: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
    array = np.asarray(counts, dtype=np.int64)
    if array.shape != (size,) or (array < 0).any():
        raise ValueError(
            f"{name} of shape {array.shape} for {size} ranks, smallest {array.min(initial=0)}; "
            "give one count of 0 or more for each rank"
        )
    return array


def _places(counts: np.ndarray) -> np.ndarray:
    """First element of each window."""
    return np.cumsum(counts) - counts


def _window(name: str, array: np.ndarray, count: int, dtype: np.dtype) -> np.ndarray:
    """The first `count` elements of a contiguous array."""
    if array.dtype != dtype or array.size < count or not array.flags.c_contiguous:
        raise ValueError(
            f"{name}: an array of {array.size} {array.dtype} (C-contiguous: {array.flags.c_contiguous}); "
            f"a contiguous one of at least {count} {dtype} is needed"
        )
    return array.reshape(-1)[:count]
