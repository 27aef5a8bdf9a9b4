"""The halo of a block: copies of other blocks' rows within reach, and what is sent for them each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layout import Cells
from .pulses import Pulse, Transfer
from .shell import gram, volume

SLACK = 1e-9  # a pair whose distance is `reach` to rounding is found
RUN = 512  # rows that one thread looks through
ADDING = {"f8": "add_rows64", "f4": "add_rows32", "i8": "add_rows_fixed"}


class Halo:
    """Copies of all rows within reach of this rank's block on its upper sides: the eighth shell.

    Copies come in pulses along x, then y, then z, what has come along one axis going on along the next, one
    message each; an axis shared by p > 1 ranks has as many pulses as blocks are needed to fill `reach`.  A
    row travels only if it lies within reach of the part of space that its partners can be in (rounded edges
    and corners).  Axes with one rank have no copies: images along them are the consumer's.

    `count`: h, the number of copies
    `zone`: (h,) uint8, bit d set if the owner's block lies above this rank's along axis d
    `shift`: (h, 3) int8: the copy stands at position + shift @ box.vectors; positions themselves travel as
        they are, so that differences to other rows are exact
    A pair is this rank's iff zone_i & zone_j == 0, home rows having zone 0.  Over all ranks every pair within
    reach then occurs exactly once, and with it each of its images through axes with several ranks (no nearest
    image is to be taken along those).
    Proof: along each axis the pair belongs to the lower of its two blocks, on the line of blocks unrolled
    through the periodic faces; there, and nowhere else, no axis has both rows above.

    `bytes`, `messages`: what this rank has sent since the halo was made (or `reset_counters`), building it
    not counted; `minimum_bytes`: the same by geometry: rows per volume of the box times the volume of the
    rounded eighth shell of this rank's block.  Steps between builds change no list, only values.
    """

    def __init__(self, cells: Cells, position: Any):
        """position: (n, 3) float64, this rank's rows as `cells.exchange` has left them.  Collective."""
        self.cells, self.home = cells, len(position)
        self._be = cells.backend
        comm = cells.communicator
        below, above = self._sticking_out(position)
        self.total = int(comm.allreduce(self.home))
        self._above = above
        self._reach_of_axis = cells.reach / cells.box.widths + above + below
        self._empty(position)
        self.pulses: list[Pulse] = []
        for axis in range(3):
            self._import_along(axis, position)
        self.zone = self._be.array(self._meta[:, 3])
        self.shift = self._be.array(self._meta[:, :3]).view(np.int8)
        del self._copies, self._meta
        cut = [d for d in range(3) if cells.grid[d] > 1 and cells.beside(d, 1) is not None]
        lower, upper = cells.rank_box
        self.minimum_rows = volume(cells.box, upper - lower, cells.reach, cut) * self.total / cells.box.volume
        self._transfer: Transfer | None = None
        self.reset_counters()

    @property
    def count(self) -> int:
        """Number of copies on this rank."""
        return len(self.zone)

    @property
    def rows_sent(self) -> int:
        """Copies of rows that this rank sends in one `forward`."""
        return sum(len(pulse.rows) for pulse in self.pulses)

    def describe(self) -> str:
        """One line for logs."""
        return (
            f"{self.count} copies of rows within {self.cells.reach:.6g} in {len(self.pulses)} pulses "
            f"({self.minimum_rows:.0f} by geometry)"
        )

    def reset_counters(self) -> None:
        """Start counting bytes and messages from zero."""
        self.bytes, self.messages, self.minimum_bytes = 0, 0, 0.0

    def count_sent(self, size: int, messages: int, row_bytes: int) -> None:
        """Count bytes and messages, and with row_bytes > 0 a transfer of rows of so many bytes."""
        self.bytes += size
        self.messages += messages
        self.minimum_bytes += self.minimum_rows * row_bytes

    def forward(self, rows: Any, out: Any) -> None:
        """out ← the copies' values: out[k] is the owner's row of the k-th copy.  Collective.

        rows: (n, ...) contiguous, of this rank; out: (count, ...) of the same type and row shape (positions
        or offsets, float64 or float32, types, numbers: any type of 1, 4 or 8 bytes).
        Raises ValueError for arrays that do not fit, RuntimeError while another transfer is under way.
        """
        self.start_forward(rows, out)
        self.finish()

    def backward(self, halo_rows: Any, rows: Any) -> None:
        """rows[i] += the sum of halo_rows over all copies of row i on all ranks.  Collective.

        halo_rows: (count, ...) what was computed on copies (forces): it is used up, its values are afterwards
            those that were passed on; rows: (n, ...) of this rank; both float64, float32 or int64 (fixed
            point).
        The order of additions is fixed by the layout: the same again for the same rows.  Raises as `forward`.
        """
        self.start_backward(halo_rows, rows)
        self.finish()

    def start_forward(self, rows: Any, out: Any) -> None:
        """Begin `forward`: the first pulse is on its way when this returns, the others go in `finish`.

        Neither array may be changed, nor `out` read, before `finish`.
        """
        self._start(Transfer(self, rows, out, self.pulses, adding=None))

    def start_backward(self, halo_rows: Any, rows: Any) -> None:
        """Begin `backward`: the last pulse's sums are on their way when this returns; `rows` may be added to
        by others until `finish`, not while it runs."""
        kind = f"{rows.dtype.kind}{rows.dtype.itemsize}"
        if kind not in ADDING:
            raise ValueError(
                f"rows of {rows.dtype} cannot be added to; give float64, float32 or int64 (fixed point)"
            )
        self._start(Transfer(self, rows, halo_rows, self.pulses[::-1], adding=ADDING[kind]))

    def finish(self) -> None:
        """Complete the transfer that was started.  Raises RuntimeError if there is none."""
        if self._transfer is None:
            raise RuntimeError("no transfer has been started; call start_forward or start_backward first")
        transfer, self._transfer = self._transfer, None
        transfer.finish()

    def _start(self, transfer: Transfer) -> None:
        if self._transfer is not None:
            raise RuntimeError("a transfer is under way; call finish() before the next one")
        self._transfer = transfer
        transfer.start()
        self.count_sent(0, 0, transfer.row_bytes)

    # -- building ------------------------------------------------------------------------------------------

    def _sticking_out(self, position: Any) -> tuple[np.ndarray, np.ndarray]:
        """(3,) how far rows of any rank stick out below and above their own block, in fractional coordinates:
        rounding, or what molecules need that are kept whole.  Edge blocks of open axes have no end."""
        cells, be = self.cells, self._be
        planes = np.concatenate(cells.rank_box)
        for d in range(3):
            planes[d] = -np.inf if cells.beside(d, -1) is None else planes[d]
            planes[3 + d] = np.inf if cells.beside(d, 1) is None else planes[3 + d]
        runs = -(-self.home // RUN)
        most = be.zeros((runs, 6))
        if runs:
            cells.module.launch(
                "overhang", runs, self.home, RUN, position, cells.frame, be.array(planes), most
            )
        found = be.host(most).max(axis=0, initial=0.0)
        found = cells.communicator.allreduce(found, "max")
        return found[:3], found[3:]

    def _empty(self, position: Any) -> None:
        """No copies yet."""
        self._copies = self._be.empty((0, 3))
        self._meta = self._be.empty((0, 4), np.uint8)  # shift (as bytes), zone

    def _import_along(self, axis: int, position: Any) -> None:
        """All pulses of one axis: pulse k brings rows of the k-th block above."""
        cells = self.cells
        if cells.grid[axis] == 1:
            return
        here = cells.coordinates[axis]
        first = 0  # of the copies that the next pulse may pass on
        # As many as the block with the most of them needs: some have nothing to send or get then.
        for k in range(1, self._blocks_within_reach(axis) + 1):
            below, above = cells.beside(axis, -1), cells.beside(axis, 1)
            sends = below is not None and self._wanted(axis, below, k)
            gets = above is not None and self._wanted(axis, here, k)
            rows = self._within_reach(axis, position, first, k) if sends else self._be.empty(0, np.int32)
            first = len(self._meta)
            pulse = Pulse(cells, axis, rows, below if sends else None, above if gets else None, first)
            self._copies, self._meta = pulse.build(position, self._copies, self._meta)
            self.pulses.append(pulse)

    def _plane(self, axis: int, k: int) -> float:
        """Plane k of an axis, on the line unrolled through periodic faces; infinite beyond an open end."""
        planes, p = self.cells.borders[axis], self.cells.grid[axis]
        if self.cells.box.periodic[axis]:
            return float(planes[k % p]) + k // p
        return float(planes[k]) if 0 < k < p else float(np.inf if k > 0 else -np.inf)

    def _wanted(self, axis: int, block: int, k: int) -> bool:
        """Whether a block needs rows of the k-th block above it: whether that begins within reach."""
        reach = self._reach_of_axis[axis] * (1 + SLACK)
        return self._plane(axis, block + k) <= self._plane(axis, block + 1) + reach and (
            self.cells.box.periodic[axis] or block + k < self.cells.grid[axis]
        )

    def _blocks_within_reach(self, axis: int) -> int:
        """Most blocks above it that some block of the axis needs."""
        p, k = self.cells.grid[axis], 0
        while any(self._wanted(axis, block, k + 1) for block in range(p)):
            k += 1
            if k > 100 * p:
                raise ValueError(
                    f"reach {self.cells.reach:g} is more than 100 times the width "
                    f"{self.cells.box.widths[axis]:g} of the box along {'xyz'[axis]}; a larger box is needed"
                )
        return k

    def _within_reach(self, axis: int, position: Any, first: int, k: int) -> Any:
        """(m,) int32 home rows and copies that the block below needs of this pulse."""
        cells, be = self.cells, self._be
        box = cells.box
        planes = np.array([self._plane(d, cells.coordinates[d] + 1) for d in range(3)])
        planes[axis] = self._plane(axis, cells.coordinates[axis])
        planes += self._above
        planes[~np.isfinite(planes)] = 0.0  # nothing lies beyond an open end, so it is not looked at
        reach2 = (cells.reach * (1 + SLACK)) ** 2
        shell = be.array(
            np.concatenate((box.origin, be.host(cells.frame)[3:9], planes, box.widths, [reach2], gram(box)))
        )
        found = []
        if k == 1 and self.home:
            flags = be.empty(self.home, np.uint8)
            cells.module.launch("within_reach", self.home, position, None, None, axis, shell, flags)
            found.append(be.xp.flatnonzero(flags.view(bool)))
        # The first pulse passes on all that came along earlier axes, a later one what the last one brought.
        copies = len(self._meta) - first
        if copies:
            flags = be.empty(copies, np.uint8)
            shift = be.array(self._meta[first:, :3]).view(np.int8)
            zone = be.array(self._meta[first:, 3])
            cells.module.launch("within_reach", copies, self._copies[first:], shift, zone, axis, shell, flags)
            found.append(be.xp.flatnonzero(flags.view(bool)) + (self.home + first))
        if not found:
            return be.empty(0, np.int32)
        return be.xp.concatenate(found).astype(np.int32)
