"""Boxes, the geometry of the eighth shell, process grids and planes: what needs no second rank."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.cells.box import Box
from hpcphys.decomposition.cells.exchange import Places
from hpcphys.decomposition.cells.halo import Halo
from hpcphys.decomposition.cells.layout import Cells
from hpcphys.decomposition.cells.process_grid import chosen_grid
from hpcphys.decomposition.cells.shell import distance, gram, volume
from hpcphys.decomposition.communicator import Communicator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from short_range import OBTUSE, STRAIGHT, TILTED

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cells.md"
SHAPES = {"straight": np.diag(STRAIGHT), "tilted": np.array(TILTED), "obtuse": np.array(OBTUSE)}


@pytest.fixture(params=SHAPES)
def box(request):
    return Box(SHAPES[request.param], origin=(0.3, -20.0, 5.0))


# -- boxes ---------------------------------------------------------------------------------------------------


def test_fractional_and_cartesian_are_inverse(box):
    s = np.random.default_rng(1).normal(size=(50, 3))
    x = box.cartesian(s)
    np.testing.assert_allclose(x, box.origin + s @ box.vectors, atol=1e-13)
    np.testing.assert_allclose(box.fractional(x), s, atol=1e-14)


def test_volume_and_widths_are_those_of_the_faces(box):
    a, b, c = box.vectors
    assert box.volume == pytest.approx(abs(a @ np.cross(b, c)))
    faces = [np.linalg.norm(np.cross(b, c)), np.linalg.norm(np.cross(c, a)), np.linalg.norm(np.cross(a, b))]
    np.testing.assert_allclose(box.widths, box.volume / np.array(faces))
    np.testing.assert_allclose(np.linalg.norm(box.normals, axis=1), 1)
    np.testing.assert_allclose(np.diag(box.normals @ box.vectors.T), box.widths)


def test_wrapping_keeps_the_unwrapped_position(box):
    rng = np.random.default_rng(2)
    x, image = box.cartesian(rng.normal(size=(300, 3)) * 4), rng.integers(-9, 9, (300, 3)).astype(np.int32)
    x[:3] = box.origin + np.array([[-1e-17, -1e-17, -1e-17], [0, 0, 0], [0, 0, -1e-300]])
    unwrapped = x + image @ box.vectors
    box.wrap(x, image)
    s = box.fractional(x)
    assert (s > -1e-15).all()
    assert (s < 1).all()
    assert image.dtype == np.int32
    np.testing.assert_allclose(x + image @ box.vectors, unwrapped, atol=1e-12)


def test_open_axes_are_not_wrapped():
    box = Box(TILTED, periodic=(True, False, True))
    s = np.array([[1.25, 7.5, -3.5]])
    x, image = box.cartesian(s), np.zeros((1, 3), int)
    box.wrap(x, image)
    np.testing.assert_allclose(box.fractional(x), [[0.25, 7.5, 0.5]], atol=1e-12)
    assert image.tolist() == [[1, 0, -4]]
    np.testing.assert_allclose(box.nearest(box.cartesian(s) - box.origin) @ box.inverse, [[0.25, 7.5, 0.5]])


def test_nearest_image_is_the_shortest_below_half_the_widths(box):
    rng = np.random.default_rng(3)
    short = rng.normal(size=(400, 3))
    short *= (0.49 * box.widths.min() * rng.random((400, 1))) / np.linalg.norm(short, axis=1, keepdims=True)
    moved = short + rng.integers(-3, 4, (400, 3)) @ box.vectors
    np.testing.assert_allclose(box.nearest(moved), short, atol=1e-12)


def test_boxes_are_scaled_and_kept_in_scalars(box):
    np.testing.assert_allclose(box.scaled(1.1).volume, box.volume * 1.1**3)
    np.testing.assert_allclose(box.scaled([1, 2, 3]).vectors, box.vectors * [1, 2, 3])
    shear = np.array([[1, 0, 0], [0.1, 1, 0], [0, 0.2, 1.0]])
    np.testing.assert_allclose(box.scaled(shear).vectors, box.vectors @ shear)
    state = State({})
    box.to_scalars(state)
    again = Box.from_scalars(state, (True, False, True))
    assert (again.vectors == box.vectors).all()
    assert (again.origin == box.origin).all()
    assert again.periodic == (True, False, True)
    assert state.scalars["box.zy"] == box.vectors[2, 1]
    del state.scalars["box.yy"]
    with pytest.raises(KeyError, match=r"box\.yy missing"):
        Box.from_scalars(state)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.diag([1.0, 0.0, 1.0]), "diagonal positive"),
        (np.diag([1.0, np.nan, 1.0]), "finite"),
        (np.ones((3, 3)), "not lower triangular"),
        (np.ones((2, 2)), "are needed"),
    ],
)
def test_impossible_boxes_are_refused(vectors, said):
    with pytest.raises(ValueError, match=said):
        Box(vectors)


def test_a_box_does_not_change(box):
    with pytest.raises(ValueError, match="read-only"):
        box.vectors[0, 0] = 1.0
    assert "box" in box.describe()


# -- the eighth shell ----------------------------------------------------------------------------------------


def nearest_by_projection(box, r, axes, rounds=60):
    """Distances of points r, relative to a corner, from the cone below the planes: Dykstra's projections."""
    x, corrections = r.copy(), np.zeros((len(axes), *r.shape))
    for _ in range(rounds):
        for k, axis in enumerate(axes):
            y = x + corrections[k]
            x = y - np.maximum(y @ box.normals[axis], 0)[:, None] * box.normals[axis]
            corrections[k] = y - x
    return np.linalg.norm(r - x, axis=1)


