"""Layouts and transforms on one rank without MPI: refusals, sizes, wisdom on disk, plans without memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.pencils import device_memory, wisdom
from hpcphys.decomposition.pencils.layout import Pencil
from hpcphys.decomposition.pencils.process_grid import LayoutError, allowed_counts, chosen_dims, ranges, share
from hpcphys.decomposition.pencils.sizes import largest_prime, smooth_sizes
from hpcphys.decomposition.pencils.stages import limits
from hpcphys.decomposition.pencils.transform import FourierTransform

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("count", "size"), [(7, 3), (8, 4), (5, 5), (100, 7)])
def test_shares_cover_every_index_once(count, size):
    parts = [share(count, size, rank) for rank in range(size)]
    assert [index for start, n in parts for index in range(start, start + n)] == list(range(count))
    assert {n for _, n in parts} <= {count // size, count // size + 1}


def test_ranks_are_arranged_in_slabs_first_and_as_square_as_it_goes():
    assert chosen_dims(8, [16, 16], None, "f") == (8, 1)
    assert chosen_dims(32, [16, 16], None, "f") == (8, 4)
    assert chosen_dims(64, [16, 16], "pencil", "f") == (8, 8)
    assert chosen_dims(6, [16], None, "f") == (6,)
    assert chosen_dims(1, [], None, "f") == ()
    assert limits((8, 9, 10), (8, 9, 6)) == [8, 6]


@pytest.mark.parametrize(
    ("size", "bounds", "wanted", "words"),
    [
        (9, [8], None, "allowed are 1-8 ranks"),
        (7, [3, 4], None, "allowed are 1-4, 6, 8-9, 12 ranks"),
        (7, [3, 4], "slab", "in slabs: .* allowed are 1-3 ranks"),
        (2, [], None, "allowed are 1 ranks"),
        (8, [4, 4], (8, 1), r"allowed are \(1-4\) × \(1-4\), in all 1-4, 6, 8-9, 12, 16 ranks"),
        (8, [9, 9], (2, 2), "whose product is 8"),
        (8, [9, 9], "cube", "use 'slab', 'pencil'"),
    ],
)
def test_what_the_grid_does_not_allow_is_refused_with_what_it_does(size, bounds, wanted, words):
    with pytest.raises(LayoutError, match=words):
        chosen_dims(size, bounds, wanted, "the field")


def test_long_lists_of_counts_are_shown_around_the_one_asked_for():
    text = ranges(allowed_counts([40, 40]), 1009)
    assert text.startswith("1-40, …, ")
    assert "1008" in text
    assert text.endswith("… up to 1600")
    assert len(text) < 120


@pytest.mark.parametrize("shape", [(), (0, 4), (2, 2, 2, 2)])
def test_fields_have_one_to_three_axes(shape):
    with pytest.raises(LayoutError, match="one to three axes"):
        Pencil(shape, Communicator.serial())


def test_settings_that_are_unknown_are_named():
    for options, words in (
        ({"precision": "half"}, "double, single"), ({"effort": "much"}, "estimate, measure, patient"),
        ({"library": "mkl"}, "fftw, arrays"), ({"threads": 0}, "at least one"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            FourierTransform((8, 8), **options)


def test_arrays_that_do_not_fit_are_refused():
    transform = FourierTransform((8, 6), real=True, effort="estimate")
    with pytest.raises(ValueError, match=r"this rank's part is \(8, 6\) float64"):
        transform.forward(np.zeros((8, 6), "f4"))
    with pytest.raises(ValueError, match=r"this rank's part is \(8, 4\) complex128"):
        transform.backward(np.zeros((8, 6), "c16"))
    with pytest.raises(ValueError, match="a contiguous array"):
        transform.forward(np.zeros((8, 6)), np.zeros((4, 8), "c16").T)
    points = np.random.default_rng(1).normal(size=(6, 8)).T  # an input may lie in any order
    assert np.abs(transform.forward(points) - np.fft.rfft2(points, norm="forward")).max() < 1e-15


def test_slow_sizes_are_noted():
    note, *_ = FourierTransform((34, 32), effort="estimate").notes
    assert "axis 0: 34 points have the prime factor 17" in note
    assert "32 or 35 are fast" in note
    assert [largest_prime(n) for n in (1, 2, 97, 96, 1001, 2 * 3 * 49)] == [1, 2, 97, 3, 13, 7]
    assert smooth_sizes(1009) == (1008, 1024)


def test_threads_do_not_change_the_amplitudes():
    points = np.random.default_rng(2).normal(size=(32, 32))
    one, two = (FourierTransform((32, 32), real=True, threads=n).forward(points) for n in (1, 2))
    assert np.abs(one - two).max() < 1e-16


PLAN = """
import sys
from hpcphys.decomposition.pencils.transform import FourierTransform
from hpcphys.decomposition.pencils.wisdom import wisdom
transform = FourierTransform((48, 20), precision=sys.argv[1], effort=sys.argv[2])
print(len(wisdom(sys.argv[1])._known), transform.notes)
"""


def planned(cache, effort="measure", precision="single"):
    """Plans of a process of its own: what its FFTW knew in the end, and its notes."""
    environment = {**os.environ, "HPCPHYS_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", PLAN, precision, effort],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_wisdom_is_kept_and_a_damaged_file_is_passed_over(tmp_path):
    planned(tmp_path)
    (kept,) = tmp_path.glob("kernels/*.wisdom")
    assert kept.name.startswith("fftwf-")
    before = kept.read_bytes(), kept.stat().st_mtime_ns
    assert b"fftw" in before[0]
    again = planned(tmp_path)
    assert "[]" in again
    assert (kept.read_bytes(), kept.stat().st_mtime_ns) == before  # nothing new was learned
    kept.write_bytes(before[0][: len(before[0]) // 2])
    assert "does not have the checksum" in planned(tmp_path)
    assert "[]" in planned(tmp_path)  # the plans were measured again, and kept


def test_wisdom_of_two_processes_is_merged(tmp_path, monkeypatch):
    monkeypatch.setenv("HPCPHYS_CACHE", str(tmp_path))
    here = wisdom.Wisdom("single")
    planned(tmp_path)  # another process learns something meanwhile
    (kept,) = tmp_path.glob("kernels/*.wisdom")
    there = set(kept.read_text().splitlines())
    wisdom.fftw("single").forget_wisdom()
    here._known = ["something else"]
    here.save()
    assert set(kept.read_text().splitlines()) == there
    assert len(there) > 2


def test_estimates_leave_no_wisdom(tmp_path):
    planned(tmp_path, effort="estimate")
    assert not list(tmp_path.glob("kernels/*.wisdom"))


def test_the_user_decides_whether_mpi_takes_device_memory(monkeypatch):
    for value, answer in (("1", True), ("0", False)):
        device_memory.mpi_takes_device_memory.cache_clear()
        monkeypatch.setenv(device_memory.SETTING, value)
        assert device_memory.mpi_takes_device_memory() is answer
    device_memory.mpi_takes_device_memory.cache_clear()
    monkeypatch.delenv(device_memory.SETTING)
    monkeypatch.setenv("MPICH_GPU_SUPPORT_ENABLED", "1")
    assert device_memory.mpi_takes_device_memory()
    device_memory.mpi_takes_device_memory.cache_clear()
