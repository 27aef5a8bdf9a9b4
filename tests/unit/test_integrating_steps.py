"""The integrating controller: reversible, second order, bounded energy error, restarts, bounds."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler.adaptive import IntegratingSteps, StepError
from hpcphys.compiler.compositions import compositions
from hpcphys.compiler.program import OperationError, Program, compile_structure
from hpcphys.compiler.state import State
from scaling.orbits import kepler, kepler_position

PERIOD = 2 * np.pi


class Orbital:
    """R = 1/h = 1/(eta r^(3/2)): so many steps in the time of a circular orbit at r."""

    reads = frozenset({"position", "velocity"})
    outputs_at_start: frozenset[str] = frozenset()

    def __init__(self, eta: float):
        self.eta = eta

    def start(self, state: State) -> None:
        pass

    def rate(self, state: State) -> float:
        return float(np.sum(state["position"] ** 2)) ** -0.75 / self.eta

    def growth(self, state: State) -> float:
        along = float(np.sum(state["position"] * state["velocity"]))
        return -1.5 * self.rate(state) * along / float(np.sum(state["position"] ** 2))

    def describe(self) -> str:
        return "h(z) = eta r^(3/2)"


def program(eccentricity: float, eta: float, composition: str = "leapfrog", **options: float) -> Program:
    return compile_structure(
        kepler(eccentricity, float), composition, IntegratingSteps(Orbital(eta), **options)
    )


def energy(state: State) -> float:
    position, velocity = state["position"], state["velocity"]
    return 0.5 * float(np.sum(velocity**2)) - 1.0 / float(np.linalg.norm(position))


@pytest.mark.parametrize("composition", ["leapfrog", "leapfrog_dkd", "yoshida4"])
def test_an_eccentric_orbit_retraces_itself(composition: str) -> None:
    run = program(0.9, 0.03, composition)
    start = run.state["position"].copy()
    forward = [run.step() for _ in range(300)]
    assert max(forward) / min(forward) > 50
    assert run.state.scalars["controller.resets"] == 0
    run.reverse()
    backward = [run.step() for _ in range(300)]
    assert np.allclose(forward, backward[::-1], rtol=1e-9, atol=0)
    assert np.abs(run.state["position"] - start).max() < 1e-10


def error_after_an_orbit(eta: float) -> float:
    """Largest error of the position over one orbit, at the ends of the steps."""
    run, worst = program(0.6, eta), 0.0
    while run.state.time < PERIOD:
        run.step()
        exact = kepler_position(run.state.time, 0.6, float)
        worst = max(worst, float(np.abs(run.state["position"] - exact).max()))
    return worst


def test_the_first_step_is_centred() -> None:
    """R_{1/2} = R + G/2: a run that begins between the apses begins as one that came there."""
    run = program(0.7, 0.05)
    run.run(20)
    criterion = run.controller.criterion
    rate, growth = criterion.rate(run.state), criterion.growth(run.state)
    assert abs(growth) > 0.5 * rate
    run.state.scalars.clear()
    assert run.step() == pytest.approx(1.0 / (rate + 0.5 * growth / rate), rel=1e-12)


def test_second_order() -> None:
    order = np.log2(error_after_an_orbit(0.02) / error_after_an_orbit(0.01))
    assert order == pytest.approx(2.0, abs=0.1)


def test_the_energy_error_is_bounded_over_a_thousand_orbits() -> None:
    run = program(0.7, 0.05)
    exact, means = energy(run.state), []
    for orbit in range(1, 1001):
        errors = []
        while run.state.time < orbit * PERIOD:
            run.step()
            errors.append(energy(run.state) / exact - 1.0)
        means.append(np.mean(errors))
    assert np.abs(means).max() < 2e-3
    assert abs(np.mean(means[:100]) - np.mean(means[-100:])) < 2e-5
    assert run.state.scalars["controller.resets"] == 0


def test_a_restart_goes_on_bit_for_bit() -> None:
    whole, first = program(0.7, 0.05), program(0.7, 0.05)
    whole.run(60)
    first.run(25)
    second = program(0.7, 0.05)
    second.state.replace({name: first.state[name].copy() for name in first.state.names()})
    second.state.scalars.update(first.state.scalars)
    second.state.time, second.state.step = first.state.time, first.state.step
    second.run(35)
    assert np.array_equal(whole.state["position"], second.state["position"])
    assert whole.state.time == second.state.time


def test_a_density_that_lost_its_criterion_is_set_back() -> None:
    run = program(0.3, 0.05)
    run.run(3)
    run.state.scalars["controller.density"] *= 5.0
    step = run.step()
    assert run.state.scalars["controller.resets"] == 1
    assert step == pytest.approx(0.05 * (1.3) ** 1.5, rel=0.1)


def test_bounds() -> None:
    long = program(0.3, 0.5, max_step=0.01)
    assert long.step() == 0.01
    with pytest.raises(OperationError, match="below the smallest allowed"):
        program(0.3, 0.05, min_step=10.0).step()
    with pytest.raises(ValueError, match="needed: 0 <= min_step < max_step"):
        IntegratingSteps(Orbital(0.1), min_step=1.0, max_step=0.5)
    with pytest.raises(ValueError, match="must be above 1"):
        IntegratingSteps(Orbital(0.1), limit=1.0)


def test_a_state_that_holds_nan() -> None:
    run = program(0.3, 0.05)
    run.state["position"][:] = np.nan
    with pytest.raises(StepError, match="the state holds NaN"):
        run.controller.wanted(run.state)


def test_explain_tells_the_rule() -> None:
    assert "1/h_next = 1/h_last + d log R/dt" in program(0.3, 0.05).explain()
    assert compositions["leapfrog"].source in program(0.3, 0.05).explain()
