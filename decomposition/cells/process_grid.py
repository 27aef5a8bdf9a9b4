"""How many ranks share each axis of a box: the grid whose blocks import the least."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from .box import Box
from .shell import volume


def chosen_grid(box: Box, size: int, reach: float, grid: Sequence[int] | None = None) -> tuple[int, int, int]:
    """Ranks along each axis: those asked for, or of all ways to write `size` as p0·p1·p2 the one whose equal
    blocks have the smallest eighth shell; of equals the one with the most ranks along the first axes.

    Raises ValueError if a grid that was asked for is not of `size` ranks.
    """
    if grid is not None:
        asked = tuple(int(p) for p in grid)
        if len(asked) != 3 or min(asked) < 1 or math.prod(asked) != size:
            raise ValueError(
                f"a grid of {' × '.join(map(str, asked))} blocks was asked for on {size} ranks; give three "
                f"numbers whose product is {size}, or leave the grid out"
            )
        return asked[0], asked[1], asked[2]

    def imported(way: tuple[int, int, int]) -> tuple[float, tuple[int, ...]]:
        cut = [d for d in range(3) if way[d] > 1]
        found = volume(box, [1 / p for p in way], reach, cut)
        # Rounded, so that ways that are equal but for rounding are equal on every machine.
        return float(f"{found:.9e}"), tuple(-p for p in way)

    return min(_factors(size), key=imported)


def _factors(size: int) -> Iterator[tuple[int, int, int]]:
    divisors = [p for p in range(1, size + 1) if size % p == 0]
    for p0 in divisors:
        for p1 in divisors:
            if size % (p0 * p1) == 0:
                yield p0, p1, size // (p0 * p1)
