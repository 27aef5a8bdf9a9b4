"""Direct sums and the pair physics: softened forces, potentials, mass at zero distance, against NumPy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.local_tree import group_type, node_type
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import (
    KERNELS,
    MACHINES,
    REALS,
    counted_work,
    device_bytes,
    direct_field,
    real_type,
    tree_module,
    walk,
)

SOFTENING = 0.3
# The spline's outer polynomial cancels by a factor of fifty.
TOLERANCE = {("float", "none"): 1e-6, ("float", "plummer"): 1e-6, ("float", "spline"): 2e-5}


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def tolerance(real, kernel):
    return TOLERANCE.get((real, kernel), 2e-13)


def on_a_grid(rng, count):
    """Positions on a grid of spacing 2⁻¹², so that single-precision differences are exact; some coincide."""
    position = np.round(rng.uniform(-1, 1, (count, 3)) * 4096) / 4096
    position[count // 2 :: 7] = position[: len(position[count // 2 :: 7])]
    return position


def sums_of(machine, module, real, position, mass, starts, kernel, with_potential=1, before=None):
    """group_sources, direct_sums over groups that begin at rows `starts`, in units without scales: (n, 5)."""
    groups = np.zeros(len(starts), group_type(real_type(real)))
    groups["first"], groups["count"] = starts, np.diff([*starts, len(position)])
    for group in groups:
        rows = position[group["first"] : group["first"] + group["count"]]
        group["centre"] = np.round(rows.mean(axis=0) * 64) / 64
    own = machine.zeros((len(position), 4), real_type(real))
    records = device_bytes(machine, groups)
    module.launch(
        "group_sources", len(groups), records, machine.array(position), machine.array(mass), 1.0, 1.0, own
    )
    sums = machine.array(np.zeros((len(position), 5)) if before is None else before.copy())
    softening = 0.0 if kernel == "none" else SOFTENING
    module.launch(
        "direct_sums",
        len(groups),
        records,
        own,
        len(groups),
        records,
        own,
        softening,
        1,
        with_potential,
        sums,
    )
    return machine.host(own), machine.host(sums)


@pytest.fixture(scope="module")
def cloud():
    rng = np.random.default_rng(1)
    return on_a_grid(rng, 300), rng.uniform(0.1, 1, 300).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("real", REALS)
def test_direct_sums(machine, real, kernel, cloud):
    position, mass = cloud
    module = machine.module("gravity_direct", REAL=real, SOFTENING=KERNELS[kernel])
    own, sums = sums_of(machine, module, real, position, mass, [0, 256, 257], kernel)
    np.testing.assert_array_equal(own[:, 3], mass)
    expected = direct_field(position, mass, SOFTENING, kernel)
    error = np.linalg.norm(sums[:, :3] - expected.acceleration, axis=1)
    assert (error <= tolerance(real, kernel) * expected.pull).all()
    # Coincident mass of the group, the particle itself included, is kept apart from the potential.
    part = np.searchsorted([256, 257], np.arange(300), side="right")
    same = (position[:, None] == position[None]).all(axis=2) & (part[:, None] == part)
    np.testing.assert_allclose(sums[:, 4], same @ mass, rtol=1e-6)
    centre = {"none": 0.0, "plummer": -1 / SOFTENING, "spline": -1 / SOFTENING}[kernel]
    potential = sums[:, 3] + centre * (same @ mass - mass)
    np.testing.assert_allclose(potential, expected.potential, rtol=tolerance(real, kernel))

    # What comes out, with units.
    acceleration = machine.zeros((300, 3), real_type(real))
    phi = machine.zeros(300, real_type(real))
    softening = 0.0 if kernel == "none" else SOFTENING
    module.launch(
        "direct_results",
        300,
        machine.array(sums),
        machine.array(mass),
        1.0,
        softening,
        3.0,
        5.0,
        acceleration,
        phi,
    )
    np.testing.assert_allclose(machine.host(acceleration), 3 * sums[:, :3], rtol=1e-6)
    np.testing.assert_allclose(
        machine.host(phi), 5 * expected.potential, rtol=2 * tolerance(real, kernel) + 1e-13
    )


@pytest.mark.parametrize("kernel", KERNELS)
def test_sources_of_other_ranks(machine, kernel, cloud):
    """Sources that are not the targets' own: coincident ones have the kernel's central potential at once."""
    position, mass = cloud[0][:100], cloud[1][:100]
    module = machine.module("gravity_direct", REAL="double", SOFTENING=KERNELS[kernel])
    own, sums = np.column_stack((position, mass)), machine.zeros((100, 5))
    groups = np.zeros(1, group_type(np.float64))
    groups["count"] = 100
    records, sources = device_bytes(machine, groups), machine.array(own)
    softening = 0.0 if kernel == "none" else SOFTENING
    module.launch("direct_sums", 1, records, sources, 1, records, sources, softening, 0, 1, sums)
    expected = direct_field(position, mass, SOFTENING, kernel)
    found = machine.host(sums)
    central = 0.0 if kernel == "none" else -mass / SOFTENING
    np.testing.assert_allclose(found[:, 3], expected.potential + central, rtol=1e-12)
    assert (np.linalg.norm(found[:, :3] - expected.acceleration, axis=1) <= 1e-12 * expected.pull).all()
    assert (found[:, 4] == 0).all()


@pytest.mark.parametrize("kernel", KERNELS)
def test_direct_sums_go_on_from_what_is_there(machine, kernel, cloud):
    """Sources of one rank after another are added; without the potential its sums are left alone."""
    position, mass = cloud[0][:70], cloud[1][:70]
    module = machine.module("gravity_direct", REAL="double", SOFTENING=KERNELS[kernel])
    before = np.random.default_rng(2).normal(size=(70, 5))
    _, sums = sums_of(machine, module, "double", position, mass, [0, 33], kernel, 1, before)
    _, alone = sums_of(machine, module, "double", position, mass, [0, 33], kernel, 1)
    np.testing.assert_allclose(sums, before + alone, rtol=1e-12, atol=1e-12)
    _, forces = sums_of(machine, module, "double", position, mass, [0, 33], kernel, 0, before)
    np.testing.assert_array_equal(forces[:, 3:], before[:, 3:])
    np.testing.assert_allclose(forces[:, :3], sums[:, :3], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("real", REALS)
def test_leaves_of_a_walk_are_the_same_pairs(machine, real, kernel, cloud):
    """tree_forces on a root that opens to the targets' own leaf and to a leaf of imported particles."""
    position, mass = cloud
    own, foreign = position[:20], position[140:159] + np.array([1.0, 0.0, 0.0])
    centre = np.array([[0.25, 0.5, -0.125], [1.25, -0.5, 0.0]])
    module = tree_module(machine, real, kernel)
    nodes = np.zeros(3, node_type(real_type(real)))
    nodes["radius"], nodes["mass"] = 10.0, 1.0
    nodes["first"], nodes["shape"] = [1, 0, 20], [2 << 16, 20, 19]
    nodes["centre"][1:] = centre
    sources = np.concatenate((own - centre[0], foreign - centre[1]))
    weights = np.concatenate((mass[:20], mass[140:159]))
    softening = 0.0 if kernel == "none" else SOFTENING
    found = walk(
        machine,
        module,
        own,
        mass[:20],
        nodes,
        np.column_stack((sources, weights)),
        real=real,
        angle=1e-3,
        epsilon=softening,
    )
    expected = direct_field(np.concatenate((own, foreign)), weights, SOFTENING, kernel)
    error = np.linalg.norm(found["acceleration"] - expected.acceleration[:20], axis=1)
    assert (error <= 2 * tolerance(real, kernel) * expected.pull[:20]).all()
    np.testing.assert_allclose(found["potential"], expected.potential[:20], rtol=2 * tolerance(real, kernel))
    assert found["counts"].tolist() == [[39, 0, 0]]
    assert found["failures"][0] == 0
    np.testing.assert_allclose(found["work"], counted_work(39, 0, 0, 20), rtol=1e-6)


