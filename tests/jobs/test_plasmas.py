"""Every job of jobs/plasmas, small: against stored norms, on several ranks; and a run with its figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hpcphys.io.series import read_series

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, measured, stored
from launching import ENVIRONMENT, MPIRUN
from small_plasmas import CHARGES, WAVES

JOBS = jobs_of("plasmas")
STORED = stored("plasmas")


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """Norms on one rank."""
    return measured("plasmas_norms.py", 1, tmp_path_factory.mktemp("plasmas"))


def differences(found: dict, wanted: dict, share: float) -> list[str]:
    """Numbers that differ by more than a share of their size, or of 1; errors themselves are not compared."""
    return [
        f"{job}: {name} is {found[job].get(name)}, not {value}"
        for job, numbers in wanted.items()
        for name, value in numbers.items()
        if not name.endswith(("_error", "_residual"))
        and not abs(found[job].get(name, np.nan) - value) <= share * max(1.0, abs(value))
    ]


def test_every_job_has_stored_norms():
    assert {path.stem for path in JOBS} == STORED.keys()


@pytest.mark.parametrize("job", sorted(STORED))
def test_norms_are_as_stored(alone, job):
    assert not differences(alone, {job: STORED[job]}, 1e-9)


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_ranks_do_not_matter(alone, tmp_path):
    """Particles exactly, fields to round-off.  Other numbers of ranks are in tests/ranks."""
    found = measured("plasmas_norms.py", 2, tmp_path)
    assert set(found) == set(STORED)
    assert not differences(found, alone, 1e-11)


def done(*words: object) -> str:
    command = [sys.executable, "-m", "hpcphys", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **ENVIRONMENT}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_a_run_is_resumed_and_drawn(tmp_path):
    """That it goes on bit for bit is tested in tests/unit and tests/ranks."""
    folder, job = tmp_path / "waves", tmp_path / "waves.toml"
    job.write_text(WAVES + f'snapshot_every = 0.1\ndirectory = "{folder}"\n')
    told = done("run", job, "--set", "time.steps=4", "--set", "output.plots=false")
    assert "plasma of 1,152 macro-particles (electrons, ions) on 12 x 8 cells, yee" in told
    done("resume", folder, "--set", "time.steps=6", "--set", "output.plots=true")
    series = read_series(folder / "diagnostics.h5")
    assert series["step"].tolist() == list(range(7))
    assert np.all(series["particles_ions"] == 12 * 8 * 4)
    for name in ("energy", "charge", "modes", "phase_space", "fields", "moments", "spectra"):
        with Image.open(folder / f"{name}.png") as image:
            assert image.convert("L").getextrema()[0] < 100, name
    assert len(list((folder / "openpmd").glob("*.h5"))) >= 4


def test_the_number_that_a_job_is_made_for(tmp_path):
    job = tmp_path / "charges.toml"
    job.write_text(CHARGES + f'directory = "{tmp_path / "out"}"\nplots = false\n')
    assert "frequency 0.9" in done("run", job)
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["metrics"]["measured"]["frequency"]
    assert abs(found["error"]) < 2e-5
    assert found["exact"] == pytest.approx(0.98886, abs=1e-4)
