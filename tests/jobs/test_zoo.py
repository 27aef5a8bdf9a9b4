"""Every job of the zoo, small: against stored norms, on any number of ranks; and the kind's own contract."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpcphys.run.errors import JobError
from hpcphys.run.job_file import load_job, parse_job

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from job_norms import jobs_of, measured, stored
from launching import ENVIRONMENT, MPIRUN

JOBS = jobs_of("zoo")
STORED = stored("zoo")

BATCH = """
[system]
kind = "hamiltonian"

[hamiltonian]
variables = ["q", "p"]
expression = "p^2/2 - k*cos(q)"
parameters = {{ k = "1 + 0.1*i" }}

[initial]
systems = 13
values = {{ q = "normal", p = "uniform" }}

[observables]
trajectories = 2

[time]
steps = {steps}
step = 0.05
integrator = "yoshida4"

[output]
directory = "{folder}"
diagnostics_every = 7
plots = false
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict:
    """Norms on one rank."""
    return measured("zoo_norms.py", 1, tmp_path_factory.mktemp("zoo"))


def test_every_job_has_stored_norms():
    assert {path.stem for path in JOBS} == STORED.keys()


@pytest.mark.parametrize("job", sorted(STORED))
def test_norms_are_as_stored(alone, job):
    """Round-off differs between machines; it is 1e-16 a step, and errors themselves are not compared."""
    for name, value in STORED[job].items():
        scale = 1e-9 * max(1.0, abs(value))
        assert abs(alone[job][name] - value) < scale, name


@pytest.mark.skipif(MPIRUN is None, reason="no mpirun")
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_do_not_matter(alone, tmp_path, ranks):
    """Bit for bit: 13 jobs of one system leave ranks idle, the others share 7 systems."""
    assert measured("zoo_norms.py", ranks, tmp_path) == alone


@pytest.mark.parametrize("carries", [(), ("carry_q", "carry_p")])
def test_a_resumed_run_is_the_uninterrupted_one_on_other_ranks(launch, folder, carries):
    """With compensated sums too: carries are in the checkpoint."""
    whole, parted = folder("whole", 40, BATCH), folder("parted", 20, BATCH)
    compensated = ("--set", f"time.compensated={'true' if carries else 'false'}")
    assert launch("run", whole.job, *compensated, ranks=1).end() == 0
    assert launch("run", parted.job, *compensated, ranks=2).end() == 0
    again = launch("resume", parted.path, "--set", "time.steps=40", ranks=3)
    assert again.end() == 0, again.err
    assert all(np.any(whole.state()[name]) for name in carries)
    for name in ("q", "p", "k", *carries):
        assert parted.state()[name].tobytes() == whole.state()[name].tobytes(), name
    series, other = whole.series(), parted.series()
    rows = np.isin(other["step"], series["step"])
    for name, values in series.items():
        assert np.array_equal(values, other[name][rows]), name


def test_what_a_run_leaves(launch, folder):
    given = folder("given", 40, BATCH)
    run = launch("run", given.job, "--set", "output.plots=true", ranks=2)
    assert run.end() == 0, run.err
    assert "13 systems, canonical structure, yoshida4" in run.out
    names = {path.name for path in given.path.iterdir()}
    assert {"conservation.png", "trajectory.png", "states_000.h5", "states_001.h5", "summary.json"} <= names
    with h5py.File(given.path / "states_001.h5") as file:
        assert file["q"].shape == (13,)
        assert file["q"].dims[0][0].name == "/system"
        assert np.array_equal(file["system"][:], np.arange(13))
        assert file.attrs["time"] == pytest.approx(2.0)
    series = given.series()
    assert series["q"].shape == (7, 2)
    assert np.all(series["energy_min"] <= series["energy"])
    assert np.all(series["energy"] <= series["energy_max"])
    metrics = json.loads((given.path / "summary.json").read_text())["metrics"]
    assert 0.0 < metrics["energy_error_max"] < 1e-3
    assert metrics["energy_error_max"] < 10.0 * metrics["predicted"]["energy"]
    again = load_job(given.path / "job.used.toml")
    assert again.hamiltonian.parameters == {"k": "1 + 0.1*i"}


