"""Pairs of 63-bit words as keys along the Hilbert curve: 42 octree levels of three bits, coarsest first."""

from __future__ import annotations

from functools import cache

import numpy as np

from hpcphys.kernels import Module, backend

WORD_BITS = 63
WORD_LEVELS = 21
DEEPEST = 2 * WORD_LEVELS
END = np.uint64(1 << WORD_BITS)  # the high word after all keys
_LOW_MASK = np.uint64((1 << WORD_BITS) - 1)


@cache
def curve() -> Module:
    """The host functions of kernels/curve.h: keys, cuts and moving rows are in host memory everywhere."""
    return backend("cpu").module("curve")


def search(
    hi: np.ndarray, lo: np.ndarray | None, wanted_hi: np.ndarray, wanted_lo: np.ndarray, side: str = "left"
) -> np.ndarray:
    """Positions among the ascending keys (hi, lo) before which the wanted keys belong, as `np.searchsorted`.

    hi, lo: (n,) uint64, lo None for all zero; wanted_hi, wanted_lo: (m,) uint64.  Returns (m,) int64.
    side "left": before equal keys; "right": after them.
    """
    if side not in ("left", "right"):
        raise ValueError(f"side is {side!r}; use 'left' or 'right'")
    wanted_hi, wanted_lo = np.asarray(wanted_hi, np.uint64), np.asarray(wanted_lo, np.uint64)
    first = np.searchsorted(hi, wanted_hi, side="left")
    last = np.searchsorted(hi, wanted_hi, side="right")
    if lo is None:
        beyond = wanted_lo > 0 if side == "left" else np.ones(len(wanted_lo), dtype=bool)
        return np.where(beyond, last, first)
    # Bisection among the keys with an equal high word, for all wanted keys at once.
    for _ in range(int((last - first).max(initial=0)).bit_length()):
        middle = (first + last) // 2
        open_ = first < last
        value = lo[np.where(open_, middle, 0)] if len(lo) else wanted_lo
        below = open_ & ((value < wanted_lo) if side == "left" else (value <= wanted_lo))
        first = np.where(below, middle + 1, first)
        last = np.where(open_ & ~below, middle, last)
    return first


def cell_starts(
    hi: np.ndarray, lo: np.ndarray, index: np.ndarray | int, level: int
) -> tuple[np.ndarray, np.ndarray]:
    """First key of the cell of octree level `level` that comes `index` cells after the one at (hi, lo).

    hi, lo: uint64, keys of cells of this or a coarser level; index: integers ≥ 0; shapes broadcast.
    The high word of a cell after the last one is `END`.
    Raises ValueError for a level outside 0…42.
    """
    if not 0 <= level <= DEEPEST:
        raise ValueError(f"octree level {level} is outside 0…{DEEPEST}")
    index = np.asarray(index).astype(np.uint64)
    hi, lo = np.broadcast_arrays(hi, lo)
    if level <= WORD_LEVELS:
        return hi + (index << np.uint64(3 * (WORD_LEVELS - level))), np.broadcast_to(
            lo, np.broadcast_shapes(lo.shape, index.shape)
        ).copy()
    # The index may reach beyond the low word: split it there before shifting.
    shift = 3 * (DEEPEST - level)
    carried = index >> np.uint64(WORD_BITS - shift)
    kept = (index & np.uint64((1 << (WORD_BITS - shift)) - 1)) << np.uint64(shift)
    low = lo + kept
    return hi + carried + (low >> np.uint64(WORD_BITS)), low & _LOW_MASK