@pytest.mark.parametrize("axes", [(0,), (0, 2), (1, 2), (0, 1), (0, 1, 2)])
def test_distances_are_those_of_projections(box, axes):
    r = np.random.default_rng(5).normal(size=(500, 3))
    heights = r @ box.normals[list(axes)].T
    expected = nearest_by_projection(box, r, axes, 400)
    np.testing.assert_allclose(distance(heights, box.normals[list(axes)]), expected, atol=2e-4)


def test_gram_matrix_belongs_to_the_normals(box):
    products = box.normals @ box.normals.T
    found = gram(box)
    np.testing.assert_allclose(found[:3], [products[0, 1], products[0, 2], products[1, 2]])
    g00, g11, g22, g01, g02, g12 = found[3:]
    inverse = np.array([[g00, g01, g02], [g01, g11, g12], [g02, g12, g22]])
    np.testing.assert_allclose(inverse @ products, np.eye(3), atol=1e-12)


def test_volume_of_the_shell_of_a_straight_block():
    box, r = Box([10.0, 8.0, 6.0]), 0.7
    a, b, c = 5.0, 4.0, 3.0
    full = r * (a * b + b * c + a * c) + np.pi / 4 * r**2 * (a + b + c) + np.pi / 6 * r**3
    assert volume(box, [0.5] * 3, r, [0, 1, 2]) == pytest.approx(full, rel=1e-4)
    assert volume(box, [0.5] * 3, r, [0]) == pytest.approx(r * b * c)
    two = r * (b * c + a * c) + np.pi / 4 * r**2 * c
    assert volume(box, [0.5] * 3, r, [0, 1]) == pytest.approx(two)
    assert volume(box, [0.5] * 3, r, []) == 0