def test_a_step_that_is_too_long_ends_the_run(launch, folder):
    bad = BATCH.replace("- k*cos(q)", "+ k*q^4").replace("step = 0.05", "step = 2.0")
    given = folder("bad", 200, bad)
    run = launch("run", given.job, ranks=2)
    assert run.end() == 1
    assert run.err.count("hpcphys: error") == 1
    assert "of system" in run.err
    assert "No checkpoint" in run.err


def test_what_cannot_be_compensated_is_an_error_of_its_key(launch, folder):
    given = folder("bound", 4, BATCH.replace("parameters", 'splitting = "midpoint"\nparameters'))
    run = launch("run", given.job, "--set", "time.compensated=true")
    assert run.end() != 0
    assert "time.compensated: " in run.err
    assert "no flow of this system has the form" in run.err


def test_an_energy_limit_names_the_system(launch, folder):
    given = folder("limited", 40, BATCH)
    run = launch("run", given.job, "--set", "limits.energy_error=1e-12", ranks=2)
    assert run.end() == 1
    assert "energy_error = 1e-12" in run.err
    assert "It is that of system" in run.err


def problems(text: str) -> list[str]:
    with pytest.raises(JobError) as caught:
        parse_job(text.format(steps=10, folder="x"), "job.toml", Path("/nowhere"))
    return caught.value.problems


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("p^2/2 - k*cos(q)", "p^2/2 - kk*cos(q)", ["job.toml:7: hamiltonian.expression", "'kk'", "\n", "^"]),
        ("p^2/2 - k*cos(q)", "p^2/2 - k*q.real", ["job.toml:7: hamiltonian.expression", "^"]),
        ("p^2/2 - k*cos(q)", "p^2/2 - k*sqrt(-1)", ["job.toml:7: hamiltonian.expression", "real"]),
        ('["q", "p"]', '["q", "r"]', ["job.toml:"]),
        ("1 + 0.1*i", "1 + 0.1*j", ["job.toml:8: hamiltonian.parameters", "'j'", "^"]),
        ('q = "normal"', 'z = "normal"', ["job.toml:12: initial.values", "'z'", "q, p"]),
        ('q = "normal", ', "", ["initial.values", "no value for q"]),
        ("yoshida4", "yoshda4", ["time.integrator", "did you mean 'yoshida4'?"]),
        ("variables =", 'system = "keplr"\nvariables =', ["is given together with system"]),
        (
            "variables =",
            "friction = 1.0\nvariables =",
            ["hamiltonian.structure", "unknown option 'friction'"],
        ),
    ],
)
def test_errors_show_line_key_and_place(old, new, words):
    assert old in BATCH
    found = "\n".join(problems(BATCH.replace(old, new)))
    for word in words:
        assert word in found, found


def test_all_problems_at_once():
    text = BATCH.replace("k*cos(q)", "k*cos(w)").replace('"normal"', '"normul"').replace("yoshida4", "x")
    assert len(problems(text)) == 3


def test_the_zoo_is_closed():
    text = BATCH.replace('variables = ["q", "p"]\nexpression = "p^2/2 - k*cos(q)"', 'system = "keplr"')
    text = text.replace('k = "1 + 0.1*i"', "")
    (found,) = [line for line in problems(text) if "hamiltonian.system" in line]
    assert "did you mean 'kepler'?" in found


def test_check_and_explain(launch, folder):
    given = folder("given", 40, BATCH)
    check = launch("check", given.job, "--ranks", "4")
    assert check.end() == 0, check.err
    assert "systems: 13 of 2 coordinates" in check.out
    assert "rate here:" in check.out
    explain = launch("explain", given.job)
    assert explain.end() == 0, explain.err
    for words in (
        "dq/dt = p", r"\dot{q} = p", "canonical structure", "yoshida4: order 4", "kick", "Conserved",
        "energy: oscillates by", "operations per step", "Exchanges",
    ):  # fmt: skip
        assert words in explain.out, explain.out


@pytest.mark.skipif(shutil.which("python") is None, reason="no python")
def test_help_does_not_import_sympy():
    code = "import sys, hpcphys.cli, hpcphys.run.kind; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={**os.environ, **ENVIRONMENT}).returncode == 0
