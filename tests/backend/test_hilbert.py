"""Hilbert keys, bounds of positions and the sort by keys: every kernel of hilbert.h against references."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parent))
from reference import MACHINES, hilbert_index

LEVELS = 21


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def keys(machine, position, kernel="hilbert_keys", corner=(0.0, 0.0, 0.0), side=1.0):
    found = machine.zeros(len(position), np.uint64)
    machine.module("hilbert").launch(kernel, len(position), machine.array(position), *corner, 1 / side, found)
    return machine.host(found)


def both_words(machine, position, **cube):
    high, low = keys(machine, position, **cube), keys(machine, position, "hilbert_keys_low", **cube)
    return [int(h) << 63 | int(w) for h, w in zip(high, low, strict=True)]


def centres(cells, bits):
    """Positions in the unit cube of the centres of integer cells (n, 3)."""
    return (np.asarray(cells) + 0.5) / 2.0**bits


def test_keys_are_those_of_the_published_transformation(machine):
    cells = np.random.default_rng(1).integers(0, 2**42, (200, 3))
    position = cells / 2.0**42  # exact: 42 bits fit into a double
    expected = [hilbert_index(tuple(int(c) for c in cell), 42) for cell in cells]
    assert both_words(machine, position) == expected


def test_keys_on_a_grid_are_a_curve_through_all_cells(machine):
    """Bijective, and cells that follow each other along the curve share a face."""
    bits = 4
    cells = np.stack(np.meshgrid(*[np.arange(2**bits)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    coarse = keys(machine, centres(cells, bits)) >> np.uint64(3 * (LEVELS - bits))
    assert sorted(coarse) == list(range(8**bits))
    along = cells[np.argsort(coarse)]
    assert (np.abs(np.diff(along, axis=0)).sum(axis=1) == 1).all()


@pytest.mark.parametrize("level", [1, 7, 20, 21, 22, 30, 41])
def test_a_coarse_cell_is_one_run_of_keys(machine, level):
    """The first 3·level bits depend on the cell of that level alone: the octree is in the keys' prefixes."""
    rng = np.random.default_rng(level)
    cells = rng.integers(0, 2**level, (40, 3))
    inside = rng.integers(0, 2 ** (42 - level), (40, 5, 3))
    fine = (cells[:, None, :] << (42 - level)) + inside
    found = np.array(both_words(machine, fine.reshape(-1, 3) / 2.0**42), dtype=object).reshape(40, 5)
    prefixes = found >> (3 * (42 - level))
    assert (prefixes == prefixes[:, :1]).all()
    expected = [hilbert_index(tuple(int(c) for c in cell), level) for cell in cells]
    if level % 2 == 0:  # the curve of an odd number of levels is the mirror of that of the next even one
        assert list(prefixes[:, 0]) == expected
    assert len(set(prefixes[:, 0])) == len({tuple(c) for c in cells.tolist()})


def test_cube_and_its_borders(machine):
    """Positions on the cube's faces, or outside, belong to the nearest cell."""
    corner, side = (-3.0, 5.0, 1e3), 4.0
    inside = np.array([[0, 0, 0], [1, 1, 1], [0.5, 1, 0]]) * side + corner
    beyond = inside + 2 * side * (np.array([[0, 0, 0], [1, 1, 1], [0.5, 1, 0]]) - 0.5) * [
        [1, 1, 1],
        [1, 1, 1],
        [0, 1, 1],
    ]
    last = 2**42 - 1
    cells = [(0, 0, 0), (last, last, last), (2**41, last, 0)]
    expected = [hilbert_index(cell, 42) for cell in cells]
    for position in (inside, beyond):
        assert both_words(machine, position, corner=corner, side=side) == expected


@pytest.mark.parametrize(("count", "rows"), [(1, 7), (6, 7), (7, 7), (1000, 64)])
def test_position_bounds(machine, count, rows):
    position = np.random.default_rng(3).normal(size=(count, 3))
    blocks = -(-count // rows)
    found = machine.zeros((blocks, 7))
    machine.module("hilbert").launch("position_bounds", blocks, count, rows, machine.array(position), found)
    found = machine.host(found)
    for block in range(blocks):
        part = position[block * rows : (block + 1) * rows]
        np.testing.assert_array_equal(found[block, :3], part.min(axis=0))
        np.testing.assert_array_equal(found[block, 3:6], part.max(axis=0))
    assert (found[:, 6] == 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_position_bounds_see_what_is_not_finite(machine, bad, axis):
    position = np.random.default_rng(4).normal(size=(100, 3))
    position[57, axis] = bad
    found = machine.zeros((4, 7))
    machine.module("hilbert").launch("position_bounds", 4, 100, 25, machine.array(position), found)
    assert (machine.host(found)[:, 6] == 0).tolist() == [True, True, False, True]


def adversarial(name, count):
    rng = np.random.default_rng(5)
    full = rng.integers(0, 2**63, count, dtype=np.uint64)
    return {
        "random": full,
        "all equal": np.full(count, 12345, np.uint64),
        "reversed": np.sort(full)[::-1].copy(),
        "sorted": np.sort(full),
        "top bits equal": (np.uint64(7 << 50) + rng.integers(0, 2**19, count).astype(np.uint64)),
        "few values": rng.integers(0, 3, count).astype(np.uint64) << np.uint64(61),
        "clusters": (full & np.uint64(7 << 60)) + rng.integers(0, 50, count).astype(np.uint64),
        "extremes": np.where(rng.random(count) < 0.5, np.uint64(2**63 - 1), np.uint64(0)),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["random", "all equal", "reversed", "sorted", "top bits equal", "few values", "clusters", "extremes"],
)
@pytest.mark.parametrize(("count", "threads"), [(0, 1), (1, 1), (2, 1), (5000, 1), (120001, 1), (120001, 3)])
def test_sort_keys(name, count, threads):
    """Sorted, stable, and with the permutation that did it; above 100,000 keys by several threads."""
    given = adversarial(name, count)
    key, order = given.copy(), np.full(count, 99, np.uint32)
    module = backend("cpu", threads=threads).module("hilbert")
    module.host("sort_keys", count, key, order, np.empty(count, np.uint64), np.empty(count, np.uint32))
    expected = np.argsort(given, kind="stable")
    np.testing.assert_array_equal(order, expected)
    np.testing.assert_array_equal(key, given[expected])
