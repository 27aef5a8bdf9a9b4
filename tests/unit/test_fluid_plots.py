"""Figures of flows: which are drawn, what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpcphys.cli import main
from hpcphys.io.rows import DataFileError
from hpcphys.io.summary import read_summary
from hpcphys.physics.vorticity.spectra import fitted_slope
from hpcphys.report.fluids import plot_flow
from hpcphys.report.fluids.cascades import Cascade, cascades_figure, read_cascade
from hpcphys.report.fluids.compare import compared
from hpcphys.report.fluids.maps import Field, field, round_limit
from hpcphys.report.fluids.spectra import Window, spectra_figure

JOB = """
[system]
kind = "fluid"

[grid]
points = 24
length = 3.0

[initial]
model = "vortices"
vortices = [{{ x = 1.0, y = 2.0, circulation = 2.0, radius = 0.3 }}]

[time]
steps = 6
step = 0.01

[diagnostics]
spectra_every = 2

[output]
directory = "{folder}"
diagnostics_every = 2
snapshot_every = 0.02
plots = false
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("flow")
    (folder / "job.toml").write_text(JOB.format(folder=folder / "output"))
    assert main(["run", str(folder / "job.toml")]) == 0
    return folder / "output"


def test_an_ideal_flow_gets_its_figures_and_its_movie(run):
    written = plot_flow(run, movie=True)
    names = [path.name for path in written]
    assert names[:5] == ["vorticity.png", "budgets.png", "casimirs.png", "spectra.png", "fluxes.png"]
    assert "movie.gif" in names
    for path in written[:5]:
        assert np.asarray(Image.open(path).convert("L")).std() > 5.0, path
    red, _, blue = np.moveaxis(np.asarray(Image.open(written[0]).convert("RGB"), dtype=float), 2, 0)
    panels = (red - blue)[:, : int(0.85 * red.shape[1])]  # the bar of colours is at the right
    assert (panels > 100.0).sum() > 1000
    assert Image.open(run / "movie.gif").n_frames == len(list(run.glob("snapshot_*.h5")))


def test_the_map_is_the_snapshot(run):
    """First index along y, a vortex where it was put."""
    shown = field(sorted(run.glob("snapshot_*.h5"))[0])
    assert (shown.time, shown.length) == (0.0, pytest.approx(3.0))
    row, column = np.unravel_index(shown.vorticity.argmax(), shown.vorticity.shape)
    assert (column * 3.0 / 24, row * 3.0 / 24) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("largest", "limit"), [(0.37, 0.4), (1.0, 1.0), (41.0, 50.0), (7.0, 8.0), (9.0, 10.0)]
)
def test_the_colour_bar_is_round(largest, limit):
    assert round_limit([Field(np.array([[largest, -0.1]]), 0.0, 1.0)]) == pytest.approx(limit)
    assert round_limit([Field(np.zeros((2, 2)), 0.0, 1.0)]) == 1.0


def test_spectra_show_the_fit_of_the_window():
    k = np.arange(40.0)
    law = np.where(k > 0, 2.0 * np.maximum(k, 1.0) ** -2.0, 0.0)
    rows = {"time": np.arange(3.0), "spectrum": np.tile(law, (3, 1)), "energy_flux": -0.5 * np.ones((3, 40))}
    job = {
        "diagnostics": {"fit_min": 5.0, "fit_max": 20.0, "average_from": 1.0},
        "forcing": {"wavenumber": 25.0, "width": 1.5, "energy_rate": 1.0},
    }
    figure = spectra_figure(k, 40, rows, job)
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels[0] == "mean of 2 spectra"
    assert "-2.00" in labels[1]
    assert fitted_slope(k, law, 5.0, 20.0).slope == pytest.approx(-2.0)
    # E k^(5/3)/|Π|^(2/3) is not drawn at and above the forcing
    by_flux = figure.axes[1].get_lines()[1]
    assert np.isfinite(by_flux.get_ydata()).sum() == 23
    assert Window(job).forced_from == pytest.approx(23.5)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataFileError, match="is it a run's output folder"):
        plot_flow(tmp_path)


FORCED = """
[system]
kind = "fluid"

[grid]
points = 48

[fluid]
drag = 0.1

[forcing]
wavenumber = 12

[initial]
model = "random"
peak = 5

[time]
steps = 6
step = 0.01

[diagnostics]
spectra_every = 1
fit_min = 3
fit_max = 9
average_from = 0.02

[output]
directory = "{folder}"
diagnostics_every = 2
plots = false
"""


def test_seeds_of_a_cascade_stand_in_one_figure_and_one_table(tmp_path):
    folders = [tmp_path / f"seed_{seed}" for seed in (1, 2)]
    for seed, folder in enumerate(folders, 1):
        (tmp_path / "job.toml").write_text(FORCED.format(folder=folder))
        assert main(["run", str(tmp_path / "job.toml"), "--set", f"forcing.seed={seed}"]) == 0
    figure, table = compared(folders)
    assert figure == folders[0] / "cascades_compared.png"
    assert np.asarray(Image.open(figure).convert("L")).std() > 5.0
    rows = table.splitlines()[2:]
    for folder, row in zip(folders, rows, strict=True):
        found, run = read_summary(folder)["metrics"], read_cascade(folder)
        assert run.numbers() == pytest.approx({name: found[name] for name in run.numbers()})
        assert (run.rows, run.energy_error) == (5, pytest.approx(found["energy_error_max"]))
        assert row.startswith(f"| {folder.name} | {found['spectral_slope']:.3f} ± ")
        assert f"| {found['compensated_slope']:.3f} ± " in row


def test_the_figure_of_cascades_shows_the_law_as_a_level():
    k = np.arange(1.0, 40.0)
    job = {
        "diagnostics": {"fit_min": 5.0, "fit_max": 20.0},
        "forcing": {"wavenumber": 25.0, "width": 1.5, "energy_rate": 2.0},
    }
    flux = np.where(k < 25.0, -0.5, 0.5)
    run = Cascade(k, 6.0 * 0.5 ** (2.0 / 3.0) * k ** (-5.0 / 3.0), flux, Window(job), 1e-3, 1)
    by_rate, by_flux, share = (
        axes.get_lines()[0].get_ydata() for axes in cascades_figure({"": run}).axes[1:]
    )
    assert by_rate == pytest.approx(6.0 * 0.25 ** (2.0 / 3.0))
    assert by_flux[k < 23.5] == pytest.approx(6.0)
    assert np.isnan(by_flux[k >= 23.5]).all()
    assert share[0] == -0.25
    with pytest.raises(ValueError, match="found none"):
        cascades_figure({})


def test_a_run_without_a_window_is_not_compared(run):
    with pytest.raises(DataFileError, match="set diagnostics fit_min and fit_max"):
        read_cascade(run)
