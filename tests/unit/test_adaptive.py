"""Adaptive steps: time-symmetric, no drift of the energy, restarts, bounds, criteria."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import (
    NumpyBackend,
    NumpyGravity,
    cluster,
    energy,
    kepler_state,
    particles,
    program_of,
)

from hpcphys.compiler.adaptive import SymmetricSteps
from hpcphys.compiler.passes import CompileError
from hpcphys.compiler.program import OperationError, Program
from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.physics.gravity_steps import AccelerationSteps, VirialSteps

SERIAL, BACKEND = Communicator.serial(), NumpyBackend()
PERIOD = 2 * np.pi


class NaiveSteps(SymmetricSteps):
    """h_{n+1/2} = h(z_n): what the symmetric rule is better than."""

    def choose(self, state: State) -> float:
        return self.wanted(state)


def virial(accuracy: float, **options: Any) -> VirialSteps:
    return VirialSteps(SERIAL, BACKEND, accuracy=accuracy, **options)


def acceleration(**options: Any) -> AccelerationSteps:
    return AccelerationSteps(SERIAL, BACKEND, **{"softening": 0.05, **options})


def orbits(controller: type, eccentricity: float, accuracy: float, count: int) -> list[float]:
    """Relative energy error, the mean over each orbit, of an adaptive Kepler orbit."""
    state = kepler_state(eccentricity)
    program = program_of(state, controller=controller(virial(accuracy)))
    # Masses 0.7 and 0.3, a = 1: E = -G m1 m2 / 2a.
    separation, means = 0.0, []
    mass, exact = state["mass"], -0.105
    for orbit in range(1, count + 1):
        errors = []
        while state.time < orbit * PERIOD:
            program.step()
            velocity, position = state["velocity"], state["position"]
            separation = float(np.linalg.norm(position[0] - position[1]))
            kinetic = 0.5 * float(mass @ (velocity * velocity).sum(axis=1))
            errors.append((kinetic - 0.21 / separation) / exact - 1.0)
        means.append(float(np.mean(errors)))
    return means


def test_a_thousand_eccentric_orbits_without_drift() -> None:
    symmetric = np.array(orbits(SymmetricSteps, 0.7, 0.02, 1000))
    first, last = symmetric[:100].mean(), symmetric[-100:].mean()
    assert abs(last - first) < 3e-4
    assert np.abs(symmetric).max() < 1.5e-2


def test_the_naive_rule_drifts() -> None:
    """The comparison that gives the test above its meaning: 10 orbits lose more than 1000 symmetric ones."""
    naive = np.array(orbits(NaiveSteps, 0.7, 0.02, 30))
    assert abs(naive[-5:].mean() - naive[:5].mean()) > 1e-2


@pytest.mark.parametrize("composition", ["leapfrog", "leapfrog_dkd", "yoshida4", "blanes_moan_rkn4"])
def test_a_very_eccentric_orbit_retraces_itself(composition: str) -> None:
    state = kepler_state(0.9)
    start = state["position"].copy()
    program = program_of(state, composition, controller=SymmetricSteps(virial(0.01)))
    forward = [program.step() for _ in range(110)]
    assert state.scalars["controller.resets"] == 0
    assert max(forward) / min(forward) > 20
    program.reverse()
    backward = [program.step() for _ in range(110)]
    assert np.allclose(forward, backward[::-1], rtol=1e-9, atol=0)
    assert np.abs(state["position"] - start).max() < 1e-9


def test_the_naive_rule_does_not_retrace() -> None:
    state = kepler_state(0.9)
    start = state["position"].copy()
    program = program_of(state, controller=NaiveSteps(virial(0.01)))
    program.run(110)
    program.reverse()
    program.run(110)
    assert np.abs(state["position"] - start).max() > 1e-3


@pytest.mark.parametrize("power", [4, 8, 16])
def test_a_collapsing_cluster_retraces_itself(power: int) -> None:
    state = cluster(200, virial_ratio=0.1)
    start = state["position"].copy()
    program = program_of(
        state, field=NumpyGravity(0.05), controller=SymmetricSteps(acceleration(accuracy=0.01, power=power))
    )
    forward = [program.step() for _ in range(60)]
    assert state.scalars["controller.resets"] == 0
    assert np.abs(state["position"] - start).max() > 0.5
    assert max(forward) / min(forward) > 1.5
    program.reverse()
    program.run(60)
    assert np.abs(state["position"] - start).max() < 1e-9


@pytest.mark.parametrize("composition", ["leapfrog", "leapfrog_dkd"])
def test_a_restart_is_bit_for_bit_the_uninterrupted_run(composition: str) -> None:
    def program(state: State) -> Program:
        return program_of(
            state, composition, field=NumpyGravity(0.05), controller=SymmetricSteps(virial(0.004))
        )

    whole, first = program(cluster(12, virial_ratio=0.1)), program(cluster(12, virial_ratio=0.1))
    whole.run(30)
    first.run(13)
    saved = first.state
    arrays = {name: saved[name].copy() for name in saved.names()}
    second = program(State(arrays, saved.time, saved.step, dict(saved.scalars)))
    second.run(17)
    assert second.state.time == whole.state.time
    assert np.array_equal(second.state["position"], whole.state["position"])
    assert second.state.scalars == whole.state.scalars


def test_a_criterion_that_reads_the_acceleration_has_it_evaluated() -> None:
    """Drift-kick-drift ends at a position without an acceleration: one more evaluation in the step."""
    for composition, evaluations in (("leapfrog", 1), ("leapfrog_dkd", 2)):
        program = program_of(cluster(5), composition, controller=SymmetricSteps(acceleration()))
        assert program.evaluations_per_step == evaluations


def test_steps_keep_to_the_longest() -> None:
    program = program_of(cluster(20), controller=SymmetricSteps(acceleration(), max_step=0.01))
    assert [program.step() for _ in range(10)] == [0.01] * 10
    assert program.state.scalars["controller.resets"] == 0


def test_a_step_below_the_shortest_fails_the_run() -> None:
    program = program_of(cluster(20), controller=SymmetricSteps(acceleration(), min_step=10.0))
    with pytest.raises(
        OperationError, match=r"asks for a step of .*, below the smallest allowed, 1\.000e\+01"
    ):
        program.step()


class Prescribed:
    """A criterion that follows a list."""

    reads = outputs_at_start = frozenset()

    def __init__(self, steps: list[float]):
        self.steps = steps

    def start(self, state: State) -> None:
        pass

    def rate(self, state: State) -> float:
        return 1.0 / self.steps[state.step]

    def describe(self) -> str:
        return "prescribed"


def test_a_sudden_drop_is_followed_at_once_and_counted() -> None:
    program = program_of(
        kepler_state(0.1), controller=SymmetricSteps(Prescribed([0.1, 0.1, 0.001, 0.001, 0.001]))
    )
    taken = [program.step() for _ in range(5)]
    assert taken == pytest.approx([0.1, 0.1, 0.001, 0.001, 0.001])
    assert program.state.scalars["controller.resets"] == 1


def test_a_slow_change_is_followed_between_the_wanted_steps() -> None:
    wanted = [0.01 * 1.1**n for n in range(12)]
    program = program_of(kepler_state(0.1), controller=SymmetricSteps(Prescribed(wanted)))
    for step in wanted:
        assert step / 1.11 < program.step() < step * 1.11
    assert program.state.scalars["controller.resets"] == 0


@pytest.mark.parametrize("rate", [float("nan"), float("inf"), 0.0])
def test_a_rate_that_is_none_fails_the_run(rate: float) -> None:
    criterion = Prescribed([1.0])
    criterion.rate = lambda state: rate
    program = program_of(kepler_state(0.1), controller=SymmetricSteps(criterion))
    with pytest.raises(OperationError, match=r"NaN or infinity|nothing moves"):
        program.step()


# -- criteria -----------------------------------------------------------------------------------------------


def test_equal_accelerations_give_the_textbook_step() -> None:
    state = cluster(10)
    state["acceleration"] = np.full((10, 3), 2.0 / np.sqrt(3.0), dtype=np.float32)
    criterion = acceleration(accuracy=0.02)
    criterion.start(state)
    assert 1.0 / criterion.rate(state) == pytest.approx(np.sqrt(2 * 0.02 * 0.05 / 2.0), rel=1e-6)


@pytest.mark.parametrize("power", [4, 8, 16])
def test_the_mean_lies_below_the_fastest_and_is_a_power_mean(power: int) -> None:
    state = cluster(100)
    NumpyGravity(0.05).evaluate(state)
    size = np.linalg.norm(state["acceleration"], axis=1)
    rates = np.sqrt(size / (2 * 0.025 * 0.05))
    criterion = acceleration(power=power)
    criterion.start(state)
    expected = (state["mass"] @ rates**power / state["mass"].sum()) ** (1 / power)
    assert criterion.rate(state) == pytest.approx(expected, rel=1e-12)
    assert rates.mean() < criterion.rate(state) < rates.max()


def test_the_virial_step_follows_the_separation() -> None:
    """h ~ r^(3/2) on a two-body orbit, without a potential being evaluated."""
    state = kepler_state(0.6)
    criterion = virial(0.01)
    field = NumpyGravity()
    program = program_of(state, field=field, controller=SymmetricSteps(criterion))
    program.prepare()
    assert field.asked == [{"potential"}]
    apocentre = criterion.rate(state)
    # At pericentre r = 0.4 instead of 1.6 and the speed is four times as large.
    state["position"] *= -0.25
    state["velocity"] *= -4.0
    assert criterion.rate(state) / apocentre == pytest.approx(4.0**1.5, rel=1e-12)


@pytest.mark.parametrize("criterion", [acceleration, virial])
def test_reproducible_rates_do_not_depend_on_the_order_of_rows(criterion: Any) -> None:
    state = cluster(1000)
    NumpyGravity(0.05).evaluate(state, frozenset({"potential"}))
    shuffled = np.random.default_rng(5).permutation(1000)
    other = State({name: state[name][shuffled] for name in state.names()})
    rule = criterion(accuracy=0.01, reproducible=True)
    plain = criterion(accuracy=0.01)
    for each in (rule, plain):
        each.start(state)
        other.scalars.update(state.scalars)
        assert each.rate(other) == pytest.approx(each.rate(state), rel=1e-12)
    rule.start(state)
    other.scalars.update(state.scalars)
    assert rule.rate(other) == rule.rate(state)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="without softening use the virial criterion"):
        acceleration(softening=0.0)
    with pytest.raises(ValueError, match="power = 5; allowed: 4, 8, 16"):
        acceleration(power=5)
    with pytest.raises(ValueError, match="accuracy = -1"):
        virial(-1)
    with pytest.raises(ValueError, match="needed: 0 <= min_step < max_step"):
        SymmetricSteps(virial(0.1), min_step=2.0, max_step=1.0)
    with pytest.raises(ValueError, match="must be above 1"):
        SymmetricSteps(virial(0.1), limit=1.0)
    with pytest.raises(CompileError, match="symmetric composition, and lie_trotter is not"):
        program_of(cluster(4), "lie_trotter", controller=SymmetricSteps(acceleration()))
    with pytest.raises(ValueError, match="the controller chooses the step"):
        program_of(cluster(4), controller=SymmetricSteps(acceleration())).step(0.1)
    far = program_of(particles([[0, 0, 0]], [[0, 0, 0]], [1.0]), controller=SymmetricSteps(virial(0.1)))
    with pytest.raises(ValueError, match="the virial criterion needs it below 0"):
        far.prepare()


def test_energy_error_of_a_collapse_is_that_of_its_steps() -> None:
    """Half the step (a quarter of the accuracy parameter) leaves about a quarter of the error or less."""
    errors = []
    for accuracy in (0.02, 0.005):
        state = cluster(100, virial_ratio=0.1)
        before = energy(state, 0.2)
        program = program_of(
            state,
            field=NumpyGravity(0.2),
            controller=SymmetricSteps(acceleration(softening=0.2, accuracy=accuracy)),
        )
        largest = 0.0
        while state.time < 3.0:
            program.step()
            largest = max(largest, abs(energy(state, 0.2) / before - 1.0))
        errors.append(largest)
    assert errors[1] < 0.35 * errors[0]
    assert errors[0] < 3e-2
