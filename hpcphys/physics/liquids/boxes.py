"""The box of a state, as ensembles and constraints need it."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box


def known_box(state: State, field: Any) -> Box | None:
    """The box in the state's scalars, else the field's, else None: open space."""
    own = getattr(field, "box", None)
    if "box.xx" in state.scalars:
        return Box.from_scalars(state, (True, True, True) if own is None else own.periodic)
    return own


def image_frame(box: Box | None, backend: Any) -> Any:
    """(9,) vectors and inverse edges for kernels/md_gather.h, 0 along open axes; None without a box."""
    if box is None:
        return None
    h = box.vectors
    edges = [1.0 / h[d, d] if box.periodic[d] else 0.0 for d in range(3)]
    return backend.array(np.array([h[0, 0], h[1, 0], h[1, 1], h[2, 0], h[2, 1], h[2, 2], *edges]))


def begin_box(state: State, field: Any, who: str) -> None:
    """Put the field's box into the state's scalars unless they hold one.

    Raises ValueError without a box, or with an open axis: a pressure needs a volume.
    """
    box = known_box(state, field)
    if box is None or not all(box.periodic):
        raise ValueError(
            f"{who} changes the box, and {'there is none' if box is None else 'an axis of it is open'}; put "
            "a periodic one into the state: Box(vectors).to_scalars(state)"
        )
    box.to_scalars(state)


def vector_change(before: Box, after: Box, backend: Any) -> Any:
    """(9,) origin, then what a_x, b_x, b_y, c_x, c_y, c_z change by: `frame` of kernels/md_molecules.h."""
    d = after.vectors - before.vectors
    return backend.array(
        np.array([*before.origin, d[0, 0], d[1, 0], d[1, 1], d[2, 0], d[2, 1], d[2, 2]], dtype=np.float64)
    )
