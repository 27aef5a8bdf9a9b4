"""Generated kernels under the address sanitizer on the emulated machine, and compiled to GPU machine code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hpcphys.compiler.native import catalogue
from hpcphys.kernels import BackendUnavailable, nvrtc
from hpcphys.kernels.compiler import system_compiler

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from hpcphys.compiler import compile_structure
from hpcphys.compiler.native.observables import Observables
from hpcphys.kernels import backend
from native_systems import SYSTEMS
machine = backend("emulated", sanitize="address")
for name, make in SYSTEMS.items():
    system = make(13)
    compile_structure(system, "leapfrog", dt=0.01, backend=machine).run(3)
    system.state["spare"] = system.state[system.coordinates.variables[0].name]
observed = {"first": system.coordinates.symbols[0]}
Observables(observed, system.coordinates, system.parameters, machine).values(system.state)
print("finished")
"""


def test_generated_kernels_stay_inside_their_arrays():
    command = [*system_compiler().command, "-print-file-name=libasan.so"]
    library = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    if not Path(library).is_absolute():
        pytest.skip("the compiler has no libasan.so")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": library,
        "ASAN_OPTIONS": "detect_leaks=0",
        "OMP_NUM_THREADS": "1",
    }
    machine = ["setarch", os.uname().machine, "-R"]
    command = [*machine, sys.executable, "-c", RUN, str(Path(__file__).parent)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "finished" in done.stdout
    assert "Sanitizer" not in done.stderr


@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize("name", catalogue.PROGRAMS)
def test_generated_kernels_compile_for_the_gpu(name, architecture):
    try:
        nvrtc.library()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    found = nvrtc.resources(dict(catalogue.sources())[name], architecture)
    assert "advance_systems" in {kernel.kernel for kernel in found}
    small = not name.startswith("Toda")
    assert not small or not any(kernel.spilled for kernel in found)
