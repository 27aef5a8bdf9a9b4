"""What the cuda backend hands to CuPy, seen through a stand-in for CuPy; on a GPU the other tests run it."""

from __future__ import annotations

import types

import numpy as np
import pytest

from hpcphys.kernels import SignatureError, backend_cuda
from hpcphys.kernels.backend_cpu import CpuBackend
from hpcphys.kernels.backend_cuda import CudaModule, with_lanes
from hpcphys.kernels.signature import signatures
from hpcphys.kernels.sources import module_source

HEADER = """
#include "prelude.h"
KERNEL(shift)(long long n, double* x, float by, int times, const float* optional) {
  ELEMENTS(i, n) { x[i] += by; }
}
GROUP_KERNEL(gather)(long long n, float* x) { GROUPS(g, n) { x[g] = 1; } }
HOST(only_here)(long long n) { return n; }
"""


class RecordingModule:
    """Notes how CuPy's RawModule was made and what was launched."""

    def __init__(self, code, options, backend):
        self.code, self.options, self.backend = code, options, backend
        self.launches = []

    def get_function(self, name):
        return lambda grid, block, arguments: self.launches.append((name, grid, block, arguments))


@pytest.fixture
def compiled(tmp_path):
    (tmp_path / "toy.h").write_text(HEADER, encoding="utf-8")
    compiler = types.SimpleNamespace(CompileException=RuntimeError)
    cupy = types.SimpleNamespace(
        RawModule=RecordingModule, ndarray=np.ndarray, cuda=types.SimpleNamespace(compiler=compiler)
    )

    def compiled(**defines):
        source = with_lanes(module_source("toy", defines, [tmp_path]))
        return CudaModule(source, cupy, signatures(source), CpuBackend(folders=[tmp_path]))

    return compiled


def test_elements_get_256_threads_and_typed_scalars(compiled):
    module = compiled()
    x = np.zeros(1000)
    module.launch("shift", 1000, x, 0.5, 3, None)
    ((name, grid, block, (n, array, by, times, optional)),) = module._compiled.launches
    assert (name, grid, block) == ("shift", (4,), (256,))
    assert array is x
    assert [type(value) for value in (n, by, times, optional)] == [np.int64, np.float32, np.int32, np.uint64]
    assert (n, by, times, optional) == (1000, 0.5, 3, 0)


@pytest.mark.parametrize(("defines", "threads"), [({}, 32), ({"LANES": 128}, 128)])
def test_groups_get_a_block_each(compiled, defines, threads):
    module = compiled(**defines)
    module.launch("gather", 77, np.zeros(77, "f4"))
    assert module._compiled.launches[0][1:3] == ((77,), (threads,))
    assert f"-DLANES={threads}" in module._compiled.options


def test_nothing_is_launched_over_nothing_and_grids_are_bounded(compiled):
    module = compiled()
    module.launch("gather", 0, np.zeros(1, "f4"))
    module.launch("gather", 10**9, np.zeros(1, "f4"))
    ((_, grid, _, _),) = module._compiled.launches
    assert grid == (backend_cuda.BLOCKS,)


def test_headers_are_tied_to_cupys_own_cache(compiled, tmp_path):
    before = compiled()._compiled.code
    (tmp_path / "toy.h").write_text(HEADER.replace("x[g] = 1", "x[g] = 2"), encoding="utf-8")
    assert compiled()._compiled.code != before


def test_wrong_calls(compiled):
    module = compiled()
    with pytest.raises(SignatureError, match="'x' expects float64"):
        module.launch("shift", 1, np.zeros(1, "f4"), 0.5, 3, None)
    with pytest.raises(SignatureError, match="'x' must be contiguous"):
        module.launch("shift", 1, np.zeros(4)[::2], 0.5, 3, None)
    with pytest.raises(SignatureError, match="'times' expects a number"):
        module.launch("shift", 1, np.zeros(1), 0.5, 1.5, None)
    with pytest.raises(SignatureError, match="has no kernel 'only_here'; it has: gather, shift"):
        module.launch("only_here", 1)


def test_host_functions_run_on_the_host(compiled):
    assert compiled().host("only_here", 41) == 41
