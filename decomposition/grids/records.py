"""Records (particles that have left a block) on their way to the blocks around it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..communicator import pieces

if TYPE_CHECKING:
    from .blocks import GridBlocks

SIZES, RECORDS = 85, 86  # tags of messages


def exchanged_records(
    blocks: GridBlocks, buffers: Mapping[tuple[int, ...], Any]
) -> list[tuple[tuple[int, ...], Any]]:
    """See GridBlocks.send_records."""
    started = time.perf_counter()
    be, communicator = blocks.backend, blocks.communicator
    leaving = _checked(blocks, buffers)
    partners = _partners(blocks)
    came: dict[tuple[int, ...], np.ndarray] = {}
    requests, sizes_in, kept = [], {}, []
    for rank, (_, gives) in partners.items():
        sizes_in[rank] = np.zeros(len(gives), dtype=np.int64)
        requests.append(communicator.mpi.Irecv(sizes_in[rank], source=rank, tag=SIZES))
    for rank, (to, _) in partners.items():
        sizes = np.array([len(leaving.get(d, ())) for d in to], dtype=np.int64)
        kept.append(sizes)
        requests.append(communicator.mpi.Isend(sizes, dest=rank, tag=SIZES))
        blocks.count_sent(sizes.nbytes, 1)
        communicator.count(sizes.nbytes, 1, time.perf_counter())
        parts = [leaving[d] for d in to if d in leaving]
        if parts:
            message = parts[0] if len(parts) == 1 else np.concatenate(parts)
            kept.append(message)
            for piece in pieces(message):
                requests.append(communicator.mpi.Isend(piece, dest=rank, tag=RECORDS))
                blocks.count_sent(piece.nbytes, 1)
                communicator.count(piece.nbytes, 1, time.perf_counter())
    for request in requests[: len(partners)]:
        request.Wait()
    arriving = []
    for rank, (_, gives) in partners.items():
        ends = np.cumsum(sizes_in[rank])
        room = np.empty(int(ends[-1]), dtype=np.uint8)
        for piece in pieces(room):
            arriving.append(communicator.mpi.Irecv(piece, source=rank, tag=RECORDS))
        for direction, size, end in zip(gives, sizes_in[rank], ends, strict=True):
            if size:
                came[direction] = room[end - size : end]
    for request in (*arriving, *requests[len(partners) :]):
        request.Wait()
    for direction, records in leaving.items():
        if blocks.neighbour(direction) == communicator.rank:
            came[tuple(-step for step in direction)] = records
    communicator.count(0, 0, started)
    return [(direction, be.array(came[direction])) for direction in sorted(came)]


def _checked(blocks: GridBlocks, buffers: Mapping[tuple[int, ...], Any]) -> dict[tuple[int, ...], np.ndarray]:
    """Buffers that hold something, on the host."""
    found = {}
    for direction, buffer in buffers.items():
        if len(buffer) == 0:
            continue
        if direction not in blocks.directions or blocks.neighbour(direction) is None:
            raise ValueError(
                f"records for direction {direction}: there is no block; allowed from block "
                f"{blocks.coordinates} of {blocks.grid} are "
                f"{[d for d in blocks.directions if blocks.neighbour(d) is not None]}"
            )
        host = blocks.backend.host(buffer)
        if host.dtype != np.uint8 or host.ndim != 1:
            raise ValueError(f"records for {direction} are {host.dtype} {host.shape}; give flat uint8")
        found[direction] = np.ascontiguousarray(host)
    return found


def _partners(
    blocks: GridBlocks,
) -> dict[int, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]]:
    """For each other rank around this one the directions to it, and those it comes from, in its order."""
    found: dict[int, tuple[list[tuple[int, ...]], list[tuple[int, ...]]]] = {}
    for direction in blocks.directions:
        rank = blocks.neighbour(direction)
        if rank is not None and rank != blocks.communicator.rank:
            found.setdefault(rank, ([], []))[0].append(direction)
    for to, gives in found.values():
        # The neighbour lists its directions to this rank, the opposite ones, in ascending order too.
        gives.extend(reversed(to))
    return found
