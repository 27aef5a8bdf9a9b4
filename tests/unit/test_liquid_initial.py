"""Lattices, packings, mixtures, molecules, velocities and copies to start a liquid from."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial.liquids import (
    BASES,
    Lattice,
    bonds_of,
    cells_for,
    chain,
    dumbbell,
    mixture,
    molecules_on_lattice,
    on_lattice,
    random_packing,
    replicated,
    share_of,
    thermal_velocities,
    water,
)
from hpcphys.initial.liquids.shuffling import shuffled

ALONE = Communicator.serial()
NEIGHBOURS = {
    "sc": (6, 1.0),
    "bcc": (8, 0.75**0.5),
    "fcc": (12, 0.5**0.5),
    "hcp": (12, 1.0),
    "diamond": (4, 0.1875**0.5),
}


def nearest(position: np.ndarray, edges: np.ndarray) -> tuple[np.ndarray, float]:
    """How many nearest neighbours each site has, and how far they are."""
    apart = position[:, None] - position[None]
    apart -= np.rint(apart / edges) * edges
    length = np.linalg.norm(apart, axis=2)
    np.fill_diagonal(length, np.inf)
    closest = length.min()
    return (length < closest * 1.001).sum(axis=1), closest


@pytest.mark.parametrize("kind", list(BASES))
def test_neighbours_and_density_of_every_lattice(kind):
    lattice = Lattice(kind, (4, 3, 3), constant=1.7)
    counts, distance = nearest(lattice.sites(), np.diag(lattice.vectors))
    number, length = NEIGHBOURS[kind]
    assert (counts == number).all()
    assert distance == pytest.approx(1.7 * length)
    dense = Lattice(kind, (4, 3, 3), density=0.85)
    assert dense.count / np.linalg.det(dense.vectors) == pytest.approx(0.85)
    place = lattice.sites() @ np.linalg.inv(lattice.vectors)
    assert (place >= 0).all()
    assert (place < 1).all()
    part = lattice.sites(7, 30)
    np.testing.assert_array_equal(part, lattice.sites()[7:30])
    assert np.prod(cells_for(kind, 500)) * len(BASES[kind]) >= 500


def test_the_lattice_of_the_lennard_jones_benchmark():
    """20³ cells at 0.8442: 32000 atoms, edge (4/0.8442)^(1/3)·20."""
    lattice = Lattice("fcc", (20, 20, 20), density=0.8442)
    assert lattice.count == 32000
    np.testing.assert_allclose(np.diag(lattice.vectors), 20 * (4 / 0.8442) ** (1 / 3))
    assert cells_for("fcc", 864) == (6, 6, 6)


def test_atoms_have_all_arrays_of_a_state():
    arrays = on_lattice(Lattice("bcc", (2, 2, 2), constant=1.0), 3, 9)
    assert arrays["id"].tolist() == [3, 4, 5, 6, 7, 8]
    kinds = {name: array.dtype.name for name, array in arrays.items()}
    assert kinds == {
        "position": "float64", "velocity": "float64", "image": "int32", "mass": "float64", "id": "int64",
        "type": "int32",
    }  # fmt: skip


def test_a_packing_is_uniform_and_cut_anywhere():
    vectors = np.array([[3.0, 0, 0], [1.0, 2.0, 0], [0.5, -0.2, 4.0]])
    whole = random_packing(9000, vectors, 7, origin=(1.0, 2.0, 3.0))
    part = random_packing(9000, vectors, 7, origin=(1.0, 2.0, 3.0), first=4000, last=4200)
    for name, array in part.items():
        np.testing.assert_array_equal(array, whole[name][4000:4200])
    place = (whole["position"] - [1, 2, 3]) @ np.linalg.inv(vectors)
    assert ((place >= 0) & (place < 1)).all()
    np.testing.assert_allclose(place.mean(axis=0), 0.5, atol=0.015)
    np.testing.assert_allclose(np.cov(place.T), np.eye(3) / 12, atol=0.004)
    assert not np.array_equal(whole["position"], random_packing(9000, vectors, 8)["position"])


@pytest.mark.parametrize("count", [1, 2, 7, 1000, 4097])
def test_shuffling_is_a_permutation(count):
    place = shuffled(np.arange(count), count, 3)
    np.testing.assert_array_equal(np.sort(place), np.arange(count))
    if count == 4097:
        assert abs(np.corrcoef(place, np.arange(count))[0, 1]) < 0.06
        assert not np.array_equal(place, shuffled(np.arange(count), count, 4))


def test_a_mixture_has_exact_numbers():
    arrays = random_packing(1001, np.eye(3), 1)
    mixture(arrays, 1001, (0.8, 0.2), 5, masses=(1.0, 3.0))
    assert np.bincount(arrays["type"]).tolist() == [801, 200]
    assert (arrays["mass"] == np.where(arrays["type"] == 1, 3.0, 1.0)).all()
    halves = np.bincount(arrays["type"][:500])
    assert halves[1] == pytest.approx(100, abs=35)
    part = {name: array[300:400].copy() for name, array in arrays.items()}
    mixture(part, 1001, (0.8, 0.2), 5)
    np.testing.assert_array_equal(part["type"], arrays["type"][300:400])
    with pytest.raises(ValueError, match="sum to 1"):
        mixture(arrays, 1001, (0.5, 0.2), 5)


def test_velocities_are_thermal_and_at_rest_as_a_whole():
    arrays = random_packing(3000, np.eye(3), 1)
    mixture(arrays, 3000, (0.5, 0.5), 5, masses=(1.0, 4.0))
    thermal_velocities(arrays, 3000, 1.44, 9, ALONE)
    mass, velocity = arrays["mass"][:, None], arrays["velocity"]
    assert np.abs((mass * velocity).sum(axis=0)).max() < 1e-10
    assert (mass * velocity**2).sum() == pytest.approx((3 * 3000 - 3) * 1.44, rel=1e-13)
    for kind in range(2):
        chosen = velocity[arrays["type"] == kind]
        assert chosen.var() == pytest.approx(1.44 / (1, 4)[kind], rel=0.06)
        assert (chosen**4).mean() / chosen.var() ** 2 == pytest.approx(3.0, rel=0.1)
    with pytest.raises(ValueError, match="need one > 0"):
        thermal_velocities(arrays, 3000, 0.0, 9, ALONE)
    arrays["mass"][5] = 0.0
    with pytest.raises(ValueError, match=r"ids \[5\] are not positive"):
        thermal_velocities(arrays, 3000, 1.0, 9, ALONE)


@pytest.mark.parametrize(
    "template", [dumbbell(0.7, (1.0, 3.0)), water(1.0), chain(6, 0.5)], ids=lambda t: t.name
)
def test_molecules_are_whole_and_turned_every_way(template):
    lattice = Lattice("fcc", (4, 4, 4), density=0.05, origin=(-1.0, 0.0, 2.0))
    arrays = molecules_on_lattice(lattice, template, 3)
    edges = np.diag(lattice.vectors)
    free = (arrays["position"] + arrays["image"] * edges).reshape(lattice.count, template.atoms, 3)
    centre = (template.mass[:, None] * free).sum(axis=1) / template.mass.sum()
    np.testing.assert_allclose(centre, lattice.sites(), atol=1e-12)
    bonds = bonds_of(template, 0, lattice.count)
    atoms = free.reshape(-1, 3)
    lengths = np.linalg.norm(atoms[bonds[:, 0]] - atoms[bonds[:, 1]], axis=1)
    np.testing.assert_allclose(
        lengths.reshape(lattice.count, -1), np.tile(template.lengths, (lattice.count, 1))
    )
    place = (arrays["position"] - [-1, 0, 2]) / edges
    assert ((place >= 0) & (place < 1)).all()
    axis = free[:, 1] - free[:, 0]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    np.testing.assert_allclose(axis.T @ axis / lattice.count, np.eye(3) / 3, atol=0.08)
    part = molecules_on_lattice(lattice, template, 3, first=50, last=60)
    rows = slice(50 * template.atoms, 60 * template.atoms)
    for name, array in part.items():
        np.testing.assert_array_equal(array, arrays[name][rows])


def test_shapes_of_the_templates():
    _, one, two = water(0.9572, np.radians(104.52)).offsets
    assert np.linalg.norm(one - two) == pytest.approx(1.5139, abs=1e-4)
    straight = chain(4, 2.0, np.pi)
    assert np.linalg.norm(straight.offsets[3] - straight.offsets[0]) == pytest.approx(6.0)
    with pytest.raises(ValueError, match="length -1"):
        dumbbell(-1.0)
    with pytest.raises(ValueError, match="at least 2"):
        chain(1, 1.0)


def test_copies_keep_molecules_whole():
    """A tilted box twice, three times, once: every distance of the copies is one of the original."""
    vectors = np.array([[3.0, 0, 0], [1.0, 2.5, 0], [0.5, -0.2, 4.0]])
    rng = np.random.default_rng(4)
    image = rng.integers(-1, 2, (10, 3)).astype(np.int32)
    arrays = random_packing(10, vectors, 7) | {"image": image, "molecule": np.arange(10) // 2 + 5}
    arrays["id"] += 100
    larger, edges = replicated(arrays, vectors, (2, 3, 1), ALONE)
    np.testing.assert_allclose(edges, vectors * [[2], [3], [1]])
    assert sorted(larger["id"].tolist()) == list(range(60))
    assert np.bincount(larger["molecule"]).tolist() == [2] * 30
    place = larger["position"] @ np.linalg.inv(edges)
    assert ((place > -1e-12) & (place < 1)).all()
    free = larger["position"] + larger["image"] @ edges
    original = arrays["position"] + image @ vectors
    for copy in range(6):
        shift = free[10 * copy : 10 * copy + 10] - original
        np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-12)
    apart = larger["position"][:, None] - larger["position"][None] + np.eye(60)[..., None]
    assert np.linalg.norm(apart, axis=2).min() > 1e-3


def test_shares_cover_all_rows():
    class Rank:
        size = 7

    rows = []
    for Rank.rank in range(7):
        rows += range(*share_of(Rank, 100))
    assert rows == list(range(100))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"kind": "fct", "cells": (1, 1, 1), "density": 1.0}, "choose one of sc, bcc"),
        ({"kind": "fcc", "cells": (1, 0, 1), "density": 1.0}, "three numbers ≥ 1"),
        ({"kind": "fcc", "cells": (1, 1, 1)}, "give one of the two"),
        ({"kind": "fcc", "cells": (1, 1, 1), "density": 1.0, "constant": 1.0}, "give one of the two"),
        ({"kind": "fcc", "cells": (1, 1, 1), "density": -1.0}, "must be a finite number > 0"),
    ],
)
def test_lattices_that_cannot_be(chosen, message):
    with pytest.raises(ValueError, match=message):
        Lattice(**chosen)
