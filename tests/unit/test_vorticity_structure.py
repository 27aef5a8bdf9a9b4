"""The Lie-Poisson structure of 2D ideal flow in truncated Fourier amplitudes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import CanonicalStructure, State, verify_structure
from hpcphys.compiler.structures import Structure, StructureError, VorticityStructure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vorticity_peer import Modes, PlainAdvection


def stream(modes, vorticity):
    return vorticity / np.where(modes.k2 > 0, modes.k2, np.inf)


def test_the_energys_gradient_makes_the_flow():
    modes = Modes(9, length=3.0)
    structure, vorticity = VorticityStructure(modes), modes.random(9)
    found = structure.bracket({"vorticity": vorticity}, {"vorticity": stream(modes, vorticity)})
    expected = PlainAdvection(modes).tendency(vorticity)
    np.testing.assert_allclose(found["vorticity"], expected, atol=1e-14 * np.abs(expected).max())


def test_the_jacobian_is_that_of_known_waves():
    """{sin x, sin y} = cos x cos y."""
    modes = Modes(3)
    sin_x, sin_y, expected = (np.zeros((4, 7), dtype=complex) for _ in range(3))
    sin_x[1, 0], sin_y[0, 1], sin_y[0, -1] = -0.5j, -0.5j, 0.5j
    expected[1, 1] = expected[1, -1] = 0.25
    np.testing.assert_allclose(VorticityStructure(modes).jacobian(sin_x, sin_y), expected, atol=1e-16)


def test_antisymmetry_and_enstrophy_hold_and_the_rest_is_said_to_be_truncated():
    modes = Modes(10)
    structure = VorticityStructure(modes)
    found = verify_structure(structure, {"vorticity": modes.random(10)}, tolerance=1e-14)
    assert found["antisymmetry"] < 1e-15
    assert found["casimir moment 2"] < 1e-15
    assert found["jacobi"] > 1e-3
    assert found["casimir moment 4"] > 1e-3
    assert "holds where no product is truncated" in found.how["jacobi"]
    assert "truncated" not in found.how["antisymmetry"]


def test_long_waves_have_every_casimir():
    modes = Modes(12)
    vorticity = {"vorticity": modes.random(2)}
    found = verify_structure(VorticityStructure(modes), vorticity)
    assert all(found[f"casimir moment {m}"] < 1e-14 for m in range(2, 7))


def test_long_waves_meet_jacobis_identity():
    structure = VorticityStructure(Modes(12))
    wide = np.r_[0:5, -4:0]
    a, b, c = (np.zeros((13, 25), dtype=complex) for _ in range(3))
    for seed, plane in enumerate((a, b, c)):
        plane[:5, wide] = Modes(4).random(4, seed=seed)
    twice = [structure.jacobian(x, structure.jacobian(y, z)) for x, y, z in ((a, b, c), (b, c, a), (c, a, b))]
    assert np.abs(sum(twice)).max() < 1e-13 * np.abs(twice[0]).max()


def test_moments_are_integrals_and_their_gradients_slopes():
    modes = Modes(6, length=2.0)
    structure = VorticityStructure(modes)
    vorticity, direction = modes.random(6), modes.random(6, seed=2)
    assert structure.moment({"vorticity": vorticity}, 2) == pytest.approx(2 * modes.enstrophy(vorticity))
    for casimir, power in zip(structure.casimirs, range(2, 7), strict=True):
        ahead, behind = (
            structure.moment({"vorticity": vorticity + sign * 1e-5 * direction}, power) for sign in (1, -1)
        )
        gradient = casimir.gradient({"vorticity": vorticity})
        slope = structure.pairing(gradient, {"vorticity": direction})
        assert (ahead - behind) / 2e-5 == pytest.approx(slope, rel=1e-6)


def test_reversal_turns_the_flow_round():
    modes = Modes(5)
    state = State({"vorticity": modes.random(5)})
    before = PlainAdvection(modes).tendency(state["vorticity"])
    VorticityStructure(modes).reverse(state)
    np.testing.assert_allclose(PlainAdvection(modes).tendency(state["vorticity"]), before, atol=1e-16)


def test_a_bracket_that_is_not_antisymmetric_is_found():
    class Wrong(VorticityStructure):
        def bracket(self, z, gradient):
            return {"vorticity": self.jacobian(z["vorticity"], z["vorticity"] * gradient["vorticity"])}

    modes = Modes(5)
    with pytest.raises(StructureError, match="violates antisymmetry"):
        verify_structure(Wrong(modes), {"vorticity": modes.random(5)})


def test_other_structures_keep_the_plain_pairing():
    assert CanonicalStructure.pairing is Structure.pairing
    assert not CanonicalStructure.approximate
