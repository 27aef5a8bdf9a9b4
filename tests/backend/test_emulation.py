"""The emulated CUDA machine computes as CUDA would, and stops where a GPU would hang or give rubbish."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.kernels import EmulationError, backend

HEADER = """
#include "prelude.h"
#define ALL 0xffffffffu
#define WHO int(threadIdx.x)
GROUP_KERNEL(warp_operations)(long long n, const int* in, int* ballots, int* shuffled, int* voted) {
  GROUPS(g, n) {
    const long long i = g * LANES + WHO;
    const int v = in[i];
    ballots[i] = int(__ballot_sync(ALL, v > 0));
    shuffled[4 * i] = __shfl_sync(ALL, v, 3);
    shuffled[4 * i + 1] = __shfl_xor_sync(ALL, v, 5);
    shuffled[4 * i + 2] = __shfl_up_sync(ALL, v, 2);
    shuffled[4 * i + 3] = __shfl_down_sync(ALL, v, 7);
    voted[2 * i] = __any_sync(ALL, v > 90);
    voted[2 * i + 1] = __all_sync(ALL, v > 0);
  }
}
KERNEL(histogram)(long long n, const int* in, int* counts, double* sum, unsigned long long* largest,
                  unsigned* bits) {
  ELEMENTS(i, n) {
    atomicAdd(&counts[in[i]], 1);
    atomicAdd(sum, 0.5);
    atomicMax(largest, (unsigned long long)in[i]);
    atomicOr(bits, 1u << in[i]);
  }
}
KERNEL(bit_counts)(long long n, const unsigned long long* in, int* out) {
  ELEMENTS(i, n) {
    out[4 * i] = __popcll(in[i]);
    out[4 * i + 1] = __clzll((long long)in[i]);
    out[4 * i + 2] = __ffs(int(in[i]));
    out[4 * i + 3] = __popc(unsigned(in[i]));
  }
}
GROUP_KERNEL(neighbour)(long long n, const double* in, double* out) {
  GROUPS(g, n) {
    SHARED(double, tile, LANES);
    tile[WHO] = in[g * LANES + WHO];
    __syncthreads();
    out[g * LANES + WHO] = tile[(WHO + 1) % LANES];
    __syncthreads();
  }
}
GROUP_KERNEL(half_warp)(long long n, const int* in, int* out) {
  GROUPS(g, n) {
    SHARED(int, tile, 16);
    if (WHO < 16) tile[WHO] = __shfl_xor_sync(0xffffu, in[WHO], 1);
    __syncthreads();
    out[g * LANES + WHO] = tile[WHO % 16];
    __syncthreads();
  }
}
GROUP_KERNEL(unwritten)(long long n, double* out) {
  GROUPS(g, n) { SHARED(double, tile, LANES);
    if (g == 0) tile[WHO] = 1.0;
    out[g * LANES + WHO] = tile[WHO]; }
}
GROUP_KERNEL(divergent_barrier)(long long n) {
  GROUPS(g, n) { if (WHO < 5) __syncthreads();
    else __syncthreads(); }
}
GROUP_KERNEL(left_early)(long long n) { if (WHO == 9) return;
  __syncthreads(); }
GROUP_KERNEL(warp_left_early)(long long n) { if (WHO == 9) return;
  __syncwarp(); }
GROUP_KERNEL(divergent_warp)(long long n, int* out) {
  if (WHO % 2) out[WHO] = __any_sync(ALL, 1);
  else out[WHO] = __shfl_sync(ALL, 1, 0);
}
GROUP_KERNEL(outside_mask)(long long n, int* out) { out[WHO] = __any_sync(0xffu, 1); }
GROUP_KERNEL(reads_outside_mask)(long long n, int* out) {
  if (WHO < 8) out[WHO] = __shfl_sync(0xffu, WHO, 12); }
GROUP_KERNEL(barrier_or_warp)(long long n) { if (WHO == 3) __syncthreads();
  else __syncwarp(); }
GROUP_KERNEL(waits_for_ever)(long long n, int* out) { if (WHO == 40) __syncwarp(0x300u);
  else __syncthreads(); }
KERNEL(order)(long long n, int* next, int* seen) { ELEMENTS(i, n) { seen[i] = atomicAdd(next, 1); } }
KERNEL(deep)(long long n, double* out) { ELEMENTS(i, n) {
  volatile double stack[20000];
  for (int k = 0; k < 20000; k++) stack[k] = double(i) + k;
  out[i] = stack[19999]; } }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("headers")
    (path / "emulation_cases.h").write_text(HEADER, encoding="utf-8")
    return path


@pytest.fixture(params=[0, 12345], ids=["in order", "drawn order"])
def machine(request, folder):
    return backend("emulated", folders=[folder], schedule=request.param)


