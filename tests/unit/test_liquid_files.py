"""LAMMPS data and dump files, extended XYZ and H5MD: what is written is read, what is wrong is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io import text_files
from hpcphys.io.configuration import lower_triangular
from hpcphys.io.h5md import H5mdWriter, read_h5md
from hpcphys.io.lammps_data import read_lammps_data, write_lammps_data
from hpcphys.io.lammps_dump import LammpsDump, write_lammps_dump
from hpcphys.io.rows import DataFileError
from hpcphys.io.xyz import ExtendedXyz, write_xyz

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_boxes import TILTED, atoms, box_of

ALONE = Communicator.serial()
ORIGIN = (0.5, -1.0, 2.0)


@pytest.fixture
def arrays():
    """Seventy atoms of three types in no order."""
    whole = atoms(70, TILTED, types=3)
    whole["mass"] = np.array([1.0, 2.5, 39.948])[whole["type"]]
    whole["position"] += ORIGIN
    whole["molecule"] = whole["id"] // 2
    order = np.random.default_rng(0).permutation(70)
    return {name: array[order] for name, array in whole.items()}


def same(found: dict, arrays: dict, names) -> None:
    """The arrays, in the order of ids, bit for bit."""
    order = np.argsort(arrays["id"])
    for name in names:
        np.testing.assert_array_equal(found[name], arrays[name][order], err_msg=name)


# ---- LAMMPS data


@pytest.mark.parametrize("molecular", [False, True])
def test_data_file_round_trip(tmp_path, arrays, molecular):
    path = tmp_path / "liquid.data"
    bonds = np.stack((np.arange(0, 70, 2), np.arange(1, 70, 2)), axis=1)
    if not molecular:
        del arrays["molecule"]
    write_lammps_data(path, ALONE, arrays, TILTED, ORIGIN, bonds=bonds if molecular else None)
    found = read_lammps_data(path, ALONE)
    same(found.arrays, arrays, arrays)
    # The file has upper ends, not lengths: one rounding.
    np.testing.assert_allclose(found.vectors, TILTED, rtol=1e-15)
    np.testing.assert_array_equal(found.origin, ORIGIN)
    if molecular:
        np.testing.assert_array_equal(found.bonds["id"], bonds)
    else:
        assert found.bonds == {}


DATA = """a file by hand

3 atoms
2 atom types
1 bonds
1 bond types

0 4.0 xlo xhi
-1 5.0 ylo yhi   # a comment
0 6 zlo zhi

Masses

1 16.0  # O
2 1.008

Bond Coeffs

1 450.0 1.0

Atoms # molecular

3 1 2 0.5 0.25 1e-1
1 1 1 1.5 2.5 3.5
2 7 2 -.5 4. 5.5

Velocities

2 0.1 0.2 0.3
1 0 0 0
3 -1 -2 -3

Bonds

