"""openPMD files: what the standard asks for, units, readers of the field, and particles read back."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io import openpmd
from hpcphys.io.blocks import Block
from hpcphys.io.rows import DataFileError

ALONE = Communicator.serial()
MICRON = openpmd.Scales.plasma(1e-6, dimension=2)


def written(path, scales=MICRON, share=1.0):
    rng = np.random.default_rng(5)
    field = rng.normal(size=(8, 6))
    rows = openpmd.Rows(
        position=rng.uniform(0, 4, (100, 2)), momentum=rng.normal(size=(100, 3)), weight=np.full(100, 0.25),
        mass=2.0, charge=-1.0, id=np.arange(100) + 50,
    )  # fmt: skip
    setting = openpmd.Setting(
        ("x", "y"), (0.5, 1.0), (-1.0, 0.0), scales, ("periodic",) * 4, ("periodic",) * 4, shape=2.0
    )
    electric = openpmd.Mesh(
        {axis: Block.rows(field + n, 0, 8) for n, axis in enumerate("xyz")},
        {"x": (0.5, 0.0), "y": (0.0, 0.5), "z": (0.0, 0.0)}, "electric field",
    )  # fmt: skip
    density = openpmd.Mesh({"": Block.rows(field, 0, 8)}, {"": (0.0, 0.0)}, "charge density")
    chosen = openpmd.sampled(rows, share)
    openpmd.write_openpmd(
        path,
        ALONE,
        {"E": electric, "rho": density},
        {"electrons": chosen},
        setting,
        step=40,
        time=2.0,
        dt=0.05,
    )
    return field, rows


def test_what_the_standard_asks_for(tmp_path) -> None:
    written(tmp_path / "plasma_000.h5")
    with h5py.File(tmp_path / "plasma_000.h5") as file:
        assert file.attrs["openPMD"] == b"1.1.0"
        assert file.attrs["openPMDextension"] == 1
        iteration = file["data/40"]
        assert iteration.attrs["time"] * iteration.attrs["timeUnitSI"] == pytest.approx(2e-6 / 299792458)
        field = iteration["fields/E"]
        assert field.attrs["unitDimension"].tolist() == [1, 1, -3, -1, 0, 0, 0]
        assert field["y"].attrs["position"].tolist() == [0.0, 0.5]
        # m c ω/e of a plasma whose c/ω is a micron
        expected = 9.1093837e-31 * 299792458**2 / 1e-6 / 1.602176634e-19
        assert field["x"].attrs["unitSI"] == pytest.approx(expected, rel=1e-7)
        density = 8.8541878188e-12 * 9.1093837139e-31 * (299792458 / 1e-6) ** 2 / 1.602176634e-19**2
        assert iteration["fields/rho"].attrs["unitSI"] == pytest.approx(density * 1.602176634e-19, rel=1e-7)
        species = iteration["particles/electrons"]
        assert species["weighting"].attrs["unitSI"] == pytest.approx(density * 1e-12, rel=1e-7)
        assert species["positionOffset/x"].attrs["shape"] == [100]
        assert species["mass"].attrs["value"] == 2.0
        assert {"particleShape", "currentDeposition", "particlePush"} <= set(species.attrs)


@pytest.mark.parametrize("other", [MICRON, openpmd.Scales()])
def test_particles_come_back_in_any_units(tmp_path, other) -> None:
    _, rows = written(tmp_path / "plasma.h5")
    (back,) = openpmd.read_species(tmp_path / "plasma.h5", "electrons", other)
    speed = 299792458 / (other.length / other.time)
    assert back.position * other.length == pytest.approx(rows.position * 1e-6, rel=1e-12)
    assert back.momentum == pytest.approx(rows.momentum * speed, rel=1e-12)
    assert back.weight * other.number == pytest.approx(rows.weight * MICRON.number, rel=1e-12)
    assert back.mass * other.mass == pytest.approx(2.0 * openpmd.ELECTRON_MASS)
    assert np.array_equal(back.id, rows.id)


def test_samples_are_the_same_particles_and_keep_the_density() -> None:
    rows = openpmd.Rows(np.zeros((4000, 1)), np.zeros((4000, 3)), np.ones(4000), 1.0, 1.0, np.arange(4000))
    few = openpmd.sampled(rows, 0.25)
    assert len(few.id) == pytest.approx(1000, rel=0.05)
    assert few.weight.sum() == pytest.approx(4000, rel=0.05)
    shuffled = np.random.default_rng(1).permutation(4000)
    again = openpmd.sampled(
        openpmd.Rows(np.zeros((4000, 1)), np.zeros((4000, 3)), np.ones(4000), 1.0, 1.0, shuffled), 0.25
    )
    assert set(again.id) == set(few.id)
    plain = openpmd.sampled(openpmd.Rows(np.zeros((10, 1)), np.zeros((10, 3)), np.ones(10), 1.0, 1.0), 0.3)
    assert plain.weight.sum() == pytest.approx(10.0)


def test_other_files_are_refused(tmp_path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = 1.0
    with pytest.raises(DataFileError, match="is not an openPMD file"):
        next(openpmd.read_species(tmp_path / "other.h5", "electrons", MICRON))
    written(tmp_path / "plasma.h5")
    with pytest.raises(DataFileError, match="holds no particles 'ions'; there are electrons"):
        next(openpmd.read_species(tmp_path / "plasma.h5", "ions", MICRON))


def test_openpmd_viewer_opens_it(tmp_path) -> None:
    viewer = pytest.importorskip("openpmd_viewer")
    field, rows = written(tmp_path / "plasma_000.h5")
    series = viewer.OpenPMDTimeSeries(str(tmp_path), backend="h5py")
    assert series.iterations.tolist() == [40]
    found, info = series.get_field("E", "y", iteration=40)
    unit = MICRON.of("electric field")
    assert found == pytest.approx((field + 1) * unit)
    assert info.axes == {0: "x", 1: "y"}
    x, ux, weight = series.get_particle(["x", "ux", "w"], species="electrons", iteration=40)
    assert x == pytest.approx(rows.position[:, 0] * 1e-6)
    assert ux == pytest.approx(rows.momentum[:, 0], rel=1e-6)
    assert weight == pytest.approx(rows.weight * MICRON.number)


def test_openpmd_api_opens_it(tmp_path) -> None:
    api = pytest.importorskip("openpmd_api")
    field, _ = written(tmp_path / "plasma_000.h5")
    series = api.Series(str(tmp_path / "plasma_000.h5"), api.Access.read_only)
    mesh = series.iterations[40].meshes["E"]["x"]
    values = mesh.load_chunk()
    series.flush()
    assert np.array_equal(values, field)
    assert series.iterations[40].particles["electrons"]["mass"][api.Record_Component.SCALAR].unit_SI > 0
