"""Particles as rows: copies for output, and exact ones for checkpoints."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


def as_rows(particles: Any, saved: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Global positions, momenta and weights in double, of rows of bins and offsets."""
    n = particles.dimensions
    centre = saved["bin"] + 0.5 * (particles.order % 2)
    fields = saved["fields"].astype(np.float64)
    position = (centre + fields[:, :n]) * particles.spacing
    if particles.order % 2 == 0:  # the half of the first bin that lies at the grid's other end
        length = np.array(particles.blocks.shape) * particles.spacing
        outside = (position < 0) & np.array(particles.blocks.periodic)
        position += outside * length
    found = {"position": position, "momentum": np.ascontiguousarray(fields[:, n : n + 3])}
    weight = particles.species.weight
    found["weight"] = fields[:, n + 3].copy() if weight is None else np.full(len(fields), weight)
    if particles.species.tracked:
        found["id"] = saved["id"]
    return found


def pieces(particles: Any, limit: int) -> Iterator[dict[str, np.ndarray]]:
    """Exact rows (see Particles.saved) of whole tiles, about `limit` at a time, in order."""
    counts = np.zeros(math.prod(particles.tiles_along), np.int64)
    particles.call("pic_tiles", particles.handle, counts)
    first = 0
    while first < len(counts):
        last, n = first, 0
        while last < len(counts) and (last == first or n + counts[last] <= limit):
            n += int(counts[last])
            last += 1
        yield _tile_rows(particles, first, last, n)
        first = last


def _tile_rows(particles: Any, first: int, last: int, n: int) -> dict[str, np.ndarray]:
    fields = particles.dimensions + 3 + (particles.species.weight is None)
    found: dict[str, np.ndarray] = {
        "bin": np.empty((n, particles.dimensions), np.int32),
        "fields": np.empty((n, fields), particles.real),
    }
    if particles.species.tracked:
        found["id"] = np.empty(n, np.int64)
    particles.call("pic_rows", particles.handle, first, last, found["bin"], found["fields"], found.get("id"))
    return found


def sent_home(particles: Any, saved: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Exact rows, each on the rank whose block has its bin, ordered by sender.  Collective."""
    columns = {
        "bin": np.ascontiguousarray(saved["bin"], dtype=np.int32),
        "fields": np.ascontiguousarray(saved["fields"], dtype=particles.real),
    }
    if particles.species.tracked:
        columns["id"] = np.ascontiguousarray(saved["id"], dtype=np.int64)
    blocks = particles.blocks
    if blocks.communicator.size == 1:
        return columns
    # A last node beyond the last cell belongs to the last block.
    place = [
        np.minimum(np.searchsorted(planes[1:], columns["bin"][:, a], side="right"), len(planes) - 2)
        for a, planes in enumerate(blocks.borders)
    ]
    owner = np.ravel_multi_index(place, blocks.grid)
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(blocks.communicator.size + 1))
    found = {}
    for name, column in columns.items():
        mine = column[order]
        parts = [mine[a:b] for a, b in itertools.pairwise(ends)]
        found[name] = np.ascontiguousarray(np.concatenate(blocks.communicator.alltoallv(parts)))
    return found
