"""Pencils: which box of a field each rank owns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..communicator import Communicator
from .process_grid import LayoutError, ProcessGrid, chosen_dims, process_grid, share

if TYPE_CHECKING:
    from .transfer import Transfer


@dataclass(frozen=True, eq=False)
class Pencil:
    """A field of one, two or three axes, shared among ranks along all axes but one or more.

    shape: points of the whole field along each axis
    communicator: the ranks
    grid: ranks along the axes that are not `aligned`, in their order: (p,) for two axes, (p0, p1) for three;
        "slab": all along the first of them; "pencil": as square as it goes; None: slabs where the shape
        allows them, else pencils
    aligned: an axis that each rank has whole (negative ones count from the end)

    `subshape`, `substart`: the shape of this rank's box and its first index along each axis.  Numbers that do
    not divide are split as mpi4py-fft does: the first ranks have one index more.  `grid` becomes the tuple of
    ranks.  Nothing of it changes afterwards.

    Making one is collective.  Raises LayoutError (a ValueError), with the allowed rank counts, when some rank
    would own nothing.
    """

    shape: tuple[int, ...]
    communicator: Communicator = field(repr=False)
    grid: Any = None
    aligned: int = -1
    subshape: tuple[int, ...] = field(init=False)
    substart: tuple[int, ...] = field(init=False)
    processes: ProcessGrid = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        what = f"a field of {' × '.join(map(str, shape))} points"
        if not 1 <= len(shape) <= 3 or min(shape) < 1:
            raise LayoutError(f"{what}: one to three axes of at least one point are needed")
        if not -len(shape) <= self.aligned < len(shape):
            raise LayoutError(f"{what} cannot be aligned along axis {self.aligned}; it has {len(shape)} axes")
        aligned = self.aligned % len(shape)
        others = [n for axis, n in enumerate(shape) if axis != aligned]
        dims = chosen_dims(
            self.communicator.size, others, self.grid, f"{what}, aligned along axis {aligned},"
        )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "aligned", aligned)
        object.__setattr__(self, "grid", dims)
        object.__setattr__(self, "processes", process_grid(self.communicator, dims))
        parts = [self.part(axis) for axis in range(len(shape))]
        object.__setattr__(self, "substart", tuple(start for start, _ in parts))
        object.__setattr__(self, "subshape", tuple(count for _, count in parts))

    def dimension(self, axis: int) -> int | None:
        """The dimension of the process grid that shares this axis; None if each rank has it whole."""
        if axis == self.aligned:
            return None
        found = axis - (axis > self.aligned)
        return found if self.grid[found] > 1 else None

    def part(self, axis: int, coordinate: int | None = None) -> tuple[int, int]:
        """(start, count) along an axis, of this rank or of another place in the process grid."""
        dimension = self.dimension(axis)
        if dimension is None:
            return 0, self.shape[axis]
        place = self.processes.coordinates[dimension] if coordinate is None else coordinate
        return share(self.shape[axis], self.grid[dimension], place)

    @property
    def slices(self) -> tuple[slice, ...]:
        """This rank's box in an array of the whole field."""
        return tuple(slice(s, s + n) for s, n in zip(self.substart, self.subshape, strict=True))

    @property
    def count(self) -> int:
        """Points of this rank."""
        return int(np.prod(self.subshape, dtype=np.int64))

    def pencil(self, axis: int) -> Pencil:
        """The same field on the same process grid, aligned along another axis.  Collective."""
        return Pencil(self.shape, self.communicator, self.grid, axis)

    def transfer(self, other: Pencil, dtype: Any, packed: bool = False, backend: Any = None) -> Transfer:
        """What moves a field of this type from this layout (forward) to another one and back; collective.

        packed: through contiguous windows that are packed by array operations, which a GPU needs, instead of
            MPI's derived types; backend: where the arrays live (hpcphys.kernels.backend), None for the host
        Raises LayoutError if more than one dimension of the process grid would have to move.
        """
        from .transfer import PackedTransfer, Transfer

        kind = PackedTransfer if packed else Transfer
        return kind(self, other, dtype, backend)

    def describe(self) -> str:
        """One line for logs: the whole field and this rank's box."""
        field_, ranks, box, start = (
            " × ".join(map(str, numbers))
            for numbers in (self.shape, self.grid or (1,), self.subshape, self.substart)
        )
        return (
            f"{field_} points on {ranks} ranks, aligned along axis {self.aligned}; "
            f"rank {self.communicator.rank} has {box} from ({start.replace(' × ', ', ')})"
        )


def moving_axes(source: Pencil, target: Pencil) -> tuple[int, int] | None:
    """(leaves, arrives): the axis that is shared in `source` and whole in `target`, and the other way round.

    None if both share the same axes.  Raises LayoutError if one transfer cannot do it.
    """
    axes = range(len(source.shape))
    if source.shape != target.shape or source.communicator is not target.communicator:
        raise LayoutError(
            f"no transfer between {source.describe()} and {target.describe()}: "
            "shapes and ranks must be the same"
        )
    changed = [axis for axis in axes if source.dimension(axis) != target.dimension(axis)]
    if not changed and source.grid == target.grid:
        return None
    if len(changed) == 2 and source.grid == target.grid:
        for leaves, arrives in (changed, changed[::-1]):
            moved = source.dimension(leaves)
            if (
                moved == target.dimension(arrives)
                and source.dimension(arrives) is target.dimension(leaves) is None
            ):
                return leaves, arrives
    raise LayoutError(
        f"no single transfer leads from a pencil aligned along axis {source.aligned} on {source.grid} ranks "
        f"to one aligned along axis {target.aligned} on {target.grid}: only one dimension of the grid "
        "can move at a time; keep that grid and go through the pencil aligned along the axis between them"
    )
