"""Orbits and clusters through the compiled program with the real forces: orders, equilibrium, momentum."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import State, compile_structure
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.initial import realisation
from hpcphys.kernels import backend
from hpcphys.physics.gravity import gravity
from hpcphys.physics.gravity_diagnostics import diagnostics

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import kepler_separation, kepler_state

ECCENTRICITY = 0.5
PERIOD = 2 * np.pi
UNSOFTENED = {"softening": 0.0, "softening_kernel": "none", "precision": "double"}


@pytest.fixture(scope="module")
def cpu():
    return backend("cpu", threads=1)


def program_of(cpu, state, field, composition="leapfrog", dt=None):
    return compile_structure(gravity(state, field, cpu), composition, dt=dt)


def kepler_energy(state):
    kinetic = 0.5 * float(state["mass"] @ (state["velocity"] ** 2).sum(axis=1))
    return kinetic - 0.7 * 0.3 / float(np.linalg.norm(state["position"][1] - state["position"][0]))


@pytest.mark.parametrize("field_type", [DirectGravity, TreeGravity])
@pytest.mark.parametrize(
    ("composition", "order", "steps"),
    [
        ("leapfrog", 2, (200, 400, 800)),
        ("yoshida4", 4, (200, 400, 800)),
        ("blanes_moan_rkn6", 6, (40, 80, 160)),
    ],
)
def test_kepler_orbit_has_the_order_of_its_composition(cpu, field_type, composition, order, steps):
    """One period at eccentricity 0.5: energy and place come back with the claimed order of the step."""
    energies, places = [], []
    for count in steps:
        state = kepler_state(ECCENTRICITY)
        field = field_type(cpu, Communicator.serial(), **UNSOFTENED)
        program = program_of(cpu, state, field, composition)
        start, largest = kepler_energy(state), 0.0
        for _ in range(count):
            program.step(PERIOD / count)
            largest = max(largest, abs(kepler_energy(state) / start - 1))
        first, second = state["position"][np.argsort(state["id"])]
        energies.append(largest)
        places.append(np.linalg.norm(first - second - kepler_separation(PERIOD, ECCENTRICITY)))
        assert np.abs(state["mass"] @ state["velocity"]).max() < 1e-13
    for errors in (energies, places):
        found = np.log2(np.divide(errors[:-1], errors[1:]))
        assert abs(found[-1] - order) < 0.25, (errors, found)


def plummer_state(count, virial_ratio):
    return State(realisation("plummer", count, 5, Communicator.serial(), virial_ratio=virial_ratio))


def test_plummer_sphere_stays_in_equilibrium(cpu):
    """Over a crossing time (2√2 in Hénon units) radii, virial ratio and energy stay what they were."""
    serial = Communicator.serial()
    state = plummer_state(4000, 1.0)
    field = TreeGravity(cpu, serial, softening=0.02, tolerance=0.01)
    program = program_of(cpu, state, field, dt=1 / 48)
    program.prepare(("potential",))
    before = diagnostics(state, serial, full=True)
    program.run(round(2 * np.sqrt(2) * 48), outputs=("potential",))
    after = diagnostics(state, serial, full=True)
    assert abs(after["energy"] / before["energy"] - 1) < 2e-3
    assert abs(after["virial_ratio"] - 1) < 0.08
    np.testing.assert_allclose(after["lagrangian_radii"], before["lagrangian_radii"], rtol=0.12)
    assert abs(after["lagrangian_radii"][2] / before["lagrangian_radii"][2] - 1) < 0.05
    assert np.abs(after["momentum"]).max() < 1e-7


def test_cold_collapse_keeps_its_momentum(cpu):
    """Through the first collapse (t ≈ 0.8): momentum to 10⁻⁷ of Σ m|v|, much worse without correction."""
    drifts = {}
    for conserved in (True, False):
        state = plummer_state(2000, 0.1)
        start = state["mass"] @ state["velocity"]
        field = TreeGravity(
            cpu, Communicator.serial(), softening=0.01, tolerance=0.02, conserve_momentum=conserved
        )
        program_of(cpu, state, field, dt=1 / 100).run(100)
        size = state["mass"] @ np.linalg.norm(state["velocity"], axis=1)
        drifts[conserved] = np.abs(state["mass"] @ state["velocity"] - start).max() / size
    assert drifts[True] < 1e-7
    assert drifts[False] > 10 * drifts[True]
