"""Rigid bonds: the kernels of constraints.h against dense Newton, and what rigid molecules conserve."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from reference import MACHINES
from small_systems import NumpyGravity, energy

from hpcphys.compiler import OperationError, State, compile_structure
from hpcphys.compiler.constraints import BondConstraints, ConstraintError
from hpcphys.compiler.theory.monitor import trend_of
from hpcphys.kernels import backend
from hpcphys.physics.gravity import gravity

SOFTENING = 0.2


@pytest.fixture(params=MACHINES)
def machine(request):
    return backend(request.param, **({"threads": 1} if request.param == "cpu" else {}))


# ---- reference -----------------------------------------------------------------------------------


def bond_gradients(x: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """(bonds, 3 n): gradients of |x_i - x_j|²/2."""
    slopes = np.zeros((len(pairs), *x.shape))
    for b, (i, j) in enumerate(pairs):
        slopes[b, i], slopes[b, j] = x[i] - x[j], x[j] - x[i]
    return slopes.reshape(len(pairs), -1)


def shake(x, v, mass, before, pairs, lengths, dt):
    """Positions and velocities onto the bonds, all bonds of the system at once."""
    inverse = np.repeat(1.0 / mass, 3)
    along = bond_gradients(before, pairs) * inverse
    start = x.copy()
    for _ in range(50):
        separation = x[pairs[:, 0]] - x[pairs[:, 1]]
        excess = ((separation**2).sum(axis=1) - lengths**2) / 2
        x = x - (np.linalg.solve(bond_gradients(x, pairs) @ along.T, excess) @ along).reshape(x.shape)
    return x, v + (x - start) / dt


def rattle(x, v, mass, pairs):
    inverse = np.repeat(1.0 / mass, 3)
    slopes = bond_gradients(x, pairs)
    push = np.linalg.solve((slopes * inverse) @ slopes.T, slopes @ v.ravel()) @ slopes
    return v - (push * inverse).reshape(v.shape)


# ---- molecules -----------------------------------------------------------------------------------

SHAPES = {
    "dumb-bell": (2, [(0, 1)]),
    "triangle": (3, [(0, 1), (0, 2), (1, 2)]),
    "tetrahedron": (4, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]),
    "star": (5, [(0, 1), (0, 2), (0, 3), (0, 4)]),
    "chain": (12, [(k, k + 1) for k in range(11)]),
}


def molecules(shapes: list[str], seed: int = 1) -> tuple[State, np.ndarray, np.ndarray]:
    """Molecules in random places, their atoms in rows that are shuffled; state, pairs and lengths."""
    rng = np.random.default_rng(seed)
    position, pairs = [], []
    for k, shape in enumerate(shapes):
        atoms, bonds = SHAPES[shape]
        first = sum(map(len, position))
        centre = 3.0 * np.array([k % 5, k // 5 % 5, k // 25])
        corners = np.linalg.qr(rng.normal(size=(3, 3)))[0]  # of an octahedron: no molecule is nearly flat
        corners = np.concatenate([corners, -corners])[:atoms]
        steps = 0.4 * (corners if shape != "chain" else rng.permuted(np.resize(corners, (atoms, 3)), axis=0))
        position.append(centre + (np.cumsum(steps, axis=0) if shape == "chain" else steps))
        pairs += [(first + i, first + j) for i, j in bonds]
    x = np.concatenate(position)
    place = rng.permutation(len(x))
    moved = np.empty_like(x)
    moved[place] = x
    bonds = place[np.array(pairs)]
    lengths = np.linalg.norm(moved[bonds[:, 0]] - moved[bonds[:, 1]], axis=1)
    arrays = {
        "position": moved,
        "velocity": 0.4 * rng.normal(size=x.shape),
        "mass": rng.uniform(0.5, 2.0, len(x)),
        "id": np.arange(len(x)),
    }
    return State(arrays), bonds, lengths


def on_machine(machine, state: State) -> State:
    return State({name: machine.array(state[name]) for name in state.names()})


@pytest.mark.parametrize(
    "shapes",
    [["dumb-bell"] * 19, [*SHAPES] * 3],
    ids=lambda shapes: f"{len(shapes)}x{shapes[0]}",
)
def test_kernels_do_what_the_reference_does(machine, shapes):
    host, pairs, lengths = molecules(shapes)
    state = on_machine(machine, host)
    bonds = BondConstraints(machine, pairs, lengths, tolerance=1e-13, max_iterations=2000)
    x, v, mass = (host[name].copy() for name in ("position", "velocity", "mass"))
    dt = 0.05
    v = rattle(x, v, mass, pairs)
    bonds.project_momenta(state)
    np.testing.assert_allclose(machine.host(state["velocity"]), v, rtol=0, atol=1e-11)
    bonds.verify(state)
    bonds.remember(state)
    bonds.reset_impulses()
    before, free = x, v
    x, v = shake(x + dt * v, v, mass, before, pairs, lengths, dt)
    state["position"] += dt * state["velocity"]
    bonds.project_positions(state, dt)
    np.testing.assert_allclose(machine.host(state["position"]), x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(machine.host(state["velocity"]), v, rtol=0, atol=2e-11)
    # Impulses are along the bonds before the drift: with them the change of momenta and the virial follow.
    impulse = bonds.impulses()
    along = before[pairs[:, 0]] - before[pairs[:, 1]]
    given = np.zeros_like(v)
    np.add.at(given, pairs[:, 0], impulse[:, None] * along)
    np.add.at(given, pairs[:, 1], -impulse[:, None] * along)
    np.testing.assert_allclose(given, mass[:, None] * (v - free), rtol=0, atol=1e-10)
    np.testing.assert_allclose(bonds.virial(), np.einsum("b,bi,bj->ij", impulse, along, along), atol=1e-12)


def test_no_molecule_and_angles(machine):
    """Water: both bonds and the angle between them; the third distance follows from the law of cosines."""
    angle, bond = np.deg2rad(104.52), 0.9572
    x = np.array([[0, 0, 0], [bond, 0, 0], [bond * np.cos(angle), bond * np.sin(angle), 0]])
    arrays = {"position": x, "velocity": np.ones((3, 3)), "mass": np.array([16.0, 1.0, 1.0])}
    state = on_machine(machine, State(arrays))
    bonds = BondConstraints(
        machine, [(0, 1), (0, 2)], bond, angles=[(1, 0, 2)], angle_values=angle, tolerance=1e-14
    )
    assert bonds.count == 3
    assert bonds.degrees_of_freedom(3) == 6
    assert bonds.lengths[2] == pytest.approx(1.5139, abs=1e-4)
    bonds.verify(state)


def test_failures_name_the_bond(machine):
    host, pairs, lengths = molecules(["dumb-bell"] * 5 + ["triangle"] * 5)
    state = on_machine(machine, host)
    bonds = BondConstraints(machine, pairs, lengths)
    bonds.remember(state)
    state["position"][int(pairs[13, 0])] += 30.0
    message = r"bond (11|12|13) of particles .* cannot be met in 200 iterations: length found .*shorten"
    with pytest.raises(ConstraintError, match=message):
        bonds.project_positions(state, 0.1)
    flat = State({"position": np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), "mass": np.ones(3)})
    flat["velocity"] = np.random.default_rng(1).normal(size=(3, 3))
    line = BondConstraints(machine, [(0, 1), (1, 2), (0, 2)], [1.0, 1.0, 2.0])
    with pytest.raises(ConstraintError, match="bond 2 of particles 0 and 2 is redundant"):
        line.project_momenta(on_machine(machine, flat))


@pytest.mark.parametrize(
    ("pairs", "lengths", "options", "message"),
    [
        ([], 1.0, {}, "no bond is given"),
        ([(0, 1), (2, 2)], 1.0, {}, "bond 1 of particles 2 and 2"),
        ([(0, 1), (1, 2)], [1.0, -1.0], {}, r"bond 1 .* length .*-1.0"),
        ([(0, 1), (1, 2), (1, 0)], 1.0, {}, "bond 2 of particles 1 and 0 is declared twice"),
        ([(0, 1)], 1.0, {"angles": [(0, 1, 2)], "angle_values": 1.0}, r"its bond \(1, 2\) is not among"),
        ([(0, 1), (1, 2)], 1.0, {"angles": [(0, 1, 2)], "angle_values": np.pi}, "holds angles between"),
    ],
)
def test_bonds_that_cannot_be_are_refused(pairs, lengths, options, message):
    with pytest.raises(ConstraintError, match=message):
        BondConstraints(backend("cpu", threads=1), pairs, lengths, **options)


def test_a_start_off_the_bonds_is_refused():
    state, pairs, lengths = molecules(["triangle"] * 3)
    bonds = BondConstraints(backend("cpu", threads=1), pairs, lengths)
    with pytest.raises(ConstraintError, match=r"bond \d of particles .* is stretched by the velocities"):
        bonds.verify(state)
    i, j = pairs[4]
    state["position"][i] += 0.01 * (state["position"][i] - state["position"][j])
    with pytest.raises(ConstraintError, match=r"bond \d of .* has the length .* at the start; wanted"):
        bonds.verify(state)
    wrong = BondConstraints(backend("cpu", threads=1), [(0, 99)], 1.0)
    with pytest.raises(ConstraintError, match="names particle 99, and the state has 9"):
        wrong.verify(state)


# ---- rigid molecules under gravity -------------------------------------------------------------------


def rigid_system(shape: str, every: int = 1):
    state, pairs, lengths = molecules([shape] * 4)
    state["mass"] *= 0.1
    cpu = backend("cpu", threads=1)
    bonds = BondConstraints(cpu, pairs, lengths, tolerance=1e-14, project_every=every)
    bonds.project_momenta(state)
    return dataclasses.replace(gravity(state, NumpyGravity(SOFTENING), cpu), constraints=bonds)


def momenta(state: State) -> np.ndarray:
    p = state["mass"][:, None] * state["velocity"]
    return np.concatenate([p.sum(axis=0), np.cross(state["position"], p).sum(axis=0)])


@pytest.mark.parametrize("shape", ["dumb-bell", "triangle"])
@pytest.mark.parametrize(("composition", "order"), [("leapfrog", 2), ("leapfrog_dkd", 2), ("yoshida4", 4)])
def test_rigid_molecules_move_at_the_order_of_the_composition(shape, composition, order):
    found = []
    for steps in (20, 40, 80):
        system = rigid_system(shape)
        compile_structure(system, composition, dt=1.0 / steps).run(steps)
        found.append(system.state["position"])
    ratio = np.abs(found[0] - found[1]).max() / np.abs(found[1] - found[2]).max()
    assert np.log2(ratio) == pytest.approx(order, abs=0.1)


@pytest.mark.parametrize("shape", ["dumb-bell", "triangle"])
def test_rigid_molecules_conserve_what_theory_says(shape):
    system = rigid_system(shape)
    state = system.state
    program = compile_structure(system, "leapfrog", dt=0.02)
    start, before, position = energy(state, SOFTENING), momenta(state), state["position"].copy()
    errors = []
    for _ in range(100):
        program.run(10)
        errors.append(energy(state, SOFTENING) - start)
    assert np.abs(momenta(state) - before).max() < 1e-12
    assert np.abs(errors).max() < 3e-4
    slope, error = trend_of(0.2 * np.arange(100), np.array(errors))
    assert abs(slope) < 3.0 * error
    program.reverse()
    program.run(1000)
    np.testing.assert_allclose(state["position"], position, rtol=0, atol=1e-9)


def test_projection_every_few_steps_holds_the_bonds_there():
    system = rigid_system("triangle", every=4)
    bonds, state = system.constraints, system.state
    program = compile_structure(system, "leapfrog", dt=0.01)
    for step in range(1, 13):
        program.run(1)
        x = state["position"]
        found = np.linalg.norm(x[bonds.pairs[:, 0]] - x[bonds.pairs[:, 1]], axis=1) / bonds.lengths - 1.0
        assert (np.abs(found).max() < 1e-12) == (step % 4 == 0)
    # A program on the state as it is between two projections goes on.
    program.run(1)
    compile_structure(system, "leapfrog", dt=0.01).run(3)
    bonds.verify(state)


def test_a_step_too_long_says_so():
    system = rigid_system("triangle")
    with pytest.raises(OperationError, match=r"'shake' failed in step 1 .*bond \d+ of particles"):
        compile_structure(system, "leapfrog", dt=50.0).run(1)
