"""Pulses: the messages of a halo along one axis, and a transfer that goes through them."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..communicator import Communicator, pieces
from ..pencils.device_memory import Staging

if TYPE_CHECKING:
    from .halo import Halo
    from .layout import Cells

FORWARD, BACKWARD, BUILDING = 75, 76, 77  # tags of messages
_UNSIGNED: dict[int, Any] = {8: np.uint64, 4: np.uint32, 1: np.uint8}


class Pulse:
    """One message to the block below and one from the block above, of the same rows in every step.

    rows: (m,) int32 rows that are sent: home rows, then copies, numbered through
    `first`, `count`: the copies that this pulse brings
    """

    def __init__(self, cells: Cells, axis: int, rows: Any, below: int | None, above: int | None, first: int):
        """below, above: coordinate along the axis of the blocks that get and give rows, None for nobody."""
        self.cells, self.axis, self.rows, self.first, self.count = cells, axis, rows, first, 0
        self.target, self.source = (None if c is None else self._rank(c) for c in (below, above))
        self.staging = Staging(cells.backend) if cells.backend.name == "cuda" else None

    def _rank(self, coordinate: int) -> int:
        place = list(self.cells.coordinates)
        place[self.axis] = coordinate
        return self.cells.rank_at(place)

    def build(self, position: Any, copies: Any, meta: Any) -> tuple[Any, Any]:
        """Send the rows for the first time, with their shifts and zones: (copies, meta) with those that came.

        copies: (h, 3) float64 positions; meta: (h, 4) bytes, three shifts (signed) and the zone.
        """
        be, cells, number = self.cells.backend, self.cells, len(self.rows)
        home_meta = be.zeros((len(position), 4), np.uint8)
        packed = [self.packed(position, copies).view(np.uint8), self.packed(home_meta, meta).view(np.uint8)]
        sent = be.host(be.xp.concatenate(packed))
        came = _exchanged(cells.communicator, sent, self.target, self.source)
        self.count = len(came) // 28
        arrived = came[: 24 * self.count].view(np.float64).reshape(-1, 3)
        tags = came[24 * self.count :].reshape(-1, 4).copy()
        tags[:, 3] |= 1 << self.axis
        # Copies from above the last block have come through the periodic face.
        tags[:, self.axis] += cells.coordinates[self.axis] == cells.grid[self.axis] - 1
        if number == 0:
            self.target = None
        if self.count == 0:
            self.source = None
        xp = be.xp
        return xp.concatenate((copies, be.array(arrived))), xp.concatenate((meta, be.array(tags)))

    def packed(self, rows: Any, copies: Any) -> Any:
        """The rows to be sent, flat, of the arrays' type."""
        be, number, width = self.cells.backend, len(self.rows), math.prod(rows.shape[1:])
        buffer = be.empty(number * width, rows.dtype)
        if number:
            unit = rows.dtype.itemsize
            view = _UNSIGNED[unit]
            self.cells.module.launch(
                f"pack_rows{unit}", number, self.rows, len(rows), rows.view(view), copies.view(view),
                buffer.view(view), width,
            )  # fmt: skip
        return buffer