@pytest.mark.parametrize("axes", [(0,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_volume_of_the_shell_is_what_random_points_say(box, axes):
    """Points beyond the block along some of the axes, within it along the others that are cut."""
    extent, reach = np.array([0.4, 0.5, 0.6]), 1.3
    rng = np.random.default_rng(6)
    room = np.where(np.isin(np.arange(3), axes), extent + reach / box.widths, extent)
    s = rng.random((100_000, 3)) * room
    beyond = (s > extent) & np.isin(np.arange(3), axes)
    heights, hits = (s - extent) * box.widths, 0
    for number in range(1, len(axes) + 1):
        for subset in itertools.combinations(axes, number):
            these = (beyond == np.isin(np.arange(3), subset)).all(axis=1)
            far = distance(heights[these][:, subset], box.normals[list(subset)])
            hits += np.count_nonzero(far <= reach)
    expected = hits / len(s) * np.prod(room) * box.volume
    assert volume(box, extent, reach, axes) == pytest.approx(expected, rel=0.015)


# -- layouts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edges", "size", "grid"),
    [
        ([10, 10, 10], 8, (4, 2, 1)),  # faces as large as of 2 × 2 × 2, fewer edges
        ([10, 10, 10], 27, (3, 3, 3)),
        ([10, 10, 10], 64, (4, 4, 4)),
        ([10, 10, 10], 7, (7, 1, 1)),
        ([40, 10, 10], 4, (4, 1, 1)),
        ([10, 10, 40], 4, (1, 1, 4)),
        ([20, 20, 5], 12, (4, 3, 1)),
        ([10, 10, 10], 1, (1, 1, 1)),
    ],
)
def test_grids_have_the_least_surface(edges, size, grid):
    assert chosen_grid(Box(np.array(edges, float)), size, 1.0) == grid


def test_a_grid_of_another_size_is_refused():
    with pytest.raises(ValueError, match="whose product is 6"):
        chosen_grid(Box(STRAIGHT), 6, 1.0, (2, 2, 2))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"reach": 0.0}, "must be positive"),
        ({"reach": 1.0, "borders": [[0, 1], [0, 0.5, 1], [0, 1]]}, "2 ascending fractional"),
        ({"reach": 1.0, "borders": [[0, 1], [0.1, 1], [0, 1]]}, "the first 0 and the last 1"),
        ({"reach": 1.0, "borders": [[0, 1]]}, "along y"),
    ],
)
def test_layouts_that_do_not_fit_are_refused(more, said):
    with pytest.raises(ValueError, match=said):
        Cells(Box(STRAIGHT), Communicator.serial(), **more)


def test_one_rank_has_no_halo(box):
    cells = Cells(box, Communicator.serial(), reach=1.0)
    rng = np.random.default_rng(7)
    x = box.cartesian(rng.random((20, 3)) * 5)
    expected, image = x.copy(), np.zeros((20, 3), np.int32)
    box.wrap(expected, image)
    state = State({"position": x, "image": np.zeros((20, 3), np.int32), "id": np.arange(20)})
    assert cells.exchange(state) == 0
    np.testing.assert_allclose(state["position"], expected, atol=1e-12)
    assert (state["image"] == image).all()
    halo = Halo(cells, state["position"])
    assert (halo.count, halo.rows_sent, halo.minimum_rows) == (0, 0, 0)
    halo.forward(state["position"], np.empty((0, 3)))
    halo.backward(np.empty((0, 3)), state["position"])
    assert (halo.bytes, halo.messages, halo.minimum_bytes) == (0, 0, 0)
    assert cells.neighbours == ()
    assert "1 × 1 × 1 equal blocks" in cells.describe()
    assert "0 copies" in halo.describe()
    wide = cells.in_box(box.scaled(2.0))
    assert (wide.box.volume, wide.grid) == (box.scaled(2.0).volume, cells.grid)


def test_the_finest_grid_along_a_tiny_box_is_refused():
    cells = Cells(Box([0.01, 5.0, 5.0]), _Many(), reach=2.0, grid=(2, 1, 1))
    with pytest.raises(ValueError, match="more than 100 times the width"):
        Halo._blocks_within_reach(_Bare(cells), 0)


class _Many(Communicator):
    """Says that it has two ranks: for layouts that are looked at, not used."""

    def __init__(self):
        super().__init__(None)
        self.size = 2


class _Bare(Halo):
    """A halo before it has imported anything."""

    def __init__(self, cells):
        self.cells, self._reach_of_axis = cells, cells.reach / cells.box.widths


@pytest.mark.parametrize("arriving", [0, 1, 3, 4, 9])
@pytest.mark.parametrize("leaving", [[], [2], [7, 0, 3], [6, 7, 5], list(range(8))])
def test_arrivals_fill_the_gaps(leaving, arriving):
    places = Places.of(8, np.array(leaving, int), arriving)
    rows = np.resize(np.arange(8), places.total)
    rows[places.gaps] = places.last
    rows[places.arrivals] = 100 + np.arange(arriving)
    staying = sorted(set(range(8)) - set(leaving))
    assert sorted(rows.tolist()) == staying + list(range(100, 100 + arriving))
    kept = [row for row in staying if row < places.total]
    assert all(rows[row] == row for row in kept)


def test_the_example_of_the_page_runs():
    text = PAGE.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    alone = text.replace("Communicator.start()", "Communicator.serial()")
    assert alone != text
    space: dict = {}
    exec(compile(alone, "docs/cells.md", "exec"), space)
    assert space["halo"].count == 0
    assert len(space["state"]["id"]) == 5000
