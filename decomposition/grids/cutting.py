"""Where the planes between blocks lie: the process grid with the least surface, borders, balance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from ..pencils.process_grid import share

AXES = "xyz"
GAIN = 1.1
"""New borders are taken only if they raise the efficiency by more than this factor."""


class GridError(ValueError):
    """A grid that cannot be cut as asked; the message says what is allowed."""


def even_borders(cells: int, granule: int, blocks: int) -> np.ndarray:
    """(blocks + 1,) planes between blocks of whole granules, the first blocks longer by one granule."""
    granules = -(-cells // granule)
    firsts = [share(granules, blocks, place)[0] * granule for place in range(blocks)]
    return np.minimum(np.array([*firsts, cells], dtype=np.int64), cells)


def chosen_grid(
    shape: Sequence[int], size: int, guards: int, granule: Sequence[int], grid: Sequence[int] | None
) -> tuple[int, ...]:
    """Ranks along each axis: those asked for, or of all ways to write `size` as a product the one whose even
    blocks have the least surface among those with at least `guards` cells along each axis.

    Of equals the one with the most ranks along the first axes, whose faces are contiguous in memory.
    Raises GridError where there is none.
    """
    if grid is not None:
        asked = tuple(int(p) for p in grid)
        if len(asked) != len(shape) or min(asked) < 1 or math.prod(asked) != size:
            raise GridError(
                f"a grid of {' × '.join(map(str, asked))} blocks was asked for on {size} ranks; give "
                f"{len(shape)} numbers whose product is {size}, or leave the grid out"
            )
        return asked

    def surface(way: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        sides = [n / p for n, p in zip(shape, way, strict=True)]
        faces = sum(math.prod(sides) / side for side, p in zip(sides, way, strict=True) if p > 1)
        return float(f"{faces:.9e}"), tuple(-p for p in way)

    def fits(way: tuple[int, ...]) -> bool:
        thinnest = (np.diff(even_borders(n, g, p)).min() for n, g, p in zip(shape, granule, way, strict=True))
        return all(found >= guards for found in thinnest)

    fitting = [way for way in _factors(size, len(shape)) if fits(way)]
    if not fitting:
        most = [n // (-(-guards // g) * g) for n, g in zip(shape, granule, strict=True)]
        raise GridError(
            f"a grid of {' × '.join(map(str, shape))} cells cannot be shared among {size} ranks: every block "
            f"needs at least {guards} cells (its guards) along each axis, in whole granules of "
            f"{' × '.join(map(str, granule))}; at most {' × '.join(str(max(1, m)) for m in most)} blocks "
            "fit: take fewer ranks, more cells, smaller granules or fewer guards"
        )
    return min(fitting, key=surface)


def checked_borders(
    shape: Sequence[int], grid: Sequence[int], guards: int, granule: Sequence[int], borders: object
) -> tuple[np.ndarray, ...]:
    """One ascending array of planes for each axis, read-only.  Raises GridError where they do not fit."""
    if borders is None:
        planes = [even_borders(n, g, p) for n, g, p in zip(shape, granule, grid, strict=True)]
    else:
        planes = [np.array(along, dtype=np.int64) for along in borders]  # type: ignore[attr-defined]
    if len(planes) != len(shape):
        raise GridError(f"borders for {len(planes)} axes; this grid has {len(shape)}")
    for axis, (n, p, g, found) in enumerate(zip(shape, grid, granule, planes, strict=True)):
        thinnest = int(np.diff(found).min()) if len(found) > 1 else 0
        whole = (found[:-1] % g == 0).all()
        if found.shape != (p + 1,) or found[0] != 0 or found[-1] != n or thinnest < guards or not whole:
            raise GridError(
                f"planes {found.tolist()} along {AXES[axis]}; needed are {p + 1} from 0 to {n}, multiples of "
                f"{g} (the last excepted), at least {guards} cells (the guards) apart"
            )
        found.setflags(write=False)
    return tuple(planes)


def balanced_borders(
    profile: np.ndarray, cells: int, granule: int, blocks: int, guards: int
) -> np.ndarray | None:
    """Planes that make the largest work of a block as small as whole granules allow.

    profile: work of each layer of granules.  None where no planes leave `guards` cells to every block.
    The largest work is found by bisection: blocks are filled up to it one after the other, none so far that
    those behind it could not have their guards.
    """
    layers = len(profile)
    planes = np.minimum(np.arange(layers + 1) * granule, cells)
    below = np.concatenate(([0.0], np.cumsum(np.asarray(profile, dtype=np.float64))))
    least = -(-guards // granule)  # layers of a block
    least_of_last = layers - int(np.searchsorted(planes, cells - guards, side="right")) + 1
    if least * (blocks - 1) + least_of_last > layers:
        return None

    def filled(limit: float) -> list[int] | None:
        ends = [0]
        for behind in range(blocks - 1, 0, -1):
            most = layers - least_of_last - (behind - 1) * least
            full = int(np.searchsorted(below, below[ends[-1]] + limit * (1 + 1e-12), side="right")) - 1
            if full < ends[-1] + least:
                return None
            ends.append(min(full, most))
        return [*ends, layers] if below[-1] - below[ends[-1]] <= limit * (1 + 1e-12) else None

    low, high = 0.0, float(below[-1])
    best = filled(high)
    for _ in range(60):
        middle = 0.5 * (low + high)
        found = filled(middle)
        if found is None:
            low = middle
        else:
            high, best = middle, found
    return planes[best]


def _factors(size: int, axes: int) -> Iterator[tuple[int, ...]]:
    divisors = [p for p in range(1, size + 1) if size % p == 0]
    for way in itertools.product(divisors, repeat=axes - 1):
        rest, remainder = divmod(size, math.prod(way))
        if remainder == 0 and rest > 0:
            yield (*way, rest)
