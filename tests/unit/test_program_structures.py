"""Structures: what is declared is verified, and what is wrong is found."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import NumpyBackend, NumpyGravity, cluster

from hpcphys.compiler.structures import (
    CanonicalStructure,
    Casimir,
    Structure,
    StructureError,
    verify_structure,
)
from hpcphys.physics.gravity import gravity


class RigidBody(Structure):
    """dz/dt = z x grad H, with the Casimir |z|²/2."""

    name = "rigid body"
    equation = "dz/dt = z x grad H"
    casimirs = (Casimir("length", lambda z: {"z": z["z"]}),)

    def bracket(self, z, gradient):
        return {"z": np.cross(z["z"], gradient["z"])}

    def reverse(self, state):
        state["z"] *= -1.0


class NotAntisymmetric(RigidBody):
    def bracket(self, z, gradient):
        return {"z": np.cross(z["z"], gradient["z"]) + 1e-3 * gradient["z"]}


class NotJacobi(RigidBody):
    """Antisymmetric for every z; the Jacobi identity needs w . curl w = 0 for dz/dt = w(z) x grad H."""

    casimirs = ()

    def bracket(self, z, gradient):
        x, y, w = z["z"].T
        return {"z": np.cross(np.stack([y, w, x], axis=1), gradient["z"])}


class WrongCasimir(RigidBody):
    casimirs = (Casimir("first", lambda z: {"z": np.ones_like(z["z"])}),)


def point(rows: int = 4) -> dict[str, np.ndarray]:
    return {"z": np.random.default_rng(2).standard_normal((rows, 3))}


def test_the_canonical_structure_is_what_it_says() -> None:
    state = cluster(6)
    z = {name: state[name] for name in ("position", "velocity", "mass")}
    violation = verify_structure(CanonicalStructure(), z, ("position", "velocity"))
    assert violation["antisymmetry"] < 1e-14
    assert violation["jacobi"] < 1e-9


def test_a_lie_poisson_structure_passes() -> None:
    violation = verify_structure(RigidBody(), point(), ("z",))
    assert violation["casimir length"] < 1e-14


@pytest.mark.parametrize(
    ("structure", "what"),
    [(NotAntisymmetric(), "antisymmetry"), (NotJacobi(), "jacobi"), (WrongCasimir(), "casimir first")],
)
def test_wrong_structures_are_found(structure: Structure, what: str) -> None:
    with pytest.raises(StructureError, match=f"violates {what}"):
        verify_structure(structure, point(), ("z",))


def test_the_flows_of_gravity_follow_the_bracket_of_their_energies() -> None:
    """d/dt of each flow at dt = 0 is L grad T and L grad V, so that drift and kick are the pieces of H."""
    field = NumpyGravity(0.1)
    system = gravity(cluster(6), field, NumpyBackend())
    state = system.state
    field.evaluate(state, frozenset({"potential"}))
    mass = state["mass"][:, None]
    zero = np.zeros_like(state["position"])
    # The gradient of V by central differences of sum m phi / 2.
    gradient = np.zeros_like(zero)
    for index in np.ndindex(*zero.shape):
        for sign in (1, -1):
            probe = cluster(6)
            probe["position"][index] += sign * 1e-6
            field.evaluate(probe, frozenset({"potential"}))
            gradient[index] += sign * 0.5 * (probe["mass"] @ probe["potential"]) / 2e-6
    energies = {
        "drift": {"position": zero, "velocity": mass * state["velocity"]},
        "kick": {"position": gradient, "velocity": zero},
    }
    for piece in system.pieces:
        before = {name: state[name].copy() for name in ("position", "velocity")}
        motion = system.structure.bracket(state, energies[piece.name])
        piece.flow(state, 0.25)
        for name, array in before.items():
            assert np.abs((state[name] - array) / 0.25 - motion[name]).max() < 1e-8
            state[name] = array
