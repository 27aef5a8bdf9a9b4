"""Every pair of ranks meets once: for sums over pairs that reach farther than a halo.

In round s = 0, 1, … ⌊size/2⌋ this rank sees the rows of rank - s (round 0: its own).  With an even number of
ranks the last round is for one half of them.  A rank holds its own rows and one visiting block at a time; two
ranks whose blocks lie too far apart exchange a few numbers and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .communicator import Communicator


def meetings(
    communicator: Communicator,
    rows: np.ndarray,
    extent: np.ndarray,
    near: Callable[[np.ndarray, np.ndarray], bool],
) -> Iterator[tuple[bool, np.ndarray]]:
    """(own, visiting rows) for each meeting of this rank; all ranks must iterate to the end together.

    rows: (n, k) float64 of this rank;  extent: (e,) float64, what `near` needs to know of them
    near(a, b): may any row of the block with extent a meet one with extent b?  Must be symmetric.
    Each pair of different ranks that is near meets on exactly one of the two; `own` is True in round 0.
    """
    rank, size = communicator.rank, communicator.size
    if len(rows):
        yield True, rows
    header = np.concatenate(([float(len(rows))], extent))
    for shift in range(1, size // 2 + 1):
        ahead, behind = (rank + shift) % size, (rank - shift) % size
        here, there = _headers(communicator, header, ahead, behind)
        halves = 2 * shift == size
        sends = (not halves or rank < ahead) and _meet(header, there, near)
        receives = (not halves or rank > behind) and _meet(here, header, near)
        counts, arriving = np.zeros(size, np.int64), np.zeros(size, np.int64)
        counts[ahead] = len(rows) if sends else 0
        arriving[behind] = int(here[0]) if receives else 0
        leaving = rows if sends else rows[:0]
        visiting, _ = communicator.start_exchange(np.ascontiguousarray(leaving), counts, arriving).wait()
        if receives:
            yield False, visiting


def _meet(a: np.ndarray, b: np.ndarray, near: Callable[[np.ndarray, np.ndarray], bool]) -> bool:
    return a[0] > 0 and b[0] > 0 and near(a[1:], b[1:])


def _headers(
    communicator: Communicator, header: np.ndarray, ahead: int, behind: int
) -> tuple[np.ndarray, np.ndarray]:
    """The headers of the ranks behind and ahead, which may be one rank."""
    counts = np.zeros(communicator.size, np.int64)
    counts[[ahead, behind]] = 1
    sent = np.repeat(header[None], int(counts.sum()), axis=0)
    told, _ = communicator.start_exchange(sent, counts, counts).wait()
    order = sorted({ahead, behind})
    return told[order.index(behind)], told[order.index(ahead)]
