"""Under sanitizers the emulated machine finds accesses outside arrays, and those that no barrier orders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hpcphys.kernels import BackendUnavailable, backend
from hpcphys.kernels.compiler import system_compiler

ROOT = Path(__file__).resolve().parents[2]
HEADER = """
#include "prelude.h"
GROUP_KERNEL(neighbour)(long long n, const float* in, float* out) {
  GROUPS(g, n) {
    SHARED(float, tile, LANES);
    tile[threadIdx.x] = in[g * LANES + threadIdx.x];
    MEET;
    out[g * LANES + threadIdx.x] = tile[(threadIdx.x + STEP) % WRAP];
    MEET;
  }
}
KERNEL(count)(long long n, float* total) { ELEMENTS(i, n) { if (i < 64) COUNT; } }
"""
RUN = """
import sys
import numpy as np
from hpcphys.kernels import EmulationError, backend
kind, folder, kernel, n, defines = sys.argv[1:6]
defines = dict(define.split("=", 1) for define in defines.split(";"))
module = backend("emulated", folders=[folder], sanitize=kind).module("races", **defines)
if kernel == "neighbour":
    given, found = np.arange(256, dtype="f4"), np.zeros(256, "f4")
    groups = (-1, int(defines["LANES"]))
    module.launch("neighbour", int(n), given, found)
    assert np.array_equal(found.reshape(groups), np.roll(given.reshape(groups), -1, axis=1)), "wrong numbers"
else:
    total = np.zeros(1, "f4")
    module.launch("count", 300, total)
    assert total[0] == 64, "wrong numbers"
print("finished")
"""
GOOD = {
    "LANES": "64",
    "STEP": "1",
    "WRAP": "LANES",
    "MEET": "__syncthreads()",
    "COUNT": "atomicAdd(total,1.0f)",
}
LIBRARY = {"address": "libasan.so", "thread": "libtsan.so"}


def sanitizer_library(kind):
    """The sanitizer's library of the compiler in use; skips the test where there is none."""
    command = [*system_compiler().command, f"-print-file-name={LIBRARY[kind]}"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not Path(found).is_absolute():
        pytest.skip(f"the compiler has no {LIBRARY[kind]}")
    return found


def run(kind, folder, kernel="neighbour", n=4, **changes):
    """Run one kernel in a Python of its own with the sanitizer loaded; return its status and all it said."""
    (folder / "races.h").write_text(HEADER, encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": sanitizer_library(kind),
        "ASAN_OPTIONS": "detect_leaks=0",
        "TSAN_OPTIONS": "exitcode=66 report_signal_unsafe=0",
        "OMP_NUM_THREADS": "1",
    }
    defines = ";".join(f"{name}={value}" for name, value in {**GOOD, **changes}.items())
    # Without address randomisation: the thread sanitizer of older compilers refuses some memory layouts.
    command = [
        "setarch",
        os.uname().machine,
        "-R",
        sys.executable,
        "-c",
        RUN,
        kind,
        str(folder),
        kernel,
        str(n),
        defines,
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("kernel", ["neighbour", "count"])
def test_correct_kernels_are_clean(tmp_path, kind, kernel):
    status, said = run(kind, tmp_path, kernel)
    assert status == 0, said
    assert "finished" in said
    assert "Sanitizer" not in said


def test_access_outside_a_global_array(tmp_path):
    status, said = run("address", tmp_path, n=5)
    assert status != 0
    assert "heap-buffer-overflow" in said
    assert "in neighbour" in said


def test_access_outside_a_shared_array(tmp_path):
    status, said = run("address", tmp_path, WRAP="(LANES+1)")
    assert status != 0
    assert "global-buffer-overflow" in said
    assert "in neighbour" in said


def test_warp_barrier_orders_one_warp(tmp_path):
    status, said = run("thread", tmp_path, LANES="32", n=8, MEET="__syncwarp()")
    assert status == 0, said
    assert "Sanitizer" not in said


@pytest.mark.parametrize(
    ("lanes", "meet"),
    [
        ("64", "((void)0)"),
        ("64", "__syncwarp()"),  # orders each warp, not the two
        ("32", "__any_sync(0xffffffffu,1)"),  # CUDA's votes order no memory
    ],
)
def test_missing_barrier_is_a_race(tmp_path, lanes, meet):
    status, said = run("thread", tmp_path, LANES=lanes, n=256 // int(lanes), MEET=meet)
    assert status == 66, said
    assert "data race" in said
    assert "neighbour" in said


def test_plain_sum_is_a_race_though_the_number_is_right(tmp_path):
    status, said = run("thread", tmp_path, "count", COUNT="*total+=1.0f")
    assert status == 66, said
    assert "data race" in said
    assert "finished" in said, "one core adds rightly: only the sanitizer sees the race"


def test_a_sanitizer_that_is_not_loaded_is_refused():
    with pytest.raises(
        BackendUnavailable, match=r"start Python with LD_PRELOAD=\$\(g\+\+ -print-file-name=libasan"
    ):
        backend("emulated", sanitize="address")
    with pytest.raises(BackendUnavailable, match="choose one of address, thread"):
        backend("emulated", sanitize="memory")
