"""Signals, the file `stop`, the wall-time limit, and a killed rank."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

ENDLESS = 10_000_000


def summary(folder):
    return json.loads((folder.path / "summary.json").read_text())


@pytest.mark.parametrize("ranks", [1, 2])
def test_sigusr1_writes_a_checkpoint_and_goes_on(launch, folder, ranks):
    given = folder("given", ENDLESS)
    run = launch("run", given.job, ranks=ranks)
    run.wait_for(lambda: given.rows() >= 2, "two rows")
    # mpirun passes this signal on to its ranks
    os.kill(run.process.pid, signal.SIGUSR1)
    run.wait_for(lambda: len(given.checkpoints()) == 1, "a checkpoint")
    rows = given.rows()
    run.wait_for(lambda: given.rows() >= rows + 2, "further rows")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_one_rank_that_is_asked_to_stop_stops_all(launch, folder, number):
    given = folder("given", ENDLESS)
    run = launch("run", given.job, ranks=2)
    run.wait_for(lambda: given.rows() >= 2, "two rows")
    os.kill(run.pids()[-1], number)
    assert run.end() == 75, run.err
    assert f"{number.name}; checkpoint written" in run.out
    assert len(given.checkpoints()) == 1
    assert summary(given)["status"] == "stopped"
    assert summary(given)["steps"] == given.step()


def test_mpirun_that_is_asked_to_end_leaves_a_good_checkpoint(launch, folder):
    """Open MPI's mpirun gives its ranks less than a second; SIGCONT comes first, and is taken as the warning."""
    given = folder("given", ENDLESS)
    run = launch("run", given.job, ranks=2)
    run.wait_for(lambda: given.rows() >= 2, "two rows")
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.end() != 0
    time.sleep(0.5)
    steps = given.step() + 2
    resumed = launch("resume", given.path, "--set", f"time.steps={steps}", ranks=2)
    assert resumed.end() == 0, resumed.err
    assert "passed over" not in resumed.out


def test_a_second_interrupt_aborts_at_once(launch, folder):
    # steps so long that two signals reach the same one
    given = folder("given", ENDLESS)
    given.job.write_text(given.job.read_text().replace("particles = 600", "particles = 60000"))
    run = launch("run", given.job, "--set", "gravity.method=direct")
    run.wait_for(lambda: (given.path / "diagnostics.csv").exists(), "the first row")
    time.sleep(0.3)
    run.signal_ranks(signal.SIGINT)
    run.signal_ranks(signal.SIGINT)
    assert run.end() == 130
    assert "interrupted" in run.err
    assert not given.checkpoints()


def test_the_stop_file(launch, folder):
    given = folder("given", ENDLESS)
    run = launch("run", given.job, ranks=2)
    run.wait_for(lambda: given.rows() >= 2, "two rows")
    (given.path / "stop").touch()
    assert run.end() == 75, run.err
    assert "the file" in run.out
    assert (given.path / "summary.json").exists()
    # the file has done its work: it does not stop the run that goes on
    steps = given.step() + 2
    assert launch("resume", given.path, "--set", f"time.steps={steps}").end() == 0
    assert not (given.path / "stop").exists()


def test_the_wall_time_limit(launch, folder):
    given = folder("given", ENDLESS)
    begin = time.monotonic()
    run = launch("run", given.job, "--set", "run.wall_limit=4")
    assert run.end() == 75, run.err
    assert "the wall-time limit is near" in run.out
    assert given.checkpoints()
    assert time.monotonic() - begin < 60


def test_a_killed_rank_ends_the_run(launch, folder):
    given = folder("given", ENDLESS)
    run = launch("run", given.job, ranks=3)
    run.wait_for(lambda: given.rows() >= 2, "two rows")
    os.kill(run.pids()[1], signal.SIGKILL)
    assert run.end() not in (0, 75)
