"""The figures of a run: written from what is there, with the right numbers in them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial import models
from hpcphys.io.gadget4 import GalaxyUnits, write_snapshot
from hpcphys.io.rows import DataFileError
from hpcphys.io.series import Series
from hpcphys.physics.gravity_diagnostics import diagnostics
from hpcphys.report.plots import drawing_scales, plot_run
from hpcphys.report.projection import surface_density, visible_particles

SERIAL = Communicator.serial()
JOB = """
[initial]
model = "hernquist"
mass = 2.0
[gravity]
softening = 0.05
[units]
length_kpc = 3.0
mass_1e10_msun = 4.0
"""
FIGURES = ("energy", "lagrangian_radii", "density_profile", "momentum")


def fill(folder, snapshots: int = 2, rows: int = 3, model: str = "plummer") -> None:
    """An output folder as a run leaves it, of a sphere that does not move."""
    units = GalaxyUnits(3.0, 4.0)
    state = State(models[model](2000, 1))
    state["potential"] = np.full(2000, -1.0, np.float32)
    series = Series(folder, {})
    for step in range(rows):
        series.append({"step": step, "time": 0.1 * step, **diagnostics(state, SERIAL, full=True)})
    series.flush()
    for number in range(snapshots):
        write_snapshot(folder / f"snapshot_{number:03d}.hdf5", SERIAL, state, units, 0.1 * number)
    (folder / "job.used.toml").write_text(JOB)


@pytest.mark.parametrize("model", ["plummer", "disc"])
def test_all_figures_are_written(tmp_path, model):
    fill(tmp_path, model=model)
    written = plot_run(tmp_path)
    assert [path.name for path in written] == [f"{name}.png" for name in (*FIGURES, "projected_density")]
    for path in written:
        picture = np.asarray(Image.open(path).convert("L"), dtype=float)
        assert min(picture.shape) > 300
        assert picture.std() > 5.0, "an empty picture"
    assert not list(tmp_path.glob(".*"))


def test_movie_has_a_frame_for_each_snapshot(tmp_path):
    fill(tmp_path, snapshots=3)
    # Frames that are equal would be stored as one.
    for number, model in enumerate(("plummer", "hernquist", "king")):
        state = State(models[model](500, 1))
        write_snapshot(tmp_path / f"snapshot_{number:03d}.hdf5", SERIAL, state, GalaxyUnits(), number)
    written = plot_run(tmp_path, movie=True)
    movie = next(path for path in written if path.name == "movie.gif")
    assert Image.open(movie).n_frames == 3


def test_what_is_missing_is_left_out(tmp_path):
    fill(tmp_path, snapshots=0)
    assert [path.stem for path in plot_run(tmp_path)] == list(FIGURES)
    (tmp_path / "diagnostics.h5").unlink()
    with pytest.raises(DataFileError, match=r"holds no diagnostics\.h5 and no snapshot"):
        plot_run(tmp_path)


def test_one_row_is_enough(tmp_path):
    fill(tmp_path, snapshots=1, rows=1)
    assert len(plot_run(tmp_path)) == 5


def test_damaged_series_is_named(tmp_path):
    fill(tmp_path)
    (tmp_path / "diagnostics.h5").write_bytes(b"nothing")
    with pytest.raises(DataFileError, match=r"diagnostics\.h5: is not an HDF5 file"):
        plot_run(tmp_path)


def test_scales_are_gyr_and_kpc_with_units_and_plain_without():
    scales = drawing_scales({"units": {"length_kpc": 3.0, "mass_1e10_msun": 4.0}})
    assert (scales.length, scales.time_unit, scales.length_unit) == (3.0, "Gyr", "kpc")
    assert scales.time == pytest.approx(0.01225, rel=1e-3)  # 12.25 Myr
    assert scales.density == pytest.approx(4.0 / 27.0)
    plain = drawing_scales({})
    assert plain.time == plain.length == plain.density == 1.0
    # Snapshots are in kpc/(km/s) even then.
    assert plain.snapshot_time == pytest.approx(GalaxyUnits().velocity_km_s)
    assert plain.moment(GalaxyUnits().time_kpc_per_km_s * 2.5) == "t = 2.5"


def test_surface_density_holds_the_mass(tmp_path):
    arrays = models["plummer"](5000, 3)
    path = tmp_path / "snapshot_000.hdf5"
    write_snapshot(path, SERIAL, State(arrays), GalaxyUnits(), 0.0)
    half_width, pixels = 30.0, 200
    image = surface_density(visible_particles(path), np.zeros(3), half_width, pixels)
    assert image.shape == (pixels, pixels)
    assert image.sum() * (2.0 * half_width / pixels) ** 2 == pytest.approx(1.0, rel=0.02)


def test_picture_is_not_mirrored(tmp_path):
    """A clump at +x, +2y must lie right and up: columns are x, rows are y."""
    arrays = models["plummer"](1000, 3, scale_radius=0.01)
    arrays["position"] += (1.0, 2.0, -3.0)
    path = tmp_path / "snapshot_000.hdf5"
    write_snapshot(path, SERIAL, State(arrays), GalaxyUnits(), 0.0)
    for sight, place in (("z", (2.0, 1.0)), ("y", (-3.0, 1.0)), ("x", (-3.0, 2.0))):
        image = surface_density(visible_particles(path), np.zeros(3), 4.0, 80, sight)
        row, column = np.unravel_index(image.argmax(), image.shape)
        assert ((row + 0.5) / 10.0 - 4.0, (column + 0.5) / 10.0 - 4.0) == pytest.approx(place, abs=0.15)


def test_discs_and_bulges_are_shown_without_their_halo(tmp_path):
    path = tmp_path / "snapshot_000.hdf5"
    write_snapshot(path, SERIAL, State(models["disc"](500, 1, bulge_fraction=0.01)), GalaxyUnits(), 0.0)
    assert visible_particles(path).groups == ("PartType2", "PartType3")
