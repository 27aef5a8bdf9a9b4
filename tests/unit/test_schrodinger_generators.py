"""All terms of H: interactions, magnetic and electric fields, absorbers, moving potentials; bad input."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_waves import PSI, engine, gaussian, moved, program

from hpcphys.compiler.expressions import ExpressionError
from hpcphys.compiler.program import OperationError
from hpcphys.physics.schrodinger import observables
from hpcphys.physics.schrodinger.grid import GridError, WaveGrid
from hpcphys.physics.schrodinger.potential import PotentialError


def test_a_bright_soliton_keeps_its_form() -> None:
    made = engine(384, -32, 32, nonlinearity=-1.0)
    x, v, t = made.grid.axes[0], 2 * np.pi / 64 * 12, 2.0

    def soliton(time):
        return np.exp(1j * v * x - 0.5j * (v * v - 1) * time) / np.cosh(x + 2 - v * time)

    errors = [abs(moved(made, soliton(0), "yoshida4", t, n) - soliton(t)).max() for n in (20, 40)]
    assert errors[1] < 1e-5
    assert 3.6 < np.log2(errors[0] / errors[1]) < 4.6


def test_gross_pitaevskii_conserves_norm_and_energy() -> None:
    made = engine((24, 24), -6, 6, potential="(x^2 + y^2)/2", nonlinearity=5.0)
    run = program(made, gaussian(made.grid, (0.8, 0.0), (0, 0.5)), "blanes_moan_rkn6", 0.02)
    before = observables.energy(run.state, made)
    run.run(50)
    after = observables.energy(run.state, made)
    assert before.interaction > 0.3
    assert abs(after.interaction - before.interaction) > 1e-3
    assert abs(after.total - before.total) < 1e-10
    assert abs(observables.norm(run.state, made) - 1) < 1e-12


@pytest.mark.parametrize(
    ("name", "order"), [("leapfrog", 2), ("leapfrog_dkd", 2), ("chin4a", 4), ("yoshida4", 4)]
)
def test_a_moving_potential_keeps_the_order(name, order) -> None:
    """<x> of a driven oscillator follows Newton: x'' = -x + 2 cos(3 t), not a sum of f(t) g(x) as written."""
    made = engine(64, -9, 9, potential="(x - 2*cos(3*t))^2/2")
    psi = gaussian(made.grid, 0.5, 0.0)
    t = 1.7
    exact = 0.5 * np.cos(t) + (np.cos(t) - np.cos(3 * t)) / 4
    errors = []
    for steps in (40, 80):
        run = program(made, psi, name, t / steps)
        run.run(steps)
        errors.append(abs(observables.position(run.state, made)[0][0] - exact))
    assert errors[1] < 2e-3
    assert order - 0.3 < np.log2(errors[0] / errors[1]) < order + 0.5


def test_a_potential_that_is_no_sum_of_products_is_evaluated_as_it_moves() -> None:
    made = engine(64, -9, 9, potential="exp(-(x - t)^2)")
    other = engine(64, -9, 9, potential=np.exp(-((made.grid.axes[0] - 0.3) ** 2)))
    assert abs(made.potential_function.values(0.3) - other.potential_function.values()).max() < 1e-15
    assert made.potential_function.time_dependent


def test_a_field_in_velocity_gauge_is_that_in_length_gauge() -> None:
    """A(t) = -∫E: ψ_length = exp(i q A x) ψ_velocity, exact where A is 0 at both ends."""
    length = engine(96, -10, 10, potential="x^2/2 + x*0.8*cos(2*t)*2")
    velocity = engine(96, -10, 10, potential="x^2/2", vector_potential={"x": "0.8*sin(2*t)"})
    psi = gaussian(length.grid, 0.3, 0.0)
    first = moved(length, psi, "blanes_moan_rkn6", np.pi, 80)
    second = moved(velocity, psi, "blanes_moan_rkn6", np.pi, 80)
    assert abs(first - psi).max() > 0.1
    assert abs(first - second).max() < 1e-8


def test_landau_levels_in_landau_gauge() -> None:
    """A_y = B x: a state of one k_y oscillates about x = k_y/B with the cyclotron frequency B/m."""
    field = 2.0
    made = engine((64, 12), (-6, 0), (6, 2 * np.pi), vector_potential={"y": f"{field}*x"})
    x, y = made.grid.along(0, made.grid.axes[0]), made.grid.along(1, made.grid.axes[1])
    lowest = np.exp(-field * (x - 1.0) ** 2 / 2 + 1j * field * y)
    state = program(made, lowest * np.ones(made.grid.shape)).state
    size = observables.norm(state, made)
    assert observables.energy(state, made).total / size == pytest.approx(field / 2, rel=1e-12)
    moved_by_half = np.exp(-field * (x - 1.5) ** 2 / 2 + 1j * field * y)
    found = moved(made, moved_by_half * np.ones(made.grid.shape), "suzuki4", 2 * np.pi / field, 200)
    assert abs(found + moved_by_half).max() < 2e-6  # a coherent state: exp(-iπ) after one turn
    run = program(made, moved_by_half * np.ones(made.grid.shape), "suzuki4", np.pi / field / 100)
    run.run(100)
    assert observables.position(run.state, made)[0][0] == pytest.approx(0.5, abs=1e-6)


def test_a_field_along_the_first_axis_is_that_along_the_second_turned() -> None:
    first = engine((20, 24), -5, 5, potential="x^2/2 + y^4/9", vector_potential={"x": "0.7*y"})
    second = engine((24, 20), -5, 5, potential="y^2/2 + x^4/9", vector_potential={"y": "0.7*x"})
    psi = gaussian(first.grid, (0.3, 0.4), (0.5, 0))
    a = moved(first, psi, "leapfrog", 0.5, 10)
    b = moved(second, np.ascontiguousarray(psi.T), "leapfrog", 0.5, 10)
    assert abs(a - b.T).max() < 1e-14


def test_an_absorber_takes_the_norm_at_its_rate() -> None:
    made = engine((16, 12), -5, 5, potential="x^2/2", absorber="0.3")
    run = program(made, gaussian(made.grid, 0, 0), "leapfrog", 0.1)
    size = observables.norm(run.state, made)
    run.run(20)
    assert observables.norm(run.state, made) == pytest.approx(size * np.exp(-2 * 0.3 * 2), rel=1e-13)


def test_an_absorber_at_the_edge_swallows_a_packet() -> None:
    made = engine(256, -30, 30, absorber="3*max(abs(x) - 18, 0)^2/144*4")
    run = program(made, gaussian(made.grid, 0, 3.0, 2.0), "leapfrog", 0.02)
    run.run(1000)
    assert observables.norm(run.state, made) < 1e-4


def test_interaction_and_absorber_together_are_exact() -> None:
    """Without motion: |ψ|² = n exp(-2 W t), phase g n (1 - exp(-2 W t))/2W, in one step of any length."""
    made = engine(8, -1, 1, mass=1e12, nonlinearity=2.0, absorber="0.25")
    psi = np.full(8, 0.7 + 0.2j)
    n, t = abs(psi[0]) ** 2, 3.0
    exact = psi * np.exp(-0.25 * t) * np.exp(-2j * n * (1 - np.exp(-0.5 * t)) / 0.5)
    assert abs(moved(made, psi, "leapfrog", t, 1) - exact).max() < 1e-14


@pytest.mark.parametrize("name", ["yoshida4", "blanes_moan_rkn4"])
def test_an_absorber_refuses_negative_times(name) -> None:
    made = engine(16, -5, 5, potential="x^2", absorber="1")
    with pytest.raises(OperationError, match="negative time"):
        moved(made, gaussian(made.grid, 0, 0), name, 0.1, 2)


def test_interactions_have_no_force_gradient() -> None:
    made = engine(16, -5, 5, potential="x^2", nonlinearity=1.0)
    with pytest.raises(OperationError, match=r"force gradient of g\|ψ\|²"):
        moved(made, gaussian(made.grid, 0, 0), "chin4a", 0.1, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"potential": "1/x"}, r"potential is inf at x = 0; it must be finite"),
        ({"potential": "log(x)"}, r"potential is nan at x = -4"),
        ({"absorber": "x"}, r"absorber is -4 somewhere"),
        ({"vector_potential": {"x": "x"}}, r"A_x = x holds x: .* choose a gauge"),
        ({"vector_potential": {"y": "x"}}, r"vector potential along y; the axes are x"),
        ({"potential": np.zeros(3)}, r"array of shape \(3,\); this rank's points are \(16,\)"),
    ],
)
def test_functions_that_cannot_be_used_are_named(options, message) -> None:
    with pytest.raises(PotentialError, match=message):
        engine(16, -4, 4, **options)


def test_both_time_and_place_in_a_vector_potential_are_refused() -> None:
    with pytest.raises(PotentialError, match="holds both t and a coordinate"):
        engine((8, 8), -4, 4, vector_potential={"y": "x*t"})


def test_unknown_names_in_a_potential_are_refused() -> None:
    with pytest.raises(ExpressionError, match="depth"):
        engine(16, -4, 4, potential="depth*x^2")
    made = engine(16, -4, 4, potential="depth*x^2", parameters={"depth": 2})
    assert made.potential_function.values()[0] == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((8, 8, 8, 8), -1, 1), "4 axes"),
        (((8,), 1, 1), "upper end must be larger"),
        (((0, 4), -1, 1), "axis x has 0 points"),
        (((8, 4), (-1, -1, -1), 1), "lower has 3 values for 2 axes"),
    ],
)
def test_grids_that_cannot_be_are_refused(arguments, message) -> None:
    with pytest.raises(GridError, match=message):
        WaveGrid(*arguments)


def test_ranks_that_a_grid_does_not_allow_are_refused() -> None:
    with pytest.raises(GridError, match="allowed: 1 rank for a grid of one axis"):
        WaveGrid(16, -1, 1, size=2)
    with pytest.raises(GridError, match="allowed: 1 to 4 ranks"):
        WaveGrid((4, 16), -1, 1, size=5)
    with pytest.raises(GridError, match="mass -1"):
        WaveGrid((4, 16), -1, 1, mass=-1.0)
    with pytest.raises(GridError, match="precision"):
        WaveGrid(4, -1, 1, precision="half")


def test_a_state_of_another_shape_is_refused() -> None:
    made = engine((8, 6), -1, 1)
    with pytest.raises(ValueError, match=r"needs complex128 of shape \(8, 6\)"):
        program(made, np.zeros((6, 8), complex))
    assert PSI == "wavefunction"
