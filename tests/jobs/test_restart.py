"""A resumed run is bit for bit the uninterrupted one, however it was interrupted."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

ENDLESS = 10_000_000
MORE_STEPS = 7


def interrupted_by_sigterm(launch, folder, ranks):
    """A run that got SIGTERM on every rank after a few rows of diagnostics."""
    run = launch("run", folder.job, ranks=ranks)
    run.wait_for(lambda: folder.rows() >= 3, "three rows of diagnostics")
    run.signal_ranks(signal.SIGTERM)
    assert run.end() == 75, run.err
    assert "stopped after step" in run.out


def interrupted_by_sigkill(launch, folder, ranks):
    """A run of which one rank was killed after it had written a checkpoint."""
    run = launch("run", folder.job, "--set", "output.checkpoint_every=0.05", ranks=ranks)
    run.wait_for(lambda: len(folder.checkpoints()) >= 2, "two checkpoints")
    os.kill(run.pids()[-1], signal.SIGKILL)
    assert run.end() not in (0, 75)


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("interrupted", [interrupted_by_sigterm, interrupted_by_sigkill])
def test_resumed_run_is_bit_for_bit_the_uninterrupted_one(launch, folder, interrupted, ranks):
    broken = folder("broken", ENDLESS)
    interrupted(launch, broken, ranks)
    steps = broken.step() + MORE_STEPS
    resumed = launch("resume", broken.path, "--set", f"time.steps={steps}", ranks=ranks)
    assert resumed.end() == 0, resumed.err
    whole = folder("whole", steps)
    reference = launch("run", whole.job, ranks=ranks)
    assert reference.end() == 0, reference.err
    assert broken.step() == whole.step() == steps
    for name, array in whole.state().items():
        assert broken.state()[name].tobytes() == array.tobytes(), name
    for name, array in whole.series().items():
        assert broken.series()[name].tobytes() == array.tobytes(), name
    assert (broken.path / "diagnostics.csv").read_text() == (whole.path / "diagnostics.csv").read_text()


def test_adaptive_steps_are_resumed_bit_for_bit(launch, folder):
    adaptive = ("--set", "time.adaptive=true", "--set", "time.accuracy=0.02")

    def without_step(given):
        given.job.write_text(given.job.read_text().replace("step = 0.002", ""))
        return given

    broken, whole = without_step(folder("broken", 12)), without_step(folder("whole", 30))
    assert launch("run", broken.job, *adaptive).end() == 0
    assert launch("resume", broken.path, "--set", "time.steps=30").end() == 0
    assert launch("run", whole.job, *adaptive).end() == 0
    assert len(np.unique(np.diff(whole.series()["time"]))) > 1
    for name, array in whole.state().items():
        assert broken.state()[name].tobytes() == array.tobytes(), name


def test_resume_on_another_number_of_ranks(launch, folder):
    given = folder("given", 10)
    assert launch("run", given.job, ranks=2).end() == 0
    before = given.series()
    resumed = launch("resume", given.path, "--set", "time.steps=20", ranks=3)
    assert resumed.end() == 0, resumed.err
    after, state = given.series(), given.state()
    assert np.array_equal(after["step"], [0, 5, 10, 15, 20])
    assert after["energy"][:3].tobytes() == before["energy"].tobytes()
    assert np.abs(after["energy_error"]).max() < 1e-3
    assert np.array_equal(np.sort(state["id"]), np.arange(600))


def test_reproducible_runs_do_not_depend_on_the_number_of_ranks(launch, folder):
    results = []
    for ranks in (1, 2, 4):
        given = folder(f"on_{ranks}", 12)
        run = launch("run", given.job, "--set", "run.reproducible=true", ranks=ranks)
        assert run.end() == 0, run.err
        state = given.state()
        order = np.argsort(state["id"])
        results.append(
            [state[name][order].tobytes() for name in ("id", "position", "velocity", "acceleration")]
        )
        results[-1] += [
            given.series()[name].tobytes() for name in ("time", "energy", "momentum", "lagrangian_radii")
        ]
    assert results[0] == results[1]
    assert results[0] == results[2]


def test_a_damaged_checkpoint_is_passed_over(launch, folder):
    given = folder("given", 10)
    assert launch("run", given.job).end() == 0
    assert launch("resume", given.path, "--set", "time.steps=15").end() == 0
    newer = given.checkpoints()[-1]
    content = bytearray(newer.read_bytes())
    content[len(content) // 2] ^= 1
    newer.write_bytes(content)
    resumed = launch("resume", given.path, "--set", "time.steps=15", ranks=2)
    assert resumed.end() == 0, resumed.err
    assert "checksum" in resumed.out
    assert "passed over" in resumed.out
    assert "going on from step 10" in resumed.out
    assert np.array_equal(given.series()["step"], [0, 5, 10, 15])


def test_without_any_valid_checkpoint_nothing_is_resumed(launch, folder):
    given = folder("given", 10)
    assert launch("run", given.job).end() == 0
    for path in given.checkpoints():
        path.write_bytes(path.read_bytes()[:3000])
    resumed = launch("resume", given.path)
    assert resumed.end() == 2
    assert "truncated" in resumed.err


def test_resume_keeps_the_physics_and_knows_a_finished_run(launch, folder):
    given = folder("given", 10)
    assert launch("run", given.job).end() == 0
    other = launch("resume", given.path, "--set", "gravity.softening=1")
    assert other.end() == 2
    assert "keeps its physics" in other.err
    finished = launch("resume", given.path)
    assert finished.end() == 0
    assert "the run is finished" in finished.out
