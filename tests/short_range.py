"""Pairs of small systems counted by brute force, and as the ranks of a Cells layout find them with a Halo."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.cells.layout import Cells

TILTED = [[9.0, 0, 0], [4.0, 8.0, 0], [-3.0, 3.5, 7.5]]
OBTUSE = [[8.0, 0, 0], [-3.5, 9.0, 0], [-3.0, -4.0, 8.0]]
STRAIGHT = [9.0, 8.0, 7.0]


def uneven(size: int, seed: int = 3) -> np.ndarray:
    """Planes at random places; two of them may fall together."""
    inner = np.sort(np.random.default_rng(seed).random(size - 1) ** 2)
    return np.concatenate(([0.0], inner, [1.0]))


def squeezed(size: int) -> np.ndarray:
    """All blocks but the first in a twentieth of the box, two of them without any room at all."""
    inner = np.linspace(0.95, 1.0, size + 1)[: size - 1]
    inner[1:2] = inner[:1][: len(inner[1:2])]
    return np.concatenate(([0.0], inner, [1.0]))


def even(p: int) -> np.ndarray:
    return np.arange(p + 1) / p


def two_axes(size: int) -> tuple[int, int, int]:
    """A grid in the x-z plane."""
    p = next(p for p in range(int(size**0.5), 0, -1) if size % p == 0)
    return p, 1, size // p


@dataclass
class Case:
    """A box, how it is cut on `size` ranks, and where the atoms are (fractional coordinates)."""

    vectors: Any = field(default_factory=lambda: STRAIGHT)
    reach: float = 2.0
    periodic: tuple[bool, bool, bool] = (True, True, True)
    grid: Callable[[int], Any] = lambda size: None
    borders: Callable[[int], Any] = lambda size: None
    count: int = 50
    place: Callable[[np.ndarray], np.ndarray] = lambda s: s


def clustered(s: np.ndarray) -> np.ndarray:
    return 0.3 * s


def scattered(s: np.ndarray) -> np.ndarray:
    """Most rows inside, some far out on each side."""
    s = s.copy()
    s[::9] = 3 * s[::9] - 1
    s[0], s[1], s[2] = 40.0, -1000.0, [0.5, 0.5, 2.5]
    return s


CASES = {
    "least surface": Case(),
    "along x": Case(grid=lambda size: (size, 1, 1)),
    "along y": Case(grid=lambda size: (1, size, 1), vectors=TILTED),
    "along z": Case(grid=lambda size: (1, 1, size), reach=2.6),
    "two axes": Case(grid=two_axes),
    "two axes, tilted": Case(grid=two_axes, vectors=OBTUSE),
    "uneven": Case(grid=two_axes, borders=lambda size: [uneven(p, 3 + p) for p in two_axes(size)]),
    "thinner than reach": Case(
        grid=lambda size: (1, size, 1), borders=lambda size: [even(1), squeezed(size), even(1)]
    ),
    "farther than the box": Case(
        grid=lambda size: (size, 1, 1), vectors=[3.0, 8.0, 7.0], reach=3.5, count=25
    ),
    "tilted": Case(vectors=TILTED),
    "obtuse": Case(vectors=OBTUSE, reach=2.5),
    "open x": Case(periodic=(False, True, True), grid=lambda size: (size, 1, 1), place=scattered),
    "all open": Case(periodic=(False, False, False), place=scattered, vectors=TILTED),
    "ranks without rows": Case(place=clustered, grid=two_axes),
    "two rows": Case(count=2, place=lambda s: np.array([[0.01, 0.02, 0.03], [0.99, 0.98, 0.97]])),
    "no rows": Case(count=0),
}  # fmt: skip


def layout(case: Case, communicator: Any, **more: Any) -> Cells:
    size = communicator.size
    box = Box(np.array(case.vectors), origin=(-1.0, 2.0, 0.5), periodic=case.periodic)
    grid, borders = case.grid(size), case.borders(size)
    return Cells(box, communicator, reach=case.reach, grid=grid, borders=borders, **more)


def everything(case: Case, box: Box, seed: int = 1) -> dict[str, np.ndarray]:
    """All rows of a system; the rows of a state may be cut out of it."""
    rng = np.random.default_rng(seed)
    s = case.place(rng.random((case.count, 3)))
    identity = rng.permutation(case.count).astype(np.int64) * 7 + 3
    return {
        "position": box.cartesian(s),
        "image": rng.integers(-2, 3, (case.count, 3)).astype(np.int32),
        "id": identity,
        "velocity": identity[:, None] * np.array([1.0, 2.0, 3.0]),
        "type": (identity % 3).astype(np.int32),
    }


def share(rows: dict[str, np.ndarray], communicator: Any, seed: int = 5) -> State:
    """This rank's part of the rows, wherever they belong."""
    owner = np.random.default_rng(seed).integers(0, communicator.size, len(rows["id"]))
    return State({name: array[owner == communicator.rank].copy() for name, array in rows.items()})


