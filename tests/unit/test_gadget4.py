"""GADGET-4 snapshots: round trip, what other programs read, every broken file named."""

from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial import models
from hpcphys.io.gadget4 import GalaxyUnits, read_snapshot, write_snapshot
from hpcphys.io.rows import DataFileError

UNITS = GalaxyUnits(length_kpc=3.0, mass_1e10_msun=4.0)
SERIAL = Communicator.serial()
KM_PER_KPC = 3.0856775814913673e16
SECONDS_PER_GYR = 3.15576e16


def galaxy(count: int = 600) -> dict[str, np.ndarray]:
    return models["disc"](count, 5, bulge_fraction=0.01)


@pytest.fixture
def snapshot(tmp_path):
    path = tmp_path / "snapshot_000.hdf5"
    write_snapshot(path, SERIAL, State(galaxy()), UNITS, time=2.0)
    return path


def test_units_make_gravity():
    """v² = GM/r in both systems: 10^10 M_sun at 1 kpc holds 207.4 km/s."""
    assert GalaxyUnits().velocity_km_s == pytest.approx(207.387, abs=1e-2)
    assert UNITS.velocity_km_s == pytest.approx(GalaxyUnits().velocity_km_s * np.sqrt(4.0 / 3.0))
    assert GalaxyUnits(G=43009.172706).velocity_km_s == pytest.approx(1.0)
    assert UNITS.time_kpc_per_km_s * UNITS.velocity_km_s == pytest.approx(3.0)


def test_round_trip(snapshot):
    wanted, found = galaxy(), read_snapshot(snapshot, SERIAL, UNITS)
    assert set(found) == {"position", "velocity", "mass", "id", "type"}
    order = np.argsort(found["id"])
    for name, array in wanted.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_allclose(found[name][order], array, rtol=4e-16, atol=0.0)


def test_any_rank_count_reads_the_same_rows(snapshot):
    whole = read_snapshot(snapshot, SERIAL, UNITS)

    class OneOf(Communicator):
        def __init__(self, rank: int, size: int):
            super().__init__()
            self.rank, self.size = rank, size

        def allgather(self, value):
            return [value]

    for size in (3, 61):
        parts = [read_snapshot(snapshot, OneOf(rank, size), UNITS) for rank in range(size)]
        for name, array in whole.items():
            assert np.array_equal(np.concatenate([part[name] for part in parts]), array)


def test_header(snapshot):
    with h5py.File(snapshot) as file:
        header = dict(file["Header"].attrs)
        assert (
            header["NumPart_ThisFile"].tolist() == header["NumPart_Total"].tolist() == [0, 360, 180, 60, 0, 0]
        )
        assert header["MassTable"].tolist() == [0.0] * 6
        assert header["NumFilesPerSnapshot"] == 1
        assert header["Time"] == pytest.approx(2.0 * UNITS.time_kpc_per_km_s)
        assert header["Redshift"] == header["BoxSize"] == 0.0
        assert file["Parameters"].attrs["UnitVelocity_in_cm_per_s"] == 1e5
        assert file["PartType2/Velocities"].attrs["to_cgs"] == 1e5


def test_potential_is_written_in_km2_s2(tmp_path):
    arrays = models["plummer"](10, 1)
    arrays["potential"] = np.full(10, -2.0, np.float32)
    write_snapshot(tmp_path / "s.hdf5", SERIAL, State(arrays), UNITS, 0.0)
    with h5py.File(tmp_path / "s.hdf5") as file:
        assert list(file) == ["Header", "Parameters", "PartType1", "Units"]
        np.testing.assert_allclose(file["PartType1/Potential"][:], -2.0 * UNITS.velocity_km_s**2, rtol=1e-6)


def test_the_job_is_kept_in_the_file(snapshot, tmp_path):
    job = '[system]\nkind = "gravity"  # φ\n' * 3000  # longer than HDF5's compact attributes, 64 KiB
    path = tmp_path / "snapshot_001.hdf5"
    write_snapshot(path, SERIAL, State(galaxy()), UNITS, 2.0, job)
    with h5py.File(path) as file:
        assert file.attrs["job"] == job
    with h5py.File(snapshot) as file:
        assert "job" not in file.attrs
    whole, found = read_snapshot(snapshot, SERIAL, UNITS), read_snapshot(path, SERIAL, UNITS)
    assert all(np.array_equal(found[name], array) for name, array in whole.items())