class Transfer:
    """Values on their way through the pulses, one after the other; the first one starts by itself.

    adding: None for `forward` (copies ← rows), or the kernel that adds in `backward` (rows += copies).
    """

    def __init__(self, halo: Halo, rows: Any, copies: Any, pulses: list[Pulse], adding: str | None):
        check_fit(halo, rows, copies)
        self._halo, self._rows, self._copies, self._adding = halo, rows, copies, adding
        self._pulses = pulses
        self.width = math.prod(rows.shape[1:])
        self.row_bytes = self.width * rows.dtype.itemsize
        self._message: Message | None = None

    def start(self) -> None:
        """Send the first pulse."""
        if self._pulses:
            self._message = self._sent(self._pulses[0])

    def finish(self) -> None:
        """Wait for what was sent, then send and wait for the other pulses in turn."""
        for k, pulse in enumerate(self._pulses):
            message = self._message if k == 0 else self._sent(pulse)
            came = message.wait()
            if self._adding is not None and len(pulse.rows):
                pulse.cells.module.launch(
                    self._adding, len(pulse.rows), pulse.rows, len(self._rows), came, self._rows,
                    self._copies, self.width,
                )  # fmt: skip

    def _sent(self, pulse: Pulse) -> Message:
        flat = self._copies.reshape(-1)
        part = flat[pulse.first * self.width : (pulse.first + pulse.count) * self.width]
        comm = pulse.cells.communicator
        if self._adding is None:
            message = Message(comm, pulse.staging, FORWARD)
            message.start(pulse.packed(self._rows, self._copies), pulse.target, part, pulse.source)
        else:
            sums = pulse.cells.backend.empty(len(pulse.rows) * self.width, self._rows.dtype)
            message = Message(comm, pulse.staging, BACKWARD)
            message.start(part, pulse.source, sums, pulse.target)
        self._halo.count_sent(message.bytes, message.messages, 0)
        return message


class Message:
    """One message to one rank and one from one rank, either of which may be nobody."""

    def __init__(self, communicator: Communicator, staging: Staging | None, tag: int):
        self._comm, self._staging, self._tag = communicator, staging, tag
        self._requests: list = []
        self.bytes = self.messages = 0

    def start(self, send: Any, to: int | None, receive: Any, source: int | None) -> None:
        """send, receive: flat contiguous arrays; of any length 0 nothing is sent."""
        started = time.perf_counter()
        self._target = receive
        staged = self._staging is not None and send.size + receive.size > 0
        sent, received = self._staging.buffers(send, receive) if staged else (send, receive)
        self._buffers = (sent, received)  # alive until all is done
        if source is not None and receive.size:
            self._requests += [
                self._comm.mpi.Irecv(piece, source=source, tag=self._tag) for piece in pieces(received)
            ]
        if to is not None and send.size:
            parts = pieces(sent)
            self._requests += [self._comm.mpi.Isend(piece, dest=to, tag=self._tag) for piece in parts]
            self.bytes, self.messages = int(send.nbytes), len(parts)
        self._comm.count(self.bytes, self.messages, started)

    def wait(self) -> Any:
        """What came, where it was wanted."""
        started = time.perf_counter()
        for request in self._requests:
            request.Wait()
        _, received = self._buffers
        if received is not self._target and received.size:
            self._target.set(received)
        self._comm.count(0, 0, started)
        return self._target


def _exchanged(comm: Communicator, sent: np.ndarray, to: int | None, source: int | None) -> np.ndarray:
    """Bytes from `source`, which may be of any number; `sent` goes to `to`."""
    sizes, number = np.array([len(sent), 0], np.int64), Message(comm, None, BUILDING)
    number.start(sizes[:1], to, sizes[1:], source)
    number.wait()
    came, content = np.empty(int(sizes[1]), np.uint8), Message(comm, None, BUILDING)
    content.start(sent, to, came, source)
    content.wait()
    return came


def check_fit(halo: Halo, rows: Any, copies: Any) -> None:
    """Raise ValueError unless the arrays are of this halo."""
    fits = (
        rows.dtype == copies.dtype
        and rows.dtype.itemsize in _UNSIGNED
        and rows.dtype.kind in "fiub"
        and rows.shape[1:] == copies.shape[1:]
        and rows.flags.c_contiguous
        and copies.flags.c_contiguous
    )
    if not fits or len(rows) != halo.home or len(copies) != halo.count:
        raise ValueError(
            f"rows {tuple(rows.shape)} {rows.dtype} and copies {tuple(copies.shape)} {copies.dtype}: this "
            f"halo has {halo.home} rows and {halo.count} copies; contiguous arrays of one type of 1, 4 or 8 "
            "bytes and of one shape per row are needed"
        )
