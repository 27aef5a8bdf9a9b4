"""What a field of pairs asks of its box and of pairs that it leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.decomposition.cells.box import AXES, Box


def checked_box(box: Box, cutoff: float, buffer: float) -> Box:
    """The box, if every pair within the cutoff is met once.  Raises ValueError that says what to change."""
    if not (cutoff > 0 and np.isfinite(cutoff)) or not (buffer >= 0 and np.isfinite(buffer)):
        raise ValueError(f"cutoff {cutoff}, buffer {buffer}: a positive cutoff and a buffer >= 0 are needed")
    widths = [(w, axis) for w, axis, p in zip(box.widths, AXES, box.periodic, strict=True) if p]
    if not widths:
        return box
    width, axis = min(widths)
    if 2 * cutoff > width * (1 + 1e-12):
        raise ValueError(
            f"the cutoff {cutoff:g} is more than half the box's width {width:g} along {axis}: an atom would "
            "meet two images of another; use a larger box or a shorter cutoff"
        )
    if cutoff + buffer > width:
        raise ValueError(
            f"cutoff + buffer = {cutoff + buffer:g} exceeds the box's width {width:g} along {axis}; use a "
            f"buffer of at most {width - cutoff:g}"
        )
    return box


def exclusion_arrays(exclusions: Any) -> tuple[np.ndarray, np.ndarray] | None:
    """Both directions of the pairs of ids, sorted by the first.  Raises ValueError."""
    if exclusions is None or len(exclusions) == 0:
        return None
    pairs = np.asarray(exclusions, dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(f"exclusions of shape {pairs.shape}: rows of two different ids are needed")
    first, second = np.concatenate((pairs, pairs[:, ::-1])).T
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    new = np.append(True, (np.diff(first) != 0) | (np.diff(second) != 0))
    return first[new], second[new]
