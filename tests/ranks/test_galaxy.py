"""Initial conditions, snapshots and diagnostics give the same answer on every number of ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial import realisation
from hpcphys.io.gadget4 import GalaxyUnits, read_snapshot, write_snapshot
from hpcphys.io.rows import DataFileError
from hpcphys.physics.gravity_diagnostics import diagnostics

pytestmark = pytest.mark.mpi
COUNT = 9001
UNITS = GalaxyUnits(2.0, 3.0)
ENCOUNTER = {"primary": {"model": "disc", "inclination": 40.0}, "secondary": {"model": "king", "mass": 0.5}}


@pytest.fixture(scope="module")
def communicator():
    return Communicator.start(abort_hook=False)


@pytest.fixture
def folder(communicator, tmp_path):
    """One folder for all ranks."""
    return Path(communicator.bcast(str(tmp_path)))


def with_potential(arrays) -> State:
    radius2 = (arrays["position"] ** 2).sum(axis=1)
    return State({**arrays, "potential": (-1.0 / np.sqrt(radius2 + 0.3)).astype(np.float32)})


def gathered(communicator, array) -> np.ndarray:
    return np.concatenate(communicator.allgather(array))


@pytest.mark.parametrize(
    ("model", "chosen"), [("plummer", {}), ("nfw", {}), ("disc", {}), ("encounter", ENCOUNTER)]
)
def test_realisation_is_bit_for_bit_that_of_one_rank(communicator, model, chosen):
    mine = realisation(model, COUNT, 17, communicator, **chosen)
    alone = realisation(model, COUNT, 17, Communicator.serial(), **chosen)
    assert abs(len(mine["mass"]) - COUNT / communicator.size) <= 1
    for name, array in alone.items():
        assert np.array_equal(gathered(communicator, mine[name]), array), name


def test_fewer_particles_than_ranks(communicator):
    mine = realisation("plummer", 1, 1, communicator)
    assert communicator.allreduce(len(mine["mass"]), "sum") == 1
    result = diagnostics(with_potential(mine), communicator, full=True)
    assert result["kinetic"] == 0.0


@pytest.mark.parametrize("reproducible", [False, True])
def test_diagnostics_are_those_of_one_rank(communicator, reproducible):
    mine = with_potential(realisation("plummer", COUNT, 17, communicator))
    alone = with_potential(realisation("plummer", COUNT, 17, Communicator.serial()))
    found = diagnostics(mine, communicator, full=True, reproducible=reproducible)
    wanted = diagnostics(alone, Communicator.serial(), full=True, reproducible=reproducible)
    for name in wanted:
        if reproducible:
            assert np.array_equal(found[name], wanted[name]), name
        else:
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-9, atol=1e-13, err_msg=name)


def test_snapshot_of_all_ranks(communicator, folder):
    mine = realisation("disc", COUNT, 17, communicator)
    path = folder / "snapshot_000.hdf5"
    size = write_snapshot(path, communicator, State(mine), UNITS, 1.0)
    assert size == path.stat().st_size
    found = read_snapshot(path, communicator, UNITS)
    ids = gathered(communicator, found["id"])
    assert np.array_equal(np.sort(ids), np.arange(COUNT))
    order = np.argsort(ids)
    for name, array in mine.items():
        np.testing.assert_allclose(
            gathered(communicator, found[name])[order], gathered(communicator, array), rtol=4e-16
        )


def test_a_rank_without_a_type_writes_too(communicator, folder):
    """The disc's rows lie on some ranks only; all must take part in writing all types."""
    mine = realisation("disc", 4 * communicator.size, 3, communicator, disc_share=0.25)
    write_snapshot(folder / "snapshot_001.hdf5", communicator, State(mine), UNITS, 0.0)
    found = read_snapshot(folder / "snapshot_001.hdf5", communicator, UNITS)
    assert communicator.allreduce(int((found["type"] == 2).sum()), "sum") == communicator.size


def test_a_bad_particle_is_reported_on_all_ranks(communicator, folder):
    import h5py

    path = folder / "snapshot_002.hdf5"
    write_snapshot(path, communicator, State(realisation("plummer", 50, 3, communicator)), UNITS, 0.0)
    if communicator.rank == 0:
        with h5py.File(path, "r+") as file:
            file["PartType1/Masses"][49] = 0.0  # a row of the last rank
    communicator.barrier()
    with pytest.raises(DataFileError, match="particle with ID 49: found 0"):
        read_snapshot(path, communicator, UNITS)
