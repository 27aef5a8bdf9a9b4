"""The launch of kernels: results on every CPU backend, and what a wrong call is told."""

from __future__ import annotations

import platform

import numpy as np
import pytest

from hpcphys.kernels import BackendUnavailable, CompileFailed, KernelError, SignatureError, backend

HEADER = """
#pragma once
#include "prelude.h"
#ifndef REAL
#define REAL float
#endif
typedef REAL number;
struct Cell { double mass; int first, count; };
KERNEL(scale)(long long n, number* RESTRICT values, const number* RESTRICT by, double offset) {
  ELEMENTS(i, n) { values[i] = values[i] * by[i] + number(offset); }
}
KERNEL(cells)(long long n, const Cell* RESTRICT cells, double* RESTRICT mass, int factor) {
  ELEMENTS(i, n) { mass[i] = cells ? cells[i].mass * cells[i].count * factor : -1.0; }
}
GROUP_KERNEL(group_sum)(long long n, const int* RESTRICT values, long long* RESTRICT sums) {
  GROUPS(g, n) {
    SHARED(int, part, 100);
    BARRIER;
    COOPERATE(k, 100) { part[k] = values[g * 100 + k]; }
    BARRIER;
    LANE0 {
      long long sum = 0;
      for (int k = 0; k < 100; k++) sum += part[k];
      sums[g] = sum;
    }
    BARRIER;
  }
}
GROUP_KERNEL(products)(long long n, const float* RESTRICT a, float b, float* RESTRICT product) {
  GROUPS(g, n) {
    LANE0 product[g] = a[g] * b;
    BARRIER;
  }
}
#ifndef HPC_CUDA
HOST(largest)(long long n, const long long* values) {
  long long found = values[0];
  for (long long i = 1; i < n; i++) found = values[i] > found ? values[i] : found;
  return found;
}
#endif
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("headers")
    (path / "toy.h").write_text(HEADER, encoding="utf-8")
    return path


@pytest.fixture(params=["cpu", "emulated", pytest.param("cuda", marks=pytest.mark.cuda)])
def machine(request, folder):
    try:
        return backend(request.param, folders=[folder])
    except BackendUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def cpu(folder):
    return backend("cpu", threads=1, folders=[folder]).module("toy")


@pytest.mark.parametrize("real", ["float", "double"])
@pytest.mark.parametrize("n", [0, 1, 255, 70001])
def test_element_kernel(machine, real, n):
    dtype = np.dtype("f4" if real == "float" else "f8")
    values, by = np.linspace(0, 1, n, dtype=dtype), np.linspace(2, 3, n, dtype=dtype)
    on_device = machine.array(values.copy())
    machine.module("toy", REAL=real).launch("scale", n, on_device, machine.array(by), 0.5)
    np.testing.assert_allclose(
        machine.host(on_device), values * by + dtype.type(0.5), rtol=4 * np.finfo(dtype).eps
    )


@pytest.mark.parametrize("groups", [1, 7, 200])
def test_group_kernel_with_shared_memory(machine, groups):
    values = np.random.default_rng(1).integers(-50, 50, groups * 100, dtype=np.int32)
    sums = machine.zeros(groups, np.int64)
    machine.module("toy").launch("group_sum", groups, machine.array(values), sums)
    np.testing.assert_array_equal(machine.host(sums), values.reshape(groups, 100).sum(axis=1))


def test_subnormals_are_zero_in_group_kernels_alone(folder):
    """They would cost some processors a hundred cycles each; the caller's arithmetic must not notice."""
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("flushing is built for x86 only")
    tiny, normal = np.float32(1e-30), np.float32(1e-10)
    for threads in (1, 2):
        product = np.full(9, np.nan, np.float32)
        module = backend("cpu", threads=threads, folders=[folder]).module("toy")
        module.launch("products", 9, np.full(9, tiny), float(normal), product)
        assert (product == 0).all()
    assert (np.full(9, tiny) * normal > 0).all(), "the calling thread keeps its subnormal numbers"


def test_records_and_null_pointers(machine):
    if machine.name == "cuda":
        pytest.skip("CuPy has no record arrays")
    record = np.dtype([("mass", "f8"), ("first", "i4"), ("count", "i4")])
    cells = np.zeros(3, record)
    cells["mass"], cells["count"] = [1.0, 2.0, 3.0], [4, 5, 6]
    mass = np.zeros(3)
    module = machine.module("toy")
    module.launch("cells", 3, cells, mass, 2)
    np.testing.assert_array_equal(mass, [8.0, 20.0, 36.0])
    mass[:] = 0
    module.launch("cells", 3, cells.view(np.uint8), mass, 1)
    np.testing.assert_array_equal(mass, [4.0, 10.0, 18.0])
    module.launch("cells", 3, None, mass, 1)
    np.testing.assert_array_equal(mass, -1.0)


