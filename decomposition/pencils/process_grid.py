"""Ranks in a Cartesian grid: how many a field's axes allow, and the groups that exchange with each other."""

from __future__ import annotations

import itertools
import math
import weakref
from collections.abc import Iterable, Sequence

import numpy as np

from ..communicator import Communicator

MOST_RANGES_SHOWN = 12


class LayoutError(ValueError):
    """A grid cannot be shared among these ranks; the message lists the rank counts that are allowed."""


class ProcessGrid:
    """The ranks of a communicator in a grid of dims[0] × dims[1] × …; the last index runs fastest.

    dims: ranks along each dimension;  coordinates: this rank's place in each
    groups: for each dimension the communicator of the ranks that differ in it alone; the communicator of all
        counts what is said in them
    Made by `process_grid`, which is collective.
    """

    def __init__(self, communicator: Communicator, dims: tuple[int, ...]):
        self.dims = dims
        self.coordinates = tuple(int(c) for c in np.unravel_index(communicator.rank, dims)) if dims else ()
        if communicator.mpi is None:
            self.groups = [Communicator(within=communicator) for _ in dims]
            return
        import_mpi4py_fft()
        from mpi4py_fft.pencil import Subcomm

        cartesian = communicator.mpi.Create_cart(dims or (1,), reorder=False)
        self.groups = [Communicator(part, within=communicator) for part in Subcomm(cartesian)][: len(dims)]


_made: weakref.WeakKeyDictionary[Communicator, dict[tuple[int, ...], ProcessGrid]]
_made = weakref.WeakKeyDictionary()


def process_grid(communicator: Communicator, dims: tuple[int, ...]) -> ProcessGrid:
    """The process grid of these dimensions, made once for each communicator.  Collective."""
    grids = _made.setdefault(communicator, {})
    if dims not in grids:
        grids[dims] = ProcessGrid(communicator, dims)
    return grids[dims]


def share(count: int, size: int, rank: int) -> tuple[int, int]:
    """(start, count) of `rank` when `count` indices are split over `size` ranks, first ones longer by one.

    This is the split of mpi4py-fft (Dalcin, Mortensen & Keyes 2019, J. Parallel Distrib. Comput. 128).
    """
    even, longer = divmod(count, size)
    return rank * even + min(rank, longer), even + (rank < longer)


def chosen_dims(
    size: int, limits: Sequence[int], wanted: str | Sequence[int] | None, what: str
) -> tuple[int, ...]:
    """How `size` ranks are arranged.

    limits: the most ranks along each dimension of the grid (none for a field of one axis)
    wanted: "slab" (all along the first dimension), "pencil" (as square as it goes), numbers of ranks, or
        None: slabs where they are allowed, else pencils
    what: the field, for the message.  Raises LayoutError when it cannot be done.
    """
    if isinstance(wanted, str) and wanted not in ("slab", "pencil"):
        raise LayoutError(
            f"grid {wanted!r} is unknown; use 'slab', 'pencil', ranks along each dimension, or None"
        )
    if wanted is not None and not isinstance(wanted, str):
        return _given_dims(size, limits, tuple(int(w) for w in wanted), what)
    slab = _slab(size, limits)
    if wanted != "pencil" and slab is not None:
        return slab
    if wanted != "slab" and len(limits) == 2:
        fitting = [dims for dims in _factors(size) if all(d <= m for d, m in zip(dims, limits, strict=True))]
        if fitting:
            return min(fitting, key=lambda dims: (sum(dims), -dims[0]))
    allowed = allowed_counts(limits, wanted)
    raise LayoutError(
        f"{what} cannot be shared among {size} ranks{f' in {wanted}s' if wanted else ''}: every rank needs a "
        f"part of it; allowed are {ranges(allowed, size)} ranks"
    )


def allowed_counts(limits: Sequence[int], wanted: str | None = None) -> list[int]:
    """All numbers of ranks that a field with these limits can be shared among, in order."""
    if not limits:
        return [1]
    counts = set(range(1, limits[0] + 1)) if wanted != "pencil" or len(limits) == 1 else set()
    if wanted != "slab" and len(limits) == 2:
        counts |= {a * b for a in range(1, limits[0] + 1) for b in range(1, limits[1] + 1)}
    return sorted(counts)


def ranges(numbers: Iterable[int], near: int) -> str:
    """Numbers as text, "1-8, 10, 12"; of a long list the part around `near`."""
    runs = []
    for _, run in itertools.groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        runs.append((members[0], members[-1]))
    texts = [str(first) if first == last else f"{first}-{last}" for first, last in runs]
    if len(texts) <= MOST_RANGES_SHOWN:
        return ", ".join(texts)
    middle = next((i for i, (first, _) in enumerate(runs) if first > near), len(runs))
    start = min(max(middle - MOST_RANGES_SHOWN // 2, 1), len(runs) - MOST_RANGES_SHOWN)
    around = texts[start : start + MOST_RANGES_SHOWN]
    tail = [] if start + MOST_RANGES_SHOWN == len(runs) else [f"… up to {runs[-1][1]}"]
    return ", ".join([texts[0], *(["…"] if start > 1 else []), *around, *tail])


def _slab(size: int, limits: Sequence[int]) -> tuple[int, ...] | None:
    if not limits:
        return () if size == 1 else None
    return (size, *[1] * (len(limits) - 1)) if size <= limits[0] else None


def _factors(size: int) -> list[tuple[int, int]]:
    return [(a, size // a) for a in range(1, size + 1) if size % a == 0]


def _given_dims(size: int, limits: Sequence[int], dims: tuple[int, ...], what: str) -> tuple[int, ...]:
    """The dimensions that the caller asked for, if they are possible."""
    rule = " × ".join(f"(1-{limit})" for limit in limits) or "one rank"
    if len(dims) != len(limits) or min(dims, default=1) < 1 or math.prod(dims) != size:
        raise LayoutError(
            f"{what} on {size} ranks: a grid of {' × '.join(map(str, dims))} ranks was asked for; "
            f"{len(limits)} numbers are needed whose product is {size}, allowed are {rule}"
        )
    if any(d > limit for d, limit in zip(dims, limits, strict=True)):
        raise LayoutError(
            f"{what} cannot be shared among {' × '.join(map(str, dims))} ranks: every rank needs a part of "
            f"it; allowed are {rule}, in all {ranges(allowed_counts(limits), size)} ranks"
        )
    return dims


def import_mpi4py_fft() -> None:
    """Import mpi4py-fft without letting it start MPI: --help and check run on login nodes."""
    import mpi4py

    mpi4py.rc.initialize = False
    mpi4py.rc.finalize = False
    import mpi4py_fft  # noqa: F401
