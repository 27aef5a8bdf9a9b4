"""Which bins a block has, how they are shared by tiles, and where particles go that leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ParticleError


def layout_of(particles: Any) -> tuple[np.ndarray, tuple[int, ...], tuple[int, ...]]:
    """The numbers that the native engine is made of; bins and tiles along each axis of this block."""
    blocks, axes = particles.blocks, range(particles.dimensions)
    even = particles.order % 2 == 0
    # Of an even order the last node of a walled axis has a bin of its own.
    last = [int(even and not blocks.periodic[a]) for a in axes]
    shape = [blocks.shape[a] + last[a] for a in axes]
    count = [blocks.count[a] + (last[a] if blocks.boundary(a, 1) else 0) for a in axes]
    wraps = [int(blocks.periodic[a] and blocks.count[a] == blocks.shape[a]) for a in axes]
    kinds = {"periodic": 0, "reflecting": 1, "absorbing": 2}
    walls = [kinds[side] for sides in particles.boundaries for side in sides]
    along = tiles_along(count, particles.tile, particles.reach, particles.order)

    def three(values: Sequence[int], fill: int = 1) -> list[int]:
        return [*values, *[fill] * (3 - len(values))]

    whole = [
        *three(shape), *three(blocks.start, 0), *three(count), *three(blocks.local_shape),
        *three(along), *three(wraps), *walls, *[0] * (6 - len(walls)),
        blocks.guards, particles.reach,
    ]  # fmt: skip
    return np.array(whole, np.int64), tuple(count), tuple(along)


def tiles_along(count: Sequence[int], tile: Sequence[int], reach: int, order: int) -> list[int]:
    """Tiles along each axis of a block: of about `tile` bins, but so thick that every second one is apart."""
    if len(tile) != len(count) or min(tile) < 1 or max(tile) > 512:
        raise ParticleError(f"tile {tuple(tile)}: 1 to 512 bins along each of {len(count)} axes")
    thick = 2 * reach + order
    found = []
    for n, edge in zip(count, tile, strict=True):
        most = n // thick if n // thick > 2 else min(2, n // reach)
        found.append(max(1, min(round(n / edge), most)))
    if any(-(-n // k) > 512 for n, k in zip(count, found, strict=True)):
        raise ParticleError(
            f"tiles of more than 512 bins along an axis: choose a smaller tile than {tuple(tile)}"
        )
    return found
