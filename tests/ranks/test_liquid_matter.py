"""Beginning, minimising, writing and reading a liquid: the same on any number of ranks."""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial.liquids import (
    Lattice,
    mixture,
    molecules_on_lattice,
    on_lattice,
    random_packing,
    replicated,
    share_of,
    thermal_velocities,
    water,
)
from hpcphys.io.h5md import H5mdWriter, read_h5md
from hpcphys.io.lammps_data import read_lammps_data, write_lammps_data
from hpcphys.io.lammps_dump import LammpsDump, write_lammps_dump
from hpcphys.io.rows import DataFileError
from hpcphys.io.xyz import ExtendedXyz, write_xyz
from hpcphys.kernels import backend
from hpcphys.physics.minimise import StopWhen, minimise

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_boxes import TILTED, atoms, box_of, dealt
from soft_spheres import AllPairs

pytestmark = pytest.mark.mpi
ALONE = Communicator.serial()
NAMES = ("id", "type", "position", "image", "velocity")


@pytest.fixture(scope="module")
def ranks():
    return Communicator.start(abort_hook=False)


@pytest.fixture
def folder(ranks, tmp_path):
    """One folder for all ranks."""
    return Path(ranks.bcast(str(tmp_path)))


def gathered(ranks, arrays) -> dict[str, np.ndarray]:
    """All rows of all ranks, by id."""
    whole = {name: np.concatenate(ranks.allgather(arrays[name])) for name in arrays}
    order = np.argsort(whole["id"])
    return {name: array[order] for name, array in whole.items()}


def test_the_beginning_is_bit_for_bit_that_of_one_rank(ranks):
    """Lattice, packing, mixture, velocities, molecules, copies."""

    def made(communicator) -> list[dict[str, np.ndarray]]:
        lattice = Lattice("fcc", (3, 3, 3), density=0.8)
        crystal = on_lattice(lattice, *share_of(communicator, lattice.count))
        mixture(crystal, lattice.count, (0.7, 0.3), 4, masses=(1.0, 2.0))
        thermal_velocities(crystal, lattice.count, 1.2, 4, communicator)
        first, last = share_of(communicator, 5001)
        packing = random_packing(5001, TILTED, 4, first=first, last=last)
        first, last = share_of(communicator, lattice.count)
        wet = molecules_on_lattice(lattice, water(0.3), 4, first=first, last=last)
        return [crystal, packing, wet, replicated(wet, lattice.vectors, (2, 1, 2), communicator)[0]]

    for mine, alone in zip(made(ranks), made(ALONE), strict=True):
        whole = gathered(ranks, mine)
        order = np.argsort(alone["id"])
        for name, array in alone.items():
            np.testing.assert_array_equal(whole[name], array[order], err_msg=name)


@pytest.mark.parametrize("method", ["fire", "lbfgs"])
def test_minimisation_follows_rows_that_move(ranks, method):
    """Rows change ranks at every evaluation; reproducible sums give the bits of one rank."""
    machine, length = backend("cpu"), (40 / 0.8) ** (1 / 3)
    whole = random_packing(40, np.eye(3) * length, 2)

    def run(communicator, arrays, shuffle):
        state = State({name: array.copy() for name, array in arrays.items()})
        found = minimise(
            state, AllPairs(communicator, length, shuffle=shuffle), machine, communicator, method=method,
            stop=StopWhen(force=None, energy=1e-16, steps=8), reproducible=True, largest_move=0.2,
        )  # fmt: skip
        return found, state

    alone, expected = run(ALONE, whole, False)
    found, state = run(ranks, dealt(whole, ranks.rank, ranks.size), True)
    assert (found.steps, found.energy, found.reason) == (alone.steps, alone.energy, alone.reason)
    mine = gathered(ranks, {name: state[name] for name in ("id", "position")})
    np.testing.assert_array_equal(mine["position"], expected["position"])


def test_files_are_those_of_one_rank_byte_for_byte(ranks, folder):
    """Data, dump, XYZ and H5MD of atoms that lie anywhere; each is read in even shares."""
    whole = atoms(83, TILTED, types=2)
    whole["mass"] = np.array([1.0, 2.5])[whole["type"]]
    mine, box = dealt(whole, ranks.rank, ranks.size), box_of(TILTED)
    bonds = np.arange(82).reshape(-1, 2)
    first, last = share_of(ranks, len(bonds))

    def written(communicator, arrays, pairs, mark) -> list[Path]:
        paths = [folder / f"{mark}.{end}" for end in ("data", "dump", "xyz", "h5")]
        write_lammps_data(paths[0], communicator, arrays, TILTED, bonds=pairs)
        writer = H5mdWriter(paths[3], communicator, elements=("position", "velocity", "image"), single=False)
        for step in (3, 4):
            write_lammps_dump(paths[1], communicator, arrays, TILTED, step=step, append=step > 3)
            write_xyz(paths[2], communicator, arrays, TILTED, step=step, append=step > 3)
            writer.append(arrays, box, step=step, time=float(step))
        return paths

    together = written(ranks, mine, bonds[first:last], "together")
    if ranks.rank == 0:
        for path, alone in zip(together[:3], written(ALONE, whole, bonds, "alone")[:3], strict=True):
            assert path.read_bytes() == alone.read_bytes(), path.suffix
        with h5py.File(folder / "together.h5") as one, h5py.File(folder / "alone.h5") as other:
            for name in ("position/value", "velocity/value", "image/value", "id", "mass", "species"):
                np.testing.assert_array_equal(one[f"particles/all/{name}"], other[f"particles/all/{name}"])
    ranks.barrier()
    data = read_lammps_data(together[0], ranks)
    shares = (
        data, LammpsDump(together[1], ranks).read(1), ExtendedXyz(together[2], ranks).read(1),
        read_h5md(together[3], ranks, 1),
    )  # fmt: skip
    for found in shares:
        assert abs(len(found.arrays["id"]) - 83 / ranks.size) <= 1.5
        everyone = gathered(ranks, found.arrays)
        for name in NAMES:
            np.testing.assert_array_equal(everyone[name], whole[name], err_msg=name)
    np.testing.assert_array_equal(np.concatenate(ranks.allgather(data.bonds["id"])), bonds)


def test_every_rank_hears_of_a_bad_line(ranks, folder):
    """The bad line lies in the share of one rank alone."""
    whole = atoms(60, TILTED)
    del whole["mass"]
    path = folder / "bad.data"
    write_lammps_data(path, ranks, dealt(whole, ranks.rank, ranks.size), TILTED)
    if ranks.rank == 0:
        lines = path.read_text().splitlines(keepends=True)
        lines[40] = lines[40].replace(".", "x", 1)
        path.write_text("".join(lines))
    ranks.barrier()
    with pytest.raises(DataFileError, match=r"line 41: section Atoms: '.*x.*' is not a number"):
        read_lammps_data(path, ranks)
    with pytest.raises(DataFileError, match="cannot be written"):
        write_xyz(folder / "no" / "such.xyz", ranks, dealt(whole, ranks.rank, ranks.size), TILTED)