def test_host_function(folder):
    for name in ("cpu", "emulated"):
        assert backend(name, folders=[folder]).module("toy").host("largest", 4, np.array([3, 9, 1, 2])) == 9


def test_threads_are_used(folder):
    for wanted in (1, 2, 3):
        assert backend("cpu", threads=wanted, folders=[folder]).module("toy").threads == wanted


def test_remembered_address_follows_the_array(cpu):
    """A new array at the id of a dead one must not inherit its address; many short-lived ones prove it."""
    by = np.ones(64, np.float32)
    for size in range(1, 400):
        values = np.zeros(size % 64 + 1, np.float32)
        cpu.launch("scale", len(values), values, by, float(size))
        assert (values == np.float32(size)).all()


def test_read_only_array_only_where_read(cpu):
    values, by = np.ones(4, np.float32), np.ones(4, np.float32)
    by.flags.writeable = False
    cpu.launch("scale", 4, values, by, 0.0)
    with pytest.raises(
        SignatureError, match=r"'values' is written by the kernel, but the array is read-only"
    ):
        cpu.launch("scale", 4, by, values, 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.zeros(4, "f4"), np.zeros(4, "f4")),
            r"3 arguments given, 4 declared \(long long n, float\* values",
        ),
        ((np.zeros(4, "f8"), np.zeros(4, "f4"), 1.0), r"'values' expects float32 \(float\), found float64"),
        (
            (np.zeros(8, "f4")[::2], np.zeros(4, "f4"), 1.0),
            r"'values' must be contiguous, found strides \(8,\)",
        ),
        (([0.0] * 4, np.zeros(4, "f4"), 1.0), r"'values' expects a NumPy array .* found list"),
        ((np.zeros(4, "f4"), np.zeros(4, "f4"), "fast"), r"'offset' expects a number \(double\), found str"),
    ],
)
def test_wrong_arguments(cpu, arguments, message):
    with pytest.raises(SignatureError, match=message):
        cpu.launch("scale", 4, *arguments)


def test_wrong_record_size(cpu):
    with pytest.raises(SignatureError, match="expects a 16-byte record or its fields"):
        cpu.launch("cells", 2, np.zeros(2, np.dtype([("mass", "f8")])), np.zeros(2), 1)


def test_unknown_names(folder, cpu):
    with pytest.raises(SignatureError, match=r"has no kernel 'scael'; it has: cells, group_sum, pro"):
        cpu.launch("scael", 1)
    with pytest.raises(SignatureError, match=r"has no host function 'scale'; it has: largest"):
        cpu.host("scale", 1)
    with pytest.raises(KernelError, match=r"no gravty\.h in"):
        backend("cpu").module("gravty")
    with pytest.raises(
        BackendUnavailable, match=r"'metal' is unknown; choose one of auto, cpu, cuda, emulated"
    ):
        backend("metal")
    with pytest.raises(BackendUnavailable, match="must be at least 1"):
        backend("cpu", threads=0)


def test_cuda_without_a_gpu_says_what_to_do():
    from hpcphys.kernels import backend_cuda

    if backend_cuda.unavailable() is None:
        pytest.skip("this machine has a GPU")
    with pytest.raises(BackendUnavailable, match=r"backend 'cuda': .* or use backend 'cpu'"):
        backend("cuda")
    assert backend("auto").name == "cpu"


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        ("KERNEL(bad)(double* x) {}", "first parameter must be 'long long n'"),
        ("KERNEL(bad)(long long n, double** x) {}", r"cannot read parameter 'double\*\* x'"),
        ("KERNEL(bad)(long long n, Vector x) {}", "scalar 'Vector x' must be one of"),
        ("KERNEL(bad)(long long n) {}\nKERNEL(bad)(long long n) {}", "'bad' is declared twice"),
    ],
)
def test_declarations_that_cannot_be_read(tmp_path, declaration, message):
    (tmp_path / "bad.h").write_text(declaration, encoding="utf-8")
    with pytest.raises(SignatureError, match=message):
        backend("cpu", folders=[tmp_path]).module("bad")


def test_compile_error_shows_the_compilers_words(tmp_path):
    (tmp_path / "broken.h").write_text(
        '#include "prelude.h"\nKERNEL(k)(long long n) { nonsense; }', encoding="utf-8"
    )
    with pytest.raises(
        CompileFailed, match=r"could not build 'broken'[\s\S]*error: .nonsense. was not declared"
    ):
        backend("cpu", folders=[tmp_path]).module("broken")
