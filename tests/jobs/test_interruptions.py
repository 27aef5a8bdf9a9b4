"""Signals, the file `stop`, the wall-time limit, and a killed rank."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from hpcphys.run.signals import CHECKPOINT, CONTINUE, STOP, Requests, deadline

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
    """Open MPI's mpirun gives its ranks half a second; SIGCONT comes first and is taken as the warning."""
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


@pytest.fixture
def requests(tmp_path):
    asked = Requests(tmp_path, None, 0)
    asked.install()
    yield asked
    asked.uninstall()


def test_a_request_for_a_checkpoint_is_done_once(requests):
    assert requests.code(0.0) == CONTINUE
    os.kill(os.getpid(), signal.SIGUSR1)
    assert requests.code(0.0) == CHECKPOINT
    assert requests.code(0.0) == CONTINUE


def test_a_request_to_stop_stays_and_wins(requests):
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert requests.code(0.0) == STOP
    assert requests.code(0.0) == STOP
    assert requests.reason == "SIGTERM"


def test_a_second_interrupt_aborts_at_once(requests):
    os.kill(os.getpid(), signal.SIGINT)
    assert requests.code(0.0) == STOP
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_the_deadline_leaves_time_to_write(tmp_path):
    asked = Requests(tmp_path, time.time() + 100.0, 0)
    assert asked.code(90.0) == CONTINUE
    assert asked.code(110.0) == STOP
    assert Requests(tmp_path, time.time() - 1.0, rank=1).code(0.0) == CONTINUE


def test_the_batch_system_s_end_counts_when_it_is_earlier(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_END_TIME", "5000")
    assert deadline(None, 1000.0) == 5000.0
    assert deadline(2000.0, 1000.0) == 3000.0
    assert deadline(9000.0, 1000.0) == 5000.0
    monkeypatch.delenv("SLURM_JOB_END_TIME")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert deadline(None, 1000.0) is None


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
