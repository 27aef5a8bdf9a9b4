"""Guards of a block on their way: filled from their owners, or added to them, one axis after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..cells.pulses import Message
from ..pencils.device_memory import Staging

if TYPE_CHECKING:
    from .blocks import GridBlocks

FILL, SUM = 81, 83  # tags of messages to the lower side; the next number to the upper one
_REAL = {np.dtype(np.float64): "double", np.dtype(np.float32): "float"}


class GuardTransfer:
    """A fill (adding=False) or sum (True) of the guards of some arrays; started when made."""

    def __init__(self, blocks: GridBlocks, arrays: tuple[Any, ...], width: int | None, adding: bool):
        self._blocks, self._adding = blocks, adding
        self._width = blocks.guards if width is None else int(width)
        if not 1 <= self._width <= blocks.guards:
            raise ValueError(f"{self._width} layers of guards were asked for; there are {blocks.guards}")
        self._fields = [_Field(blocks, array) for array in arrays]
        if len({array.dtype for array in arrays}) > 1:
            raise ValueError(f"arrays of {[str(a.dtype) for a in arrays]} cannot travel together")
        order = range(len(blocks.shape))
        self._axes = list(order[::-1] if adding else order)
        self._under_way: _AxisExchange | None = None
        if self._fields:
            self._module = blocks.backend.module("grid_blocks", REAL=_REAL[np.dtype(arrays[0].dtype)])
            self._start_next()

    def finish(self) -> None:
        """Wait for what was sent, then send and wait for the other axes in turn."""
        while self._under_way is not None:
            self._under_way.finish()
            self._under_way = None
            self._start_next()

    def _start_next(self) -> None:
        if self._axes:
            self._under_way = _AxisExchange(
                self._blocks, self._module, self._fields, self._axes.pop(0), self._width, self._adding
            )


class _Field:
    """An array with guards as (components, n0, n1, n2), missing axes in front."""

    def __init__(self, blocks: GridBlocks, array: Any):
        local = blocks.local_shape
        lead = tuple(array.shape[: array.ndim - len(local)])
        fits = np.dtype(array.dtype) in _REAL and array.flags.c_contiguous
        if not fits or len(lead) > 1 or tuple(array.shape[array.ndim - len(local) :]) != local:
            raise ValueError(
                f"an array of {tuple(array.shape)} {array.dtype} was given; guards are those of contiguous "
                f"arrays of {local} or (components, *{local}), float64 or float32"
            )
        self.array, self.components = array.reshape(-1), lead[0] if lead else 1


class _AxisExchange:
    """Both messages along one axis, or the copies across it where this rank is its own neighbour."""

    def __init__(
        self, blocks: GridBlocks, module: Any, fields: list[_Field], axis: int, width: int, adding: bool
    ):
        self._blocks, self._module, self._fields, self._adding = blocks, module, fields, adding
        back, on = ([0] * len(blocks.shape) for _ in range(2))
        back[axis], on[axis] = -1, 1
        self._ranks = [blocks.neighbour(back), blocks.neighbour(on)]
        components = tuple(field.components for field in fields)
        self._plan = _plan(blocks, axis, width, adding, components)
        self._messages: list[tuple[int, Message]] = []
        if self._ranks[0] == blocks.communicator.rank:
            self._across()
        else:
            self._send()

    def _across(self) -> None:
        for side in range(2):
            for field, box in zip(self._fields, self._plan.across[side], strict=True):
                self._launch(box, field.array, field.array, self._adding)

    def _send(self) -> None:
        plan, blocks = self._plan, self._blocks
        kind = self._fields[0].array.dtype
        size = sum(box.count for box in plan.leaving[0])
        tag = SUM if self._adding else FILL
        for side in range(2):
            to, source = self._ranks[side], self._ranks[1 - side]
            send = plan.buffer("send", side, size if to is not None else 0, kind)
            receive = plan.buffer("receive", side, size if source is not None else 0, kind)
            if to is not None:
                for field, box in zip(self._fields, plan.leaving[side], strict=True):
                    self._launch(box, field.array, send, False)
            message = Message(blocks.communicator, plan.staging[side], tag + side)
            message.start(send, to, receive, source)
            blocks.count_sent(message.bytes, message.messages)
            if to is not None or source is not None:
                self._messages.append((1 - side, message))

    def finish(self) -> None:
        # What went to the upper neighbours comes from below, and is added first.
        for side, message in reversed(self._messages):
            came = message.wait()
            if self._ranks[side] is not None:
                for field, box in zip(self._fields, self._plan.arriving[side], strict=True):
                    self._launch(box, came, field.array, self._adding)

    def _launch(self, box: _Box, source: Any, target: Any, adding: bool) -> None:
        if box.count:
            name = "add_box" if adding else "copy_box"
            self._module.launch(name, box.count, source, target, box.width, box.numbers)


class _Box:
    """A box of an array as the kernels of grid_blocks.h read it."""

    def __init__(self, backend: Any, extents: tuple[int, ...], source: list[int], target: list[int]):
        components, e0, e1, self.width = extents
        self.count = components * e0 * e1 * self.width
        self.numbers = backend.array(np.array([e0, e1, *source, *target], dtype=np.int64))


class _Plan:
    """Where the numbers of an exchange along one axis lie in arrays and messages; kept for all steps.

    leaving, arriving: for each side the boxes of each array in the message to (from) that side
    across: for each side the boxes from one end of this rank's own block to its other one
    """

    def __init__(self, blocks: GridBlocks, axis: int, width: int, adding: bool, components: tuple[int, ...]):
        self._backend, g, n = blocks.backend, blocks.guards, blocks.count[axis]
        self.staging = [Staging(blocks.backend) if blocks.backend.name == "cuda" else None for _ in range(2)]
        self._buffers: dict[tuple[str, int], Any] = {}
        inside, outside = (g, g + n - width), (g - width, g + n)
        ranges = _other_ranges(blocks, axis, width)
        leaves, arrives = (outside, inside) if adding else (inside, outside)

        def boxes(first: int, to_message: bool) -> list[_Box]:
            found, offset = [], 0
            for c in components:
                extents, place = _strided(blocks, ranges, axis, first, width, c)
                packed = [offset, *_packed_strides(extents)]
                offset += int(np.prod(extents))
                pair = (place, packed) if to_message else (packed, place)
                found.append(_Box(self._backend, extents, *pair))
            return found

        def copies(source: int, target: int) -> list[_Box]:
            found = []
            for c in components:
                extents, start = _strided(blocks, ranges, axis, source, width, c)
                found.append(
                    _Box(self._backend, extents, start, _strided(blocks, ranges, axis, target, width, c)[1])
                )
            return found

        self.leaving = [boxes(leaves[side], True) for side in range(2)]
        self.arriving = [boxes(arrives[side], False) for side in range(2)]
        # The lower guards stand for the upper end and the other way round.
        if adding:
            self.across = [copies(outside[0], inside[1]), copies(outside[1], inside[0])]
        else:
            self.across = [copies(inside[1], outside[0]), copies(inside[0], outside[1])]

    def buffer(self, name: str, side: int, size: int, kind: Any) -> Any:
        """Room for a message; kept from step to step."""
        kept = self._buffers.get((name, side))
        if kept is None or kept.size != size or kept.dtype != kind:
            kept = self._buffers[name, side] = self._backend.empty(size, kind)
        return kept


def _plan(blocks: GridBlocks, axis: int, width: int, adding: bool, components: tuple[int, ...]) -> _Plan:
    key = (axis, width, adding, components)
    if key not in blocks.plans:
        blocks.plans[key] = _Plan(blocks, axis, width, adding, components)
    return blocks.plans[key]


def _other_ranges(blocks: GridBlocks, axis: int, width: int) -> list[tuple[int, int]]:
    """(first, length) along each axis of what goes along with one axis: axes before it with their guards,
    which have come already (or, in sums, are still to go); axes behind it with outer guards alone."""
    g, found = blocks.guards, []
    for other, n in enumerate(blocks.count):
        if other < axis:
            lower = g if blocks.boundary(other, 0) else width
            upper = g if blocks.boundary(other, 1) else width
        else:
            lower = g if blocks.boundary(other, 0) else 0
            upper = g if blocks.boundary(other, 1) else 0
        found.append((g - lower, n + lower + upper))
    return found


def _strided(
    blocks: GridBlocks, ranges: list[tuple[int, int]], axis: int, first: int, width: int, components: int
) -> tuple[tuple[int, ...], list[int]]:
    """((components, e0, e1, width) of the box, [first number, strides of c, 0 and 1]) in an array."""
    missing = 3 - len(blocks.shape)
    firsts, lengths = ([v[k] for v in ranges] for k in range(2))
    firsts[axis], lengths[axis] = first, width
    shape = (1,) * missing + blocks.local_shape
    strides = [int(np.prod(shape[a + 1 :])) for a in range(3)]
    begin = sum(f * s for f, s in zip(firsts, strides[missing:], strict=True))
    e = (1,) * missing + tuple(lengths)
    return (components, *e), [begin, int(np.prod(shape)), strides[0], strides[1]]


def _packed_strides(extents: tuple[int, ...]) -> list[int]:
    return [int(np.prod(extents[a + 1 :])) for a in range(3)]