def image_numbers(box: Box, position: np.ndarray, reach: float) -> list[range]:
    """For each axis the numbers of boxes that may lie between partners."""
    s = box.fractional(position)
    spread = s.max(axis=0, initial=0) - s.min(axis=0, initial=0)
    most = np.floor(spread + reach / box.widths).astype(int)
    return [range(-n, n + 1) for n in most.tolist()]


def brute_force(rows: dict[str, np.ndarray], box: Box, reach: float) -> np.ndarray:
    """(m, 5) every pair within reach once, also with images: smaller id, larger id, box vectors between."""
    position, identity = rows["position"], rows["id"]
    found = []
    images = image_numbers(box, position, reach)
    for image in itertools.product(*(images[d] if box.periodic[d] else (0,) for d in range(3))):
        apart = position[None] + np.array(image) @ box.vectors - position[:, None]
        i, j = np.nonzero((apart**2).sum(axis=2) <= reach * reach)
        found.append(np.column_stack((identity[i], identity[j], np.broadcast_to(image, (len(i), 3)))))
    return _once(np.concatenate(found), halved=True)


def _once(pairs: np.ndarray, halved: bool) -> np.ndarray:
    """The pairs with their smaller id first, sorted.  halved: each is there in both directions; take one."""
    # The sign of the first number that is not 0 tells in which direction an image lies.
    backwards = pairs[:, 2:] @ np.array([10_000, 100, 1]) < 0
    swap = (pairs[:, 0] > pairs[:, 1]) | ((pairs[:, 0] == pairs[:, 1]) & backwards)
    if halved:
        itself = (pairs[:, 0] == pairs[:, 1]) & (pairs[:, 2:] == 0).all(axis=1)
        pairs = pairs[~swap & ~itself]
    else:
        pairs = np.where(swap[:, None], np.column_stack((pairs[:, 1], pairs[:, 0], -pairs[:, 2:])), pairs)
    return pairs[np.lexsort(pairs.T[::-1])]


def found_here(cells: Cells, halo: Halo, state: State) -> tuple[np.ndarray, np.ndarray]:
    """What a consumer computes on this rank: its pairs (m, 5), and their rows (2, m), copies after home rows.

    Images through axes with one rank are added here, those through others stand in the halo's shifts.
    """
    copies = np.empty((halo.count, 3))
    halo.forward(state["position"], copies)
    ids = np.empty(halo.count, np.int64)
    halo.forward(state["id"], ids)
    x, identity = np.concatenate((state["position"], copies)), np.concatenate((state["id"], ids))
    shift = np.concatenate((np.zeros((halo.home, 3), int), halo.shift.astype(int)))
    zone = np.concatenate((np.zeros(halo.home, int), halo.zone.astype(int)))
    box = cells.box
    images = image_numbers(box, x, cells.reach)
    uncut = [box.periodic[d] and cells.grid[d] == 1 for d in range(3)]
    mine = (zone[:, None] & zone[None, :]) == 0
    below = np.arange(len(x))[:, None] < np.arange(len(x))[None, :]
    pairs, rows = [np.zeros((0, 5), int)], [np.zeros((0, 2), int)]
    for image in itertools.product(*(images[d] if uncut[d] else (0,) for d in range(3))):
        apart = x[None] + (shift[None] - shift[:, None] + np.array(image)) @ box.vectors - x[:, None]
        same = np.eye(len(x), dtype=bool) & (image > (0, 0, 0))
        i, j = np.nonzero((below | same) & mine & ((apart**2).sum(axis=2) <= cells.reach**2))
        pairs.append(np.column_stack((identity[i], identity[j], shift[j] - shift[i] + np.array(image))))
        rows.append(np.column_stack((i, j)))
    return np.concatenate(pairs), np.concatenate(rows).T


def in_order(pairs: np.ndarray) -> np.ndarray:
    """Pairs of all ranks as `brute_force` gives them."""
    return _once(pairs, halved=False)


def forces(rows: dict[str, np.ndarray], pairs: np.ndarray, box: Box) -> np.ndarray:
    """(n, 3) Σ of d/(1+d²) over the pairs, in the order of the rows."""
    order = np.argsort(rows["id"])
    i, j = (order[np.searchsorted(rows["id"], pairs[:, k], sorter=order)] for k in (0, 1))
    pull = attraction(rows["position"][j] + pairs[:, 2:] @ box.vectors - rows["position"][i])
    total = np.zeros((len(order), 3))
    np.add.at(total, i, pull)
    np.add.at(total, j, -pull)
    return total


def attraction(apart: np.ndarray) -> np.ndarray:
    return apart / (1 + (apart**2).sum(axis=1, keepdims=True))
