"""The bracket of Vlasov and Maxwell on a grid: a Poisson structure with Gauss's law and ∇·B as Casimirs."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler.structures import StructureError, verify_structure
from hpcphys.compiler.structures.vlasov_maxwell import VlasovMaxwellStructure, _spline


def point(structure: VlasovMaxwellStructure, particles: int, solenoidal: bool = True):
    rng = np.random.default_rng(11)
    lengths = np.array(structure.shape) * structure.spacing
    potential = rng.standard_normal((3, *structure.shape))
    magnetic = structure._curl(potential, back=False)
    if not solenoidal:
        magnetic = rng.standard_normal((3, *structure.shape))
    return {
        "position": rng.uniform(size=(particles, len(structure.shape))) * lengths,
        "momentum": rng.standard_normal((particles, 3)),
        "E": rng.standard_normal((3, *structure.shape)),
        "B": magnetic,
    }


def structure(shape, order, particles=4) -> VlasovMaxwellStructure:
    rng = np.random.default_rng(2)
    numbers = rng.uniform(0.5, 2.0, (3, particles))
    return VlasovMaxwellStructure(
        shape, (0.7, 0.9, 1.1)[: len(shape)], *numbers, permittivity=1.3, order=order
    )


@pytest.mark.parametrize(("shape", "order"), [((5,), 2), ((4, 5), 2), ((4, 3, 5), 2), ((5, 4), 3)])
def test_it_is_a_poisson_structure(shape, order) -> None:
    given = structure(shape, order)
    z = point(given, 4)
    assert np.abs(given.divergence(z["B"])).max() < 1e-12
    found = verify_structure(given, z, trials=3, tolerance=1e-6)
    assert found["antisymmetry"] < 1e-13
    assert found["casimir Gauss's law"] < 1e-13
    assert found["casimir divergence of B"] < 1e-13


def test_jacobi_needs_a_field_without_sources() -> None:
    given = structure((4, 3, 5), 2)
    with pytest.raises(StructureError, match="jacobi"):
        verify_structure(given, point(given, 4, solenoidal=False))


def test_its_motion_is_that_of_charges_in_fields() -> None:
    given = structure((6, 5, 4), 2)
    z = point(given, 4)
    volume, mass, weight = np.prod(given.spacing), given.mass, given.weight
    c2 = 4.0
    gamma = np.sqrt(1.0 + np.sum(z["momentum"] ** 2, axis=1) / c2)[:, None]
    gradient = {
        "position": np.zeros_like(z["position"]),
        "momentum": (weight * mass)[:, None] * z["momentum"] / gamma,
        "E": 1.3 * volume * z["E"],
        "B": 1.3 * c2 * volume * z["B"],
    }
    moved = given.bracket(z, gradient)
    velocity = z["momentum"] / gamma
    assert moved["position"] == pytest.approx(velocity)
    magnetic = np.stack([given._gathered(z["B"], "B", c, z["position"]) for c in range(3)], axis=1)
    electric = np.stack([given._gathered(z["E"], "E", c, z["position"]) for c in range(3)], axis=1)
    push = (given.charge / mass)[:, None] * (electric + np.cross(velocity, magnetic))
    assert moved["momentum"] == pytest.approx(push)
    assert moved["B"] == pytest.approx(-given._curl(z["E"], back=False))
    # Power: what the fields lose the particles gain; the laws of Gauss hold along the motion.
    assert given.pairing(gradient, moved) == pytest.approx(0.0, abs=1e-12)
    h = 1e-6
    ahead, behind = ({n: z[n] + s * moved[n] for n in z} for s in (h, -h))
    assert np.abs(given.gauss(ahead) - given.gauss(behind)).max() < 1e-12


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_splines(degree) -> None:
    x = np.linspace(0.0, 7.0, 57)[:-1] + 0.01
    values = np.zeros((len(x), 7))
    for index, weight in _spline(x, degree, 7):
        np.add.at(values, (np.arange(len(x)), index), weight)
    assert values.sum(axis=1) == pytest.approx(1.0)
    assert values.min() >= 0.0
    centre = values[:, 3]
    peak = {0: 1.0, 1: 1.0, 2: 0.75, 3: 2.0 / 3.0}[degree]
    assert centre.max() == pytest.approx(peak, abs=0.02)
    assert x[centre > 0].mean() == pytest.approx(3.0, abs=0.07)
