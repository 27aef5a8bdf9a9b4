"""Cells as sources, local expansions, and the walk that chooses, on hand-made and on real nodes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.decomposition.essential import boxes_over
from hpcphys.decomposition.local_tree import CLOSED, LocalTree, group_type, node_type
from hpcphys.decomposition.octree import Octree
from hpcphys.forces.tree import LEAF_SIZE
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import (
    MACHINES,
    REALS,
    Moments,
    counted_work,
    direct_field,
    host_records,
    one_group,
    plummer,
    real_type,
    tree_module,
    walk,
)

NO_SOURCES = np.zeros((1, 4))
FAR = {"first": 0, "shape": 1}  # a leaf that is never opened


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def blob(seed, size, distance, count=30):
    """An irregular cell of the given size about a point at a distance: positions, masses."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=3)
    position = distance * direction / np.linalg.norm(direction)
    return position + size * rng.uniform(-1, 1, (count, 3)) * [1.0, 0.7, 0.4], rng.uniform(0.1, 1, count)


def targets_about_origin(size, count=70):
    position = size * np.random.default_rng(2).uniform(-1, 1, (count, 3))
    position[:2] = [[-size] * 3, [size] * 3]
    return position


def expansion(moments, targets, epsilon):
    """Second-order fields of several cells at the targets: (n, 3), (n,), and of their monopoles alone."""
    fields = [[m.field(t, epsilon) for t in targets] for m in moments]
    point = [Moments(m.mass, m.centre, 0 * m.second, 0.0) for m in moments]
    monopoles = [[m.field(t, epsilon) for t in targets] for m in point]

    def total(table, part):
        return sum(np.array([entry[part] for entry in row]) for row in table)

    return total(fields, 0), total(fields, 1), total(monopoles, 0), total(monopoles, 1)


@pytest.mark.parametrize(
    ("kernel", "epsilon"), [("none", 0.0), ("plummer", 0.02), ("plummer", 0.9), ("spline", 0.02)]
)
@pytest.mark.parametrize("real", REALS)
def test_cell_is_the_exact_second_order_expansion(machine, real, kernel, epsilon):
    """With a softening as large as the distance the quadrupole's ε² term counts as much as the others."""
    moments = Moments.of(*blob(1, 0.5, 1.6))
    targets, mass = targets_about_origin(0.4), np.zeros(70)  # the targets themselves are not in the tree
    module = tree_module(machine, real, kernel)
    found = walk(
        machine, module, targets, mass, moments.record(real, **FAR), NO_SOURCES, real=real, epsilon=epsilon
    )
    softening = 0.0 if kernel == "spline" else epsilon  # a cell beyond the spline's support is Newtonian
    force, potential, mono_force, mono_potential = expansion([moments], targets, softening)
    # In single precision the quadrupole's share is as good as the processor's estimate of 1/√.
    loose, tight = (2e-3, 3e-6) if real == "float" else (1e-12, 1e-13)
    quadrupole = np.linalg.norm(force - mono_force, axis=1)
    assert (quadrupole > 0.02 * np.linalg.norm(mono_force, axis=1)).mean() > 0.5, (
        "the quadrupole matters here"
    )
    error = np.linalg.norm(found["acceleration"] - force, axis=1)
    assert (error <= tight * np.linalg.norm(mono_force, axis=1) + loose * quadrupole).all()
    slack = tight * np.abs(mono_potential) + loose * np.abs(potential - mono_potential)
    assert (np.abs(found["potential"] - potential) <= slack).all()
    assert found["counts"].tolist() == [[0, 1, 0]]
    np.testing.assert_allclose(found["work"], counted_work(0, 1, 0, 70), rtol=1e-6)


def test_cell_leaves_an_error_of_third_order(machine):
    """Against the particles of the cell itself, which also judges the reference of the test above."""
    module = tree_module(machine, "double", "plummer")
    sizes, errors = [0.4, 0.2, 0.1], []
    for size in sizes:
        position, mass = blob(3, size, 2.0)
        target = np.zeros((1, 3))
        found = walk(
            machine,
            module,
            target,
            np.zeros(1),
            Moments.of(position, mass).record("double", **FAR),
            NO_SOURCES,
            real="double",
            epsilon=0.5,
        )
        together = np.concatenate((target, position))
        exact = direct_field(together, np.concatenate(([0.0], mass)), 0.5, "plummer").acceleration[0]
        errors.append(np.linalg.norm(found["acceleration"][0] - exact))
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (orders > 2.7).all(), orders
    assert (orders < 3.5).all(), orders


