"""Holonomic constraints: chains of pendula against minimal coordinates, what stays exact, what is refused."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from hpcphys.compiler import CompileError, OperationError, State, compile_structure
from hpcphys.compiler.constraints import ConstraintError, HolonomicConstraints, constrained
from hpcphys.compiler.expressions import Coordinates, ExpressionError
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.compiler.theory.monitor import trend_of
from hpcphys.kernels import backend


def chain_coordinates(links: int) -> Coordinates:
    return Coordinates.declare([f"q[{2 * links}]", f"p[{2 * links}]"], ["g"])


def chain_constraints(links: int) -> list[str]:
    first = ["q[0]^2 + q[1]^2 - 1"]
    return first + [
        f"(q[{2 * k}] - q[{2 * k - 2}])^2 + (q[{2 * k + 1}] - q[{2 * k - 1}])^2 - 1" for k in range(1, links)
    ]


def chain(angles, constraints=None, systems=1, **options) -> PhysicalSystem:
    """Links of length and mass 1 under gravity g = 1, at rest; angles from the downward vertical."""
    links = len(angles)
    system = hamiltonian(
        f"dot(p, p)/2 + g*sum(q[2*i + 1], i, 0, {links - 1})",
        [f"q[{2 * links}]", f"p[{2 * links}]"],
        state={"q": np.tile(points(angles), (systems, 1)), "p": np.zeros((systems, 2 * links))},
        parameters={"g": 1.0},
        splitting="separable",
    )
    return constrained(system, constraints or chain_constraints(links), **options)


def points(angles) -> np.ndarray:
    found = np.empty(2 * len(angles))
    found[0::2], found[1::2] = np.cumsum(np.sin(angles)), -np.cumsum(np.cos(angles))
    return found


def chain_by_angles(angles, time: float) -> np.ndarray:
    """Positions at `time` from the equations of motion in the angles, by a Runge-Kutta method of order 8."""
    angles = np.asarray(angles, dtype=float)
    links = len(angles)
    below = links - np.arange(links)
    share = np.minimum.outer(below, below)

    def motion(_, state):
        angle, speed = np.split(state, 2)
        turn = angle[:, None] - angle[None, :]
        pull = -(share * np.sin(turn)) @ speed**2 - below * np.sin(angle)
        return np.concatenate([speed, np.linalg.solve(share * np.cos(turn), pull)])

    start = np.concatenate([angles, np.zeros(links)])
    solution = solve_ivp(motion, (0.0, time), start, method="DOP853", rtol=1e-12, atol=1e-12)
    return points(solution.y[:links, -1])


def energy(state: State) -> np.ndarray:
    return (state["p"] ** 2).sum(axis=1) / 2 + state["q"][:, 1::2].sum(axis=1)


def lengths(state: State) -> np.ndarray:
    joints = np.concatenate([np.zeros((state.count, 1, 2)), state["q"].reshape(state.count, -1, 2)], axis=1)
    return np.linalg.norm(np.diff(joints, axis=1), axis=2)


def stretching(state: State) -> np.ndarray:
    joints, speeds = (
        np.concatenate([np.zeros((state.count, 1, 2)), state[name].reshape(state.count, -1, 2)], axis=1)
        for name in "qp"
    )
    return (np.diff(joints, axis=1) * np.diff(speeds, axis=1)).sum(axis=2)


@pytest.mark.parametrize("links", [1, 2, 5, 20])
def test_chains_follow_the_minimal_coordinates_at_second_order(links):
    angles = np.linspace(1.0, 0.3, links)
    expected = chain_by_angles(angles, 1.0)
    errors = []
    system = chain(angles)
    start = {name: system.state[name].copy() for name in "qp"}
    program = compile_structure(system, "leapfrog", backend="numpy")
    for steps in (16, 32):
        for name, array in start.items():
            system.state[name][...] = array
        system.state.invalidate()
        for _ in range(steps):
            program.step(1.0 / steps)
        errors.append(np.abs(system.state["q"][0] - expected).max())
        assert np.abs(lengths(system.state) - 1.0).max() < 1e-12
        assert np.abs(stretching(system.state)).max() < 1e-13
    assert errors[1] < 5e-4
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("composition", ["yoshida4", "suzuki4", "blanes_moan4", "mclachlan4"])
def test_compositions_keep_their_order_under_constraints(composition):
    angles = [1.0, 0.3]
    expected = chain_by_angles(angles, 1.0)
    errors = []
    for steps in (10, 20):
        system = chain(angles)
        compile_structure(system, composition, dt=1.0 / steps, backend="numpy").run(steps)
        errors.append(np.abs(system.state["q"][0] - expected).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.15)


def test_the_energy_of_a_double_pendulum_has_no_trend():
    system = chain([0.6, -0.3], systems=3)
    system.state["q"][1], system.state["q"][2] = points([0.9, 0.5]), points([-0.4, 0.8])
    program = compile_structure(system, "leapfrog", dt=0.02, backend=backend("cpu", threads=1))
    assert program.native is not None
    samples = []
    for _ in range(400):
        program.run(250)
        samples.append(energy(system.state))
    time = 5.0 * np.arange(400)
    for values in np.array(samples).T:
        slope, error = trend_of(time, values)
        assert np.ptp(values) < 5e-4
        assert abs(slope) * time[-1] < max(5 * error * time[-1], 1e-9)
        assert abs(slope) * time[-1] < 0.1 * np.ptp(values)


def test_time_reversed_a_chain_retraces_its_path():
    angles = np.linspace(1.2, -0.5, 5)
    system = chain(angles, tolerance=1e-14)
    program = compile_structure(system, "leapfrog", dt=0.02, backend="numpy")
    program.run(60)
    assert np.abs(system.state["q"][0] - points(angles)).max() > 0.1
    program.reverse()
    program.run(60)
    np.testing.assert_allclose(system.state["q"][0], points(angles), rtol=0, atol=1e-12)


def test_the_map_of_a_pendulum_keeps_areas():
    """(angle, speed) are canonical for a pendulum of length and mass 1: the Jacobian's determinant is 1."""

    def step(angle: float, speed: float) -> np.ndarray:
        system = chain([angle])
        system.state["p"][0] = speed * np.array([np.cos(angle), np.sin(angle)])
        compile_structure(system, "leapfrog", dt=0.5, backend="numpy").run(1)
        (x, y), (u, v) = system.state["q"][0], system.state["p"][0]
        return np.array([np.arctan2(x, -y), -u * y + v * x])

    h = 1e-5
    columns = [
        (step(1.0 + h, 0.7) - step(1.0 - h, 0.7)) / (2 * h),
        (step(1.0, 0.7 + h) - step(1.0, 0.7 - h)) / (2 * h),
    ]
    assert np.linalg.det(np.array(columns)) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("systems", [1, 11])
