"""Kernels of fields.h and grid_blocks.h: CUDA's branch, emulated or on a GPU, against the CPU's."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.grids import GridBlocks
from hpcphys.kernels import backend
from hpcphys.physics.plasma.fields import Maxwell, Poisson

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import MACHINES


@pytest.fixture(params=MACHINES[1:])
def machine(request):
    return backend(request.param)


def moved(machine, axes, precision, solver):
    """A few steps with walls, layers and filters from random fields: all that the fields then hold."""
    shape, periodic = ((12,), (7, 9), (5, 6, 7))[axes - 1], (False, True, False)[:axes]
    blocks = GridBlocks(shape, Communicator.serial(), 3, periodic=periodic, backend=machine)
    made = Maxwell(
        blocks, (0.3, 0.4, 0.5)[:axes], precision=precision, solver=solver, layers=3, filter_passes=1,
        boundaries={0: ("absorbing", "conducting")},
    )  # fmt: skip
    rng = np.random.default_rng(axes)
    for field in (made.E, made.B, made.J, made.rho):
        field[...] = machine.array(rng.normal(size=field.shape), made.geometry.dtype)
    made.fill_E()
    made.fill_B()
    made.finish_currents(charge=True)
    residual = made.gauss_residual(made.rho), made.magnetic_divergence()
    dt = 0.9 * made.stable_step()
    for _ in range(3):
        made.faraday(dt)
        made.ampere(dt)
    energy = made.energy()
    found = [*residual, *energy["electric"], *energy["magnetic"]]
    phi = made.geometry.zeros(0)
    E = made.geometry.zeros()
    Poisson(blocks, (0.3, 0.4, 0.5)[:axes], precision=precision).solve(made.rho, E, phi)
    arrays = [made.E, made.B, made.J, made.rho, E, phi, *made.saved().values()]
    return [machine.host(array).copy() for array in arrays], np.array(found)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("solver", ["yee", "cole_karkkainen_cowan"])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_fields_are_those_of_the_cpu(machine, axes, solver, precision):
    expected, told = moved(backend("cpu", threads=1), axes, precision, solver)
    found, told_there = moved(machine, axes, precision, solver)
    eps = 1e-13 if precision == "double" else 2e-5
    np.testing.assert_allclose(told_there, told, rtol=eps)
    assert len(found) == len(expected) == 8
    for here, there in zip(found, expected, strict=True):
        scale = abs(there).max()
        assert scale > 0
        assert abs(here - there).max() < eps * scale


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_guards_are_those_of_numpy(machine, axes):
    shape = (6, 5, 7)[:axes]
    blocks = GridBlocks(shape, Communicator.serial(), 2, backend=machine)
    values = np.arange(3 * np.prod(shape), dtype=float).reshape(3, *shape)
    pad = [(0, 0)] + [(2, 2)] * axes
    array = machine.array(np.pad(values, pad))
    blocks.fill(array)
    np.testing.assert_array_equal(machine.host(array), np.pad(values, pad, mode="wrap"))
    blocks.sum(array)
    expected = values.copy()
    whole = np.pad(values, pad, mode="wrap")
    index = np.meshgrid(*[np.arange(-2, n + 2) % n for n in shape], indexing="ij")
    expected[...] = 0
    for c in range(3):
        np.add.at(expected[c], tuple(index), whole[c])
    np.testing.assert_array_equal(machine.host(array)[(slice(None), *blocks.owned)], expected)
