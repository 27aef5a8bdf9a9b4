"""Fields in pencils through checkpoints: every bit, on any number of ranks, and damage found."""

from __future__ import annotations

import tempfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils.layout import Pencil
from hpcphys.io.blocks import Block
from hpcphys.io.rows import DataFileError
from hpcphys.run.checkpoint import checkpoints, newest_checkpoint, write_checkpoint

pytestmark = pytest.mark.mpi

SHAPE = (9, 10, 11)
FIELD = np.random.default_rng(5).normal(size=(2, *SHAPE))
WAVE = FIELD[0] + 1j * FIELD[1]


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.fixture
def folder(ranks):
    """One folder for all ranks."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(ranks.bcast(path))
        ranks.barrier()


def written(ranks, folder, step, aligned=0):
    """A checkpoint of a field in pencils and of rows beside it."""
    pencil = Pencil(SHAPE, ranks, "pencil", aligned)
    arrays = {"wave": Block.of(WAVE[pencil.slices], pencil), "particle": np.full((ranks.rank, 2), ranks.rank)}
    rest = {"scalars": {"n": 3}, "memory": {}, "job": "text", "keep": 3}
    return write_checkpoint(folder, ranks, arrays, 0.5, step, **rest)


@pytest.mark.parametrize("aligned", [0, 1, 2])
def test_a_field_in_pencils_comes_back_in_any_layout(ranks, folder, aligned):
    path = written(ranks, folder, 4, aligned)
    with h5py.File(path) as file:
        assert (file["state/wave"][:] == WAVE).all()  # the file knows nothing of the layout
    found, passed_over = newest_checkpoint(folder, ranks)
    assert passed_over == []
    assert found.fields == {"wave": SHAPE}
    assert (found.arrays["particle"] == ranks.rank).all()
    assert len(found.arrays["particle"]) == ranks.rank
    for grid, axis in (("slab", 2), ("pencil", 1)):
        other = Pencil(SHAPE, ranks, grid, axis)
        box = found.block("wave", other.substart, other.subshape)
        assert box.tobytes() == WAVE[other.slices].tobytes()
    alone, _ = newest_checkpoint(folder, Communicator.serial())  # another number of ranks
    assert (alone.block("wave", (0, 0, 0), SHAPE) == WAVE).all()
    assert alone.ranks == ranks.size
    with pytest.raises(DataFileError, match="asked was a box"):
        alone.block("wave", (1, 0, 0), SHAPE)


@pytest.mark.parametrize("place", [0.02, 0.5, 0.99])
def test_a_flipped_bit_in_a_field_is_found(ranks, folder, place):
    written(ranks, folder, 1)
    path = written(ranks, folder, 2)
    if ranks.rank == 0:
        with h5py.File(path) as file:
            start, size = file["state/wave"].id.get_offset(), file["state/wave"].id.get_storage_size()
        content = bytearray(path.read_bytes())
        content[start + int(place * size)] ^= 4
        path.write_bytes(content)
    ranks.barrier()
    found, passed_over = newest_checkpoint(folder, ranks)
    assert found.step == 1
    assert "checksum of wave of rank" in passed_over[0]


def test_rows_alone_keep_the_format_that_older_versions_read(ranks, folder):
    rest = {"scalars": {}, "memory": {}, "job": "", "keep": 3}
    write_checkpoint(folder, ranks, {"position": np.ones((2, 3))}, 0.0, 0, **rest)
    with h5py.File(checkpoints(folder)[0]) as file:
        assert '"format": 1,' in file.attrs["metadata"]
        assert "boxes" not in file["ranks"]
    written(ranks, folder, 1)
    with h5py.File(checkpoints(folder)[0]) as file:
        assert '"format": 2,' in file.attrs["metadata"]
