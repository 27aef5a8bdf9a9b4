"""All kernels of a force evaluation on the emulated machine under sanitizers: no access outside, no race."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hpcphys.kernels.compiler import system_compiler

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = {"address": "libasan.so", "thread": "libtsan.so"}
RUN = """
import sys
import numpy as np
from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend
sys.path.insert(0, sys.argv[2])
from reference import coincident_pairs, direct_field
kind, _, kernel, precision = sys.argv[1:]
machine = backend("emulated", sanitize=kind)
rng = np.random.default_rng(51)
count = 230
position, mass = coincident_pairs(rng, count), rng.random(count)
softening = 0.0 if kernel == "none" else 0.05
wanted = direct_field(position, mass, softening, kernel)
trees = {"group_size": 40, "leaf_size": 20, "tolerance": 0.02}
for field_type, options in ((TreeGravity, trees), (DirectGravity, {})):
    rows = {"position": position.copy(), "velocity": 0 * position, "mass": mass, "id": np.arange(count)}
    state = State(rows)
    field = field_type(machine, Communicator.serial(), softening, kernel, precision=precision, **options)
    for _ in range(2):
        field.layout.exchange(state)
        field.evaluate(state, {"potential"})
    found = state["acceleration"][np.argsort(state["id"])]
    error = np.linalg.norm(found - wanted.acceleration, axis=1)
    assert (error <= 2e-2 * wanted.pull).all(), error.max()
velocity, position = state["velocity"].reshape(-1), state["position"].reshape(-1)
machine.module("particles").launch("axpy64", 3 * count, velocity, position, 0.5)
print("finished")
"""


def run(kind, kernel, precision):
    """Two evaluations of a tree and of the direct sum in a Python of its own; its status and all it said."""
    command = [*system_compiler().command, f"-print-file-name={LIBRARY[kind]}"]
    library = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not Path(library).is_absolute():
        pytest.skip(f"the compiler has no {LIBRARY[kind]}")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": library,
        "ASAN_OPTIONS": "detect_leaks=0",
        "TSAN_OPTIONS": "exitcode=66 report_signal_unsafe=0",
        "OMP_NUM_THREADS": "1",
    }
    # Without address randomisation: the thread sanitizer of older compilers refuses some memory layouts.
    python = ["setarch", os.uname().machine, "-R", sys.executable, "-c", RUN]
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [*python, kind, folder, kernel, precision],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "kernel", "precision"),
    [("address", "plummer", "mixed"), ("address", "spline", "double"), ("thread", "plummer", "mixed")],
)
def test_forces_are_clean(kind, kernel, precision):
    status, said = run(kind, kernel, precision)
    assert status == 0, said[-6000:]
    assert "finished" in said
    assert "Sanitizer" not in said