def test_native_programs_do_what_numpy_does(systems):
    states = []
    for machine in ("numpy", backend("cpu", threads=1)):
        system = chain([1.0, 0.2], systems=systems)
        system.state["q"][-1] = points([0.5, 0.1])
        program = compile_structure(system, "leapfrog", dt=0.02, backend=machine)
        assert (program.native is None) == (machine == "numpy")
        program.run(40)
        states.append(system.state)
    for name in "qp":
        np.testing.assert_allclose(states[0][name], states[1][name], rtol=0, atol=1e-12)
    assert np.abs(lengths(states[1]) - 1.0).max() < 1e-12


@pytest.mark.parametrize("machine", ["numpy", "cpu"])
def test_a_constraint_that_cannot_be_met_is_named(machine):
    system = chain([1.0, 0.2], {"upper link": chain_constraints(2)[0], "lower": chain_constraints(2)[1]}, 5)
    runtime = machine if machine == "numpy" else backend(machine, threads=1)
    program = compile_structure(system, "leapfrog", dt=1.0, backend=runtime)
    system.state["p"][3, 0] = 50.0
    before = system.state["q"].copy()
    with pytest.raises(OperationError, match=r"'upper link': q\[0\]\^2.*cannot be met in 50 Newton") as error:
        program.run(2)
    assert "system 3" in str(error.value)
    assert re.search(r"step 1 |steps 1 to 2", str(error.value))
    if machine == "cpu":  # the failed system keeps its state, the others move on
        np.testing.assert_array_equal(system.state["q"][3], before[3])
        assert np.abs(system.state["q"][2] - before[2]).max() > 0.1


