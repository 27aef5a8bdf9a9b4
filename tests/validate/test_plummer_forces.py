"""Force errors and cold collapse of the reference case: a Plummer sphere in Hénon units, ε = 0.01."""

from __future__ import annotations

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
from scaling.distributions import fractal

pytestmark = pytest.mark.validate


def sphere(count, virial_ratio=1.0):
    return State(realisation("plummer", count, 1, Communicator.serial(), virial_ratio=virial_ratio))


def forces(kind, state, **options):
    field = kind(backend("cpu"), Communicator.serial(), softening=0.01, **options)
    for _ in range(2 if kind is TreeGravity else 1):
        field.layout.exchange(state)
        field.evaluate(state)
    return np.asarray(state["acceleration"], np.float64)[np.argsort(state["id"])]


@pytest.mark.parametrize(("tolerance", "median", "worst"), [(0.02, 5e-4, 5e-3), (0.002, 2e-4, 1e-3)])
def test_force_errors_of_a_hundred_thousand_particles(tolerance, median, worst):
    """Median and 99th percentile of |a - a_direct|/|a_direct|, as comparisons of tree codes give them."""
    exact = forces(DirectGravity, sphere(100_000), precision="double")
    found = forces(TreeGravity, sphere(100_000), tolerance=tolerance)
    error = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert np.median(error) <= median
    assert np.percentile(error, 99) <= worst


def test_force_errors_of_a_fractal():
    """Few near clumps rule each force there: x³ alone, without 1/(1-x)², leaves a median of 6.6·10⁻⁴."""
    arrays = fractal(100_000)
    exact, found = (
        forces(kind, State({name: array.copy() for name, array in arrays.items()}), **options)
        for kind, options in ((DirectGravity, {"precision": "double"}), (TreeGravity, {"tolerance": 0.01}))
    )
    error = np.linalg.norm(found - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert np.median(error) <= 5e-4
    assert np.percentile(error, 99) <= 3e-3


def test_force_of_the_sphere_is_plummers():
    """Without softening, the median pull in shells is that of Plummer's (1911) law, a = 3π/16, to noise."""
    state = sphere(100_000)
    field = TreeGravity(backend("cpu"), Communicator.serial(), 0.0, "none")
    field.layout.exchange(state)
    field.evaluate(state)
    radius = np.linalg.norm(state["position"], axis=1)
    pull = -(state["position"] * state["acceleration"]).sum(axis=1) / radius
    expected = radius / (radius**2 + (3 * np.pi / 16) ** 2) ** 1.5
    for low, high in ((0.2, 0.3), (0.5, 0.6), (1.0, 1.2), (2.0, 3.0)):
        shell = (radius > low) & (radius < high)
        assert abs(np.median(pull[shell] / expected[shell]) - 1) < 0.02


def test_energy_of_a_cold_collapse():
    """N = 10⁴, 2T/|W| = 0.1, t = 0 … 2 through the collapse at t ≈ 0.8, steps of 1/128: |ΔE/E| < 2·10⁻³."""
    machine, serial = backend("cpu"), Communicator.serial()
    state = sphere(10_000, 0.1)
    field = TreeGravity(machine, serial, softening=0.01, tolerance=0.02)
    program = compile_structure(gravity(state, field, machine), dt=1 / 128)
    program.prepare(("potential",))
    start = diagnostics(state, serial)["energy"]
    worst = 0.0
    for _ in range(16):
        program.run(16, outputs=("potential",))
        worst = max(worst, abs(diagnostics(state, serial)["energy"] / start - 1))
    assert worst < 2e-3
