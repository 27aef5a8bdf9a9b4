"""g(r) and S(k): ideal gas, lattice, two types, against brute force."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.observables import RadialDistribution, StructureFactor
from hpcphys.physics.observables.structure import wavevectors

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_boxes import TILTED, atoms, box_of, cube

ALONE = Communicator.serial()


@pytest.fixture(scope="module")
def machine():
    return backend("cpu")


def fcc(cells: int, constant: float) -> np.ndarray:
    corners = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    return ((corners + basis) * constant).reshape(-1, 3)


def distances(position: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """All nearest-image distances (n, n)."""
    place = position @ np.linalg.inv(vectors)
    apart = place[:, None] - place[None]
    return np.linalg.norm((apart - np.rint(apart)) @ vectors, axis=2)


@pytest.mark.parametrize("largest", [1.1, 2.6, 4.2])
def test_every_pair_is_counted_once(machine, largest):
    """Three types in a tilted box, cells many and few, against all pairs."""
    state, box = atoms(500, TILTED, types=3), box_of(TILTED, (0.3, -1.0, 5.0))
    found = RadialDistribution(machine, ALONE, largest=largest, bins=40, types=3)
    found.sample(state, box)
    apart, kind = distances(state["position"], TILTED), state["type"]
    upper = np.triu(np.ones_like(apart, dtype=bool), 1)
    for a, b in found.pairs:
        chosen = upper & ((kind[:, None] == a) & (kind[None] == b) | (kind[:, None] == b) & (kind[None] == a))
        expected, _ = np.histogram(apart[chosen], bins=40, range=(0.0, largest))
        np.testing.assert_array_equal(found.result(a, b).counted, expected)
        np.testing.assert_array_equal(found.result(b, a).counted, expected)


def test_ideal_gas_is_uncorrelated(machine):
    """g = 1 and S = 1 within their errors, which are of the expected size."""
    box = cube(8.0)
    radial = RadialDistribution(machine, ALONE, largest=4.0, bins=20, types=2)
    structure = StructureFactor(machine, ALONE, box, k_max=6.0, shells=12, types=2)
    for seed in range(40):
        state = atoms(300, box.vectors, seed=seed)
        state["type"] = (np.arange(300) < 100).astype(np.int32)
        radial.sample(state, box)
        structure.sample(state, box)
    for pair, pairs in (((0, 0), 199 * 100), ((0, 1), 200 * 100), ((1, 1), 99 * 50)):
        result = radial.result(*pair)
        shell = 4.0 / 3.0 * np.pi * np.diff(np.linspace(0, 4, 21) ** 3) / 512.0
        poisson = 1.0 / np.sqrt(40 * pairs * shell)
        outer = slice(5, None)
        deviation = (result.value - 1.0) / poisson
        assert np.abs(deviation).max() < 4.5
        assert 0.6 < deviation[outer].std() < 1.6
        assert np.median(result.error[outer] / poisson[outer]) == pytest.approx(1.0, abs=0.25)
    for result, expected in (
        (structure.result(), 1.0), (structure.result(0, 0), 1.0), (structure.result(0, 1), 0.0),
    ):  # fmt: skip
        # |ρ|²/N has an exponential distribution, Re ρ_a ρ_b* half its variance.
        sigma = np.sqrt((1.0 if expected else 0.5) / (40 * result.vectors))
        assert (np.abs(result.value - expected) < 4.5 * sigma).all()
        assert np.median(result.error / sigma) == pytest.approx(1.0, abs=0.3)


def test_shells_of_an_fcc_lattice(machine):
    """Neighbours at a√(k/2): 12, 6, 24, 12, 24, 8 of them, to the last one."""
    box = cube(5 * 1.6)
    state = {"position": fcc(5, 1.6), "id": np.arange(500)}
    found = RadialDistribution(machine, ALONE, largest=2.9, bins=283)  # no shell lies on an edge
    found.sample(state, box)
    result = found.result()
    filled = np.flatnonzero(result.counted)
    expected = 1.6 * np.sqrt(np.arange(1, 7) / 2)
    expected = expected[expected < 2.9]
    np.testing.assert_allclose(result.radius[filled], expected, atol=0.0052)
    np.testing.assert_array_equal(result.counted[filled] * 2 / 500, [12, 6, 24, 12, 24, 8][: len(expected)])
    np.testing.assert_array_equal(
        result.coordination[filled], np.cumsum([12, 6, 24, 12, 24, 8][: len(expected)])
    )


def test_bragg_peaks_of_an_fcc_lattice(machine):
    """S(k) = N where all indices of the conventional cell are even or all odd, else 0."""
    box, cells = cube(4 * 1.5), 4
    structure = StructureFactor(machine, ALONE, box, k_max=13.0, shells=30, most=100000)
    structure.sample({"position": fcc(cells, 1.5), "id": np.arange(256)}, box)
    whole = structure.integers % cells == 0
    index = structure.integers // cells
    bragg = whole.all(axis=1) & ((index % 2 == 0).all(axis=1) | (index % 2 != 0).all(axis=1))
    expected = np.bincount(structure.shell, weights=256.0 * bragg, minlength=30)
    sizes = np.bincount(structure.shell, minlength=30)
    np.testing.assert_allclose(
        structure.result().value, (expected / np.maximum(sizes, 1))[sizes > 0], atol=1e-9
    )
    assert expected.sum() > 0


def test_structure_factor_in_a_tilted_box(machine):
    """Against the sum of exponentials; wavevectors are all of the box, one of each pair, thinned evenly."""
    state, box = atoms(300, TILTED), box_of(TILTED, (1.0, 2.0, 3.0))
    structure = StructureFactor(machine, ALONE, box, k_max=5.0, shells=10, most=100000)
    structure.sample(state, box)
    k = wavevectors(structure.integers, TILTED)
    np.testing.assert_allclose(k @ TILTED.T, 2 * np.pi * structure.integers, atol=1e-12)
    grid = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3, indexing="ij"), -1).reshape(-1, 3)
    inside = (np.linalg.norm(wavevectors(grid, TILTED), axis=1) <= 5.0).sum()
    assert 2 * len(k) + 1 == inside
    power = np.abs(np.exp(-1j * state["position"] @ k.T).sum(axis=0)) ** 2 / 300
    sizes = np.bincount(structure.shell, minlength=10)
    expected = np.bincount(structure.shell, weights=power, minlength=10)[sizes > 0] / sizes[sizes > 0]
    np.testing.assert_allclose(structure.result().value, expected, rtol=1e-11)

    thin = StructureFactor(machine, ALONE, box, k_max=5.0, shells=10, most=7)
    assert np.bincount(thin.shell, minlength=10).tolist() == np.minimum(sizes, 7).tolist()


def test_going_on_from_what_was_saved(machine):
    """Bit for bit, through the numbers that a checkpoint can hold."""
    box = cube(6.0)

    def observables():
        return (
            RadialDistribution(machine, ALONE, largest=3.0, bins=30, types=2),
            StructureFactor(machine, ALONE, box, k_max=5.0, shells=5, types=2),
        )

    straight, before, after = observables(), observables(), observables()
    for seed in range(9):
        state = atoms(60, box.vectors, seed=seed)
        state["type"] = (np.arange(60) % 2).astype(np.int32)
        for observable in (*straight, *(before if seed < 5 else after)):
            observable.sample(state, box)
        if seed == 4:
            for old, new in zip(before, after, strict=True):
                new.restore(old.saved())
    for whole, resumed in zip(straight, after, strict=True):
        for name, array in whole.saved().arrays.items():
            np.testing.assert_array_equal(resumed.saved().arrays[name], array, err_msg=name)


def test_what_cannot_be_measured_is_refused(machine):
    box = cube(6.0)
    state = atoms(10, box.vectors, types=2)
    with pytest.raises(ValueError, match="half of that: choose largest ≤ 3"):
        RadialDistribution(machine, ALONE, largest=3.1).sample(state, box)
    with pytest.raises(ValueError, match="all axes must be periodic"):
        RadialDistribution(machine, ALONE, largest=2.0).sample(state, box_of(box.vectors, periodic=(1, 1, 0)))
    with pytest.raises(ValueError, match=r"types must be 0 … 0"):
        RadialDistribution(machine, ALONE, largest=2.0).sample(state, box)
    found = RadialDistribution(machine, ALONE, largest=2.0, types=2)
    with pytest.raises(ValueError, match="no sample"):
        found.result()
    found.sample(state, box)
    with pytest.raises(ValueError, match="numbers of atoms changed"):
        found.sample({name: array[1:] for name, array in state.items()}, box)
    with pytest.raises(ValueError, match=r"largest = 2\.0; this one has 1\.5"):
        RadialDistribution(machine, ALONE, largest=1.5, types=2).restore(found.saved())
    with pytest.raises(ValueError, match="shortest wavevector"):
        StructureFactor(machine, ALONE, box, k_max=0.5)
