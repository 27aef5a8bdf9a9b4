"""The cache of compiled kernels: many processes at once, damage, unusable folders, failing compilers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hpcphys.kernels import CacheUnusable, CompilerMissing, KernelError, backend, cache
from hpcphys.kernels import compiler as compilers

ROOT = Path(__file__).resolve().parents[2]
HEADER = """
#include "prelude.h"
KERNEL(fill)(long long n, double* values, double v) { ELEMENTS(i, n) { values[i] = v; } }
"""
RUN = """
import sys
import numpy as np
from hpcphys.kernels import backend
values = np.zeros(5)
backend("cpu", threads=1, folders=[sys.argv[1]]).module("fill").launch("fill", 5, values, 3.0)
assert (values == 3.0).all()
"""


@pytest.fixture
def headers(tmp_path):
    folder = tmp_path / "headers"
    folder.mkdir()
    (folder / "fill.h").write_text(HEADER, encoding="utf-8")
    return folder


@pytest.fixture
def store(tmp_path, monkeypatch):
    """An empty cache folder that this process uses."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HPCPHYS_CACHE", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    return folder


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """A compiler that notes each of its calls before it does its work; gives the number of calls so far."""
    notes = tmp_path / "calls"
    real = compilers.system_compiler().command[0]
    script(tmp_path / "counted-cxx", f'echo call >> {notes}\nexec {real} "$@"', monkeypatch)
    return lambda: len(notes.read_text(encoding="ascii").splitlines()) if notes.exists() else 0


def script(path, body, monkeypatch):
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(path))


def entry(store):
    (found,) = (store / "kernels").glob("fill-*.so")
    return found


def test_one_of_64_processes_compiles(headers, store, counted):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", RUN, str(headers)]
    running = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) for _ in range(64)]
    said = [process.communicate(timeout=240)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 64, "\n".join(filter(None, said))
    assert counted() == 1
    assert cache.intact(entry(store))
    left = {path.suffix for path in (store / "kernels").iterdir()}
    assert left == {".so", ".sha256", ".lock"}, "temporary files were left behind"


def test_warm_start_runs_no_process(headers, store, counted, monkeypatch):
    backend("cpu", folders=[headers]).module("fill")

    def refused(*_, **__):
        raise AssertionError("a warm start must not start a process")

    monkeypatch.setattr(subprocess, "run", refused)
    backend("cpu", folders=[headers]).module("fill")
    assert counted() == 1


@pytest.mark.parametrize("damage", ["cut", "flipped", "no checksum", "emptied"])
def test_damaged_entry_is_rebuilt(headers, store, counted, damage):
    # In other processes: one that has the library mapped would crash when the file below it is cut.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUN, str(headers)]
    subprocess.run(command, env=environment, check=True, timeout=60)
    path = entry(store)
    whole = path.read_bytes()
    if damage == "no checksum":
        path.with_name(path.name + ".sha256").unlink()
    elif damage == "flipped":
        path.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    else:
        path.write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"")
    subprocess.run(command, env=environment, check=True, timeout=60)
    assert counted() == 2
    assert cache.intact(path)


def test_key_follows_source_defines_and_compiler(headers, store, counted, tmp_path, monkeypatch):
    backend("cpu", folders=[headers]).module("fill")
    backend("cpu", folders=[headers]).module("fill", UNUSED=1)
    (headers / "fill.h").write_text(HEADER.replace("= v;", "= v + 0;"), encoding="utf-8")
    backend("cpu", folders=[headers]).module("fill")
    assert counted() == 3
    (tmp_path / "counted-cxx").touch()
    backend("cpu", folders=[headers]).module("fill")
    assert counted() == 4


def test_included_header_is_part_of_the_key(headers, store, counted):
    (headers / "fill.h").write_text('#include "part.h"\n' + HEADER, encoding="utf-8")
    for number in (1, 2):
        (headers / "part.h").write_text(f"#define PART {number}\n", encoding="utf-8")
        backend("cpu", folders=[headers]).module("fill")
        assert counted() == number


