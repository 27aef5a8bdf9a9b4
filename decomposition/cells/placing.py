"""Rows put into the box and assigned to blocks, and a number that tells which rows there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .layout import Cells


def placed(cells: Cells, position: Any, image: Any) -> Any:
    """Wrap rows in place; returns the (n,) int32 rank that owns each, -1 for a row that has no place."""
    destination = cells.backend.empty(len(position), np.int32)
    if len(position):
        periodic = sum(1 << d for d in range(3) if cells.box.periodic[d])
        cells.module.launch(
            "place_rows", len(position), position, image, cells.frame, cells.planes, *cells.grid, periodic,
            destination,
        )  # fmt: skip
    return destination


def fingerprint(cells: Cells, ids: np.ndarray) -> int:
    """A number of 64 bits that depends on which ids there are, not on their order."""
    ids = np.ascontiguousarray(ids, dtype=np.int64)
    return cells.module.host("fingerprint", len(ids), ids) & (2**64 - 1)
