"""The stages of a distributed transform: which axes are transformed where, and the transfers between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..communicator import Communicator
from .layout import Pencil
from .process_grid import chosen_dims
from .transfer import Transfer


@dataclass(frozen=True)
class Stages:
    """The way from points to amplitudes: `axes[0]` in `pencils[0]`, a transfer, `axes[1]` in `pencils[1]`, …

    physical: the layout of the points, aligned along the last axis
    pencils: layouts of the complex amplitudes, the last one that of the result (aligned along axis 0)
    transfers: between two pencils that follow each other;  axes: transformed in each, ascending
    On one rank there is one stage, all axes at once; slabs have two, pencils of three axes three.
    """

    physical: Pencil
    pencils: tuple[Pencil, ...]
    axes: tuple[tuple[int, ...], ...]
    transfers: tuple[Transfer, ...]

    @classmethod
    def of(
        cls,
        shape: Sequence[int],
        communicator: Communicator,
        real: bool,
        grid: Any,
        dtype: Any,
        packed: bool,
        backend: Any,
    ) -> Stages:
        """The stages for a field of this shape; collective.  dtype: of the amplitudes; grid: as in Pencil.

        A real field has n/2 + 1 amplitudes along its last axis.  Raises LayoutError, with the rank counts
        that every pencil on the way allows.
        """
        shape = tuple(int(n) for n in shape)
        spectral = (*shape[:-1], shape[-1] // 2 + 1) if real else shape
        what = f"the transform of {' × '.join(map(str, shape))} {'real' if real else 'complex'} points"
        dims = chosen_dims(communicator.size, limits(shape, spectral), grid, what)
        last = len(shape) - 1
        pencils = [Pencil(spectral, communicator, dims, last)]
        axes: list[tuple[int, ...]] = [(last,)]
        for axis in range(last - 1, -1, -1):
            pencil = Pencil(spectral, communicator, dims, axis)
            if dims[axis] == 1:  # this rank has the next axis whole already
                pencils[-1], axes[-1] = pencil, (axis, *axes[-1])
            else:
                pencils.append(pencil)
                axes.append((axis,))
        transfers = [a.transfer(b, dtype, packed, backend) for a, b in pairwise(pencils)]
        physical = Pencil(shape, communicator, dims, last)
        return cls(physical, tuple(pencils), tuple(axes), tuple(transfers))


def limits(shape: tuple[int, ...], spectral: tuple[int, ...]) -> list[int]:
    """The most ranks along each dimension of the process grid.

    Dimension d shares axis d of the points and of the amplitudes, and axis d + 1 of the amplitudes.
    """
    return [min(shape[d], spectral[d + 1]) for d in range(len(shape) - 1)]
