"""Every kernel compiles to GPU machine code, without a GPU; the hot ones keep their values in registers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hpcphys.kernels import BackendUnavailable, CompileFailed, nvrtc
from hpcphys.kernels.catalogue import VARIANTS, variants
from hpcphys.kernels.signature import signatures
from hpcphys.kernels.sources import module_source

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", autouse=True)
def available():
    try:
        nvrtc.library()
    except BackendUnavailable as error:
        pytest.skip(str(error))


def test_catalogue_holds_every_module_that_the_program_loads():
    loaded = set()
    for folder in ("hpcphys", "decomposition"):
        for path in (ROOT / folder).rglob("*.py"):
            loaded |= set(re.findall(r"\.module\(\s*\"(\w+)\"", path.read_text(encoding="utf-8")))
    on_devices = {name for name in loaded if kernels_of(name)}
    assert on_devices
    assert on_devices <= set(VARIANTS)


def kernels_of(module):
    """Names of a module's kernels; none where it is for the host alone."""
    return [name for name, found in signatures(module_source(module, {})).items() if found.kind != "host"]


@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize(
    ("module", "defines"), list(variants()), ids=lambda value: str(value).replace("'", "")
)
def test_kernels_compile_and_do_not_spill(module, defines, architecture):
    """A kernel that spills registers pays memory traffic for every interaction."""
    found = nvrtc.resources(module_source(module, defines), architecture)
    assert found
    spilling = {kernel.kernel: kernel.spilled for kernel in found if kernel.spilled}
    assert not spilling, f"bytes spilled: {spilling}"


def test_spills_and_errors_are_seen(tmp_path):
    """The check above can fail: a kernel squeezed into few registers spills, a wrong one is refused."""
    body = "".join(f"double a{k} = x[i + {k}];" for k in range(60))
    total = "+".join(f"a{k}*a{(k + 7) % 60}" for k in range(60))
    loop = f"ELEMENTS(i, n) {{ {body} __syncthreads(); x[i] = {total}; }}"
    text = f"KERNEL(k)(long long n, double* x) {{ {loop} }}"
    bounds = '#define KERNEL(name) extern "C" __global__ void __launch_bounds__(1024, 2) name'
    squeezed = f'#include "prelude.h"\n#undef KERNEL\n{bounds}\n{text}'
    (tmp_path / "squeezed.h").write_text(squeezed, encoding="utf-8")
    (kernel,) = nvrtc.resources(module_source("squeezed", {}, [tmp_path]), "sm_90")
    assert kernel.spilled > 0
    assert kernel.registers <= 32
    wrong = '#include "prelude.h"\nKERNEL(k)(long long n) { nonsense; }'
    (tmp_path / "wrong.h").write_text(wrong, encoding="utf-8")
    with pytest.raises(CompileFailed, match='identifier "nonsense" is undefined'):
        nvrtc.resources(module_source("wrong", {}, [tmp_path]), "sm_80")


def test_table_lists_each_kernel_once():
    rows = [
        nvrtc.Resources("gravity", "REAL=float", "kick", "elements", sm, 30 + k, 0, 0, 16)
        for k, sm in enumerate(nvrtc.ARCHITECTURES)
    ]
    assert "| gravity | REAL=float | `kick` | elements | 30 / 0 / 16 | 31 / 0 / 16 |" in nvrtc.table(rows)