def test_warp_operations(machine):
    groups = 70  # more than the grid has blocks
    values = np.random.default_rng(3).integers(-100, 100, (groups, 32), dtype=np.int32)
    ballots, shuffled = np.zeros(values.shape, "i4"), np.zeros((*values.shape, 4), "i4")
    voted = np.zeros((*values.shape, 2), "i4")
    machine.module("emulation_cases").launch("warp_operations", groups, values, ballots, shuffled, voted)
    lanes = np.arange(32)
    bits = ((values > 0) << lanes.astype(np.uint64)).sum(axis=1).astype(np.uint32)
    np.testing.assert_array_equal(ballots.view(np.uint32), np.repeat(bits[:, None], 32, axis=1))
    for k, source in enumerate((0 * lanes + 3, lanes ^ 5, np.where(lanes < 2, lanes, lanes - 2),
                                np.where(lanes > 24, lanes, lanes + 7))):  # fmt: skip
        np.testing.assert_array_equal(shuffled[..., k], values[:, source])
    np.testing.assert_array_equal(voted[..., 0], np.repeat((values > 90).any(axis=1)[:, None], 32, axis=1))
    np.testing.assert_array_equal(voted[..., 1], np.repeat((values > 0).all(axis=1)[:, None], 32, axis=1))


def test_atomics(machine):
    values = np.random.default_rng(4).integers(0, 17, 5000, dtype=np.int32)
    counts, total = np.zeros(17, "i4"), np.zeros(1)
    largest, bits = np.zeros(1, "u8"), np.zeros(1, "u4")
    machine.module("emulation_cases").launch("histogram", 5000, values, counts, total, largest, bits)
    np.testing.assert_array_equal(counts, np.bincount(values, minlength=17))
    assert total[0] == 2500.0
    assert largest[0] == values.max()
    assert bits[0] == np.bitwise_or.reduce(1 << values)


def test_bit_counts(machine):
    values = np.array([0, 1, 2**63, 0xF0F0, 2**40 + 8], dtype=np.uint64)
    found = np.zeros((5, 4), "i4")
    machine.module("emulation_cases").launch("bit_counts", 5, values, found)
    expected = [
        [int(v).bit_count(), 64 - int(v).bit_length(), ((int(v) & -int(v)) & 0xFFFFFFFF).bit_length(), 0]
        for v in values
    ]
    for row, v in zip(expected, values, strict=True):
        row[3] = (int(v) & 0xFFFFFFFF).bit_count()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("lanes", [32, 64, 96])
def test_shared_memory_and_barriers(machine, lanes):
    values = np.random.default_rng(5).random((9, lanes))
    found = np.zeros_like(values)
    machine.module("emulation_cases", LANES=lanes).launch("neighbour", 9, values, found)
    np.testing.assert_array_equal(found, np.roll(values, -1, axis=1))


def test_operation_of_half_a_warp_leaves_the_other_half_waiting(machine):
    values = np.arange(16, dtype="i4") ** 2
    found = np.zeros((3, 32), "i4")
    machine.module("emulation_cases").launch("half_warp", 3, values, found)
    np.testing.assert_array_equal(found, np.tile(values[np.arange(16) ^ 1], (3, 2)))


def test_unwritten_shared_memory_is_nan(machine):
    found = np.zeros((2, 32))
    machine.module("emulation_cases").launch("unwritten", 2, found)
    np.testing.assert_array_equal(found[0], 1.0)
    assert np.isnan(found[1]).all()


def line_of(text):
    """The header's line on which `text` ends, counted from 1."""
    return HEADER[: HEADER.index(text) + len(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("kernel", "outputs", "message"),
    [
        ("divergent_barrier", 0, "threads meet at different __syncthreads"),
        (
            "left_early",
            0,
            f"line {line_of('(WHO == 9) return;') + 1}: __syncthreads after a thread of the block has left",
        ),
        ("warp_left_early", 0, "a warp operation waits for a lane that has left the kernel"),
        ("divergent_warp", 1, "lanes of one warp meet at different warp operations"),
        ("outside_mask", 1, "a lane calls a warp operation whose mask leaves it out"),
        ("reads_outside_mask", 1, "a shuffle reads a lane that its mask leaves out"),
        ("barrier_or_warp", 0, "a warp operation waits for a lane that is at __syncthreads"),
    ],
)
def test_wrong_meetings_are_stopped(machine, kernel, outputs, message):
    module = machine.module("emulation_cases")
    with pytest.raises(
        EmulationError, match=rf"kernel {kernel}, block \d+, thread \d+, line \d+: "
    ) as caught:
        module.launch(kernel, 3, *[np.zeros(64, "i4")] * outputs)
    assert message in str(caught.value)
    # The machine is whole again afterwards.
    found = np.zeros((2, 32))
    module.launch("neighbour", 2, np.ones((2, 32)), found)
    assert (found == 1).all()


def test_deadlock_is_stopped(machine):
    with pytest.raises(EmulationError, match=r"waits for a lane that is at __syncthreads|deadlock"):
        machine.module("emulation_cases", LANES=64).launch("waits_for_ever", 1, np.zeros(64, "i4"))


def test_schedule_draws_the_order(folder):
    orders = []
    for schedule in (0, 7, 7, 8):
        seen = np.zeros(300, "i4")
        module = backend("emulated", folders=[folder], schedule=schedule).module("emulation_cases")
        module.launch("order", 300, np.zeros(1, "i4"), seen)
        assert sorted(seen) == list(range(300))
        orders.append(seen.tolist())
    assert orders[0] == list(range(300))
    assert orders[1] == orders[2] != orders[0]
    assert orders[3] != orders[1]


def test_thread_stack_holds_160_kilobytes(machine):
    found = np.zeros(300)
    machine.module("emulation_cases").launch("deep", 300, found)
    np.testing.assert_array_equal(found, np.arange(300) + 19999.0)
