"""FIRE and L-BFGS find minima that are known, push a packing apart, and say what goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.initial.liquids import Lattice, on_lattice, random_packing
from hpcphys.kernels import backend
from hpcphys.physics.minimise import MinimisationFailed, StopWhen, minimise

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from soft_spheres import AllPairs

ALONE = Communicator.serial()


@pytest.fixture(scope="module")
def machine():
    return backend("cpu")


class Bowl:
    """E = ½ Σ k_a (x_a - a)², stiffness 1 … 400."""

    name, layout = "bowl", None
    reads, writes, optional = frozenset({"position"}), frozenset({"force"}), frozenset()
    stiffness = np.array([1.0, 20.0, 400.0])

    def evaluate(self, state, outputs=frozenset()) -> None:
        off = state["position"] - 1.0
        state["force"] = -self.stiffness * off
        self.energy = 0.5 * float((self.stiffness * off**2).sum())


@pytest.mark.parametrize(("method", "most"), [("fire", 2500), ("lbfgs", 60)])
def test_a_stiff_bowl(machine, method, most):
    state = State({"position": np.random.default_rng(0).normal(size=(20, 3)), "id": np.arange(20)})
    field = Bowl()
    found = minimise(
        state, field, machine, ALONE, method=method, stop=StopWhen(force=1e-9, steps=5000),
        energy=lambda state: field.energy, largest_move=1.0,
    )  # fmt: skip
    assert found.converged
    assert found.reason == "no force is larger than 1e-09"
    assert found.steps < most
    np.testing.assert_allclose(state["position"], 1.0, atol=1e-8)
    assert set(state.names()) == {"position", "id", "force"}


@pytest.mark.parametrize("method", ["fire", "lbfgs"])
def test_a_disturbed_crystal_finds_its_energy(machine, method):
    """Compressed fcc, 108 atoms: the energy of the undisturbed lattice, where forces vanish by symmetry."""
    lattice = Lattice("fcc", (3, 3, 3), density=1.7)
    field = AllPairs(ALONE, lattice.vectors[0, 0])
    state = State(on_lattice(lattice))
    exact = minimise(state, field, machine, ALONE, method=method, stop=StopWhen(force=1e-10, steps=0))
    assert exact.converged
    assert exact.steps == 0
    state["position"] = state["position"] + np.random.default_rng(1).normal(size=(108, 3)) * 0.02
    found = minimise(state, field, machine, ALONE, method=method, stop=StopWhen(force=1e-7))
    assert found.converged
    assert found.energy == pytest.approx(exact.energy, rel=1e-12)
    assert found.force <= 1e-7
    assert not field.request_totals


@pytest.mark.parametrize("method", ["fire", "lbfgs"])
def test_a_random_packing_is_pushed_apart(machine, method):
    """Until no two atoms are closer than the range of the repulsion: 60 % of the density of close packing."""
    length = (100 / 0.85) ** (1 / 3)
    state = State(random_packing(100, np.eye(3) * length, 3))
    field = AllPairs(ALONE, length)
    found = minimise(
        state, field, machine, ALONE, method=method, stop=StopWhen(force=None, energy=1e-20), largest_move=0.2
    )
    assert found.converged
    assert found.reason == "the energy is not above 1e-20"
    apart = state["position"][:, None] - state["position"][None]
    apart -= np.rint(apart / length) * length
    assert (np.linalg.norm(apart, axis=2) + 10 * np.eye(100)).min() > 1.0 - 1e-9


def test_stopping_without_convergence_is_said(machine):
    state = State(random_packing(30, np.eye(3) * 3.0, 3))
    found = minimise(state, AllPairs(ALONE, 3.0), machine, ALONE, stop=StopWhen(force=1e-12, steps=3))
    assert not found.converged
    assert found.reason == "3 steps were made"
    assert found.evaluations == 4


def test_small_changes_end_lbfgs(machine):
    state = State({"position": np.random.default_rng(0).normal(size=(20, 3)), "id": np.arange(20)})
    field = Bowl()
    found = minimise(
        state, field, machine, ALONE, method="lbfgs", stop=StopWhen(force=None, change=0.5),
        energy=lambda state: field.energy + 10.0,
    )  # fmt: skip
    assert "changed by less than 0.5" in found.reason
    assert found.steps < 20


def test_overlapping_atoms_are_named(machine):
    arrays = on_lattice(Lattice("sc", (2, 2, 2), constant=2.0))
    arrays["position"][3] = arrays["position"][6]
    with pytest.raises(MinimisationFailed, match="atoms with ids 3, 6 overlap"):
        minimise(State(arrays), AllPairs(ALONE, 4.0, "lj"), machine, ALONE)


def test_force_and_energy_that_do_not_belong_together(machine):
    state = State({"position": np.ones((2, 3)) * 3.0, "id": np.arange(2)})
    field = Bowl()
    with pytest.raises(MinimisationFailed, match="may not belong together"):
        minimise(state, field, machine, ALONE, method="lbfgs", energy=lambda state: -field.energy)
    np.testing.assert_allclose(state["position"], 3.0, rtol=1e-14)
    with pytest.raises(ValueError, match="choose fire or lbfgs"):
        minimise(state, field, machine, ALONE, method="cg")
