"""What the doctor says of this machine, and of one that lacks something."""

from __future__ import annotations

import pytest

from hpcphys import doctor
from hpcphys.kernels import backend_cuda


def named(findings, name):
    (found,) = [finding for finding in findings if finding.name == name]
    return found


def test_this_machine_is_well(capsys):
    assert doctor.main() == 0
    said = capsys.readouterr().out
    for name in (
        "MPI",
        "compiler",
        "kernels",
        "FFTW",
        "threads",
        "GPU",
        "HDF5",
        "kernel cache",
        "disk here",
        "localhost",
    ):
        assert f" {name} " in said
    assert "MISSING" not in said
    assert max(map(len, said.splitlines())) < 250


def test_missing_fftw_is_reported_with_advice(monkeypatch):
    def missing(precision):
        raise ImportError("libfftw3.so.3: cannot open shared object file")

    monkeypatch.setattr("hpcphys.decomposition.pencils.wisdom.fftw_version", missing)
    found = named(doctor.report(), "FFTW")
    assert "cannot open shared object file" in found.found
    assert "apt-get install libfftw3-dev" in found.advice
    monkeypatch.setattr("hpcphys.decomposition.pencils.wisdom.fftw_version", lambda _: "fftw-3.3.10")
    assert "without AVX" in named(doctor.report(), "FFTW").advice


def test_missing_compiler_is_reported_with_advice(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hpcphys.kernels.compiler.importlib.util.find_spec", lambda name: None)
    found = named(doctor.report(), "compiler")
    assert not found.ok
    assert "apt-get install g++" in found.advice
    assert doctor.main() == 1
    assert "MISSING compiler" in capsys.readouterr().out


def test_no_folder_for_the_cache(tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be", encoding="ascii")
    for name in ("HPCPHYS_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(blocked))
    monkeypatch.setattr("hpcphys.kernels.cache._temporary_folder", lambda: blocked)
    found = named(doctor.report(), "kernel cache")
    assert not found.ok


def test_a_check_that_breaks_does_not_end_the_report(monkeypatch):
    def broken(_):
        raise OSError("no such device")

    monkeypatch.setattr(doctor.shutil, "disk_usage", broken)
    found = named(doctor.report(), "disk")
    assert found.found == "OSError: no such device"
    assert not found.ok


def test_unset_threads_are_advised(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(doctor.os, "sched_getaffinity", lambda _: set(range(8)))
    found = named(doctor.report(), "threads")
    assert found.ok
    assert "8 cores usable" in found.found
    assert "set it to cores / ranks" in found.advice


@pytest.mark.skipif(backend_cuda.unavailable() is None, reason="this machine has a GPU")
def test_no_gpu_is_no_fault():
    found = named(doctor.report(), "GPU")
    assert found.ok
    assert found.found.startswith("not used: ")