def test_a_state_off_its_constraints_is_refused_and_can_be_projected():
    system = chain([1.0, 0.2], systems=3)
    system.state["q"][1, 2] += 1e-4
    with pytest.raises(ConstraintError, match=r"constraint \(q\[2\] - q\[0\]\)\^2.* of system 1 is"):
        compile_structure(system, dt=0.1, backend="numpy")
    system.constraints.project(system.state)
    assert np.abs(lengths(system.state) - 1.0).max() < 1e-12
    compile_structure(system, dt=0.1, backend="numpy").run(1)
    system.state["p"][2] = [0.0, 0.3, 0.0, 0.0]
    with pytest.raises(ConstraintError, match=r"d/dt of constraint q\[0\]\^2.* of system 2 .*the momenta"):
        compile_structure(system, dt=0.1, backend="numpy")


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ([], "no constraint is given"),
        (["q[0] + p[0]"], r"constraint q\[0\] \+ p\[0\] holds p\[0\]; a holonomic constraint"),
        (["g - 1"], "holds no position"),
        (
            ["q[0]^2 + q[1]^2 - 1", "2*q[0]^2 + 2*q[1]^2 - 2"],
            r"constraint 2\*q\[0\]\^2.* is redundant",
        ),
    ],
)
def test_wrong_constraints_are_refused(constraints, message):
    system = chain([1.0, 0.2])

    def compiled():
        return compile_structure(constrained(system, constraints), dt=0.1, backend="numpy")

    with pytest.raises(ConstraintError, match=message):
        compiled()


def test_wrong_texts_and_masses_are_refused():
    coordinates = chain_coordinates(1)
    with pytest.raises(ExpressionError, match="constraint 0"):
        HolonomicConstraints(["q[0]^2 + z - 1"], coordinates, "dot(p, p)/2", [("q", "p")])
    with pytest.raises(ConstraintError, match=r"masses that depend on q\[0\]"):
        HolonomicConstraints(["q[1]"], coordinates, "p[0]^2*(1 + q[0]^2) + p[1]^2", [("q", "p")])


def test_a_motion_that_is_not_split_into_drift_and_kick_is_refused():
    whole = hamiltonian("p^2/2 + x^2/2", ["x", "p"], state={"x": 1.0, "p": 0.0})
    with pytest.raises(ConstraintError, match='splitting="separable"'):
        constrained(whole, ["x - 1"])


def test_forces_and_degrees_of_freedom():
    """The tension of a pendulum's rod is cos(angle) + speed²; its multiplier half of it, as dg/dq = 2 q."""
    system = chain([0.7])
    speed = 1.3
    system.state["p"][0] = speed * np.array([np.cos(0.7), np.sin(0.7)])
    multipliers, forces = system.constraints.forces(system.state, "g*q[1]")
    tension = np.cos(0.7) + speed**2
    assert multipliers[0, 0] == pytest.approx(tension / 2, rel=1e-13)
    np.testing.assert_allclose(forces[0], -tension * system.state["q"][0], rtol=1e-13)
    assert chain(np.zeros(5)).constraints.degrees_of_freedom == 5


def test_projection_every_few_steps():
    """In between the chain is free; the error is that of a constraint that acts in every third step alone."""
    expected = chain_by_angles([1.0, 0.3], 0.96)
    errors = {}
    for every, steps in ((1, 96), (3, 96), (1, 32)):
        system = chain([1.0, 0.3], project_every=every)
        program = compile_structure(system, "leapfrog", dt=0.96 / steps, backend="numpy")
        program.run(steps - 1)
        assert (np.abs(lengths(system.state) - 1.0).max() < 1e-12) == (every == 1)
        program.run(1)
        assert np.abs(lengths(system.state) - 1.0).max() < 1e-12
        errors[every, steps] = np.abs(system.state["q"][0] - expected).max()
    assert errors[1, 96] < errors[3, 96] < 30 * errors[1, 32]


def test_projections_are_where_they_must_be():
    text = compile_structure(chain([1.0, 0.3]), "yoshida4", dt=0.1, backend="numpy").explain()
    names = [line.split()[1] for line in text.splitlines() if re.match(r"\s+\d+  ", line)]
    drift = ["remember", "drift", "shake"]
    assert [name for name in names if name != "evaluate"] == [*(["kick", *drift] * 3), "kick", "rattle"]
    assert "constraints: q[0]^2 + q[1]^2 - 1 = 0, " in text
    assert "2 degrees of freedom left" in text


def test_a_piece_that_moves_both_is_refused():
    system = chain([1.0])
    both = dataclasses.replace(system.pieces[0], writes=frozenset({"q", "p"}))
    with pytest.raises(CompileError, match="moves positions and momenta together"):
        compile_structure(dataclasses.replace(system, pieces=(both, system.pieces[1])), dt=0.1)