@pytest.mark.parametrize("epsilon", [0.0, 0.5])
def test_local_expansion_is_of_fourth_order(machine, epsilon):
    """Against the same cells summed for each target; sizes of cells and group shrink together."""
    kernel = "plummer" if epsilon else "none"
    module = tree_module(machine, "double", kernel)
    accelerations, potentials = [], []
    for size in (0.1, 0.05, 0.025):
        nodes = Moments.of(*blob(4, size, 2.0)).record("double", **FAR)
        targets = targets_about_origin(size)
        fields = [
            walk(
                machine,
                module,
                targets,
                np.zeros(70),
                nodes,
                NO_SOURCES,
                real="double",
                epsilon=epsilon,
                smooth=s,
            )
            for s in (0.0, 1e9)
        ]
        assert fields[0]["counts"].tolist() == [[0, 1, 0]]
        assert fields[1]["counts"].tolist() == [[0, 0, 1]]
        accelerations.append(
            np.linalg.norm(fields[1]["acceleration"] - fields[0]["acceleration"], axis=1).max()
        )
        potentials.append(np.abs(fields[1]["potential"] - fields[0]["potential"]).max())
    for errors, order in ((accelerations, 4), (potentials, 5)):
        found = np.log2(np.divide(errors[:-1], errors[1:]))
        assert (found > order - 0.35).all(), found
        assert (found < order + 0.8).all(), found


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize(("kernel", "epsilon"), [("none", 0.0), ("plummer", 0.8)])
def test_many_cells_share_one_local_expansion(machine, real, kernel, epsilon):
    """Forty distant cells below two levels of parents, more than lanes; a tiny group sees no truncation."""
    moments = [Moments.of(*blob(10 + k, 0.4, 2.5)) for k in range(40)]
    nodes = np.zeros(49, node_type(real_type(real)))
    nodes["radius"], nodes["mass"] = 1e3, 1.0  # parents, always opened
    nodes["first"][0], nodes["shape"][0] = 1, 8 << 16
    nodes["first"][1:9], nodes["shape"][1:9] = 9 + 5 * np.arange(8), 5 << 16
    nodes[9:] = np.concatenate([m.record(real, **FAR) for m in moments])
    targets = targets_about_origin(2e-5, 33)
    module = tree_module(machine, real, kernel)
    found = walk(
        machine,
        module,
        targets,
        np.zeros(33),
        nodes,
        NO_SOURCES,
        real=real,
        angle=0.9,
        smooth=0.4,
        epsilon=epsilon,
    )
    force, potential, mono_force, _ = expansion(moments, targets, epsilon)
    assert found["counts"].tolist() == [[0, 0, 40]]
    size = sum(np.linalg.norm(m.field(np.zeros(3), epsilon)[0]) for m in moments)
    slack = 2e-6 * size if real == "float" else 2e-11 * size
    assert np.linalg.norm(found["acceleration"] - force, axis=1).max() < slack
    np.testing.assert_allclose(found["potential"], potential, rtol=2e-6 if real == "float" else 2e-11)
    assert np.linalg.norm(mono_force - force, axis=1).max() > 100 * slack, "the quadrupoles matter here"


def test_expansion_has_no_scale_of_its_own(machine):
    """In single precision, from 10⁻⁵ to 10⁵ units: nothing overflows, nothing underflows."""
    module = tree_module(machine, "float", "none")
    for scale in (1e-5, 1.0, 1e5):
        moments = Moments.of(*blob(5, 0.2 * scale, 3.0 * scale))
        targets = targets_about_origin(0.03 * scale, 40)
        force, potential, *_ = expansion([moments], targets, 0.0)
        for smooth in (0.0, 1e3):
            found = walk(
                machine,
                module,
                targets,
                np.zeros(40),
                moments.record("float", **FAR),
                NO_SOURCES,
                real="float",
                smooth=smooth,
            )
            np.testing.assert_allclose(found["acceleration"], force, atol=2e-5 * np.abs(force).max())
            np.testing.assert_allclose(found["potential"], potential, rtol=2e-5)


def test_closed_nodes(machine):
    """A closed node that is far is a source; one that a group wants to open is counted as well."""
    moments = Moments.of(*blob(6, 0.5, 2.0))
    targets = targets_about_origin(0.2, 20)
    module = tree_module(machine, "double", "plummer")
    nodes = moments.record("double", first=-1, shape=CLOSED)
    fields = [
        walk(machine, module, targets, np.zeros(20), nodes, NO_SOURCES, real="double", angle=a, epsilon=0.1)
        for a in (1e9, 1e-3)
    ]
    assert [int(f["failures"][0]) for f in fields] == [0, 1]
    np.testing.assert_array_equal(fields[0]["acceleration"], fields[1]["acceleration"])


