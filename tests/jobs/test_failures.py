"""Runs that must fail: one clear message, the right exit code, nothing half-written."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.gadget4 import GalaxyUnits, write_snapshot


def summary(folder):
    return json.loads((folder.path / "summary.json").read_text())


def test_numbers_that_overflow_end_the_run(launch, folder):
    given = folder("given", 20)
    run = launch("run", given.job, "--set", "time.step=1e200", "--set", "gravity.method=direct", ranks=2)
    assert run.end() == 1
    assert "particle" in run.err
    assert "after step" in run.err
    assert run.err.count("hpcphys: error") == 1
    assert not given.checkpoints()
    assert summary(given)["status"] == "failed"


def test_an_energy_error_beyond_the_limit_ends_the_run(launch, folder):
    given = folder("given", 400)
    run = launch("run", given.job, "--set", "limits.energy_error=1e-9", "--set", "time.step=0.02", ranks=2)
    assert run.end() == 1
    assert "[limits] energy_error = 1e-09" in run.err
    assert "particle" in run.err
    assert not given.checkpoints()


def test_an_invalid_job_is_told_once_on_many_ranks(launch, folder):
    given = folder("given", 10)
    run = launch("run", given.job, "--set", "time.setp=1", "--set", "initial.particles=-1", ranks=3)
    assert run.end() == 2
    assert run.err.count("unknown key; did you mean 'step'?") == 1
    assert run.err.count("initial.particles: found -1") == 1
    assert not given.path.exists()


def test_contradicting_parameters_are_told_once(launch, folder):
    given = folder("given", 10)
    disc = ("--set", "initial.disc_share=0.9", "--set", "initial.bulge_share=0.9")
    given.job.write_text(
        given.job.read_text().replace('"plummer"', '"disc"').replace("virial_ratio = 0.1", "")
    )
    run = launch("run", given.job, *disc, ranks=2)
    assert run.end() == 2
    assert run.err.count("initial: bulge_share") == 1


def test_an_output_folder_that_cannot_be_written(launch, folder, tmp_path):
    given = folder("given", 10)
    (tmp_path / "file").write_text("")
    run = launch("run", given.job, "--output", tmp_path / "file" / "below", ranks=2)
    assert run.end() == 2
    assert run.err.count("the output folder cannot be written to") == 1
    assert "--output" in run.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission(launch, folder):
    given = folder("given", 10)
    given.path.mkdir()
    given.path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    run = launch("run", given.job)
    assert run.end() == 2
    assert "Permission denied" in run.err


def test_a_folder_with_a_run_is_not_overwritten_unasked(launch, folder):
    given = folder("given", 10)
    assert launch("run", given.job).end() == 0
    (given.path / "notes.txt").write_text("mine")
    before = given.state()
    again = launch("run", given.job)
    assert again.end() == 2
    assert "holds a run already (finished, 10 steps)" in again.err
    assert "--overwrite" in again.err
    assert all(given.state()[name].tobytes() == array.tobytes() for name, array in before.items())
    assert launch("run", given.job, "--overwrite", "--set", "time.steps=5").end() == 0
    assert given.step() == 5
    assert len(given.checkpoints()) == 1
    assert (given.path / "notes.txt").read_text() == "mine"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 400 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_leaves_the_good_checkpoint(launch, folder, small_disk):
    given = folder("given", 10)
    given.job.write_text(given.job.read_text().replace(str(given.path), str(small_disk)))
    given.path = small_disk
    assert launch("run", given.job, "--set", "output.snapshots=false", ranks=2).end() == 0
    good = given.checkpoints()[0].read_bytes()
    free = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(bytes(free.f_bavail * free.f_frsize - 30_000))
    run = launch("resume", given.path, "--set", "time.steps=12", "--set", "output.snapshots=false", ranks=2)
    assert run.end() == 1
    assert run.err.count("the disk is full") == 1
    assert [path.read_bytes() for path in given.checkpoints()] == [good]
    assert not list(given.path.glob(".*.partial"))


def test_a_file_that_may_not_grow_leaves_the_good_checkpoint(launch, folder):
    given = folder("given", 10)
    assert launch("run", given.job).end() == 0
    good = given.checkpoints()[0].read_bytes()

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    more = ("--set", "time.steps=12", "--set", "output.snapshots=false")
    run = launch("resume", given.path, *more, limits=small_files)
    assert run.end() == 1
    assert run.err.count("cannot be written") == 1
    assert [path.read_bytes() for path in given.checkpoints()] == [good]
    assert not list(given.path.glob(".*.partial"))


def snapshot(path):
    """A small snapshot to spoil."""
    generator = np.random.default_rng(1)
    state = {
        "position": generator.normal(size=(50, 3)),
        "velocity": np.zeros((50, 3)),
        "mass": np.full(50, 0.02),
        "id": np.arange(50),
    }
    write_snapshot(path, Communicator.serial(), state, GalaxyUnits(), 0.0)


def missing(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def not_hdf5(path):
    path.write_text("this is text")


def empty(path):
    path.write_bytes(b"")


def without_mass(path):
    with h5py.File(path, "r+") as file:
        file["PartType1/Masses"][3] = 0.0


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (missing, 2, "no such file"),
        (truncated, 1, "truncated"),
        (not_hdf5, 1, "not an HDF5 file"),
        (empty, 1, "is empty"),
        (without_mass, 1, "Masses"),
    ],
)
def test_bad_initial_files_are_named_once(launch, folder, tmp_path, spoil, code, words):
    given = folder("given", 10)
    path = tmp_path / "start.hdf5"
    snapshot(path)
    text = given.job.read_text().replace(
        'model = "plummer"\nparticles = 600\nvirial_ratio = 0.1', 'model = "file"\npath = "start.hdf5"'
    )
    given.job.write_text(text)
    spoil(path)
    run = launch("run", given.job, ranks=2)
    assert run.end() == code, run.err
    told = [line for line in run.err.splitlines() if "start.hdf5" in line]
    assert len(told) == 1, run.err
    assert words in told[0]


def test_a_backend_that_is_not_there(launch, folder):
    if __import__("hpcphys.kernels.backend_cuda", fromlist=["unavailable"]).unavailable() is None:
        pytest.skip("this machine has a GPU")
    given = folder("given", 10)
    run = launch("run", given.job, "--backend", "cuda")
    assert run.end() == 1
    assert len([line for line in run.err.splitlines() if line.startswith("hpcphys: error")]) == 1