1 1 1 3
"""


def test_a_data_file_by_hand(tmp_path):
    path = tmp_path / "hand.data"
    path.write_text(DATA)
    found = read_lammps_data(path, ALONE)
    assert found.arrays["position"].tolist() == [[1.5, 2.5, 3.5], [-0.5, 4.0, 5.5], [0.5, 0.25, 0.1]]
    assert found.arrays["velocity"][1].tolist() == [0.1, 0.2, 0.3]
    assert found.arrays["mass"].tolist() == [16.0, 1.008, 1.008]
    assert found.arrays["molecule"].tolist() == [0, 6, 0]
    assert found.vectors.tolist() == [[4.0, 0, 0], [0, 6.0, 0], [0, 0, 6.0]]
    assert found.bonds["id"].tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2 7 2 -.5 4. 5.5", "2 7 2 -.5 4. five", "line 25: section Atoms: 'five' is not a number"),
        ("2 7 2 -.5 4. 5.5", "2 7 2 -.5 4.", "line 25: section Atoms: found 5 columns, 6 are needed"),
        ("2 7 2 -.5 4. 5.5\n", "", "section Atoms has 2 lines; the header says 3 atoms"),
        ("2 7 2 -.5", "2 7 3 -.5", r"atom 2 has type 3; allowed are 1 … 2"),
        ("2 7 2 -.5", "1 7 2 -.5", "ids must be unique; found more than once: 0"),
        ("Bond Coeffs", "Ellipsoids", "line 17: section 'Ellipsoids' is not known"),
        ("2 1.008", "2 -1.008", "type 2 with mass -1.008"),
        ("2 0.1 0.2 0.3", "9 0.1 0.2 0.3", "section Velocities: there is no atom 9"),
        ("1 1 1 3\n", "1 1 1 3\n2 1 1 2\n", "section Bonds has 2 lines; the header says 1"),
        ("3 atoms", "three atoms", "line 3: cannot be read"),
        ("0 4.0 xlo", "5 4.0 xlo", "lower below upper"),
        ("Atoms # molecular", "Atoms # full", "style 'full'; read are atomic"),
        (DATA[DATA.index("Masses") :], "", "no section"),
    ],
)
def test_a_bad_data_file_is_named(tmp_path, old, new, message):
    path = tmp_path / "bad.data"
    assert old in DATA
    path.write_text(DATA.replace(old, new))
    with pytest.raises((DataFileError, ValueError), match=message):
        read_lammps_data(path, ALONE)
    with pytest.raises(DataFileError, match="No such file"):
        read_lammps_data(tmp_path / "none", ALONE)


def test_masses_must_be_those_of_types(tmp_path, arrays):
    arrays["mass"][3] += 1.0
    with pytest.raises(ValueError, match="a data file has one mass for each type"):
        write_lammps_data(tmp_path / "x.data", ALONE, arrays, TILTED)


# ---- LAMMPS dump


@pytest.mark.parametrize("place", ["x y z ix iy iz", "xu yu zu", "xs ys zs ix iy iz"])
@pytest.mark.parametrize("tilt", [2.0, -3.0])
def test_dump_round_trip(tmp_path, arrays, place, tilt):
    """Two frames; unwrapped and scaled positions come back to rounding."""
    path, vectors = tmp_path / "liquid.dump", TILTED.copy()
    vectors[1, 0] = tilt  # to the right, and to the left: the bounds in the file enclose the box
    columns = f"id type mol mass {place} vx vy vz".split()
    arrays["position"] = (np.random.default_rng(3).random((70, 3)) @ vectors) + ORIGIN
    for step in (10, 20):
        arrays["velocity"] = arrays["velocity"] + step
        write_lammps_dump(
            path, ALONE, arrays, vectors, ORIGIN, step=step, columns=columns, append=step > 10,
            periodic=(True, True, True),
        )  # fmt: skip
    dump = LammpsDump(path, ALONE)
    assert [frame.step for frame in dump.frames] == [10, 20]
    found = dump.read(1)
    same(found.arrays, arrays, ("id", "type", "molecule", "mass", "velocity", "image"))
    order = np.argsort(arrays["id"])
    np.testing.assert_allclose(found.arrays["position"], arrays["position"][order], atol=1e-12)
    np.testing.assert_allclose(found.vectors, vectors, rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(found.origin, ORIGIN, rtol=1e-14)
    assert dump.read(0).arrays["velocity"] == pytest.approx(found.arrays["velocity"] - 20)
    if place.startswith("x y"):
        same(found.arrays, arrays, ("position",))


DUMP = """ITEM: TIMESTEP
7
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp ff pp
0 2
-1 3
0 5.0e0
ITEM: ATOMS id type xs ys zs c_pe
2 1 0.5 0.25 0.1 -3.5
1 3 0.25 0.5 0.5 -4.5
"""


def test_a_dump_by_hand(tmp_path):
    path = tmp_path / "hand.dump"
    path.write_text(DUMP)
    found = LammpsDump(path, ALONE).read()
    assert found.arrays["position"].tolist() == [[0.5, 1.0, 2.5], [1.0, 0.0, 0.5]]
    assert found.arrays["type"].tolist() == [2, 0]
    assert found.extra["c_pe"].tolist() == [-4.5, -3.5]
    assert found.periodic == (True, False, True)
    assert found.step == 7


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1 3 0.25 0.5 0.5 -4.5\n", "", "step 7 has 1 lines of atoms; it says 2"),
        ("0.5 -4.5", "0.5 x", "line 11: step 7: 'x' is not a number"),
        ("id type xs", "id type q", "positions need x y z"),
        ("ITEM: NUMBER OF ATOMS\n2\n", "", "without 'ITEM: NUMBER OF ATOMS'"),
        ("-1 3\n", "-1 wide\n", "line 2: the frame that begins here"),
        (DUMP[DUMP.index("ITEM: ATOMS") :], "", "last frame is not complete"),
        (DUMP, "nothing\n", "is not a LAMMPS dump"),
    ],
)
def test_a_bad_dump_is_named(tmp_path, old, new, message):
    path = tmp_path / "bad.dump"
    path.write_text(DUMP.replace(old, new))
    with pytest.raises(DataFileError, match=message):
        LammpsDump(path, ALONE).read()


def test_columns_that_cannot_be_written(tmp_path, arrays):
    with pytest.raises(ValueError, match="column 'fx' needs the array 'force'"):
        write_lammps_dump(tmp_path / "x", ALONE, arrays, TILTED, columns=("id", "fx"))
    with pytest.raises(ValueError, match="column 'charge' is unknown"):
        write_lammps_dump(tmp_path / "x", ALONE, arrays, TILTED, columns=("id", "charge"))
    assert not list(tmp_path.iterdir())


# ---- extended XYZ


def test_xyz_round_trip(tmp_path, arrays):
    path = tmp_path / "liquid.xyz"
    names = ("Ar", "Kr", "Xe")
    for step in (1, 2, 3):
        arrays["position"] = arrays["position"] + 0.125
        write_xyz(
            path, ALONE, arrays, TILTED, ORIGIN, names=names, step=step, time=0.1 * step, append=step > 1
        )
    file = ExtendedXyz(path, ALONE)
    assert [frame.atoms for frame in file.frames] == [70, 70, 70]
    found = file.read(2, names=names)
    same(found.arrays, arrays, ("id", "type", "position", "velocity", "mass", "image"))
    np.testing.assert_array_equal(found.vectors, TILTED)
    assert (found.step, found.time, found.names) == (3, 0.1 * 3, names)
    assert file.read(0).arrays["position"][0] == pytest.approx(found.arrays["position"][0] - 0.25)


def test_a_turned_box_is_turned_back(tmp_path):
    """A right-handed box in any direction: lengths, angles and scaled positions stay."""
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.linalg.det(turn)
    edges, rotation = lower_triangular(TILTED @ turn)
    np.testing.assert_allclose(edges, TILTED, atol=1e-12)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    path = tmp_path / "turned.xyz"
    cell = " ".join(map(repr, (TILTED @ turn).ravel().tolist()))
    place = np.array([[0.1, 0.2, 0.3], [0.9, 0.5, 0.7]])
    rows = "".join(f"He {x!r} {y!r} {z!r}\n" for x, y, z in (place @ TILTED @ turn).tolist())
    path.write_text(f'2\nLattice="{cell}" Properties=species:S:1:pos:R:3\n{rows}')
    found = ExtendedXyz(path, ALONE).read()
    np.testing.assert_allclose(found.arrays["position"], place @ TILTED, atol=1e-12)
    with pytest.raises(ValueError, match="right-handed"):
        lower_triangular(-np.eye(3))


XYZ = """2
Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3
O 0.5 1.0 1.5
H 3.5 1.0 1.5
"""


def test_xyz_by_hand(tmp_path):
    path = tmp_path / "hand.xyz"
    path.write_text(XYZ + "\n" + XYZ)
    file = ExtendedXyz(path, ALONE)
    found = file.read(1)
    assert len(file.frames) == 2
    assert found.names == ("H", "O")
    assert found.arrays["type"].tolist() == [1, 0]
    assert found.arrays["position"].tolist() == [[0.5, 1.0, 1.5], [0.5, 1.0, 1.5]]
    assert found.arrays["image"].tolist() == [[0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("H 3.5", "H", "line 4: found 3 columns"),
        ("H 3.5", "H x", "column 'pos'"),
        ("2\nL", "two\nL", "line 1: a frame begins with its number of atoms; found 'two'"),
        ("2\nL", "9\nL", "line 1: a frame of 9 atoms begins here, and 2 lines follow"),
        ("Lattice", "Cell", "line 2: the frame has no box"),
        ("3 0 0 0 3", "3 0 0 3", "line 2: the box cannot be read"),
        (":pos:R:3", ":place:R:3", "Properties must hold pos:R:3"),
        (":pos:R:3", ":pos:R", "line 2: Properties=species:S:1:pos:R is not"),
    ],
)
def test_a_bad_xyz_is_named(tmp_path, old, new, message):
    path = tmp_path / "bad.xyz"
    path.write_text(XYZ.replace(old, new))
    with pytest.raises(DataFileError, match=message):
        ExtendedXyz(path, ALONE).read()


def test_small_pieces_give_the_same(tmp_path, arrays, monkeypatch):
    """Lines that straddle the pieces in which a file is read."""
    data, dump, xyz = (tmp_path / name for name in ("a.data", "a.dump", "a.xyz"))
    write_lammps_data(data, ALONE, arrays, TILTED)
    write_lammps_dump(dump, ALONE, arrays, TILTED)
    write_xyz(xyz, ALONE, arrays, TILTED)
    monkeypatch.setattr(text_files, "PIECE", 301)
    for found in (
        read_lammps_data(data, ALONE),
        LammpsDump(dump, ALONE).read(),
        ExtendedXyz(xyz, ALONE).read(),
    ):
        same(found.arrays, arrays, ("id", "position", "velocity", "image"))


# ---- H5MD


def test_h5md_round_trip(tmp_path, arrays, monkeypatch):
    """Three frames in chunks smaller than a frame; what HDF5 itself reads is what was written."""
    monkeypatch.setattr("hpcphys.io.h5md.CHUNK_ROWS", 32)
    path, box = tmp_path / "liquid.h5", box_of(TILTED, ORIGIN)
    elements = ("position", "velocity", "image")
    units = {"length": "nm", "time": "ps", "velocity": "nm ps-1", "mass": "u"}
    writer = H5mdWriter(path, ALONE, elements=elements, single=False, units=units, names=("A", "B", "C"))
    frames = []
    for step in (0, 5, 10):
        arrays["position"] = arrays["position"] + 0.25
        frames.append(arrays["position"][np.argsort(arrays["id"])])
        writer.append(arrays, box_of(TILTED * (1 + step), ORIGIN), step=step, time=0.1 * step)
    with h5py.File(path) as file:
        assert file["h5md"].attrs["version"].tolist() == [1, 1]
        group = file["particles/all"]
        np.testing.assert_array_equal(group["position/value"][:], frames)
        assert group["velocity/step"] == group["position/step"]
        assert group["position/step"][:].tolist() == [0, 5, 10]
        assert group["box"].attrs["boundary"].tolist() == ["periodic"] * 3
        assert group["position/value"].attrs["unit"] == "nm"
        np.testing.assert_array_equal(group["box/edges/value"][2], TILTED * 11)
    found = read_h5md(path, ALONE, 1)
    same(found.arrays, arrays, ("id", "type", "velocity", "image", "mass", "molecule"))
    assert (found.step, found.time, found.names, found.periodic) == (5, 0.5, ("A", "B", "C"), box.periodic)
    assert writer.truncate(7) == 2
    writer.append(arrays, box, step=15, time=1.5)
    with h5py.File(path) as file:
        assert file["particles/all/position/step"][:].tolist() == [0, 5, 15]
        np.testing.assert_array_equal(file["particles/all/position/value"][2], frames[2])
    with pytest.raises(DataFileError, match="it holds 70 atoms, this frame has 69: begin a new one"):
        writer.append({name: array[1:] for name, array in arrays.items()}, box, step=20, time=2.0)
    with pytest.raises(DataFileError, match="frame 3 was asked; there are 3"):
        read_h5md(path, ALONE, 3)
    with pytest.raises(ValueError, match="position is always needed"):
        H5mdWriter(path, ALONE, elements=("velocity",))


def test_mdanalysis_opens_h5md(tmp_path, arrays):
    """Where MDAnalysis is installed for some interpreter: HPCPHYS_MDANALYSIS_PYTHON names it."""
    python = os.environ.get("HPCPHYS_MDANALYSIS_PYTHON")
    if not python:
        pytest.skip("HPCPHYS_MDANALYSIS_PYTHON names no interpreter with MDAnalysis")
    path = tmp_path / "liquid.h5md"
    writer = H5mdWriter(path, ALONE, elements=("position", "velocity"), single=False)
    for step in range(3):
        writer.append(arrays, box_of(TILTED), step=step, time=0.5 * step)
    script = (
        "import sys, MDAnalysis, numpy\n"
        "u = MDAnalysis.Universe.empty(70, trajectory=False)\n"
        "u.load_new(sys.argv[1], format='H5MD', convert_units=False)\n"
        "assert u.trajectory.n_frames == 3\n"
        "u.trajectory[2]\n"
        "print(u.trajectory.ts.time, *u.dimensions, u.atoms.positions.sum(), u.atoms.velocities.sum())\n"
    )
    done = subprocess.run([python, "-c", script, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    time, *rest = (float(word) for word in done.stdout.split())
    lengths = np.linalg.norm(TILTED, axis=1)
    assert time == 1.0
    assert rest[:3] == pytest.approx(lengths.tolist(), rel=1e-5)
    cosine = TILTED[0] @ TILTED[1] / lengths[0] / lengths[1]
    assert rest[5] == pytest.approx(np.degrees(np.arccos(cosine)), rel=1e-5)
    assert rest[6] == pytest.approx(arrays["position"].sum(), rel=1e-5)
    assert rest[7] == pytest.approx(arrays["velocity"].sum(), rel=1e-3)