@pytest.mark.parametrize("real", REALS)
def test_full_leaves_fill_a_batch(machine, real):
    """Sixty-four leaves, each as full as it may be: as many pairs at once as a walk ever holds."""
    rng = np.random.default_rng(9)
    count = 64 * LEAF_SIZE
    position, mass = (
        rng.uniform(-1, 1, (count, 3)).astype(np.float32).astype(np.float64),
        rng.uniform(0.5, 1, count),
    )
    nodes = np.zeros(73, node_type(real_type(real)))
    nodes["radius"], nodes["mass"] = 10.0, 1.0
    nodes["first"][:9], nodes["shape"][:9] = [1, *range(9, 73, 8)], 8 << 16
    nodes["first"][9:], nodes["shape"][9:] = 40 + LEAF_SIZE * np.arange(64), LEAF_SIZE
    sources = np.concatenate((np.zeros((40, 4)), np.column_stack((position, mass))))
    targets = targets_about_origin(0.5, 40)
    module = tree_module(machine, real, "plummer")
    options = {"real": real, "angle": 1e-3, "epsilon": 0.2}
    found = walk(machine, module, targets, np.zeros(40), nodes, sources, **options)
    together = np.concatenate((targets, position))
    expected = direct_field(together, np.concatenate((np.zeros(40), mass)), 0.2, "plummer")
    error = np.linalg.norm(found["acceleration"] - expected.acceleration[:40], axis=1)
    assert (error <= (2e-6 if real == "float" else 1e-12) * expected.pull[:40]).all()
    assert found["counts"].tolist() == [[count, 0, 0]]


def test_spline_cells_must_lie_outside_the_support(machine):
    """However loose the criterion, a cell that reaches into the kernel's support is opened."""
    position, mass = blob(7, 0.5, 2.0, 17)
    moments = Moments.of(position, mass)
    target = np.zeros((1, 3))
    module = tree_module(machine, "double", "spline")
    sources = np.column_stack((position - moments.centre, mass))
    edge = (np.linalg.norm(moments.centre) - moments.radius) / 2.8
    for epsilon, counts in ((0.99 * edge, [0, 1, 0]), (1.01 * edge, [17, 0, 0])):
        nodes = moments.record("double", first=0, shape=17)
        nodes["first"] = 1
        found = walk(
            machine,
            module,
            target,
            np.zeros(1),
            nodes,
            np.concatenate((NO_SOURCES, sources)),
            real="double",
            epsilon=epsilon,
        )
        assert found["counts"].tolist() == [counts]


# ---- walks on a real tree ------------------------------------------------------------------------


@pytest.fixture
def tree(machine, request):
    real, kernel = request.param
    rng = np.random.default_rng(8)
    state = State(
        {
            "position": machine.array(plummer(rng, 500)),
            "mass": machine.array(np.full(500, 1 / 500)),
            "id": machine.array(np.arange(500)),
        }
    )
    octree = Octree(machine, Communicator.serial(), 64)
    octree.exchange(state)
    module = tree_module(machine, real, kernel)
    tree = LocalTree(octree, module, real_type(real), 8)
    tree.build(state["position"], state["mass"], 1.0, 1.0, 0)
    tree.nodes_there = host_records(machine, tree.nodes[: tree.count], tree.node)
    tree.rows = machine.host(state["position"]), machine.host(state["mass"])
    return tree


def opened_by(nodes, group, relative, angle, clearance):
    """Which nodes one group opens, and how far each that it meets is from its criterion (0: at it)."""
    opened, margin, waiting = np.zeros(len(nodes), bool), np.full(len(nodes), np.inf), [0]
    while waiting:
        i = waiting.pop()
        node = nodes[i]
        apart = np.maximum(np.abs(node["centre"] - group["centre"]) - group["half"], 0)
        d, radius = np.sqrt(apart @ apart), float(node["radius"])
        tests = [(radius, angle * d), (radius + clearance, d)]
        if relative:
            # A third of Salmon & Warren's bound, m/d² (4x³ - 3x⁴)/(1 - x)², x = radius/d, without divisions.
            bound = float(node["mass"]) * radius**3 * (4 * d - 3 * radius)
            tests.append((bound, 3 * float(group["reach"]) * d**4 * (d - radius) ** 2))
        opened[i] = any(left >= right for left, right in tests)
        margin[i] = min(abs(left - right) / max(left, right, 1e-30) for left, right in tests)
        if opened[i] and node["shape"] >> 16 > 0:
            waiting += range(node["first"], node["first"] + (node["shape"] >> 16))
    return opened, margin


