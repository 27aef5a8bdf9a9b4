"""The files of a run: rows of particles, checkpoints, series, the timer tree (one process, no MPI)."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import h5py
import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.io.rows import DataFileError, even_rows, read_rows, write_rows
from hpcphys.io.series import Series, read_series
from hpcphys.io.summary import read_summary, write_summary
from hpcphys.report.progress import duration
from hpcphys.report.timers import Timers, table
from hpcphys.run.checkpoint import checkpoints, newest_checkpoint, write_checkpoint

SERIAL = Communicator.serial()


def test_rows_come_back_with_types_attributes_and_empty_sets(tmp_path):
    path = tmp_path / "rows.h5"
    datasets = {
        "group/position": np.random.default_rng(1).normal(size=(7, 3)),
        "group/id": np.arange(7, dtype=np.int64)[::-1],  # not contiguous
        "flags": np.array([True, False]),
        "empty": np.zeros((0, 3), np.float32),
    }
    size = write_rows(
        path, SERIAL, datasets, {"/": {"job": "text"}, "group/id": {"unit": 1.0}, "Header": {"n": 3}}
    )
    assert size == path.stat().st_size
    read = read_rows(path, SERIAL, list(datasets))
    for name, array in datasets.items():
        assert read[name].dtype == array.dtype
        assert np.array_equal(read[name], array)
    with h5py.File(path) as file:
        assert file.attrs["job"] == "text"
        assert file["group/id"].attrs["unit"] == 1.0
        assert file["Header"].attrs["n"] == 3
        assert file["group/position"].chunks is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["rows.h5"]


def test_even_rows_cover_everything_once():
    for count in (0, 1, 7, 100):
        for size in (1, 2, 3, 8):
            ranges = [even_rows(count, rank, size) for rank in range(size)]
            assert ranges[0][0] == 0
            assert ranges[-1][1] == count
            assert all(a[1] == b[0] for a, b in pairwise(ranges))


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), (b"", "is empty"), (b"text" * 99, "not an HDF5 file")]
)
def test_files_that_are_none_are_named(tmp_path, content, words):
    path = tmp_path / "rows.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataFileError, match=words):
        read_rows(path, SERIAL, ["x"])


def test_a_missing_dataset_and_too_many_rows_are_named(tmp_path):
    path = tmp_path / "rows.h5"
    write_rows(path, SERIAL, {"x": np.arange(3)})
    with pytest.raises(DataFileError, match="no dataset 'y'"):
        read_rows(path, SERIAL, ["y"])
    with pytest.raises(DataFileError, match="3 rows"):
        read_rows(path, SERIAL, ["x"], rows=(2, 5))


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "rows.h5"
    write_rows(path, SERIAL, {"x": np.arange(3)})
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(DataFileError, match="the disk is full"):
        write_rows(path, SERIAL, {"x": np.arange(4)})
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def checkpointed(folder, step, keep=3):
    arrays = {"position": np.random.default_rng(step).normal(size=(50, 3)), "id": np.arange(50)}
    rest = {"scalars": {"h": 0.1 + 0.2, "n": 3}, "memory": {"E": 1 / 3}, "job": "[time]\nstep = 1\n"}
    write_checkpoint(folder, SERIAL, arrays, 0.1 * step, step, keep=keep, **rest)
    return arrays


def test_a_checkpoint_keeps_every_bit(tmp_path):
    arrays = checkpointed(tmp_path, 3)
    found, passed_over = newest_checkpoint(tmp_path, SERIAL)
    assert passed_over == []
    assert (found.step, found.time, found.ranks) == (3, 0.1 * 3, 1)
    assert found.scalars == {"h": 0.1 + 0.2, "n": 3}
    assert found.memory == {"E": 1 / 3}
    for name, array in arrays.items():
        assert found.arrays[name].tobytes() == array.tobytes()


def test_the_newest_checkpoints_are_kept(tmp_path):
    for step in (5, 10, 100, 20):
        checkpointed(tmp_path, step, keep=2)
    assert [path.name for path in checkpoints(tmp_path)] == [
        "checkpoint-00000100.h5",
        "checkpoint-00000020.h5",
    ]


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_flipped_bit_anywhere_in_the_rows_is_found(tmp_path, place):
    checkpointed(tmp_path, 1)
    checkpointed(tmp_path, 2)
    newest = checkpoints(tmp_path)[0]
    with h5py.File(newest) as file:
        start = file["state/position"].id.get_offset()
        size = file["state/position"].id.get_storage_size()
    content = bytearray(newest.read_bytes())
    content[start + int(place * size)] ^= 4
    newest.write_bytes(content)
    found, passed_over = newest_checkpoint(tmp_path, SERIAL)
    assert found.step == 1
    assert "checksum of position of rank 0 is wrong" in passed_over[0]


def test_a_changed_job_text_is_found(tmp_path):
    checkpointed(tmp_path, 1)
    path = checkpoints(tmp_path)[0]
    content = path.read_bytes()
    assert content.count(b"step = 1") == 1
    path.write_bytes(content.replace(b"step = 1", b"step = 2"))
    with pytest.raises(DataFileError, match="metadata is wrong"):
        newest_checkpoint(tmp_path, SERIAL)


def filled(folder, steps):
    series = Series(folder, {"job": "text"})
    for step in steps:
        series.append(
            {"step": step, "time": 0.1 * step, "p": np.array([step, 0.0, 1.0]), "profile": np.ones(20)}
        )
    series.flush()
    return series


def test_series_grow_and_are_cut_back(tmp_path):
    filled(tmp_path, range(0, 50, 5))
    series = Series(tmp_path, {"job": "text"})
    assert series.truncate(22) == 5
    filled(tmp_path, [25])
    found = read_series(tmp_path / "diagnostics.h5")
    assert np.array_equal(found["step"], [0, 5, 10, 15, 20, 25])
    assert found["p"].shape == (6, 3)
    assert found["profile"].shape == (6, 20)
    lines = (tmp_path / "diagnostics.csv").read_text().splitlines()
    assert lines[0] == "step,time,p_x,p_y,p_z"
    assert len(lines) == 7
    assert lines[-1].startswith("25,2.5,25.0")


def test_a_damaged_series_is_put_aside(tmp_path):
    filled(tmp_path, [0, 1])
    (tmp_path / "diagnostics.h5").write_bytes(b"damaged")
    assert Series(tmp_path, {}).truncate(1) == 0
    assert (tmp_path / "diagnostics.damaged.h5").read_bytes() == b"damaged"
    filled(tmp_path, [2])
    assert np.array_equal(read_series(tmp_path / "diagnostics.h5")["step"], [2])


def test_a_summary_holds_no_nan(tmp_path):
    write_summary(
        tmp_path, {"a": np.float64(1.5), "b": [float("nan"), np.arange(2)], "c": {"d": float("inf")}}
    )
    assert read_summary(tmp_path) == {"a": 1.5, "b": [None, [0, 1]], "c": {"d": None}}
    json.loads((tmp_path / "summary.json").read_text())


def test_timers_nest_and_add_up():
    timers = Timers(SERIAL)
    for _ in range(3):
        with timers.measure("step"), timers.measure("kick"):
            time.sleep(0.002)
    tree = timers.report()
    step = tree["parts"]["step"]
    assert (step["calls"], step["parts"]["kick"]["calls"]) == (3, 3)
    assert 0.006 <= step["parts"]["kick"]["seconds"] <= step["seconds"] <= tree["seconds"]
    assert step["imbalance"] == 1.0
    assert [line.split()[0] for line in table(tree)] == ["whole", "step", "kick"]


def test_a_timer_is_closed_by_an_error():
    timers = Timers(SERIAL)
    with pytest.raises(ValueError), timers.measure("step"):
        raise ValueError
    with timers.measure("after"):
        pass
    assert set(timers.report()["parts"]) == {"step", "after"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1.23, "1.2 s"),
        (45.0, "45 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (273600, "3 d 4 h"),
        (float("inf"), "? s"),
    ],
)
def test_durations_in_words(seconds, words):
    assert duration(seconds) == words
