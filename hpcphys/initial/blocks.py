"""Random rows that do not depend on the number of ranks.

A realisation of `count` particles is cut into fixed blocks of BLOCK rows; each block draws from its own
counter-based generator Philox(key = (seed, block), counter = (0, 0, 0, stream)).  A rank makes the blocks
that its rows touch and no others, so memory is bounded by its own rows and the union over ranks is the same
realisation for every rank count.
Source: Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCK = 4096

Sampler = Callable[[np.random.Generator, int], dict[str, np.ndarray]]


def block_generator(rng_seed: int, block: int, stream: int = 0) -> np.random.Generator:
    """Generator of one block of rows; `stream` keeps the components of a model apart.

    rng_seed: int in [0, 2^64);  block, stream: int ≥ 0
    """
    counter = np.array([0, 0, 0, stream], dtype=np.uint64)
    key = np.array([rng_seed, block], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


def row_range(count: int, first: int, last: int | None) -> tuple[int, int]:
    """The rows [first, last) of a realisation of `count` particles; last = None means all to the end.

    Raises ValueError when count < 1 or the range does not lie inside [0, count].
    """
    if count < 1:
        raise ValueError(f"particles: found {count}, allowed are integers ≥ 1")
    end = count if last is None else last
    if not 0 <= first <= end <= count:
        raise ValueError(f"rows [{first}, {end}) do not lie inside the realisation's [0, {count})")
    return first, end


def sampled_rows(
    count: int, rng_seed: int, sample: Sampler, *, first: int = 0, last: int | None = None, stream: int = 0
) -> dict[str, np.ndarray]:
    """Rows [first, last) of the realisation that `sample(generator, rows)` defines block by block.

    sample returns arrays whose first axis has `rows` entries.
    Returns dict of arrays with last − first rows.  Deterministic: equal for every way of cutting the rows.
    """
    first, last = row_range(count, first, last)
    # One empty sample tells names, shapes and types, so that a rank without rows has the same arrays.
    rows = {
        name: np.empty((last - first, *array.shape[1:]), array.dtype)
        for name, array in sample(block_generator(rng_seed, 0, stream), 0).items()
    }
    for block in range(first // BLOCK, -(-last // BLOCK) if last > first else 0):
        start = block * BLOCK
        stop = min(start + BLOCK, count)
        drawn = sample(block_generator(rng_seed, block, stream), stop - start)
        low, high = max(start, first), min(stop, last)
        for name, array in drawn.items():
            rows[name][low - first : high - first] = array[low - start : high - start]
    return rows


def isotropic(generator: np.random.Generator, length: np.ndarray) -> np.ndarray:
    """Vectors of the given lengths in directions uniform on the sphere.

    length: (n,);  returns (n, 3).  Archimedes: cos θ is uniform on (−1, 1), φ on (0, 2π).
    """
    cosine = generator.uniform(-1.0, 1.0, length.size)
    azimuth = generator.uniform(0.0, 2.0 * np.pi, length.size)
    projected = length * np.sqrt(1.0 - cosine * cosine)
    vectors = np.empty((length.size, 3))
    np.multiply(projected, np.cos(azimuth), out=vectors[:, 0])
    np.multiply(projected, np.sin(azimuth), out=vectors[:, 1])
    np.multiply(length, cosine, out=vectors[:, 2])
    return vectors
