"""Runs of wavefunctions give the same answer on every number of ranks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.errors import JobError, RunError
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of
from hpcphys.run.wavefunctions.snapshots import read_wavefunction, write_wavefunction

pytestmark = pytest.mark.mpi

JOB = """
[system]
kind = "wavefunction"
[grid]
points = [18, 20]
lower = -6.0
upper = 6.0
[wave]
potential = "(x^2 + 2*y^2)/2 + 0.1*x*y"
nonlinearity = 0.5
absorber = { x = [2.0, 2.0] }
[initial]
model = "gaussian"
centre = [-1.0, 0.0]
width = 0.9
momentum = [0.5, 0.0]
[observables]
planes = { a = { x = 0.1 }, b = { y = 0.1 } }
regions = { corner = { x = [0.0, 6.0], y = [-6.0, 0.0] } }
autocorrelation = true
reference = { model = "gaussian", width = 0.8 }
[transmission]
beyond = 0.0
energies = [0.1, 0.9]
count = 9
[exact]
real = "exp(-x^2 - y^2)"
[time]
steps = 6
step = 0.05
integrator = "leapfrog"
"""


@pytest.fixture(scope="module")
def communicator():
    return Communicator.start(abort_hook=False)


@pytest.fixture
def folder(communicator, tmp_path):
    """One folder for all ranks."""
    return Path(communicator.bcast(str(tmp_path)))


def begun(communicator, text: str):
    """The run of a job, started on the ranks of a communicator."""
    job = parse_job(text, "job.toml", Path("/nowhere"))
    runtime = backend("cpu", threads=1)
    made = kind_of(job).simulation(job, runtime, communicator, Timers(communicator), Log(1), None)
    made.start(resumed=False)
    return made


def advanced(communicator, text: str):
    run = begun(communicator, text)
    for _ in range(run.job.time.steps):
        run.advance(1, diagnosed=True)
    return run


def gathered(communicator, run) -> np.ndarray:
    return np.concatenate(communicator.allgather(run.state["wavefunction"]))


def test_a_run_is_that_of_one_rank(communicator):
    mine, alone = advanced(communicator, JOB), advanced(Communicator.serial(), JOB)
    assert np.abs(gathered(communicator, mine) - alone.state["wavefunction"]).max() < 1e-13
    found, wanted = mine.row(), alone.row()
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=1e-12, err_msg=name)
    for metrics in (mine.metrics(found, 6, 1.0), alone.metrics(wanted, 6, 1.0)):
        assert 0.0 < max(metrics["transmission"]["transmission"]) < 10.0
    sweeps = (mine.metrics(found, 6, 1.0), alone.metrics(wanted, 6, 1.0))
    np.testing.assert_allclose(*(m["transmission"]["transmission"] for m in sweeps), rtol=1e-10)


def test_relaxed_states_are_those_of_one_rank(communicator):
    text = JOB.replace("nonlinearity = 0.5\n", "")
    start, end = text.index("[initial]"), text.index("[observables]")
    text = f'{text[:start]}[initial]\nmodel = "excited_state"\ntolerance = 1e-6\n{text[end:]}'
    mine, alone = begun(communicator, text), begun(Communicator.serial(), text)
    np.testing.assert_allclose(mine.levels, alone.levels, rtol=0, atol=1e-10)
    overlap = np.vdot(alone.state["wavefunction"], gathered(communicator, mine)) * mine.grid.volume_element
    assert abs(abs(overlap) - 1.0) < 1e-10


def test_a_snapshot_of_all_ranks_is_that_of_one(communicator, folder):
    run, path = advanced(communicator, JOB), folder / "wavefunction_000.h5"
    psi = run.state["wavefunction"]
    write_wavefunction(path, communicator, run.grid, psi, 0.3, 6, "text")
    assert np.array_equal(read_wavefunction(str(path), communicator, run.grid), psi)
    alone = begun(Communicator.serial(), JOB)
    whole = read_wavefunction(str(path), Communicator.serial(), alone.grid)
    assert np.array_equal(whole, gathered(communicator, run))


def test_imaginary_time_keeps_the_norm(communicator):
    text = JOB.replace("absorber", "#").replace(
        "[transmission]\nbeyond = 0.0\nenergies = [0.1, 0.9]\ncount = 9", ""
    )
    run = advanced(communicator, text + 'mode = "imaginary"\n')
    row = run.row()
    assert row["norm"] == pytest.approx(1.0, abs=1e-13)


def test_a_bad_number_is_told_by_all_ranks(communicator):
    run = begun(communicator, JOB)
    first, last = run.grid.rows
    if first <= 17 < last:
        run.state["wavefunction"][17 - first, 3] = np.nan
    assert communicator.agree(not run.is_finite())
    with pytest.raises(RunError, match=r"the wavefunction at x = 5.33333, y = -4.2 is .*nan"):
        run.raise_not_finite()


def test_more_ranks_than_rows_are_refused(communicator):
    text = JOB.replace("[18, 20]", f"[{max(1, communicator.size - 1)}, 20]")
    text = (
        text[: text.index("[initial]")]
        + '[initial]\nmodel = "expression"\nreal = "1"\n[time]\nsteps = 1\nstep = 1\n'
    )
    text = text.replace("absorber", "#") + 'integrator = "leapfrog"\n'
    if communicator.size == 1:
        begun(communicator, text)
        return
    with pytest.raises(JobError, match=rf"grid.points: .*allowed: 1 to {communicator.size - 1} ranks"):
        begun(communicator, text)
