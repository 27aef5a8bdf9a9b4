"""Transfers of a halo between arrays that stay: packing and adding as kernels, messages apart from them."""

from __future__ import annotations

import math
from typing import Any

from .halo import ADDING, Halo
from .pulses import BACKWARD, FORWARD, Message, check_fit


class StandingTransfer:
    """`Halo.forward`, or with `backward` its `backward`, for the same arrays step after step, in parts:

        for k in range(pulses): the kernel of packing(k); start(k); wait(k); the kernel of adding(k)

    so that native loops can run the kernels (on the CPU alone), and what else there is to do between a start
    and its wait.  The numbers are those of the halo's own transfers, and so are the counts of bytes.
    """

    def __init__(self, halo: Halo, rows: Any, copies: Any, *, backward: bool):
        """Arrays as for Halo.forward and Halo.backward; they must stay where they are.  Raises as those."""
        check_fit(halo, rows, copies)
        self._halo, self._rows, self._copies, self._backward = halo, rows, copies, backward
        self._width, self._unit = math.prod(rows.shape[1:]), rows.dtype.itemsize
        self._adding = ADDING[f"{rows.dtype.kind}{self._unit}"] if backward else ""
        self._pulses = halo.pulses[::-1] if backward else halo.pulses
        empty = halo.cells.backend.empty
        self._buffers = [empty(len(pulse.rows) * self._width, rows.dtype) for pulse in self._pulses]
        flat, width = copies.reshape(-1), self._width
        ends = [(pulse.first * width, (pulse.first + pulse.count) * width) for pulse in self._pulses]
        self._parts = [flat[first:last] for first, last in ends]
        self._messages: dict[int, Message] = {}

    @property
    def pulses(self) -> int:
        """How many messages there are to each side, one after the other."""
        return len(self._pulses)

    def packing(self, k: int) -> tuple[str, tuple[Any, ...]] | None:
        """Kernel (of module halo) and arguments that fill what pulse k sends; None where nothing is to do."""
        pulse = self._pulses[k]
        if self._backward or not len(pulse.rows):
            return None
        arrays = (self._rows, self._copies, self._buffers[k])
        given = (len(pulse.rows), pulse.rows, len(self._rows), *(a.view(f"u{self._unit}") for a in arrays))
        return f"pack_rows{self._unit}", (*given, self._width)

    def adding(self, k: int) -> tuple[str, tuple[Any, ...]] | None:
        """Kernel and arguments that add what pulse k brought back; None where nothing is to do."""
        pulse = self._pulses[k]
        if not self._backward or not len(pulse.rows):
            return None
        arrays = (self._buffers[k], self._rows, self._copies)
        return self._adding, (len(pulse.rows), pulse.rows, len(self._rows), *arrays, self._width)

    def start(self, k: int) -> None:
        """Send and ask for the values of pulse k."""
        pulse, part, buffer = self._pulses[k], self._parts[k], self._buffers[k]
        tag = BACKWARD if self._backward else FORWARD
        message = self._messages[k] = Message(pulse.cells.communicator, None, tag)
        if self._backward:
            message.start(part, pulse.source, buffer, pulse.target)
        else:
            message.start(buffer, pulse.target, part, pulse.source)
        self._halo.count_sent(message.bytes, message.messages, self._width * self._unit if k == 0 else 0)

    def wait(self, k: int) -> None:
        """The values of pulse k are there."""
        self._messages.pop(k).wait()

    def module(self) -> Any:
        """The kernels of packing and adding."""
        return self._halo.cells.module
