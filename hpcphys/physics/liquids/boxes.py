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
