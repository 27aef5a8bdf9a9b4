"""Flows and moving of rows: every kernel of particles.h against NumPy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import MACHINES


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


@pytest.mark.parametrize(("kernel", "kind"), [("axpy64", np.float64), ("axpy32", np.float32)])
@pytest.mark.parametrize("count", [0, 1, 2500])
def test_axpy(machine, kernel, kind, count):
    rng = np.random.default_rng(1)
    y, x = rng.normal(size=count), rng.normal(size=count).astype(kind)
    found = machine.array(y.copy())
    machine.module("particles").launch(kernel, count, found, machine.array(x), 0.37)
    # A fused multiply-add rounds once, NumPy twice.
    np.testing.assert_allclose(machine.host(found), y + 0.37 * x.astype(np.float64), rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("kernel", "kind"),
    [("gather_rows8", np.float64), ("gather_rows4", np.float32), ("gather_rows1", np.uint8)],
)
@pytest.mark.parametrize("width", [1, 3, 7])
def test_gather_rows(machine, kernel, kind, width):
    rng = np.random.default_rng(2)
    rows = rng.integers(0, 255, (900, width)).astype(kind)
    order = rng.integers(0, 900, 700).astype(np.uint32)  # some rows twice, some not at all
    found = machine.zeros((700, width), kind)
    machine.module("particles").launch(kernel, 700, machine.array(order), machine.array(rows), found, width)
    np.testing.assert_array_equal(machine.host(found), rows[order])