def run_reader(code: str, path) -> list[float]:
    """Numbers that another program prints of a snapshot, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()[-4:]]


def expected_numbers() -> list[float]:
    """Mass in solar masses, largest x in kpc, largest v_x in km/s, time in 10^9 years."""
    arrays = galaxy()
    gyr = 2.0 * UNITS.time_kpc_per_km_s * KM_PER_KPC / SECONDS_PER_GYR
    return [
        arrays["mass"].sum() * 4e10,
        arrays["position"][:, 0].max() * 3.0,
        arrays["velocity"][:, 0].max() * UNITS.velocity_km_s,
        gyr,
    ]


def test_yt_reads_the_right_units(snapshot):
    pytest.importorskip("yt")
    code = """
import sys, yt
yt.set_log_level(50)
ds = yt.load(sys.argv[1], bounding_box=[[-3000.0, 3000.0]] * 3)
ad = ds.all_data()
assert ad["PartType2", "particle_mass"].size == 180
yt.ParticleProjectionPlot(ds, "z", ("all", "particle_mass"))
largest = {name: ad["all", f"particle_{name}_x"].max() for name in ("position", "velocity")}
print(float(ad["all", "particle_mass"].sum().to("Msun")), float(largest["position"].to("kpc")),
      float(largest["velocity"].to("km/s")), float(ds.current_time.to("Gyr")))

"""
    assert run_reader(code, snapshot) == pytest.approx(expected_numbers(), rel=1e-4)


def test_yt_opens_without_arguments(snapshot):
    pytest.importorskip("yt")
    code = """
import sys, yt
yt.set_log_level(50)
ad = yt.load(sys.argv[1]).all_data()
print(0, 0, 0, float(ad["all", "particle_mass"].sum().to("Msun")))
"""
    assert run_reader(code, snapshot)[3] == pytest.approx(expected_numbers()[0], rel=1e-4)


def test_pynbody_reads_the_right_units(snapshot):
    pytest.importorskip("pynbody")
    code = """
import sys, pynbody
f = pynbody.load(sys.argv[1])
assert len(f) == 600
print(float(f["mass"].sum().in_units("Msol")), float(f["pos"][:, 0].in_units("kpc").max()),
      float(f["vel"][:, 0].in_units("km s**-1").max()), f.properties["time"].in_units("Gyr"))
