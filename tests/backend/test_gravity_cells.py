"""The octree's nodes: how keys are split, moments of leaves and parents, boxes of groups."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.essential import EssentialTree
from hpcphys.decomposition.local_tree import LocalTree, group_type
from hpcphys.decomposition.octree import Octree
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import (
    DISTRIBUTIONS,
    KERNELS,
    MACHINES,
    REALS,
    SMALLEST,
    Moments,
    cluster_beside_void,
    coincident_pairs,
    device_bytes,
    fractal,
    host_records,
    one_point,
    plummer,
    real_type,
)

SCALE, MASS_SCALE = 0.25, 8.0
SPARSE = 64  # as in gravity_cells.h


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def built(machine, real, distribution, count, leaf_size, group_size):
    """A tree over a distribution of unequal masses: (tree, node records, boxes, rows in order, keys)."""
    rng = np.random.default_rng(7)
    rows = {
        "position": np.ascontiguousarray(distribution(rng, count)),
        "mass": 10 ** rng.uniform(-3, 0, count),
        "id": np.arange(count),
    }
    state = State({name: machine.array(array) for name, array in rows.items()})
    octree = Octree(machine, Communicator.serial(), group_size)
    octree.exchange(state)
    high = machine.host(octree.hi)
    low = np.zeros_like(high) if octree.lo is None else machine.host(octree.lo)
    keys = [int(h) << 63 | int(w) for h, w in zip(high, low, strict=True)]
    tree = LocalTree(
        octree, machine.module("gravity_direct", REAL=real, SOFTENING=1), real_type(real), leaf_size
    )
    tree.build(state["position"], state["mass"], SCALE, MASS_SCALE, 0)
    nodes = host_records(machine, tree.nodes[: tree.count], tree.node)
    boxes = machine.host(tree.boxes[: tree.count])
    return tree, nodes, boxes, {name: machine.host(state[name]) for name in state.names()}, keys


def split(keys, first, count, leaf_size, group_size, leaves, groups, thin=False):
    """The octree below one range of sorted keys, as split_cells documents it."""
    if count <= leaf_size:
        leaves.append((first, count))
        groups += [(first, count)] if thin else []
        return
    difference = keys[first] ^ keys[first + count - 1]
    if difference == 0:
        bounds = [first + count * d // 8 for d in range(9)]
    else:
        shift = (difference.bit_length() - 1) // 3 * 3
        digits = [(keys[row] >> shift) & 7 for row in range(first, first + count)]
        bounds = [first + sum(digit < d for digit in digits) for d in range(9)]
    children = [(a, b - a) for a, b in pairwise(bounds) if b > a]
    full = count > SPARSE * group_size
    if thin:
        groups += children
    elif count > group_size and not full:
        runs: list[list[int]] = []
        open_ = False
        for start, size in children:
            if size > group_size:
                open_ = False
            elif open_ and runs[-1][1] + size <= group_size:
                runs[-1][1] += size
            else:
                runs.append([start, size])
                open_ = True
        groups += [tuple(run) for run in runs]
    for start, size in children:
        split(keys, start, size, leaf_size, group_size, leaves, groups, full and size <= group_size)


def ranges_of(nodes):
    """(first, count) of the particles of every node."""
    found = np.zeros((len(nodes), 2), int)
    for i in range(len(nodes) - 1, -1, -1):
        children = nodes["shape"][i] >> 16
        if children:
            first = nodes["first"][i]
            assert first > i, "children stand behind their parents"
            found[i] = found[first, 0], found[first : first + children, 1].sum()
            assert (
                found[first : first + children].sum(axis=1)[:-1] == found[first + 1 : first + children, 0]
            ).all()
        else:
            found[i] = nodes["first"][i], nodes["shape"][i]
    return found


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize(("leaf_size", "group_size"), [(8, 40), (1, 16), (32, 32), (1, 2), (4, 5)])
def test_split_cells(machine, distribution, leaf_size, group_size):
    tree, nodes, _, _, keys = built(machine, "float", distribution, 400, leaf_size, group_size)
    ranges = ranges_of(nodes)
    leaves, groups = [], []
    split(keys, 0, 400, leaf_size, group_size, leaves, groups)
    found = ranges[nodes["shape"] >> 16 == 0]
    assert sorted(map(tuple, found.tolist())) == sorted(leaves)
    assert sorted(map(tuple, tree.groups.tolist())) == sorted(groups)
    assert ((nodes["shape"] >> 16) != 1).all(), "a node with a single child is of no use"
    assert tuple(ranges[0]) == (0, 400)


@pytest.mark.parametrize("count", [1, 2, 33, 192, 193, 400])
@pytest.mark.parametrize("distribution", [plummer, one_point])
def test_groups_cover_every_particle_once(machine, distribution, count):
    tree, *_ = built(machine, "float", distribution, count, 20, 192)
    essential = EssentialTree(tree, Communicator.serial())
    essential.join_top()
    groups = essential.groups
    assert groups[0, 0] == 0
    np.testing.assert_array_equal(groups[1:, 0], groups.sum(axis=1)[:-1])
    assert groups[-1].sum() == count
    assert (groups[:, 1] > 0).all()
    assert (groups[:, 1] <= 192).all()


def test_too_little_room_is_noticed(machine):
    """More nodes than the first guess: the tree is built again in a larger space, and is the same tree."""
    tree, nodes, *_ = built(machine, "float", fractal, 400, 8, 40)
    small = LocalTree(tree.octree, tree.module, tree.real, 8)
    small._find_roots(400)
    small._reserve(11)
    assert not small._split(400)
    small._reserve(len(nodes))
    assert small._split(400)
    assert small.count == len(nodes)


@pytest.mark.parametrize("distribution", [plummer, fractal, cluster_beside_void, coincident_pairs, one_point])
@pytest.mark.parametrize("real", REALS)
def test_moments(machine, real, distribution):
    """Leaves and parents against sums over their particles; the radius is a bound, and not a loose one."""
    tree, nodes, boxes, rows, _ = built(machine, real, distribution, 300, 8, 40)
    position, mass = rows["position"] * SCALE, rows["mass"] * MASS_SCALE
    sources = machine.host(tree.sources)
    small = 40 * SMALLEST[real]
    largest = np.abs(position).max()
    for node, box, (first, count) in zip(nodes, boxes, ranges_of(nodes), strict=True):
        own = slice(first, first + count)
        expected = Moments.of(position[own], mass[own])
        size = max(expected.radius, 1e-300)
        where = 3e-15 * largest  # what double positions allow
        assert abs(node["mass"] / expected.mass - 1) < small
        assert np.abs(node["centre"] - expected.centre).max() <= small * size + where
        inertia = mass[own] @ ((position[own] - expected.centre) ** 2).sum(axis=1)
        slack = small * mass[own].sum() * size**2 + where * size * expected.mass + where**2 * expected.mass
        assert np.abs(node["quadrupole"] - expected.quadrupole).max() <= slack
        assert abs(float(node["weight"]) * float(node["radius"]) ** 2 - inertia) <= slack + 4e-6 * inertia
        assert node["radius"] >= expected.radius - where
        leaf = node["shape"] >> 16 == 0
        bound = 1 if leaf else np.sqrt(3)
        assert node["radius"] <= (1 + 1e-5) * bound * expected.radius + where
        spread = position[own] - expected.centre
        assert np.abs(box[:3] - spread.min(axis=0)).max() <= small * size + where
        assert np.abs(box[3:] - spread.max(axis=0)).max() <= small * size + where
        if leaf:
            assert np.abs(sources[own, :3] - spread).max() <= small * size + where
            np.testing.assert_allclose(sources[own, 3], mass[own], rtol=small)


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("accelerated", [True, False])
def test_group_boxes(machine, real, accelerated):
    rng = np.random.default_rng(9)
    position = rng.normal(size=(200, 3)) + 50.0
    acceleration = rng.normal(size=(200, 3)).astype(real_type(real))
    ranges = np.array([[0, 1], [1, 140], [141, 59]], np.int32)
    record = group_type(real_type(real))
    groups = machine.zeros((3, record.itemsize), np.uint8)
    machine.module("gravity_direct", REAL=real, SOFTENING=1).launch(
        "group_boxes",
        3,
        machine.array(ranges),
        machine.array(position),
        machine.array(acceleration) if accelerated else None,
        SCALE,
        4.0,
        0.02,
        groups,
    )
    for group, (first, count) in zip(host_records(machine, groups, record), ranges, strict=True):
        rows = SCALE * position[first : first + count]
        low, high = rows.min(axis=0), rows.max(axis=0)
        np.testing.assert_allclose(group["centre"], 0.5 * (low + high), rtol=1e-15)
        assert (group["centre"] + group["half"] >= high - 1e-14).all()
        assert (group["half"] <= 0.5 * (high - low) * (1 + 3e-6)).all()
        size = np.linalg.norm(acceleration[first : first + count].astype(float), axis=1).min()
        reach = 0.02 * 4.0 * size if accelerated else 0.0
        np.testing.assert_allclose(group["reach"], reach, rtol=1e-5)
        assert (group["first"], group["count"]) == (first, count)


@pytest.mark.parametrize("real", REALS)
def test_group_forces_and_balance_forces(machine, real):
    """Σ m a and Σ m |a| of each group in double precision; a ← a - c |a|."""
    rng = np.random.default_rng(10)
    mass, acceleration = rng.random(90), rng.normal(size=(90, 3)).astype(real_type(real))
    groups = np.zeros(3, group_type(real_type(real)))
    groups["first"], groups["count"] = [0, 1, 50], [1, 49, 40]
    module = machine.module("gravity_direct", REAL=real, SOFTENING=KERNELS["plummer"])
    force = machine.zeros((3, 4))
    rows = machine.array(acceleration.copy())
    module.launch("group_forces", 3, device_bytes(machine, groups), machine.array(mass), rows, force)
    exact = acceleration.astype(float)
    size = np.linalg.norm(exact, axis=1, keepdims=True)
    weighted = mass[:, None] * np.concatenate((exact, size), axis=1)
    expected = [weighted[:1].sum(axis=0), weighted[1:50].sum(axis=0), weighted[50:].sum(axis=0)]
    np.testing.assert_allclose(machine.host(force), expected, rtol=1e-13, atol=1e-14)
    module.launch("balance_forces", 90, rows, 0.25, -1.5, 3.0)
    balanced = exact - size * [0.25, -1.5, 3.0]
    np.testing.assert_allclose(machine.host(rows), balanced, rtol=4 * SMALLEST[real], atol=8 * SMALLEST[real])
