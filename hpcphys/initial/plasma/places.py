"""Where the particles of a cell begin: on a lattice, or anywhere in it."""

from __future__ import annotations

import numpy as np

from hpcphys.initial.plasma.draws import Draws

LAYOUTS = ("random", "gridded", "quiet")
"""random: anywhere in the cell;  gridded: on a lattice in it, with random momenta
quiet: on a lattice, with momenta that fill their distribution evenly
"""

PLACE_BLOCK = 0
"""The block of random numbers that a place takes; momenta begin behind it."""


def lattice(count: int, dimension: int) -> tuple[int, ...]:
    """So many points in a cell, along each axis: factors of `count`, as near to each other as there are.

    Larger ones first.  A prime number in two dimensions is a row of points.
    """
    if dimension == 1:
        return (count,)
    root = round(count ** (1.0 / dimension))
    factor = next(n for n in (*range(root, 0, -1),) if count % n == 0)
    return (*lattice(count // factor, dimension - 1), factor)


def places(layout: str, per_cell: int, dimension: int, draws: Draws) -> np.ndarray:
    """Places in the cell, (n, dimension) in (0, 1).

    per_cell: particles in each cell;  draws: of the particles, whose number in the cell is below per_cell
    Points of a lattice are in the middle of its own cells.
    """
    number = np.asarray(draws.number)
    if layout == "random":
        return np.stack(draws.uniform(PLACE_BLOCK)[:dimension], axis=1)
    counts = lattice(per_cell, dimension)
    index = np.unravel_index(number, counts)
    return np.stack([(i + 0.5) / n for i, n in zip(index, counts, strict=True)], axis=1)