@pytest.mark.parametrize("real", REALS)
def test_spline_is_newton_beyond_its_support_and_smooth_inside(machine, real):
    """A pair at each distance: u = r/h in each branch, at both borders and at zero."""
    module = machine.module("gravity_direct", REAL=real, SOFTENING=KERNELS["spline"])
    h = 2.8 * SOFTENING
    for u in (0.0, 1e-4, 0.2, 0.4999, 0.5, 0.5001, 0.75, 0.9999, 1.0, 1.0001, 1.5, 40.0):
        position = np.array([[0.0, 0.0, 0.0], [u * h, 0.0, 0.0]])
        position = position.astype(np.float32).astype(np.float64)
        mass = np.array([1.0, 2.0])
        groups = np.zeros(1, group_type(real_type(real)))
        groups["count"] = 2
        own = np.column_stack((position, mass)).astype(real_type(real))
        sums = machine.zeros((2, 5))
        records = device_bytes(machine, groups)
        module.launch(
            "direct_sums",
            1,
            records,
            machine.array(own),
            1,
            records,
            machine.array(own),
            SOFTENING,
            1,
            1,
            sums,
        )
        expected = direct_field(position, mass, SOFTENING, "spline")
        found = machine.host(sums)
        scale = max(abs(expected.acceleration[0, 0]), 1e-3 * mass[1] / h**2)
        assert abs(found[0, 0] - expected.acceleration[0, 0]) <= tolerance(real, "spline") * scale, u
        if u > 0:
            assert abs(found[0, 3] / expected.potential[0] - 1) <= tolerance(real, "spline"), u
        else:
            assert found[0].tolist() == [0.0, 0.0, 0.0, 0.0, 3.0]
