"""Every job of liquids, small: against stored norms, on any number of ranks; and the kind's own contract."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, measured, stored
from launching import MPIRUN
from liquid_jobs import LATTICE, OBSERVED, job_text

JOBS = jobs_of("liquids")
STORED = stored("liquids")

OUTPUT = '[output]\ndirectory = "{folder}"\ndiagnostics_every = 5\nplots = false\n'


def for_format(text: str) -> str:
    """A job for the fixture `folder`, which puts in steps and folder; its other braces are its own."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    return doubled.replace("steps = 100", "steps = {steps}") + OUTPUT


JOB = for_format(job_text(more=OBSERVED, steps=100))


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """Norms on one rank."""
    return measured("liquids_norms.py", 1, tmp_path_factory.mktemp("liquids"))


def test_every_job_has_stored_norms():
    assert {path.stem for path in JOBS} == STORED.keys()


@pytest.mark.parametrize("job", sorted(STORED))
def test_norms_are_as_stored(alone, job):
    """To the precision of pairs in single precision, whose rounding differs between machines."""
    for name, value in STORED[job].items():
        assert alone[job][name] == pytest.approx(value, rel=2e-5, abs=2e-5), name


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
def test_ranks_do_not_matter(alone, tmp_path):
    """To the rounding of single-precision pairs, whose order is that of the ranks."""
    for job, found in measured("liquids_norms.py", 3, tmp_path).items():
        for name, value in found.items():
            assert value == pytest.approx(alone[job][name], rel=1e-5, abs=1e-5), (job, name)


def rows(folder) -> dict[str, np.ndarray]:
    """Position and velocity of the newest checkpoint, by id."""
    with h5py.File(folder.checkpoints()[-1]) as file:
        order = np.argsort(file["state/id"][:])
        return {name: file[f"state/{name}"][:][order] for name in ("position", "velocity", "image")}


def test_a_run_is_continued_on_its_ranks_and_on_others(launch, folder):
    """Bit for bit on as many ranks; to rounding on others, with the series and observables gone on with."""
    whole, parted, moved = (folder(name, steps, JOB) for name, steps in (("w", 60), ("p", 33), ("m", 33)))
    for given in (whole, parted):
        run = launch("run", given.job, ranks=2)
        assert run.end() == 0, run.err
    shutil.copytree(parted.path, moved.path)
    for given, ranks in ((parted, 2), (moved, 3)):
        again = launch("resume", given.path, "--set", "time.steps=60", ranks=ranks)
        assert again.end() == 0, again.err
    for name, values in rows(whole).items():
        assert rows(parted)[name].tobytes() == values.tobytes(), name
        assert rows(moved)[name] == pytest.approx(values, rel=1e-3, abs=1e-3), name
    series, other = whole.series(), parted.series()
    kept = np.isin(other["step"], series["step"])
    for name, values in series.items():
        assert np.array_equal(other[name][kept], values), name
    with h5py.File(whole.path / "observables.h5") as one, h5py.File(moved.path / "observables.h5") as two:
        for name in ("rdf_0_0/value", "msd/msd", "vacf/value", "viscosity/correlation"):
            assert two[name][:] == pytest.approx(one[name][:], rel=1e-2, abs=1e-2), name
    with h5py.File(moved.path / "trajectory.h5") as file:
        assert file["particles/all/position/step"][:].tolist() == [0, 33, 60]


def test_what_a_run_leaves_and_says(launch, folder):
    given = folder("given", 40, JOB)
    run = launch("run", given.job, "--set", "output.plots=true", ranks=2)
    assert run.end() == 0, run.err
    assert "500 atoms, orthorhombic box" in run.out
    assert "lennard_jones to 2.5, nve, leapfrog, 40 steps" in run.out
    lines = [line.split() for line in run.out.splitlines()]
    heading = next(line for line in lines if line[:1] == ["Step"])
    assert heading[1:4] == ["Temp", "PotEng", "KinEng"]
    assert next(line for line in lines if line[:1] == ["0"])[1] == "1.2"
    names = {path.name for path in given.path.iterdir()}
    figures = {f"{name}.png" for name in ("thermo", "rdf", "structure_factor", "displacement", "velocity")}
    assert {"observables.h5", "trajectory.h5", "diagnostics.h5", "summary.json"} | figures <= names
    metrics = json.loads((given.path / "summary.json").read_text())["metrics"]
    for name in ("temperature", "pressure", "potential_energy", "total_energy"):
        assert np.isfinite(metrics[name])
        assert metrics[f"{name}_error"] > 0.0
    assert metrics["builds"] >= 2
    fewer = JOB.replace("[5, 5, 5]", "[5, 5, 6]").replace("rdf = {{ every = 5, bins = 40 }}", "")
    given = folder("given", 10, fewer)
    run = launch("run", given.job, "--overwrite", "--set", "observables.begin=0.0", ranks=1)
    assert run.end() == 0, run.err  # nothing of the other run is gone on with
    with h5py.File(given.path / "diagnostics.h5") as file:
        assert {"conserved", "conserved_error", "builds", "dangerous_builds", "pressure_tensor"} <= set(file)


def test_a_run_that_fails_says_so_once(launch, folder):
    given = folder("bad", 50, JOB.replace(LATTICE, LATTICE.replace("1.2", "1e8")))
    run = launch("run", given.job, ranks=2)
    assert run.end() == 1
    assert run.err.count("hpcphys: error") == 1
    assert "step" in run.err
    assert "No checkpoint of this state is written" in run.err
    assert not given.checkpoints()
