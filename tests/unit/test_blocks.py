"""Blocks of a dataset: the bytes that each box covers, whatever axes it is cut along."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hpcphys.io.blocks import Block

WHOLE = np.arange(4 * 5 * 6, dtype=np.int32).reshape(4, 5, 6)


@pytest.mark.parametrize("cuts", list(itertools.product([(0, None), (1, 3)], repeat=3)), ids=str)
def test_runs_put_every_value_of_a_box_in_its_place(cuts):
    box = tuple(slice(first, last) for first, last in cuts)
    block = Block(WHOLE[box], tuple(first for first, _ in cuts), WHOLE.shape)
    written = np.full(WHOLE.nbytes, 255, np.uint8)
    runs = list(block.runs())
    for place, raw in runs:
        written[place : place + raw.size] = raw
    wanted = np.full_like(WHOLE, -1)
    wanted[box] = WHOLE[box]
    assert (written.view(np.int32).reshape(WHOLE.shape) == wanted).all()
    # A run ends only where the box does: behind the last axis that is cut everything is in one piece.
    cut = [axis for axis, (_, last) in enumerate(cuts) if last is not None]
    assert len(runs) == np.prod([block.array.shape[axis] for axis in range(max(cut, default=0))])


def test_an_empty_box_has_no_runs():
    assert not list(Block(np.zeros((0, 5, 6)), (4, 0, 0), (4, 5, 6)).runs())
