"""The pseudospectral flow that keeps energy and enstrophy to round-off, and the iteration beneath it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from hpcphys.compiler import OperationError, State, compile_structure
from hpcphys.compiler.failures import ConvergenceError
from hpcphys.compiler.flows.fixed_points import FixedPoint
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.conserving import conserving, damp

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from vorticity_peer import Modes, PlainAdvection

CPU, ALONE = backend("cpu", threads=1), Communicator.serial()
MODES = Modes(10)


def program(dt, composition="leapfrog", largest=5, damping=None, modes=MODES, **options):
    state = State({"vorticity": modes.random(largest)})
    system = conserving(state, PlainAdvection(modes), modes, CPU, ALONE, damping, **options)
    return compile_structure(system, composition, dt=dt)


def test_energy_and_enstrophy_stay_to_round_off():
    run = program(0.05, largest=10)
    energy, enstrophy = MODES.energy(run.state["vorticity"]), MODES.enstrophy(run.state["vorticity"])
    start = run.state["vorticity"].copy()
    for _ in range(10):
        run.run(15)
        assert MODES.energy(run.state["vorticity"]) == pytest.approx(energy, rel=2e-14)
        assert MODES.enstrophy(run.state["vorticity"]) == pytest.approx(enstrophy, rel=2e-14)
    assert np.linalg.norm(run.state["vorticity"] - start) > 0.5 * np.linalg.norm(start)


@pytest.mark.parametrize(
    ("composition", "order", "steps"), [("leapfrog", 2, (10, 20, 160)), ("suzuki4", 4, (10, 20, 80))]
)
def test_orders(composition, order, steps):
    ends = []
    for count in steps:
        run = program(1.0 / count, composition)
        run.run(count)
        ends.append(run.state["vorticity"])
    assert np.log2(np.linalg.norm(ends[0] - ends[2]) / np.linalg.norm(ends[1] - ends[2])) == pytest.approx(
        order, abs=0.25
    )


def test_time_reverses():
    run = program(0.05)
    start = run.state["vorticity"].copy()
    run.run(20)
    run.reverse()
    run.run(20)
    np.testing.assert_allclose(run.state["vorticity"], -start, atol=1e-13)


def test_damping_is_exact_and_splits_to_second_order():
    """A single wave is not advected: only damping moves it, by exp(-rate t) for any step."""
    rates = 0.1 * MODES.k2
    alone = np.zeros_like(MODES.random(3))
    alone[2, 1] = 1.0
    state = State({"vorticity": alone.copy()})
    system = conserving(state, PlainAdvection(MODES), MODES, CPU, ALONE, rates)
    compile_structure(system, "leapfrog", dt=0.5).run(4)
    assert state["vorticity"][2, 1] == pytest.approx(np.exp(-0.1 * 5 * 2.0), rel=1e-14)
    ends = []
    for count in (10, 20, 160):
        run = program(1.0 / count, damping=rates)
        run.run(count)
        ends.append(run.state["vorticity"])
    errors = [np.linalg.norm(end - ends[2]) for end in ends[:2]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)


def test_a_step_that_is_too_long_names_step_dt_and_cfl_number():
    run = program(3.0)
    with pytest.raises(OperationError, match=r"step 1, dt = 3, CFL number \d+ \(rms speed\): no convergence"):
        run.step()
    flow = run.system.pieces[0].flow.__self__
    wave = np.zeros((11, 21), dtype=complex)
    wave[0, 1] = wave[0, -1] = 0.5  # cos y: speed sin y, 0.707 in the mean square
    assert flow.cfl(wave, 0.1) == pytest.approx(0.1 * 10 * np.sqrt(0.5))


def test_what_cannot_conserve_or_damp_is_refused():
    state = State({"vorticity": MODES.random(3)})
    filtered = SimpleNamespace(dealias="hou_li", cutoff=10)
    with pytest.raises(ValueError, match="neither energy nor enstrophy"):
        conserving(state, PlainAdvection(MODES), filtered, CPU, ALONE)
    for rates in (MODES.k2[:5], MODES.k2 + np.inf):
        with pytest.raises(ValueError, match="a finite rate"):
            damp(state, rates, CPU)


def rotation(strength):
    """y -> b + strength R y with R a rotation by 90 degrees in each plane: what implicit waves are like."""
    offset = np.random.default_rng(1).standard_normal((6, 4))

    def image(y, spare):
        return offset + strength * np.stack([-y[1::2], y[::2]], axis=1).reshape(y.shape)

    return image


@pytest.mark.parametrize("window", [0, 2, 3])
def test_the_iteration_finds_the_fixed_point(window):
    solver, image = FixedPoint(window=window), rotation(0.6)
    found = solver.solve(image, np.zeros((6, 4)), np.ones((6, 4)))
    np.testing.assert_allclose(image(found, None), found, atol=1e-14)
    assert solver.images <= (75 if window == 0 else 12)
    assert solver.residual < 1e-15


def test_acceleration_converges_where_the_plain_iteration_cannot():
    with pytest.raises(ConvergenceError, match="no convergence: after"):
        FixedPoint().solve(rotation(1.2), np.zeros((6, 4)), np.ones((6, 4)))
    found = FixedPoint(window=2).solve(rotation(1.2), np.zeros((6, 4)), np.ones((6, 4)))
    np.testing.assert_allclose(rotation(1.2)(found, None), found, atol=1e-13)


def test_a_tolerance_of_ones_own_ends_the_iteration_early():
    solver = FixedPoint(tolerance=1e-3)
    solver.solve(rotation(0.5), np.zeros((6, 4)), np.ones((6, 4)))
    assert 1e-4 < solver.residual <= 1e-3


def test_nan_is_a_failure_at_once():
    solver = FixedPoint()
    with pytest.raises(ConvergenceError, match="after 1 iterations the residual is nan"):
        solver.solve(lambda y, spare: y * np.nan, np.ones(3), np.ones(3))
