"""This rank's atoms: on a lattice, at random, as a mixture, with thermal velocities, many times over."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hpcphys.initial.blocks import row_range, sampled_rows
from hpcphys.initial.liquids.lattices import Lattice
from hpcphys.initial.liquids.shuffling import shuffled

POSITIONS, VELOCITIES, ORIENTATIONS = 11, 12, 13
"""Streams of random numbers, so that one seed serves all three."""


def share_of(communicator, count: int) -> tuple[int, int]:
    """[first, last): this rank's even share of `count` rows."""
    return count * communicator.rank // communicator.size, count * (
        communicator.rank + 1
    ) // communicator.size


def on_lattice(lattice: Lattice, first: int = 0, last: int | None = None) -> dict[str, np.ndarray]:
    """Atoms of type 0 and mass 1 at rest on the sites [first, last): the arrays of a state.

    Returns position, velocity (n, 3), image (n, 3) int32, mass (n,), id (n,) int64, type (n,) int32.
    """
    first, last = row_range(lattice.count, first, last)
    return _at(lattice.sites(first, last), first)


def random_packing(
    count: int, vectors, rng_seed: int, *, origin: Sequence[float] = (0.0, 0.0, 0.0), first: int = 0,
    last: int | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Atoms [first, last) of `count` independent uniform positions in the box; the same for every rank count.

    They overlap: let `hpcphys.physics.minimise.minimise` push them apart with a soft repulsion (zero beyond
    the wanted distance), before they meet a potential that diverges.
    vectors: (3, 3) rows a, b, c [length].  Returns the arrays of a state, as on_lattice.
    """
    edges = np.asarray(vectors, dtype=np.float64)
    first, last = row_range(count, first, last)

    def sample(generator: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        return {"place": generator.random((rows, 3))}

    place = sampled_rows(count, rng_seed, sample, first=first, last=last, stream=POSITIONS)["place"]
    position = np.tile(np.asarray(origin, dtype=np.float64), (last - first, 1))
    for axis in range(3):
        for row in range(3):
            position[:, axis] += place[:, row] * edges[row, axis]
    return _at(position, first)


def mixture(
    arrays: dict[str, np.ndarray], count: int, fractions: Sequence[float], rng_seed: int,
    masses: Sequence[float] | None = None,
) -> None:  # fmt: skip
    """Give the atoms types 0, 1, … at random, in exact numbers: round(count·x) each, the first has the rest.

    arrays: `id` in 0 … count-1; `type` and, with masses, `mass` are written;  fractions: sum 1
    Raises ValueError for fractions that are negative or do not sum to 1, or masses that are not positive.
    """
    shares = np.asarray(fractions, dtype=np.float64)
    if (shares < 0.0).any() or abs(shares.sum() - 1.0) > 1e-9:
        raise ValueError(f"fractions {list(fractions)}: they must be ≥ 0 and sum to 1")
    numbers = np.rint(count * shares).astype(np.int64)
    numbers[0] = count - numbers[1:].sum()
    place = shuffled(arrays["id"], count, rng_seed)
    arrays["type"] = np.searchsorted(np.cumsum(numbers), place, side="right").astype(np.int32)
    if masses is not None:
        if len(masses) != len(shares) or min(masses) <= 0.0:
            raise ValueError(f"masses {list(masses)}: {len(shares)} positive numbers are needed")
        arrays["mass"] = np.asarray(masses, dtype=np.float64)[arrays["type"]]


def thermal_velocities(
    arrays: dict[str, np.ndarray], count: int, temperature: float, rng_seed: int, communicator,
    *, degrees_of_freedom: float | None = None, boltzmann: float = 1.0,
) -> None:  # fmt: skip
    """Velocities of the Maxwell-Boltzmann distribution, Σ m v = 0, and exactly ½ f k_B T of kinetic energy.

    Each atom draws by its id, so that velocities do not depend on the number of ranks, bit for bit.
    arrays: `id` in 0 … count-1 ascending without gaps on this rank, `mass`; `velocity` is written
    degrees_of_freedom: f, by default 3·count - 3.  Collective.
    Raises ValueError for a temperature or mass that is not positive, or fewer than two atoms.
    """
    if not (math.isfinite(temperature) and temperature > 0.0):
        raise ValueError(
            f"temperature {temperature}: thermal velocities need one > 0; leave velocities at rest instead"
        )
    bad = np.flatnonzero(~(arrays["mass"] > 0.0))
    if communicator.agree(bad.size > 0):
        ids = [int(n) for part in communicator.allgather(arrays["id"][bad[:4]]) for n in part]
        raise ValueError(f"masses of the atoms with ids {ids[:8]} are not positive: they have no velocities")
    freedom = 3.0 * count - 3.0 if degrees_of_freedom is None else float(degrees_of_freedom)
    if count < 2 or not freedom > 0.0:
        raise ValueError(f"{count} atoms with {freedom:g} degrees of freedom have no temperature")
    first = int(arrays["id"][0]) if len(arrays["id"]) else 0

    def sample(generator: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
        return {"velocity": generator.normal(size=(rows, 3))}

    drawn = sampled_rows(
        count, rng_seed, sample, first=first, last=first + len(arrays["id"]), stream=VELOCITIES
    )
    mass = arrays["mass"][:, None]
    velocity = drawn["velocity"] / np.sqrt(mass)
    sums = communicator.sum_reproducible(np.concatenate((mass, mass * velocity), axis=1))
    velocity -= sums[1:] / sums[0]
    twice = communicator.sum_reproducible(arrays["mass"] * (velocity * velocity).sum(axis=1))
    arrays["velocity"] = velocity * math.sqrt(freedom * boltzmann * temperature / twice)


def replicated(
    arrays: dict[str, np.ndarray], vectors, times: tuple[int, int, int], communicator
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """times[0] × times[1] × times[2] copies of a periodic configuration side by side, and the larger box.

    Each rank copies its own rows.  Ids of copy c are id - lowest + c·(highest - lowest + 1), molecules alike;
    images start again from 0 in such a way that what was whole in unwrapped coordinates stays whole.
    Collective.  Raises ValueError for a number of copies below 1.
    """
    if len(times) != 3 or min(times) < 1:
        raise ValueError(f"times {times}: three numbers of copies ≥ 1 are needed")
    edges, counts = np.asarray(vectors, dtype=np.float64), np.asarray(times)
    copies = np.stack([a.ravel() for a in np.meshgrid(*(np.arange(n) for n in times), indexing="ij")], axis=1)
    rows = len(arrays["id"])
    result = {name: np.tile(array, (len(copies), *(1,) * (array.ndim - 1))) for name, array in arrays.items()}
    for name in ("id", "molecule"):
        if name in arrays:
            low, span = _span(arrays[name], communicator)
            offsets = np.repeat(np.arange(len(copies), dtype=np.int64) * span, rows)
            result[name] = result[name] - low + offsets
    # A row's image is a cell of the old box: in the new one it is a copy, and how often round the whole box.
    cell = np.repeat(copies, rows, axis=0)
    if "image" in arrays:
        cell = cell + result["image"]
    around, inside = np.divmod(cell, counts)
    for axis in range(3):
        for row in range(3):
            result["position"][:, axis] += inside[:, row] * edges[row, axis]
    result["image"] = around.astype(np.int32)
    return result, edges * counts[:, None]


def _span(numbers: np.ndarray, communicator) -> tuple[int, int]:
    """The lowest number on any rank, and how many lie between it and the highest."""
    largest = np.iinfo(np.int64).max
    ends = np.array([numbers.min(), -numbers.max()]) if len(numbers) else np.array([largest, largest])
    low, high = (int(n) for n in communicator.allreduce(ends.astype(np.int64), "min"))
    return low, -high - low + 1


def _at(position: np.ndarray, first: int) -> dict[str, np.ndarray]:
    rows = len(position)
    return {
        "position": np.ascontiguousarray(position), "velocity": np.zeros((rows, 3)),
        "image": np.zeros((rows, 3), np.int32), "mass": np.ones(rows),
        "id": np.arange(first, first + rows, dtype=np.int64), "type": np.zeros(rows, np.int32),
    }  # fmt: skip
