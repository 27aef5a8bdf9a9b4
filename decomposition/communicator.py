"""The one door to MPI: collective operations, counted, and the same without MPI."""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import fixed_point
from .abort import AbortHook

OPERATIONS = ("sum", "min", "max")
# Variables in which launchers tell a process how many ranks they have started.
_LAUNCHED_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
# Variables that any launcher leaves: without one of them this process is alone.
_LAUNCHED = ("OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK", "PALS_RANKID", "SLURM_STEP_ID")
_LARGEST_MESSAGE = 1 << 30


class MPIError(RuntimeError):
    """MPI cannot be used as it was started; ends the job with exit code 1."""

    exit_code = 1


class Communicator:
    """The ranks of one run and what they say to each other.

    `rank`, `size`: this rank and the number of ranks.
    `mpi`: the mpi4py communicator, for `MPI.File`; None without MPI.
    `bytes_sent`, `messages_sent`, `seconds`: what this rank has sent, and the time it spent in
    communication and waiting, since `reset_counters`.  A message to a rank counts once; a collective
    operation counts its own contribution once and ⌈log2 size⌉ messages (a tree).  One rank counts nothing.
    within: the communicator of which these ranks are a part; it counts what is said here as well.

    Every method except the attributes and counters is collective: all ranks call it, in the same order.
    """

    def __init__(self, mpi=None, within: Communicator | None = None):
        self.mpi = mpi
        self._within = within
        self.rank: int = 0 if mpi is None else mpi.Get_rank()
        self.size: int = 1 if mpi is None else mpi.Get_size()
        self._node: Communicator | None = None
        self._depth = (self.size - 1).bit_length()
        self.reset_counters()

    # -- making one ---------------------------------------------------------------------------------------

    @classmethod
    def serial(cls) -> Communicator:
        """One rank, without MPI: nothing is imported or initialised."""
        return cls(None)

    @classmethod
    def start(cls, abort_hook: bool = True) -> Communicator:
        """Initialise MPI and return the communicator of all ranks.

        With `abort_hook`, an uncaught exception on any rank from here on ends the job with one message and
        the exception's `exit_code` (default 1).  MPI is finalised when the interpreter exits; a rank that
        calls `sys.exit` must do so together with the others.
        Without mpi4py this is a serial run, unless a launcher has started several ranks: then MPIError, as
        well as when the MPI library and the launcher do not belong together.
        """
        launched = max((int(os.environ.get(name) or 1) for name in _LAUNCHED_SIZES), default=1)
        try:
            import mpi4py

            # Imports must not initialise MPI: --help and check run on login nodes.
            mpi4py.rc.initialize = False
            mpi4py.rc.finalize = False
            from mpi4py import MPI
        except ImportError as error:
            if launched > 1:
                raise MPIError(
                    f"started on {launched} ranks, but mpi4py cannot be imported ({error}); "
                    "install mpi4py, built for the MPI that mpirun belongs to"
                ) from error
            if abort_hook:
                AbortHook(None, None).install()
            return cls.serial()
        if not MPI.Is_initialized():
            with _shared_memory_preferred():
                MPI.Init_thread(MPI.THREAD_FUNNELED)
            atexit.register(_finalize)
        world = MPI.COMM_WORLD
        if launched > 1 and world.Get_size() == 1:
            library = MPI.Get_library_version().splitlines()[0].strip()
            raise MPIError(
                f"the launcher started {launched} ranks, but MPI sees one: mpirun and mpi4py "
                f"belong to different MPI libraries; use the mpirun of {library}"
            )
        communicator = cls(world)
        if abort_hook:
            AbortHook(world, communicator.node.mpi).install()
        communicator.reset_counters()
        return communicator

    @property
    def node(self) -> Communicator:
        """The ranks that share this rank's machine (made at first use, which is collective)."""
        if self._node is None:
            if self.mpi is None:
                self._node = self
            else:
                from mpi4py import MPI

                self._node = Communicator(self.mpi.Split_type(MPI.COMM_TYPE_SHARED, key=self.rank))
        return self._node

    # -- counters -----------------------------------------------------------------------------------------

    def reset_counters(self) -> None:
        """Start counting bytes, messages and seconds from zero."""
        self.bytes_sent = 0
        self.messages_sent = 0
        self.seconds = 0.0

    def counters(self) -> dict[str, float]:
        """Bytes, messages and seconds of this rank since `reset_counters`."""
        return {"bytes_sent": self.bytes_sent, "messages_sent": self.messages_sent, "seconds": self.seconds}

    def count(self, size_in_bytes: int, messages: int, started: float) -> None:
        """Add to the counters what was sent, and the time since `started` (of time.perf_counter)."""
        self.bytes_sent += size_in_bytes
        self.messages_sent += messages
        self.seconds += time.perf_counter() - started
        if self._within is not None:
            self._within.count(size_in_bytes, messages, started)

    def _count_collective(self, size_in_bytes: int, started: float) -> None:
        self.count(size_in_bytes, self._depth, started)

    # -- objects (small things, by pickle) ----------------------------------------------------------------

    def barrier(self) -> None:
        """Return when all ranks have come here."""
        if self.size > 1:
            started = time.perf_counter()
            self.mpi.Barrier()
            self._count_collective(0, started)

    def bcast(self, value: Any, root: int = 0) -> Any:
        """`value` of rank `root`, on all ranks.  Arrays travel by pickle: for small things."""
        if self.size == 1:
            return value
        started = time.perf_counter()
        value = self.mpi.bcast(value, root=root)
        self._count_collective(_size_in_bytes(value) if self.rank == root else 0, started)
        return value

    def gather(self, value: Any, root: int = 0) -> list | None:
        """List of all ranks' `value` in rank order on rank `root`, None elsewhere."""
        if self.size == 1:
            return [value]
        started = time.perf_counter()
        values = self.mpi.gather(value, root=root)
        self._count_collective(_size_in_bytes(value), started)
        return values

    def allgather(self, value: Any) -> list:
        """List of all ranks' `value` in rank order, on all ranks."""
        if self.size == 1:
            return [value]
        started = time.perf_counter()
        values = self.mpi.allgather(value)
        self._count_collective(_size_in_bytes(value), started)
        return values

    # -- numbers and arrays -------------------------------------------------------------------------------

    def allreduce(self, value, op: str = "sum"):
        """Sum, minimum or maximum over the ranks of a scalar or, element by element, of an array.

        Returns an int, a float or a new array of the same shape and type.  The order of a floating-point sum
        depends on the number of ranks; see `sum_reproducible` for one that does not.
        Raises ValueError for any other `op`.
        """
        if op not in OPERATIONS:
            raise ValueError(f"reduction {op!r} is unknown; use one of {', '.join(OPERATIONS)}")
        array = np.ascontiguousarray(value)
        if array.dtype == bool:
            array = array.astype(np.int64)
        if self.size == 1:
            result = array.copy()
        else:
            from mpi4py import MPI

            started = time.perf_counter()
            result = np.empty_like(array)
            operation = {"sum": MPI.SUM, "min": MPI.MIN, "max": MPI.MAX}[op]
            self.mpi.Allreduce(array, result, op=operation)
            self._count_collective(array.nbytes, started)
        if isinstance(value, np.ndarray):
            return result.reshape(value.shape)
        return result.reshape(-1)[0].item() if np.ndim(value) == 0 else result

    def largest(self, number: np.ndarray) -> Any:
        """allreduce(number[0], "max") of an array of one float64 or int64, with less around it."""
        if self.size == 1:
            return number[0]
        from mpi4py import MPI

        started = time.perf_counter()
        found = np.empty_like(number)
        self.mpi.Allreduce(number, found, op=MPI.MAX)
        self._count_collective(number.nbytes, started)
        return found[0]

    def agree(self, code: int | bool) -> int:
        """The largest `code` of all ranks: how ranks agree to stop, to write a checkpoint, to fail."""
        return int(self.allreduce(int(code), "max"))

    def exscan(self, value: int) -> int:
        """Σ of `value` over the ranks before this one (0 on rank 0): the global index of a first row."""
        if self.size == 1:
            return 0
        started = time.perf_counter()
        send, receive = np.array([value], dtype=np.int64), np.zeros(1, dtype=np.int64)
        self.mpi.Exscan(send, receive)
        self._count_collective(send.nbytes, started)
        return int(receive[0]) if self.rank > 0 else 0

    def sum_reproducible(self, rows: np.ndarray):
        """Σ over the rows of all ranks, bit for bit the same for any order and any distribution of rows.

        rows: (n,) gives a float, (n, k) gives (k,) float64.  Every term is rounded to 2^-91 of the largest
        term of its column and summed in integers: no less exact than a float64 sum.  One maximum and one sum
        over the ranks.  A column with an infinity or NaN gives NaN.
        """
        rows = np.asarray(rows, dtype=np.float64)
        table = rows.reshape(len(rows), math.prod(rows.shape[1:]))
        bits = self.allreduce(fixed_point.magnitude_bits(table), "max")
        digits = self.allreduce(fixed_point.partial_sum(table, bits), "sum")
        result = fixed_point.total(digits, bits)
        return float(result[0]) if rows.ndim == 1 else result.reshape(rows.shape[1:])

    # -- rows to other ranks ------------------------------------------------------------------------------

    def alltoall_counts(self, counts: Sequence[int] | np.ndarray) -> np.ndarray:
        """counts: (size,) rows for each rank.  Returns (size,) int64: rows each rank has for this one."""
        send = np.ascontiguousarray(counts, dtype=np.int64)
        if self.size == 1:
            return send.copy()
        started = time.perf_counter()
        receive = np.empty_like(send)
        self.mpi.Alltoall(send, receive)
        self._count_collective(send.nbytes, started)
        return receive

    def alltoallv(self, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Give parts[r] to rank r; return what came, one array per rank, in rank order.

        parts: `size` arrays of one type and row shape, equal on all ranks (empty ones too).  What arrives is
        one allocation; this rank's own part is copied into it.  Only ranks with something to say send.
        """
        if len(parts) != self.size:
            raise ValueError(
                f"alltoallv got {len(parts)} parts for {self.size} ranks; "
                "give one per rank, empty where there is nothing to say"
            )
        counts = np.array([len(part) for part in parts], dtype=np.int64)
        rows = np.concatenate(parts) if self.size > 1 else np.array(parts[0])
        received, arrived = self.start_exchange(rows, counts).wait()
        bounds = np.concatenate(([0], np.cumsum(arrived)))
        return [received[bounds[rank] : bounds[rank + 1]] for rank in range(self.size)]

    def allgather_rows(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All ranks' rows (n, ...) of one type on all ranks, in rank order; and how many of each: (size,)."""
        rows = np.ascontiguousarray(rows)
        if self.size == 1:
            return rows.copy(), np.array([len(rows)])
        from mpi4py import MPI

        started = time.perf_counter()
        counts = np.empty(self.size, dtype=np.int64)
        self.mpi.Allgather(np.array([len(rows)], dtype=np.int64), counts)
        told = np.empty((int(counts.sum()), *rows.shape[1:]), dtype=rows.dtype)
        row_bytes = rows.dtype.itemsize * math.prod(rows.shape[1:])
        bytes_each = counts * row_bytes
        self.mpi.Allgatherv(
            [rows.reshape(-1).view(np.uint8), MPI.BYTE],
            [told.reshape(-1).view(np.uint8), bytes_each, MPI.BYTE],
        )
        self.messages_sent += self._depth
        self._count_collective(8 + rows.nbytes, started)
        return told, counts

    def start_exchange(
        self, rows: np.ndarray, counts: np.ndarray, arriving: np.ndarray | None = None
    ) -> Exchange:
        """Begin to send rows, which lie in the order of their ranks; computation may go on until `wait`.

        rows: (Σ counts, ...) C-contiguous, not to be changed before `wait`;
        counts: (size,) rows for each rank;
        arriving: (size,) the answer of `alltoall_counts(counts)` if it is known already.
        """
        counts = np.ascontiguousarray(counts, dtype=np.int64)
        if arriving is None:
            arriving = self.alltoall_counts(counts)
        return Exchange(self, rows, counts, arriving)


class Exchange:
    """Rows on their way between ranks: one message for each pair of ranks that has something to say."""

    def __init__(
        self, communicator: Communicator, rows: np.ndarray, counts: np.ndarray, arriving: np.ndarray
    ):
        if int(counts.sum()) != len(rows) or not rows.flags.c_contiguous:
            raise ValueError(
                f"an exchange of {int(counts.sum())} rows was given an array of {len(rows)} "
                f"(C-contiguous: {rows.flags.c_contiguous}); give just these rows, contiguous"
            )
        self.communicator = communicator
        self._rows = rows  # alive until the sends are done
        self._arriving = arriving
        self._received = np.empty((int(arriving.sum()), *rows.shape[1:]), dtype=rows.dtype)
        self._requests: list = []
        started = time.perf_counter()
        rank, size = communicator.rank, communicator.size
        leaving_end, arriving_end = np.cumsum(counts), np.cumsum(arriving)
        for other in np.flatnonzero(arriving).tolist():
            if other != rank:
                block = self._received[arriving_end[other] - arriving[other] : arriving_end[other]]
                for piece in pieces(block):
                    self._requests.append(communicator.mpi.Irecv(piece, source=other, tag=71))
        # Starting after this rank's own number spreads the load: not everyone writes to rank 0 first.
        for other in sorted(np.flatnonzero(counts).tolist(), key=lambda other: (other - rank) % size):
            block = rows[leaving_end[other] - counts[other] : leaving_end[other]]
            if other == rank:
                self._received[arriving_end[rank] - arriving[rank] : arriving_end[rank]] = block
                continue
            for piece in pieces(block):
                self._requests.append(communicator.mpi.Isend(piece, dest=other, tag=71))
                communicator.messages_sent += 1
            communicator.bytes_sent += block.nbytes
        communicator.seconds += time.perf_counter() - started

    def wait(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows that came, ordered by the rank they came from, and how many from each: (m, ...), (size,)."""
        started = time.perf_counter()
        for request in self._requests:
            request.Wait()
        self._requests.clear()
        self.communicator.seconds += time.perf_counter() - started
        return self._received, self._arriving


def pieces(block: np.ndarray):
    """Byte views of a contiguous block, none above 1 GiB: counts in MPI-3 are 32-bit."""
    flat = block.reshape(-1).view(np.uint8)
    return [flat[start : start + _LARGEST_MESSAGE] for start in range(0, flat.size, _LARGEST_MESSAGE)]


def _size_in_bytes(value: Any) -> int:
    """Bytes of an object on the wire, near enough for the counters."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, (bytes, str)):
        return len(value)
    if isinstance(value, (list, tuple)):
        return sum(_size_in_bytes(item) for item in value)
    if isinstance(value, dict):
        return sum(_size_in_bytes(item) for item in value.values())
    return 8


@contextlib.contextmanager
def _shared_memory_preferred():
    """On a single machine, spare Open MPI its search for fast networks: that takes a second at start-up.

    The user's own settings stand; other MPI libraries ignore these variables.  They are taken back, so that a
    job submitted from here, perhaps to several machines, does not inherit them.
    """
    ranks, ranks_here = (os.environ.get(f"OMPI_COMM_WORLD_{name}SIZE") for name in ("", "LOCAL_"))
    alone = not any(name in os.environ for name in _LAUNCHED)
    chosen = "OMPI_MCA_btl" in os.environ or "OMPI_MCA_pml" in os.environ
    if chosen or not (alone or (ranks is not None and ranks == ranks_here)):
        yield
        return
    settings = {"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "self,sm"}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]


def _finalize() -> None:
    from mpi4py import MPI

    if MPI.Is_initialized() and not MPI.Is_finalized():
        MPI.Finalize()
