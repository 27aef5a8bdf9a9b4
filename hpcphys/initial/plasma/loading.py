"""The particles of a species in a box, cell by cell, in parts that need little memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hpcphys.initial.plasma.draws import Draws
from hpcphys.initial.plasma.momenta import maxwell_juttner, maxwellian
from hpcphys.initial.plasma.places import places

PART_ROWS = 1 << 20
"""Particles that are made at once."""

MARGIN = 1.5
"""The largest displacement is looked for at nodes and centres of cells, and may be larger by this between."""

Function = Callable[..., np.ndarray]
"""Of coordinates x[, y[, z]], each (n,): values (n,)."""


class LoadingError(ValueError):
    """A plasma cannot be made: a function of it is not a number or negative somewhere; says where."""


@dataclass(frozen=True)
class Box:
    """The grid, and the part of it that is to be filled.

    shape: cells of the whole grid;  lower: its corner;  spacing: of the cells;  periodic: for each axis
    start, count: first cell and number of cells of the part, along each axis
    """

    shape: tuple[int, ...]
    lower: tuple[float, ...]
    spacing: tuple[float, ...]
    periodic: tuple[bool, ...]
    start: tuple[int, ...]
    count: tuple[int, ...]

    @property
    def cell_volume(self) -> float:
        """Of one cell, per unit length of the axes that are missing."""
        return math.prod(self.spacing)


@dataclass(frozen=True)
class Loading:
    """How a species begins.

    per_cell: macro-particles in each cell;  layout: one of places.LAYOUTS
    density: n(x), real particles per volume;  the weight of a macro-particle is n times its share of the cell
    drift: u = γv along x, y, z, functions;  thermal: (T/m)^½ along x, y, z, functions, for a Maxwellian
    temperature: T/(m c²), a function: Maxwell and Jüttner's distribution instead
    displacement: ξ(x) along each axis of the grid: particles begin at x + ξ(x), all else being that of x
    mirrored: components of u whose thermal part quiet particles have with either sign, at one place: their
        mean current is zero then and stays so while the particles stream; per_cell is a multiple of 2^n
    seed, species: of the random numbers: species that are to be different need different indices
    """

    per_cell: int
    density: Function
    drift: Sequence[Function]
    thermal: Sequence[Function] = ()
    temperature: Function | None = None
    displacement: Sequence[Function] = ()
    layout: str = "random"
    mirrored: tuple[int, ...] = ()
    light_speed: float = 1.0
    seed: int = 1
    species: int = 0


@dataclass(frozen=True)
class Part:
    """Some particles: position (n, D), momentum u (n, 3), weight (n,), id (n,) = cell · per_cell + number."""

    position: np.ndarray
    momentum: np.ndarray
    weight: np.ndarray
    id: np.ndarray


def loaded(loading: Loading, box: Box, reach: int | None = None) -> Iterator[Part]:
    """The particles of a species that begin inside a part of the grid, in parts; not collective.

    reach: cells beside the part that particles may be displaced from into it; by default what `reach_of`
        finds, which on several ranks must be the largest that any of them finds
    Every particle of the whole grid is in exactly one of the parts that cover it, and the same whatever parts
    there are; one that is displaced beyond a side that is not periodic is in none.  Where the density is 0
    there are no particles.  Raises LoadingError for a function that is negative or no number somewhere.
    """
    margin = reach_of(loading, box) if reach is None else reach
    ranges = [_along(box, axis, margin) for axis in range(len(box.shape))]
    cells = math.prod(last - first for first, last in ranges)
    at_once = max(1, PART_ROWS // loading.per_cell)
    for first in range(0, cells, at_once):
        flat = np.arange(first, min(first + at_once, cells))
        index = np.unravel_index(flat, [last - begin for begin, last in ranges])
        yield _made(loading, box, np.stack([i + r[0] for i, r in zip(index, ranges, strict=True)], axis=1))


def reach_of(loading: Loading, box: Box) -> int:
    """How many cells particles are displaced by at most, from samples in this part."""
    if not loading.displacement:
        return 0
    largest = 0.0
    for half in (0.0, 0.5):
        index = np.meshgrid(*(np.arange(s, s + n) + half for s, n in zip(box.start, box.count, strict=True)),
                            indexing="ij")  # fmt: skip
        points = [low + i.ravel() * d for low, i, d in zip(box.lower, index, box.spacing, strict=True)]
        for function, spacing in zip(loading.displacement, box.spacing, strict=True):
            largest = max(largest, float(np.max(np.abs(function(*points)), initial=0.0)) / spacing)
    if not math.isfinite(largest):
        raise LoadingError("the displacement is not a number somewhere in the box")
    return math.ceil(MARGIN * largest)


def _along(box: Box, axis: int, margin: int) -> tuple[int, int]:
    """First and last cell that may send particles into the part; beyond a periodic side they are images."""
    first, last = box.start[axis] - margin, box.start[axis] + box.count[axis] + margin
    return (first, last) if box.periodic[axis] else (max(first, 0), min(last, box.shape[axis]))


def _made(loading: Loading, box: Box, cells: np.ndarray) -> Part:
    """The particles of these cells (n, D), images beyond the periodic sides among them, inside the part."""
    dimension, per_cell = len(box.shape), loading.per_cell
    own = np.ravel_multi_index(tuple((cells % np.array(box.shape)).T), box.shape)
    draws = Draws(
        loading.seed, loading.species, np.repeat(own, per_cell), np.tile(np.arange(per_cell), len(cells))
    )
    images = 1 << len(loading.mirrored) if loading.layout == "quiet" else 1
    place_draws = Draws(draws.seed, draws.species, draws.cell, draws.number // images)
    inside = places(loading.layout, per_cell // images, dimension, place_draws)
    image = np.repeat(cells, per_cell, axis=0)
    x = [
        low + (np.mod(image[:, a], n) + inside[:, a]) * d
        for a, (low, n, d) in enumerate(zip(box.lower, box.shape, box.spacing, strict=True))
    ]
    place = image + inside
    for axis, function in enumerate(loading.displacement):
        place[:, axis] += function(*x) / box.spacing[axis]
    low, high = np.array(box.start), np.array(box.start) + np.array(box.count)
    density = _checked(loading.density, x, "density")
    kept = np.flatnonzero(np.all((place >= low) & (place < high), axis=1) & (density > 0.0))
    x, draws, density = [c[kept] for c in x], draws.rows(kept), density[kept]
    return Part(
        position=np.array(box.lower) + place[kept] * np.array(box.spacing),
        momentum=_momenta(loading, box, x, draws),
        weight=density * (box.cell_volume / per_cell),
        id=draws.cell * per_cell + draws.number,
    )


def _momenta(loading: Loading, box: Box, x: list[np.ndarray], draws: Draws) -> np.ndarray:
    drift = np.stack([_finite(f, x, "drift") for f in loading.drift], axis=1)
    if loading.temperature is not None:
        heat = _checked(loading.temperature, x, "temperature")
        return maxwell_juttner(heat, drift, draws, loading.light_speed)
    thermal = [_checked(f, x, "thermal_velocity") for f in loading.thermal]
    if loading.layout != "quiet":
        return drift + maxwellian(thermal, draws)
    images = 1 << len(loading.mirrored)
    places_in_cell = loading.per_cell // images
    index = draws.cell * places_in_cell + draws.number // images
    found = maxwellian(thermal, draws, index, math.prod(box.shape) * places_in_cell)
    for bit, component in enumerate(loading.mirrored):
        found[:, component] *= 1.0 - 2.0 * ((draws.number >> bit) & 1)
    return drift + found


def _finite(function: Function, x: list[np.ndarray], name: str) -> np.ndarray:
    values = function(*x)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise LoadingError(
            f"{name} is {values[bad[0]]} at {_place(x, bad[0])}; it must be a number in the box"
        )
    return values


def _checked(function: Function, x: list[np.ndarray], name: str) -> np.ndarray:
    values = _finite(function, x, name)
    bad = np.flatnonzero(values < 0.0)
    if len(bad):
        raise LoadingError(
            f"{name} is {values[bad[0]]:g} at {_place(x, bad[0])}; it must not be negative: use max(0, ...)"
        )
    return values


def _place(x: list[np.ndarray], row: int) -> str:
    return ", ".join(f"{name} = {c[row]:g}" for name, c in zip("xyz", x, strict=False))