def test_unwritable_home_falls_back_to_the_temporary_folder(headers, tmp_path, monkeypatch):
    blocked = tmp_path / "home"
    blocked.write_text("a file where a folder should be", encoding="ascii")
    monkeypatch.delenv("HPCPHYS_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(blocked))
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    backend("cpu", folders=[headers]).module("fill")
    (found,) = (tmp_path / "tmp").glob("hpcphys-*/kernels/fill-*.so")
    assert found.parents[1].stat().st_mode & 0o777 == 0o700


def test_read_only_cache_that_holds_the_entry_is_used(headers, store, counted, monkeypatch):
    backend("cpu", folders=[headers]).module("fill")

    def refused(*_, **__):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refused)
    monkeypatch.setattr("tempfile.mkdtemp", refused)
    backend("cpu", folders=[headers]).module("fill")
    assert counted() == 1


def test_full_disk_everywhere_is_one_clear_error(headers, store, tmp_path, monkeypatch):
    script(tmp_path / "full", "echo 'fatal error: a.s: No space left on device' >&2; exit 1", monkeypatch)
    with pytest.raises(CacheUnusable) as caught:
        backend("cpu", folders=[headers]).module("fill")
    said = str(caught.value)
    assert f"{store}: No space left on device" in said
    assert "Set HPCPHYS_CACHE to a folder that can be written" in said
    assert not list((store / "kernels").glob("*.so"))


@pytest.mark.parametrize("found", ["another user's", "open to all"])
def test_foreign_temporary_folder_is_refused(headers, tmp_path, monkeypatch, found):
    """Anybody may write to the temporary folder; what lies there is loaded as machine code."""
    (tmp_path / "blocked").write_text("a file where a folder should be", encoding="ascii")
    for name in ("HPCPHYS_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "blocked"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if found == "another user's":
        stranger = os.getuid() + 1
        monkeypatch.setattr(os, "getuid", lambda: stranger)
    planted = cache.folders()[-1]
    planted.mkdir()
    planted.chmod(0o777 if found == "open to all" else 0o700)
    with pytest.raises(CacheUnusable, match="belongs to another user, or others may write to it"):
        backend("cpu", folders=[headers]).module("fill")


def test_missing_compiler_says_what_to_install(headers, store, tmp_path, monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CompilerMissing, match=r"apt-get install g\+\+.*module load gcc.*pip install ziglang"):
        backend("cpu", folders=[headers]).module("fill")
    monkeypatch.setenv("CXX", "no-such-c++")
    with pytest.raises(CompilerMissing, match=r"CXX=no-such-c\+\+: .* was not found; unset CXX"):
        backend("cpu", folders=[headers]).module("fill")


def test_compiler_that_writes_nothing_or_rubbish(headers, store, tmp_path, monkeypatch):
    script(tmp_path / "silent", "exit 0", monkeypatch)
    with pytest.raises(KernelError, match="reported success but wrote no library"):
        backend("cpu", folders=[headers]).module("fill")
    script(tmp_path / "rubbish", 'for a; do last=$a; done; echo rubbish > "$last"', monkeypatch)
    with pytest.raises(KernelError, match="cannot be loaded"):
        backend("cpu", folders=[headers]).module("fill")


def test_killed_builder_blocks_nobody(headers, store, tmp_path, monkeypatch):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    script(tmp_path / "slow", f"echo $$ > {tmp_path / 'started'}; exec sleep 60", monkeypatch)
    builder = subprocess.Popen(
        [sys.executable, "-c", RUN, str(headers)], env={**environment, "CXX": os.environ["CXX"]}
    )
    while not (tmp_path / "started").exists():
        time.sleep(0.05)
        assert builder.poll() is None
    builder.kill()
    builder.wait(timeout=10)
    os.kill(int((tmp_path / "started").read_text(encoding="ascii")), 9)
    # Same key for the lock's sake: the compiler's identity is part of it, so the same file now does its work.
    before = (tmp_path / "slow").stat()
    real = compilers.shutil.which("g++") or compilers.shutil.which("c++")
    body = f'#!/bin/sh\nexec {real} "$@"\n'
    (tmp_path / "slow").write_text(body + "#" * (before.st_size - len(body) - 1) + "\n", encoding="ascii")
    os.utime(tmp_path / "slow", ns=(before.st_atime_ns, before.st_mtime_ns))
    backend("cpu", folders=[headers]).module("fill")
    assert cache.intact(entry(store))
