"""Simulations of flows in this process: restarts, snapshots, failures, budgets of forced flows."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.cli import main
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.report.log import Log
from hpcphys.report.timers import Timers
from hpcphys.run.checkpoint import newest_checkpoint, write_checkpoint
from hpcphys.run.errors import JobError, RunError
from hpcphys.run.job_file import parse_job
from hpcphys.run.kind import kind_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_flows import FORCED

SERIAL = Communicator.serial()

FIXED = FORCED.replace("adaptive = true\ncfl = 0.4", "step = 0.02")


def started(text: str, checkpoint=None):
    job = parse_job(text, "job.toml", Path("/"))
    timers, log = Timers(SERIAL), Log(1)
    simulation = kind_of(job).simulation(job, backend("cpu", threads=1), SERIAL, timers, log, checkpoint)
    simulation.start(resumed=checkpoint is not None)
    return simulation


def saved(simulation, folder: Path):
    """Through a checkpoint file, as a run does."""
    state = simulation.state
    arrays = {name: state[name] for name in state.names()}
    rest = {"scalars": state.scalars, "memory": simulation.memory, "job": ""}
    write_checkpoint(folder, SERIAL, arrays, state.time, state.step, keep=1, **rest)
    return newest_checkpoint(folder, SERIAL)[0]


@pytest.mark.parametrize("integrator", ["rk4", "midpoint"])
def test_a_resumed_run_is_bit_for_bit_the_uninterrupted_one(tmp_path, integrator):
    """State, adaptive steps, noise, and every column of the diagnostics, wherever it was interrupted."""
    text = FORCED.replace("[time]", f'[time]\nintegrator = "{integrator}"')
    whole = started(text)
    whole.advance(11, diagnosed=True)
    parted = started(text)
    parted.advance(5, diagnosed=False)
    parted.row()  # looking changes nothing
    resumed = started(text, saved(parted, tmp_path))
    resumed.advance(6, diagnosed=True)
    assert resumed.state.time == whole.state.time
    assert resumed.modes().tobytes() == whole.modes().tobytes()
    assert resumed.row() == whole.row()


def test_energy_and_enstrophy_of_a_forced_flow_are_accounted_for():
    flow = started(FIXED)
    flow.advance(100, diagnosed=True)
    row = flow.row()
    assert row["energy_injected"] == pytest.approx(2.0, rel=0.2)  # ε t, and a cross term of mean zero
    assert row["enstrophy_injected"] / row["energy_injected"] == pytest.approx(49.0, rel=0.1)  # k_f²
    assert min(row["energy_dissipated_drag"], row["energy_dissipated_viscous"]) > 0.05
    assert 0.0 < abs(row["energy_error"]) < 3e-3
    assert 0.0 < abs(row["enstrophy_error"]) < 3e-3


def test_a_snapshot_starts_another_run(tmp_path):
    flow = started(FIXED)
    flow.advance(3, diagnosed=True)
    path = tmp_path / "snapshot_000.h5"
    flow.write_snapshot(path, "")
    text = FIXED.replace('model = "random"\npeak = 4', f'model = "file"\npath = "{path}"')
    again = started(text)
    assert np.abs(again.modes() - flow.modes()).max() < 1e-14 * np.abs(flow.modes()).max()
    with pytest.raises(JobError, match=r"holds 40 x 40 points; this grid has 48 x 48"):
        started(text.replace("points = 40", "points = 48"))


def test_a_number_that_is_none_is_named():
    flow = started(FIXED)
    flow.state["vorticity"][2, 3] = np.nan
    assert not flow.is_finite()
    with pytest.raises(RunError, match=r"mode k = \(2, 3\) on rank 0 is .*nan.* after step 0 .* by .*advect"):
        flow.raise_not_finite()
    with pytest.raises(RunError, match=r"No checkpoint"):
        flow.advance(1, diagnosed=False)


def test_a_step_that_becomes_too_long_is_named():
    flow = started(FIXED.replace("[forcing]", "[forcing]\nenergy_rate = 1e4"))
    with pytest.raises(RunError, match=r"dt = 0.02 is too long for the largest speed"):
        flow.advance(200, diagnosed=False)


def test_a_budget_beyond_its_limit_is_named():
    flow = started(FIXED + "\n[limits]\nenstrophy_error = 1e-9\n")
    flow.check(flow.row())
    flow.advance(4, diagnosed=True)
    with pytest.raises(RunError, match=r"of the budget of enstrophy after step 4 .* enstrophy_error = 1e-09"):
        flow.check(flow.row())


def test_more_ranks_than_lines_are_refused():
    nine = Communicator.serial()
    nine.size = 9
    job = parse_job(
        FIXED.replace("points = 40", "points = 8").replace("= 7", "= 1.6\nwidth = 0.2"), "job.toml", Path("/")
    )
    with pytest.raises(JobError, match=r"grid.points: found 8, too few for 9 ranks; use 1 to 8 ranks"):
        kind_of(job).simulation(job, backend("cpu", threads=1), nine, Timers(SERIAL), Log(1), None)


def test_check_and_submit_from_the_command_line(tmp_path, capsys):
    path = tmp_path / "flow.toml"
    path.write_text(FIXED + '\n[slurm]\ntime = "00:10:00"\n')
    assert main(["check", str(path), "--ranks", "4"]) == 0
    found = capsys.readouterr().out
    for words in ("40 x 40 points", "traffic: about", "Courant number", "rate here:", "steps: 100"):
        assert words in found, found
    assert main(["submit", str(path)]) == 0
    assert "hpcphys run" in path.with_suffix(".sbatch").read_text()
    assert main(["explain", str(path)]) == 0
    assert "Basdevant" in capsys.readouterr().out
