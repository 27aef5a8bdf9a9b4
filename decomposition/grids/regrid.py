"""Values of a grid on their way from one layout (blocks, pencils) to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..pencils.layout import Pencil


class Regrid:
    """Moves owned values of one layout of a grid to another and back, each rank to those it meets.

    source, target: GridBlocks or Pencil, of the same shape and ranks
    nodes: between GridBlocks, with the last nodes of axes that are not periodic (arrays of shape
        count + 1 in the last blocks)
    One message between two ranks whose boxes meet; memory O(a rank's boxes + ranks).
    Raises ValueError for layouts of different grids or ranks.
    """

    def __init__(self, source: Any, target: Any, nodes: bool = False):
        if tuple(source.shape) != tuple(target.shape) or source.communicator is not target.communicator:
            raise ValueError(
                f"values of a grid of {tuple(source.shape)} cannot move to one of {tuple(target.shape)}: "
                "shapes and communicators must be the same"
            )
        self.communicator = source.communicator
        self.backend = getattr(source, "backend", None) or getattr(target, "backend", None)
        rank, ranks = self.communicator.rank, range(self.communicator.size)
        boxes = [[_box(layout, r, nodes) for r in ranks] for layout in (source, target)]
        self._mine = (boxes[0][rank], boxes[1][rank])
        self._met = (
            [_common(self._mine[0], other) for other in boxes[1]],
            [_common(self._mine[1], other) for other in boxes[0]],
        )

    def forward(self, array: Any) -> Any:
        """(..., *owned by this rank in `source`) → (..., *owned in `target`).  Collective."""
        return self._moved(array, 0)

    def backward(self, array: Any) -> Any:
        """(..., *owned by this rank in `target`) → (..., *owned in `source`).  Collective."""
        return self._moved(array, 1)

    def _moved(self, array: Any, way: int) -> Any:
        axes = len(self._mine[way][0])
        lead = tuple(array.shape[: array.ndim - axes])
        if tuple(array.shape[array.ndim - axes :]) != self._mine[way][1]:
            raise ValueError(f"an array of {tuple(array.shape)}; this rank owns {self._mine[way][1]}")
        host = self.backend.host(array) if self.backend is not None else array
        leaving, arriving = self._met[way], self._met[1 - way]
        each = int(np.prod(lead))
        if self.communicator.size == 1:
            return array.copy()
        parts = [host[(..., *_slices(box, self._mine[way]))].reshape(-1) for box in leaving if box]
        rows = np.concatenate(parts) if parts else np.zeros(0, host.dtype)
        counts, coming = (
            np.array([each * int(np.prod(box[1])) if box else 0 for box in boxes], dtype=np.int64)
            for boxes in (leaving, arriving)
        )
        came, _ = self.communicator.start_exchange(rows, counts, coming).wait()
        found = np.empty((*lead, *self._mine[1 - way][1]), host.dtype)
        ends = np.cumsum(coming)
        for box, size, end in zip(arriving, coming, ends, strict=True):
            if box:
                place: tuple[Any, ...] = (..., *_slices(box, self._mine[1 - way]))
                found[place] = came[end - size : end].reshape(*lead, *box[1])
        return self.backend.array(found) if self.backend is not None else found


_Box = tuple[tuple[int, ...], tuple[int, ...]]


def _box(layout: Any, rank: int, nodes: bool) -> _Box:
    """(start, count) of a rank's box."""
    if isinstance(layout, Pencil):
        place = np.unravel_index(rank, layout.grid) if layout.grid else ()
        parts = []
        for axis in range(len(layout.shape)):
            dimension = layout.dimension(axis)
            parts.append(layout.part(axis, None if dimension is None else int(place[dimension])))
        return tuple(start for start, _ in parts), tuple(count for _, count in parts)
    start, count = layout.box_of(rank)
    if nodes:
        count = tuple(
            n + (not periodic and s + n == whole)
            for s, n, whole, periodic in zip(start, count, layout.shape, layout.periodic, strict=True)
        )
    return start, count


def _common(a: _Box, b: _Box) -> _Box | None:
    """What two boxes have in common; None where they do not meet."""
    start = tuple(max(x, y) for x, y in zip(a[0], b[0], strict=True))
    ends = (min(x + m, y + n) for x, m, y, n in zip(*a, *b, strict=True))
    count = tuple(end - first for first, end in zip(start, ends, strict=True))
    return (start, count) if min(count) > 0 else None


def _slices(box: _Box, whole: _Box) -> tuple[slice, ...]:
    """A box as slices of an array of the box `whole` around it."""
    return tuple(
        slice(first - origin, first - origin + n)
        for first, n, origin in zip(box[0], box[1], whole[0], strict=True)
    )
