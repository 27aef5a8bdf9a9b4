"""Histograms of distances and density modes: every machine against NumPy."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.observables import RadialDistribution, StructureFactor
from hpcphys.physics.observables.structure import wavevectors

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from liquid_boxes import TILTED, atoms, box_of
from reference import MACHINES

ALONE = Communicator.serial()


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param)


def on(machine, arrays: dict[str, np.ndarray]) -> dict:
    return {name: machine.array(array) for name, array in arrays.items()}


@pytest.mark.parametrize("largest", [1.2, 4.0])
def test_histograms_of_distances(machine, largest):
    whole = atoms(150, TILTED, types=2)
    found = RadialDistribution(machine, ALONE, largest=largest, bins=30, types=2)
    found.sample(on(machine, whole), box_of(TILTED))
    place = whole["position"] @ np.linalg.inv(TILTED)
    apart = place[:, None] - place[None]
    length = np.linalg.norm((apart - np.rint(apart)) @ TILTED, axis=2)[np.triu_indices(150, 1)]
    kinds = np.add.outer(whole["type"], whole["type"])[np.triu_indices(150, 1)]
    for total, pair in enumerate(found.pairs):
        expected, _ = np.histogram(length[kinds == total], bins=30, range=(0.0, largest))
        np.testing.assert_array_equal(found.result(*pair).counted, expected)


def test_density_modes(machine):
    whole = atoms(150, TILTED, types=2)
    found = StructureFactor(machine, ALONE, box_of(TILTED), k_max=2.5, shells=6, types=2)
    found.sample(on(machine, whole), box_of(TILTED))
    k = wavevectors(found.integers, TILTED)
    waves = np.exp(-1j * whole["position"] @ k.T)
    first, second = (waves[whole["type"] == kind].sum(axis=0) for kind in range(2))
    scale = np.sqrt(np.prod(np.bincount(whole["type"])))
    expected = np.bincount(found.shell, weights=(first * second.conj()).real / scale, minlength=6)
    sizes = np.bincount(found.shell, minlength=6)
    np.testing.assert_allclose(
        found.result(0, 1).value, (expected / np.maximum(sizes, 1))[sizes > 0], atol=1e-11
    )