def mark_open(machine, tree, roots, groups, relative, angle, epsilon, flags):
    """Mark what the groups' boxes open; they lie row by row, the last repeated to fill 32 lanes."""
    boxes = np.empty((7, -(-len(groups) // 32) * 32))
    boxes[:, : len(groups)] = np.concatenate((groups["centre"].T, groups["half"].T, groups["reach"][None]))
    boxes[:, len(groups) :] = boxes[:, len(groups) - 1, None]
    roots, covers = machine.array(roots, dtype=np.int32), boxes_over(boxes)
    tree.module.launch(
        "mark_open",
        len(roots),
        roots,
        tree.nodes,
        machine.array(boxes),
        boxes.shape[1],
        machine.array(covers),
        boxes.shape[1] // 32,
        covers.shape[1],
        relative,
        angle,
        epsilon,
        flags,
    )


@pytest.mark.parametrize("tree", [("float", "plummer"), ("double", "spline")], indirect=True)
@pytest.mark.parametrize("number", [5, 70, 1100])
@pytest.mark.parametrize(("relative", "angle"), [(0, 0.3), (0, 0.7), (1, 0.8)])
def test_mark_open_follows_the_criterion(machine, tree, number, relative, angle):
    """Flags are those of a walk in NumPy for each box; a forest of roots is marked like one tree."""
    nodes, epsilon = tree.nodes_there, 0.05
    groups = np.zeros(number, group_type(tree.real))
    rng = np.random.default_rng(3)
    groups["centre"], groups["half"] = rng.normal(size=(number, 3)) + 3.0, rng.uniform(0, 0.3, (number, 3))
    groups["reach"] = 10 ** rng.uniform(-6, -4, number)
    clearance = 2.8 * epsilon if "SOFTENING=2" in str(tree.module.source.define_flags) else 0.0
    walks = [opened_by(nodes, group, relative, angle, clearance) for group in groups]
    wanted, margin = np.any([w[0] for w in walks], axis=0), np.min([w[1] for w in walks], axis=0)
    roots = np.arange(nodes["first"][0], nodes["first"][0] + (nodes["shape"][0] >> 16))
    for start in (np.zeros(1, int), roots):
        flags = machine.zeros(tree.count, np.uint8)
        mark_open(machine, tree, start, groups, relative, angle, epsilon, flags)
        found = machine.host(flags) != 0
        sure = margin > 1e-4
        sure[0] = start[0] == 0
        assert sure.sum() > 0.9 * tree.count
        np.testing.assert_array_equal(found[sure], wanted[sure])
    assert 0.05 < wanted.mean() < 0.95, "the criterion decides here"


def test_a_box_over_others_holds_them_and_is_stricter():
    rng = np.random.default_rng(5)
    boxes = np.concatenate((rng.normal(size=(3, 96)), rng.uniform(0, 1, (3, 96)), rng.uniform(1, 2, (1, 96))))
    over = boxes_over(boxes)
    assert over.shape == (7, 32)
    for k in range(3):
        inside = boxes[:, 32 * k : 32 * (k + 1)]
        assert np.all(np.abs(inside[:3] - over[:3, k, None]) + inside[3:6] < over[3:6, k, None] * (1 + 1e-12))
        assert over[6, k] < inside[6].min()
    np.testing.assert_array_equal(over[:, 3:], np.repeat(over[:, 2:3], 29, axis=1))


@pytest.mark.parametrize("tree", [("float", "plummer"), ("double", "spline")], indirect=True)
@pytest.mark.parametrize("relative", [0, 1])
def test_a_walk_meets_what_mark_open_marks(machine, tree, relative):
    """A group's cells and pairs are those of the nodes that its box opens: essential trees are complete."""
    position, mass = tree.rows
    nodes = tree.nodes_there
    groups = np.concatenate(
        [
            one_group(position[a:b], "float", 0.02).astype(group_type(tree.real))
            for a, b in ((0, 64), (64, 100), (100, 357), (357, 500))
            for b in (min(b, a + 256),)
        ]
    )
    groups["first"], groups["count"] = [0, 64, 100, 357], [64, 36, 256, 143]
    found = walk(
        machine,
        tree.module,
        position,
        mass,
        nodes,
        machine.host(tree.sources),
        real="float" if tree.real is np.float32 else "double",
        groups=groups,
        relative=relative,
        angle=0.7,
        smooth=0.4,
        epsilon=0.05,
    )
    assert found["failures"][0] == 0
    for group, (pairs, cells, distant) in zip(groups, found["counts"], strict=True):
        flags = machine.zeros(tree.count, np.uint8)
        mark_open(machine, tree, [0], group[None], relative, 0.7, 0.05, flags)
        flags = machine.host(flags) != 0
        inner = nodes["shape"] >> 16
        assert pairs == nodes["shape"][flags & (inner == 0)].sum()
        assert cells + distant == 1 + inner[flags & (inner > 0)].sum() - flags.sum()
        expected = counted_work(int(pairs), int(cells), int(distant), int(group["count"]))
        work = found["work"][group["first"] : group["first"] + group["count"]]
        np.testing.assert_allclose(work, expected, rtol=1e-6)
