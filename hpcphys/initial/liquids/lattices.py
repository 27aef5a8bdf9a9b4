"""Lattices in an orthorhombic periodic box: any range of sites, without the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from hpcphys.initial.blocks import row_range

_THIRD, _SIXTH = 1.0 / 3.0, 1.0 / 6.0
BASES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "sc": ((0.0, 0.0, 0.0),),
    "bcc": ((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    "fcc": ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
    "hcp": ((0.0, 0.0, 0.0), (0.5, 0.5, 0.0), (0.5, 5.0 * _SIXTH, 0.5), (0.0, _THIRD, 0.5)),
    "diamond": (
        (0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0),
        (0.25, 0.25, 0.25), (0.25, 0.75, 0.75), (0.75, 0.25, 0.75), (0.75, 0.75, 0.25),
    ),
}  # fmt: skip
"""Sites of the conventional orthorhombic cell, in units of its edges.

Source: Ashcroft & Mermin (1976), Solid State Physics, ch. 4; hcp in a cell of 1 × √3 × √(8/3).
"""
EDGES = {"hcp": (1.0, math.sqrt(3.0), math.sqrt(8.0 / 3.0))}


@dataclass(frozen=True)
class Lattice:
    """cells[0] × cells[1] × cells[2] conventional cells; site number b + basis·(x + n_x(y + n_y z)).

    kind: "sc", "bcc", "fcc", "hcp" (ideal c/a) or "diamond"
    density: sites per volume, or constant: edge a of the cell [length]; one of the two
    origin: corner of the box [length]
    Raises ValueError for an unknown kind, or numbers that cannot be.
    """

    kind: str
    cells: tuple[int, int, int]
    density: float | None = None
    constant: float | None = None
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    edges: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in BASES:
            raise ValueError(f"lattice '{self.kind}' is unknown; choose one of {', '.join(BASES)}")
        if len(self.cells) != 3 or min(self.cells) < 1:
            raise ValueError(f"cells {self.cells}: three numbers ≥ 1 are needed")
        if (self.density is None) == (self.constant is None):
            raise ValueError(
                f"density {self.density}, constant {self.constant}: give one of the two, the other follows"
            )
        shape = np.array(EDGES.get(self.kind, (1.0, 1.0, 1.0)))
        given = self.density if self.constant is None else self.constant
        if not (math.isfinite(given) and given > 0.0):
            raise ValueError(f"density or constant {given}: it must be a finite number > 0")
        sites = len(BASES[self.kind])
        edge = self.constant or (sites / (self.density * shape.prod())) ** (1.0 / 3.0)
        object.__setattr__(self, "edges", edge * shape)

    @property
    def count(self) -> int:
        """Number of sites."""
        return len(BASES[self.kind]) * math.prod(self.cells)

    @property
    def vectors(self) -> np.ndarray:
        """(3, 3) box vectors, diagonal."""
        return np.diag(self.edges * np.array(self.cells))

    def sites(self, first: int = 0, last: int | None = None) -> np.ndarray:
        """Positions (last - first, 3) of the sites [first, last) [length]."""
        first, last = row_range(self.count, first, last)
        number = np.arange(first, last, dtype=np.int64)
        basis = np.array(BASES[self.kind])
        cell, site = np.divmod(number, len(basis))
        rest, x = np.divmod(cell, self.cells[0])
        z, y = np.divmod(rest, self.cells[1])
        return (np.stack((x, y, z), axis=1) + basis[site]) * self.edges + np.array(self.origin)


def cells_for(kind: str, count: int) -> tuple[int, int, int]:
    """The most nearly cubic number of cells that holds at least `count` sites.

    Raises ValueError for an unknown kind or count < 1.
    """
    if kind not in BASES or count < 1:
        raise ValueError(f"lattice '{kind}' with {count} sites: known are {', '.join(BASES)}, counts ≥ 1")
    shape = np.array(EDGES.get(kind, (1.0, 1.0, 1.0)))
    edge = (count / len(BASES[kind]) * shape.prod()) ** (1.0 / 3.0)
    near = [sorted({max(1, math.floor(edge / s)), math.ceil(edge / s - 1e-9)}) for s in shape]
    found = [(x, y, z) for x in near[0] for y in near[1] for z in near[2]]
    enough = [cells for cells in found if len(BASES[kind]) * math.prod(cells) >= count]
    return min(enough, key=math.prod)
