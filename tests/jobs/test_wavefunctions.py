"""Every job of jobs/wavefunctions, small: against stored norms, on several ranks; and the kind's contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from hpcphys.io.series import read_series
from hpcphys.report.wavefunctions import plot_wavefunction

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, measured, stored
from launching import ENVIRONMENT, MPIRUN

JOBS = jobs_of("wavefunctions")
SEVERAL_AXES = [path.stem for path in JOBS if len(tomllib.loads(path.read_text())["grid"]["points"]) > 1]
STORED = stored("wavefunctions")

PACKET = """
[system]
kind = "wavefunction"

[grid]
points = [24, 20]
lower = [-6.0, -5.0]
upper = [6.0, 5.0]

[wave]
potential = "(x^2 + y^2)/2 + 0.1*x*cos(t)"
nonlinearity = 0.5

[initial]
model = "gaussian"
centre = [1.0, 0.0]
width = 0.7

[observables]
autocorrelation = true
planes = {{ middle = {{ x = 0.0 }} }}
regions = {{ left = {{ x = [-6.0, 0.0] }} }}

[time]
steps = {steps}
step = 0.05
integrator = "blanes_moan4"

[output]
directory = "{folder}"
diagnostics_every = 2
plots = false
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """Norms on one rank."""
    return measured("wave_norms.py", 1, tmp_path_factory.mktemp("waves"))


def differences(found: dict, wanted: dict, share: float) -> list[str]:
    """Numbers that differ by more than a share of their size, or of 1; errors themselves are not compared."""
    return [
        f"{job}: {name} is {found[job].get(name)}, not {value}"
        for job, numbers in wanted.items()
        for name, value in numbers.items()
        if not name.endswith("_error")
        and not abs(found[job].get(name, np.nan) - value) <= share * max(1.0, abs(value))
    ]


def test_every_job_has_stored_norms():
    assert {path.stem for path in JOBS} == STORED.keys()


@pytest.mark.parametrize("job", sorted(STORED))
def test_norms_are_as_stored(alone, job):
    """States found in imaginary time are known to the tolerance of their energy."""
    relaxed = "level 0" in STORED[job]
    assert not differences(alone, {job: STORED[job]}, 1e-4 if relaxed else 1e-9)


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_ranks_do_not_matter(alone, tmp_path):
    """Other numbers of them are in tests/ranks."""
    found = measured("wave_norms.py", 2, tmp_path, SEVERAL_AXES)
    assert set(found) == set(SEVERAL_AXES)
    assert not differences(found, {job: alone[job] for job in SEVERAL_AXES}, 1e-11)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The output folder of a run that was never interrupted, with its figures."""
    path = tmp_path_factory.mktemp("waves") / "whole"
    job = path.with_suffix(".toml")
    job.write_text(PACKET.format(steps=20, folder=path))
    settings = ["--set", "output.plots=true", "--set", "output.snapshot_every=0.3"]
    command = [sys.executable, "-m", "hpcphys", "run", str(job), *settings]
    done = subprocess.run(
        command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    assert "Gross-Pitaevskii equation on 24 x 20 points, gaussian, blanes_moan4, 20 steps" in done.stdout
    return path


def last_state(folder: Path) -> dict[str, np.ndarray]:
    with h5py.File(max(folder.glob("checkpoint-*.h5"))) as file:
        return {name: file[f"state/{name}"][:] for name in ("wavefunction", "start")}


@pytest.fixture
def parted(launch, folder):
    """A run that ended after 7 of 20 steps, and how it is to go on."""
    given = folder("parted", 7, PACKET)
    assert launch("run", given.job).end() == 0
    return given


def test_a_resumed_run_is_the_uninterrupted_one(launch, parted, whole):
    """Bit for bit, wherever it was stopped."""
    again = launch("resume", parted.path, "--set", "time.steps=20")
    assert again.end() == 0, again.err
    for name, array in last_state(whole).items():
        assert parted.state()[name].tobytes() == array.tobytes(), name
    series, other = read_series(whole / "diagnostics.h5"), parted.series()
    rows = np.isin(other["step"], series["step"])
    for name, values in series.items():
        assert np.array_equal(values, other[name][rows]), name


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_a_run_goes_on_with_another_number_of_ranks(launch, parted, whole):
    again = launch("resume", parted.path, "--set", "time.steps=20", ranks=3)
    assert again.end() == 0, again.err
    assert np.abs(parted.state()["wavefunction"] - last_state(whole)["wavefunction"]).max() < 1e-13
    series, other = read_series(whole / "diagnostics.h5"), parted.series()
    rows = np.isin(other["step"], series["step"])
    for name in ("energy", "flux_middle", "probability_left", "autocorrelation", "profile_y"):
        assert np.allclose(series[name], other[name][rows], rtol=0, atol=1e-12), name


def test_what_a_run_leaves(whole):
    names = {path.name for path in whole.iterdir()}
    assert {"density.png", "means.png", "errors.png", "probabilities.png", "summary.json"} <= names
    with h5py.File(whole / "wavefunction_001.h5") as file:
        assert file["density"].shape == (20, 24)  # y, x
        assert np.allclose(file["density"][:], file["psi_real"][:] ** 2 + file["psi_imag"][:] ** 2)
        assert np.allclose(file["x"][:], -6.0 + 0.5 * np.arange(24))
    series = read_series(whole / "diagnostics.h5")
    assert np.abs(series["norm_error"]).max() < 1e-12
    assert "energy_error" not in series  # the potential depends on time
    metrics = json.loads((whole / "summary.json").read_text())["metrics"]
    assert metrics["norm_error_max"] < 1e-12
    assert metrics["spectrum"]["lines"]
    written = plot_wavefunction(whole, movie=True)
    for path in written:
        picture = np.asarray(Image.open(path).convert("L"), dtype=float)
        assert picture.std() > 5.0, f"{path}: an empty picture"
    assert Image.open(whole / "movie.gif").n_frames == len(list(whole.glob("wavefunction_*.h5")))
