"""Every job of flows, small: against stored norms, on any number of ranks; and the kind's own contract."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, measured, stored
from launching import MPIRUN, ROOT
from small_flows import FORCED

JOBS = jobs_of("fluids")
STORED = stored("fluids")

SMALL = (
    FORCED.replace("steps = 100", "steps = {steps}")
    + """
spectra_every = 3
fit_min = 2
fit_max = 9

[output]
directory = "{folder}"
diagnostics_every = 4
plots = false
"""
)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """Norms on one rank."""
    return measured("fluids_norms.py", 1, tmp_path_factory.mktemp("fluids"))


def test_every_job_has_stored_norms():
    assert {path.stem for path in JOBS} == STORED.keys()


@pytest.mark.parametrize("job", sorted(STORED))
def test_norms_are_as_stored(alone, job):
    """Round-off differs between machines; errors are round-off themselves, and are not compared."""
    single = "single" in (ROOT / "jobs" / "fluids" / f"{job}.toml").read_text()
    for name, value in STORED[job].items():
        if "error" not in name:
            scale = (1e-4 if single else 1e-9) * max(1.0, abs(value))
            assert abs(alone[job][name] - value) < scale, name


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_ranks_do_not_matter(alone, tmp_path):
    """Fields, sums, spectra bit for bit; to rounding what came in, a plain sum over the ranks, and the jobs
    whose implicit steps end by norms."""
    for job, found in measured("fluids_norms.py", 3, tmp_path).items():
        for name, value in found.items():
            if "casimirs" in job or "injected" in name or "error" in name:
                assert value == pytest.approx(alone[job][name], rel=1e-9, abs=1e-12), (job, name)
            else:
                assert value == alone[job][name], (job, name)


def test_a_resumed_run_is_the_uninterrupted_one_on_other_ranks(launch, folder):
    """The field bit for bit; diagnostics, which are sums over ranks, to rounding; spectra cut back and gone
    on with."""
    whole, parted = folder("whole", 18, SMALL), folder("parted", 7, SMALL)
    assert launch("run", whole.job, ranks=1).end() == 0
    assert launch("run", parted.job, ranks=2).end() == 0
    again = launch("resume", parted.path, "--set", "time.steps=18", ranks=3)
    assert again.end() == 0, again.err
    assert parted.state()["vorticity"].tobytes() == whole.state()["vorticity"].tobytes()
    series, other = whole.series(), parted.series()
    assert len(np.unique(np.diff(series["time"]))) > 1
    rows = np.isin(other["step"], series["step"])
    for name, values in series.items():
        assert other[name][rows] == pytest.approx(values, rel=1e-9, abs=1e-12), name
    with h5py.File(whole.path / "spectra.h5") as one, h5py.File(parted.path / "spectra.h5") as two:
        assert one["step"][:].tolist() == two["step"][:].tolist() == [0, 3, 6, 9, 12, 15, 18]
        assert two["spectrum"][:] == pytest.approx(one["spectrum"][:], rel=1e-9, abs=1e-15)
        assert one.attrs["wavenumber"][3] == pytest.approx(3.0)


def test_what_a_run_leaves(launch, folder):
    given = folder("given", 24, SMALL)
    run = launch("run", given.job, "--set", "output.plots=true", "--set", "fluid.precision=single", ranks=2)
    assert run.end() == 0, run.err
    assert "2D Navier-Stokes, 40 x 40 points (K = 13), single, rk4, random, forced at k = 7" in run.out
    names = {path.name for path in given.path.iterdir()}
    assert {
        "vorticity.png",
        "budgets.png",
        "spectra.png",
        "fluxes.png",
        "spectra.h5",
        "summary.json",
    } <= names
    metrics = json.loads((given.path / "summary.json").read_text())["metrics"]
    assert abs(metrics["energy_error"]) < 5e-3  # kicks of the forcing between evaluations of the drag
    assert metrics["energy_injected"] > 0.0
    assert {
        "spectral_slope",
        "spectral_slope_error",
        "energy_flux",
        "energy_flux_variation",
    } <= metrics.keys()
    assert metrics["fit_window"] == [2.0, 9.0]
    with h5py.File(sorted(given.path.glob("snapshot_*.h5"))[-1]) as file:
        assert file["vorticity"].shape == (40, 40)
        assert np.square(file["vorticity"][:]).mean() == pytest.approx(2 * metrics["enstrophy"], rel=1e-5)


def test_numbers_that_are_none_end_the_run_at_their_step(launch, folder):
    text = SMALL.replace("adaptive = true\ncfl = 0.4", "step = 0.02")
    given = folder("bad", 50, text.replace("[forcing]", "[forcing]\nenergy_rate = 1e300"))
    run = launch("run", given.job, ranks=2)
    assert run.end() == 1
    assert run.err.count("hpcphys: error") == 1
    assert "step 2" in run.err
    assert "No checkpoint of this state is written" in run.err
    assert not given.checkpoints()
