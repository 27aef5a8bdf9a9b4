"""A run from its job file to its last file."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from hpcphys.run.job_file import load_job


@pytest.mark.parametrize("ranks", [1, 2])
def test_what_a_run_leaves(launch, folder, ranks):
    given = folder("given", 12)
    run = launch("run", given.job, "--set", "output.snapshot_every=0.01", ranks=ranks)
    assert run.end() == 0, run.err
    snapshots = {f"snapshot_{number:03d}.hdf5" for number in range(4)}  # at 0, 0.01, 0.02 and the end, 0.024
    files = {
        "checkpoint-00000012.h5",
        "diagnostics.csv",
        "diagnostics.h5",
        "job.used.toml",
        "run.log",
        "summary.json",
    }
    assert {path.name for path in given.path.iterdir()} == snapshots | files
    with h5py.File(given.path / "snapshot_003.hdf5") as file:
        assert file["PartType1/ParticleIDs"].shape == (600,)
        assert "[system]" in file.attrs["job"]
    series = given.series()
    assert np.array_equal(series["step"], [0, 5, 10, 12])
    assert np.allclose(series["time"], 0.002 * series["step"])
    assert series["lagrangian_radii"].shape == (4, 5)
    assert np.abs(series["energy_error"]).max() < 1e-3
    with h5py.File(given.path / "diagnostics.h5") as file:
        assert "[system]" in file.attrs["job"]


def test_the_summary(launch, folder):
    given = folder("given", 12)
    assert launch("run", given.job, ranks=2).end() == 0
    summary = json.loads((given.path / "summary.json").read_text())
    assert (summary["status"], summary["steps"], summary["ranks"], summary["threads"]) == (
        "finished",
        12,
        2,
        1,
    )
    assert summary["time"] == pytest.approx(0.024)
    assert 0 < summary["seconds_per_step"] < summary["wall_seconds"]
    metrics = summary["metrics"]
    assert metrics["particles"] == 600
    assert abs(metrics["energy_error"]) <= metrics["energy_error_max"] < 1e-3
    assert metrics["momentum_error"] < 1e-6
    assert 0 < metrics["force_error_median"] <= metrics["force_error_p99"] < 0.05
    assert metrics["bytes_sent_per_rank_and_step"] > 0
    step = summary["timers"]["parts"]["step"]
    assert step["calls"] == 12
    assert {"exchange", "gravity", "kick", "drift"} <= set(step["parts"])
    assert step["imbalance"] >= 1.0
    assert 0.0 <= step["waiting"] <= summary["timers"]["seconds"]


def test_the_effective_job_gives_the_same_run(launch, folder):
    given = folder("given", 6)
    changed = ("--set", "initial.seed=5", "--set", "gravity.method=direct")
    assert launch("run", given.job, *changed).end() == 0
    used = given.path / "job.used.toml"
    text = used.read_text()
    for words in ("[used]", "ranks = 1", 'backend = "cpu"', "threads = 1", "seed = 5", "keep = 2"):
        assert words in text
    assert load_job(used).gravity.method == "direct"
    again = folder("again", 6)
    assert launch("run", used, "--output", again.path).end() == 0
    for name, array in given.state().items():
        assert again.state()[name].tobytes() == array.tobytes(), name


def test_what_the_user_sees(launch, folder):
    given = folder("given", 12)
    run = launch("given.toml", ranks=2, folder=given.path.parent)  # the word `run` may be left out
    assert run.end() == 0, run.err
    for words in (
        "600 particles, plummer, tree, leapfrog, 12 steps",
        "2 ranks x 1 threads",
        "force error against",
    ):
        assert run.out.count(words) == 1, run.out
    for words in ("finished: 12 steps", "energy error", "momentum error", f"files in {given.path}"):
        assert run.out.count(words) == 1, run.out
    assert "\r" not in run.out.replace("\r\n", "\n")
    log = (given.path / "run.log").read_text()
    assert "finished: 12 steps" in log
    assert "imbalance" in log


def test_more_ranks_than_particles(launch, folder):
    given = folder("given", 4)
    run = launch("run", given.job, "--set", "initial.particles=3", ranks=4)
    assert run.end() == 0, run.err
    assert "warning: 4 ranks for 3 particles" in run.out
    assert given.state()["rows of the ranks"].sum() == 3


def test_batch_log_has_a_line_per_interval(launch, folder):
    given = folder("given", 12)
    run = launch("run", given.job, "--set", "output.log_every=0")
    assert run.end() == 0
    assert run.out.count("steps/s") == 12
    assert "100.0 %  step 12" in run.out


def test_the_target_force_error_is_held(launch, folder):
    given = folder("given", 5)
    target = ("--set", "gravity.error_target=1e-3", "--set", "gravity.error_sample=200")
    assert launch("run", given.job, *target, "--set", "gravity.tolerance=0.2").end() == 0
    assert given.series()["force_error_p99"][0] <= 1e-3
    assert launch("resume", given.path, "--set", "time.steps=10", "--set", "output.keep=1").end() == 0


def test_a_snapshot_starts_another_run(launch, folder):
    given, second = folder("given", 5), folder("second", 5)
    assert launch("run", given.job).end() == 0
    start = 'model = "file"\npath = "given/snapshot_001.hdf5"'
    text = second.job.read_text().replace('model = "plummer"\nparticles = 600\nvirial_ratio = 0.1', start)
    second.job.write_text(text)
    run = launch("run", second.job, ranks=2)
    assert run.end() == 0, run.err
    assert second.series()["energy"][0] == pytest.approx(given.series()["energy"][-1], rel=1e-5)


def test_figures_are_made_at_the_end(launch, folder):
    given = folder("given", 5)
    assert launch("run", given.job, "--set", "output.plots=true").end() == 0
    assert list(given.path.glob("*.png"))
