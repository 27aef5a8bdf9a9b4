"""Planes between blocks, moved so that measured work is shared evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..communicator import Communicator

if TYPE_CHECKING:
    from .layout import Cells

TOLERANCE = 0.03  # planes stay while no rank has more than this above the mean
BINS = 32  # each round looks 32 times closer at where a plane belongs
ROUNDS = 6
UNITS = 1 << 20  # work is counted in this fraction of the largest row's


def moved_planes(
    cells: Cells, work: Any, position: Any, tolerance: float, gain: float
) -> list[np.ndarray] | None:
    """Planes at equal shares of the work along each axis, or None if the present ones serve.  Collective.

    Work is rounded to integers, so that sums, and with them planes, are the same on all ranks and for every
    distribution of the rows.
    """
    comm = cells.communicator
    fractional = cells.box.fractional(cells.backend.host(position))
    weights = _in_units(comm, cells.backend.host(work), len(fractional))
    most, total = comm.allreduce(int(weights.sum()), "max"), comm.allreduce(int(weights.sum()))
    if total == 0 or most * comm.size <= (1 + tolerance) * total:
        return None
    ends = _ends(cells, fractional)
    planes = _at_shares(comm, fractional, weights, cells.grid, ends)
    # What every rank would have: O(ranks) numbers, as everything here.
    block = np.zeros(len(fractional), np.int64)
    for d in range(3):
        inner = np.searchsorted(planes[d][1:-1], fractional[:, d], side="right")
        block = block * cells.grid[d] + inner
    counted = np.bincount(block, weights, minlength=comm.size).astype(np.float64)  # of no rows: integers
    shares = comm.allreduce(counted)
    return planes if (1 + gain) * shares.max() < most else None


def _in_units(comm: Communicator, work: Any, rows: int) -> np.ndarray:
    """(rows,) integers proportional to the work of each row."""
    work = np.asarray(work, dtype=np.float64)
    each = np.full(rows, float(work) / max(rows, 1)) if work.ndim == 0 else work
    wrong = each.shape != (rows,) or not bool(np.isfinite(each).all()) or bool((each < 0).any())
    if comm.agree(wrong):
        raise ValueError(
            f"work of shape {work.shape} for {rows} rows (smallest {each.min(initial=0):g}): one number of 0 "
            "or more for each row, or one for the rank, is needed on every rank"
        )
    largest = comm.allreduce(float(each.max(initial=0)), "max")
    return np.rint(each * (UNITS / largest)).astype(np.int64) if largest > 0 else np.zeros(rows, np.int64)


def _ends(cells: Cells, fractional: np.ndarray) -> np.ndarray:
    """(2, 3) outer planes: 0 and 1, or where the outermost rows are along an open axis."""
    low = cells.communicator.allreduce(
        np.concatenate((fractional.min(axis=0, initial=np.inf), -fractional.max(axis=0, initial=-np.inf))),
        "min",
    )
    periodic = np.array(cells.box.periodic)
    return np.array([np.where(periodic, 0.0, low[:3]), np.where(periodic, 1.0, -low[3:])])


def _at_shares(
    comm: Communicator,
    fractional: np.ndarray,
    weights: np.ndarray,
    grid: tuple[int, int, int],
    ends: np.ndarray,
) -> list[np.ndarray]:
    """Planes with k/p of the work below plane k, found by looking ever closer: O(p) numbers a round."""
    axes = []
    for d in range(3):
        order = np.argsort(fractional[:, d], kind="stable")
        below = np.concatenate(([0], np.cumsum(weights[order])))
        axes.append((fractional[order, d], below))
    total = int(comm.allreduce(int(weights.sum())))
    targets = [np.arange(1, p) * total // p for p in grid]
    low = [np.full(p - 1, ends[0, d]) for d, p in enumerate(grid)]
    high = [np.full(p - 1, ends[1, d]) for d, p in enumerate(grid)]
    for _ in range(ROUNDS):
        edges = [
            a[:, None] + (b - a)[:, None] * (np.arange(BINS + 1) / BINS)
            for a, b in zip(low, high, strict=True)
        ]
        mine = [below[np.searchsorted(along, edge)] for (along, below), edge in zip(axes, edges, strict=True)]
        found = comm.allreduce(np.concatenate([part.reshape(-1) for part in mine]))
        for d, part in enumerate(np.split(found, np.cumsum([part.size for part in mine])[:-1])):
            counted = part.reshape(-1, BINS + 1)
            # The last edge with no more below it than wanted.
            at = np.clip((counted <= targets[d][:, None]).sum(axis=1) - 1, 0, BINS - 1)
            plane = np.arange(len(at))
            low[d], high[d] = edges[d][plane, at], edges[d][plane, at + 1]
    middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
    return [
        np.concatenate(
            ([ends[0, d]], np.maximum.accumulate(middle[d]) if len(middle[d]) else [], [ends[1, d]])
        )
        for d in range(3)
    ]