"""
    assert run_reader(code, snapshot) == pytest.approx(expected_numbers(), rel=1e-4)


def split_into_files(source, folder, parts: int) -> list:
    """The same snapshot in several files, particles of each type shared out."""
    paths = [folder / f"split.{part}.hdf5" for part in range(parts)]
    with h5py.File(source) as whole:
        for part, path in enumerate(paths):
            with h5py.File(path, "w") as file:
                file.create_group("Header").attrs.update(whole["Header"].attrs)
                file["Header"].attrs["NumFilesPerSnapshot"] = parts
                counts = np.zeros(6, np.uint64)
                for name in (n for n in whole if n.startswith("PartType")):
                    rows = whole[f"{name}/Masses"].shape[0]
                    chosen = slice(rows * part // parts, rows * (part + 1) // parts)
                    counts[int(name[-1])] = chosen.stop - chosen.start
                    for key in whole[name]:
                        file[f"{name}/{key}"] = whole[f"{name}/{key}"][chosen]
                file["Header"].attrs["NumPart_ThisFile"] = counts
    return paths


def test_several_files(snapshot, tmp_path):
    whole = read_snapshot(snapshot, SERIAL, UNITS)
    paths = split_into_files(snapshot, tmp_path, 3)
    for path in paths:
        found = read_snapshot(path, SERIAL, UNITS)
        for name, array in whole.items():
            assert np.array_equal(found[name], array)
    paths[1].unlink()
    with pytest.raises(DataFileError, match=r"split\.1\.hdf5: no such file"):
        read_snapshot(paths[0], SERIAL, UNITS)


def test_mass_table_and_missing_ids(snapshot):
    with h5py.File(snapshot, "r+") as file:
        file["Header"].attrs["MassTable"] = [0.0, 0.25, 0.0, 0.0, 0.0, 0.0]
        del file["PartType1/Masses"]
        for kind in (1, 2, 3):
            del file[f"PartType{kind}/ParticleIDs"]
    found = read_snapshot(snapshot, SERIAL, UNITS)
    assert (found["mass"][found["type"] == 1] == 0.25 / 4.0).all()
    assert np.array_equal(found["id"], np.arange(600))


def test_hubble_factor_is_removed(snapshot):
    plain = read_snapshot(snapshot, SERIAL, UNITS)
    with h5py.File(snapshot, "r+") as file:
        file["Parameters"].attrs["HubbleParam"] = 0.5
    found = read_snapshot(snapshot, SERIAL, UNITS)
    np.testing.assert_allclose(found["position"], 2.0 * plain["position"])
    np.testing.assert_allclose(found["mass"], 2.0 * plain["mass"])
    np.testing.assert_allclose(found["velocity"], plain["velocity"])


def change(what: str):
    """A way to break an open snapshot."""

    def rows(name: str, row: int, value: float):
        def apply(file):
            file[name][row] = value

        return apply

    def header(name: str, value):
        def apply(file):
            file["Header"].attrs[name] = value

        return apply

    def remove(name: str):
        def apply(file):
            del file[name]

        return apply

    def shorten(file):
        short = file["PartType2/Velocities"][:-1]
        del file["PartType2/Velocities"]
        file["PartType2/Velocities"] = short

    return {
        "zero mass": rows("PartType2/Masses", 3, 0.0),
        "negative mass": rows("PartType1/Masses", 0, -1.0),
        "NaN mass": rows("PartType3/Masses", 59, np.nan),
        "NaN position": rows("PartType1/Coordinates", 7, np.nan),
        "infinite velocity": rows("PartType1/Velocities", 7, np.inf),
        "no velocities": remove("PartType2/Velocities"),
        "no masses": remove("PartType1/Masses"),
        "no header": remove("Header"),
        "short data": shorten,
        "cosmological": header("Redshift", 3.0),
        "gas": header("NumPart_Total", np.array([5, 360, 180, 60, 0, 0], np.uint64)),
        "wrong count": header("NumPart_Total", np.array([0, 361, 180, 60, 0, 0], np.uint64)),
    }[what]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "zero mass",
            r"PartType2/Masses of the particle with ID 363: found 0\.0, allowed are finite numbers > 0",
        ),
        ("negative mass", r"PartType1/Masses of the particle with ID 0: found -"),
        ("NaN mass", r"PartType3/Masses of the particle with ID 599: found nan"),
        ("NaN position", r"PartType1/Coordinates of the particle with ID 7: found \[nan nan nan\]"),
        ("infinite velocity", r"PartType1/Velocities of the particle with ID 7"),
        ("no velocities", r"has no data set 'PartType2/Velocities', though its header counts 180"),
        ("no masses", r"PartType1 has no 'Masses', and MassTable\[1\] is 0"),
        ("no header", r"no group 'Header'"),
        ("short data", r"'PartType2/Velocities' has shape \(179, 3\); its header asks for \(180, 3\)"),
        ("cosmological", r"is a cosmological snapshot \(comoving, redshift 3\)"),
        ("gas", r"promises \[5, 360"),
        ("wrong count", r"promises \[0, 361, 180, 60, 0, 0\]"),
    ],
)
def test_broken_snapshots_are_named(snapshot, what, message):
    with h5py.File(snapshot, "r+") as file:
        change(what)(file)
    with pytest.raises(DataFileError, match=message) as caught:
        read_snapshot(snapshot, SERIAL, UNITS)
    assert str(snapshot) in str(caught.value)


def test_gas_is_refused(snapshot):
    with h5py.File(snapshot, "r+") as file:
        for name in ("NumPart_ThisFile", "NumPart_Total"):
            file["Header"].attrs[name] = np.array([180, 360, 0, 60, 0, 0], np.uint64)
        file.move("PartType2", "PartType0")
    with pytest.raises(DataFileError, match="holds 180 gas particles"):
        read_snapshot(snapshot, SERIAL, UNITS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "is empty"),
        (b"no snapshot " * 100, "is not an HDF5 file"),
        ("cut", "is truncated"),
    ],
)
def test_files_that_are_no_snapshot(snapshot, tmp_path, content, message):
    path = tmp_path / "other.hdf5"
    if content == "cut":
        path.write_bytes(snapshot.read_bytes()[:-2000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(DataFileError, match=message):
        read_snapshot(path, SERIAL, UNITS)
