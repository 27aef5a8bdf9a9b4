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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from launching import ENVIRONMENT, MPIRUN, ROOT, launcher

JOBS = sorted((ROOT / "jobs" / "wavefunctions").glob("*.toml"))
SEVERAL_AXES = [path.stem for path in JOBS if len(tomllib.loads(path.read_text())["grid"]["points"]) > 1]
NORMS = Path(__file__).with_name("wave_norms.py")
STORED = json.loads((Path(__file__).parent / "stored" / "wavefunctions.json").read_text())

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
diagnostics_every = 5
plots = false
"""


def norms(ranks: int, folder: Path, names: list[str]) -> dict:
    result = folder / f"norms-{ranks}.json"
    command = [*(launcher(ranks) if ranks > 1 else []), sys.executable, str(NORMS), str(result), *names]
    done = subprocess.run(
        command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    return json.loads(result.read_text())


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """Norms on one rank."""
    return norms(1, tmp_path_factory.mktemp("waves"), [])


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
    assert not differences(alone, {job: STORED[job]}, 1e-9)


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_do_not_matter(alone, tmp_path, ranks):
    found = norms(ranks, tmp_path, SEVERAL_AXES)
    assert set(found) == set(SEVERAL_AXES)
    assert not differences(found, {job: alone[job] for job in SEVERAL_AXES}, 1e-11)


def test_a_resumed_run_is_the_uninterrupted_one(launch, folder):
    """Bit for bit on the same ranks, to rounding on others."""
    whole, parted = folder("whole", 20, PACKET), folder("parted", 7, PACKET)
    assert launch("run", whole.job).end() == 0
    assert launch("run", parted.job).end() == 0
    again = launch("resume", parted.path, "--set", "time.steps=20")
    assert again.end() == 0, again.err
    for name in ("wavefunction", "start"):
        assert parted.state()[name].tobytes() == whole.state()[name].tobytes(), name
    series, other = whole.series(), parted.series()
    rows = np.isin(other["step"], series["step"])
    for name, values in series.items():
        assert np.array_equal(values, other[name][rows]), name


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_a_run_goes_on_with_another_number_of_ranks(launch, folder):
    whole, parted = folder("whole", 20, PACKET), folder("parted", 7, PACKET)
    assert launch("run", whole.job).end() == 0
    assert launch("run", parted.job, ranks=2).end() == 0
    again = launch("resume", parted.path, "--set", "time.steps=20", ranks=3)
    assert again.end() == 0, again.err
    assert np.abs(parted.state()["wavefunction"] - whole.state()["wavefunction"]).max() < 1e-13
    series, other = whole.series(), parted.series()
    rows = np.isin(other["step"], series["step"])
    for name in ("energy", "flux_middle", "probability_left", "autocorrelation", "profile_y"):
        assert np.allclose(series[name], other[name][rows], rtol=0, atol=1e-12), name


def test_what_a_run_leaves(launch, folder):
    given = folder("given", 20, PACKET)
    run = launch("run", given.job, "--set", "output.plots=true", "--set", "output.snapshot_every=0.3")
    assert run.end() == 0, run.err
    assert "Gross-Pitaevskii equation on 24 x 20 points, gaussian, blanes_moan4, 20 steps" in run.out
    names = {path.name for path in given.path.iterdir()}
    assert {"density.png", "means.png", "errors.png", "probabilities.png", "summary.json"} <= names
    with h5py.File(given.path / "wavefunction_001.h5") as file:
        assert file["density"].shape == (24, 20)
        assert np.allclose(file["density"][:], file["real"][:] ** 2 + file["imaginary"][:] ** 2)
        assert np.allclose(file["x"][:], -6.0 + 0.5 * np.arange(24))
    series = given.series()
    assert np.abs(series["norm_error"]).max() < 1e-12
    assert "energy_error" not in series  # the potential depends on time
    summary = json.loads((given.path / "summary.json").read_text())
    assert summary["metrics"]["norm_error_max"] < 1e-12
    movie = launch("plot", given.path, "--movie")
    assert movie.end() == 0, movie.err
    assert (given.path / "movie.gif").exists()


def test_the_next_run_begins_with_a_snapshot(launch, folder):
    first = folder("first", 6, PACKET)
    assert launch("run", first.job).end() == 0
    snapshot = first.path / "wavefunction_001.h5"
    start = 'model = "file"\npath = "first/wavefunction_001.h5"\n'
    text = PACKET.replace('model = "gaussian"\ncentre = [1.0, 0.0]\nwidth = 0.7\n', start)
    assert snapshot.exists()
    second = folder("second", 5, text)
    run = launch("run", second.job)
    assert run.end() == 0, run.err
    assert second.series()["energy"][0] == pytest.approx(first.series()["energy"][-1], abs=0.1)
    third = folder("third", 5, text.replace("points = [24, 20]", "points = [20, 20]"))
    wrong = launch("run", third.job)
    assert wrong.end() == 1
    assert "holds 24 x 20 points" in wrong.err


def test_limits_end_the_run(launch, folder):
    given = folder("given", 20, PACKET)
    run = launch("run", given.job, "--set", "limits.norm_error=1e-17")
    assert run.end() == 1
    assert "norm_error = 1e-17" in run.err
    assert not given.checkpoints()


def test_numbers_that_are_none_are_caught_at_their_step(launch, folder):
    """The potential has a pole at t = 0.4, in the middle of the eighth step."""
    text = (
        PACKET.replace("0.1*x*cos(t)", "x/(8*t - 3.2)")
        .replace("0.05", "0.1")
        .replace("blanes_moan4", "leapfrog")
    )
    given = folder("given", 20, text)
    run = launch("run", given.job, ranks=1)
    assert run.end() == 1
    assert run.err.count("hpcphys: error") == 1
    assert "at time 0.4" in run.err
    assert "potential" in run.err
    assert not given.checkpoints()


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_more_ranks_than_rows_are_refused(launch, folder):
    given = folder(
        "given", 5, PACKET.replace("points = [24, 20]", "points = [2, 20]").replace("1.0, 0.0", "0.0, 0.0")
    )
    run = launch("run", given.job, ranks=3)
    assert run.end() == 2
    assert run.err.count("grid.points") == 1
    assert "allowed: 1 to 2 ranks" in run.err


def test_check_and_explain(launch, folder):
    given = folder("given", 40, PACKET)
    check = launch("check", given.job, "--ranks", "40")
    assert check.end() == 0, check.err
    assert "grid: 24 x 20 points" in check.out
    assert "the run will be refused: 40 ranks" in check.out
    assert "phases of one flow: kinetic up to" in check.out
    assert "rate here:" in check.out
    explain = launch("explain", given.job)
    assert explain.end() == 0, explain.err
    for words in (
        "V = x**2/2 + 0.1*x*cos(t)", r"g |\psi|^2", "blanes_moan4: order 4", "6 pairs of Fourier transforms",
        "norm: exact to rounding", "depends on time", "slabs along x, transposed twice",
    ):  # fmt: skip
        assert words in explain.out, explain.out
