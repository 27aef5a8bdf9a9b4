"""The vorticity engine on every backend, against plain NumPy and against exact solutions."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.kernels import backend
from hpcphys.physics.vorticity.damping import Damping
from hpcphys.physics.vorticity.engine import CourantError, VorticityEngine, hermitian
from hpcphys.physics.vorticity.grid import VorticityGrid

sys.path.insert(0, str(Path(__file__).resolve().parent))
import vorticity_reference as reference
from reference import MACHINES

GRIDS = [
    {"n": 16},
    {"n": 15, "length": 3.0},
    {"n": 37, "dealias": "hou_li"},
    {"n": 30, "dealias": "hou_li", "precision": "single"},
    {"n": 54, "precision": "single"},
]


def engine_of(grid, machine="cpu", damping=None, threads=1, **options):
    communicator = Communicator.serial()
    return VorticityEngine(grid, backend(machine, threads=threads), communicator, damping, **options)


def host(engine, array):
    return engine.backend.host(array)


def state_of(engine, vorticity):
    return State({"vorticity": engine.backend.array(vorticity.copy())})


@pytest.fixture(params=MACHINES)
def machine(request):
    return request.param


@pytest.mark.parametrize("options", GRIDS, ids=str)
def test_right_hand_side(machine, options):
    grid = VorticityGrid(**options)
    engine = engine_of(grid, machine, measured=False)
    vorticity = reference.random_vorticity(grid, scale=20.0)
    found = host(engine, engine.tendency(engine.backend.array(vorticity)))
    expected = reference.tendency(grid, vorticity.astype(complex))
    smallest = np.finfo(grid.real_type).eps
    assert abs(found - expected).max() < 16 * smallest * abs(expected).max()
    # of k_x = 0 both halves are kept, and they stay mirrors of each other bit for bit
    assert (found[0, 1:] == found[0, :0:-1].conj()).all()
    assert found[0, 0] == 0


@pytest.mark.parametrize("options", GRIDS[1:4], ids=str)
def test_speed_and_fields_on_the_points(machine, options):
    grid = VorticityGrid(**options)
    engine = engine_of(grid, machine, measured=False)
    vorticity = reference.random_vorticity(grid)
    smallest = np.finfo(grid.real_type).eps
    u, v = reference.velocity(grid, vorticity.astype(complex))
    speed = engine.largest_speed(state_of(engine, vorticity))
    assert speed == pytest.approx(np.sqrt((u**2 + v**2).max()), rel=float(8 * smallest))
    array = engine.backend.array(vorticity)
    values = engine.physical(array)
    expected = reference.field(reference.whole(grid, vorticity.astype(complex))).T
    assert abs(host(engine, values) - expected).max() < 20 * smallest * abs(expected).max()
    back = host(engine, engine.spectral(values + 0.5))
    assert abs(back - vorticity).max() < 20 * smallest * abs(vorticity).max()
    assert back[0, 0] == 0


def test_step_is_the_runge_kutta_step(machine):
    """The stages as the docstring has them, from NumPy's right-hand sides."""
    grid = VorticityGrid(24, length=5.0)
    damping = Damping(viscosity=1e-4, viscosity_order=2, drag=0.3, drag_order=1)
    engine = engine_of(grid, machine, damping, measured=False)
    start, dt = reference.random_vorticity(grid), 0.05
    state = state_of(engine, start)
    engine.advance(state, dt)
    half = np.exp(-0.5 * dt * (1e-4 * grid.k2**2 + 0.3 * grid.inverse_k2))

    def rate(z):
        return reference.tendency(grid, z)

    k1 = rate(start)
    k2 = rate(half * (start + dt / 2 * k1))
    k3 = rate(half * start + dt / 2 * k2)
    k4 = rate(half * (half * start + dt * k3))
    expected = half * (half * (start + dt / 6 * k1) + dt / 3 * (k2 + k3)) + dt / 6 * k4
    assert abs(host(engine, state["vorticity"]) - expected).max() < 8e-15 * abs(expected).max()


def test_two_thirds_rule_is_the_exact_convolution():
    grid = VorticityGrid(22)
    engine = engine_of(grid, measured=False)
    vorticity = reference.random_vorticity(grid, scale=10.0)
    found, expected = engine.tendency(vorticity), reference.convolution(grid, vorticity)
    assert abs(found - expected).max() < 4e-15 * abs(expected).max()


def test_truncation_produces_no_energy_and_no_enstrophy():
    grid = VorticityGrid(64)
    vorticity = reference.random_vorticity(grid)
    rate = engine_of(grid).tendency(vorticity)
    work = grid.weight * (vorticity.conj() * rate).real
    assert abs((work * grid.inverse_k2).sum()) < 1e-15
    assert abs(work.sum()) < 1e-13  # terms of 300


def test_taylor_green_vortex_decays_as_it_must():
    """ω = 2 cos x cos y: the transport vanishes, ω(t) = exp(-2νt) ω(0)."""
    grid = VorticityGrid(32)
    engine = engine_of(grid, damping=Damping(viscosity=0.05))
    lines = np.arange(32) * 2 * np.pi / 32
    state = State({"vorticity": engine.spectral(2 * np.cos(lines)[:, None] * np.cos(lines)[None, :])})
    for _ in range(50):
        engine.advance(state, 0.02)
    expected = 2 * np.exp(-2 * 0.05) * np.cos(lines)[:, None] * np.cos(lines)[None, :]
    assert abs(engine.physical(state["vorticity"]) - expected).max() < 4e-15 * 2  # its amplitude


def test_shell_of_one_wavenumber_stands_still():
    """Modes of one |k| are a stationary flow of Euler's equation."""
    grid = VorticityGrid(64)
    engine = engine_of(grid)
    vorticity = np.zeros(grid.shape, dtype=complex)
    for kx, ky, value in ((3, 4, 0.2 - 0.1j), (4, -3, 0.3j), (5, 0, 0.25), (0, 5, 0.1 + 0.2j)):
        vorticity[kx, ky] = value
    vorticity = hermitian(vorticity, grid)
    state = State({"vorticity": vorticity.copy()})
    for _ in range(200):
        engine.advance(state, 0.02)
    assert abs(state["vorticity"] - vorticity).max() < 1e-14


def test_order_four_with_damping():
    grid = VorticityGrid(32)
    damping = Damping(viscosity=2e-4, viscosity_order=2, drag=0.2)
    start = reference.random_vorticity(grid)

    def run(steps):
        engine = engine_of(grid, damping=damping)
        state = State({"vorticity": start.copy()})
        for _ in range(steps):
            engine.advance(state, 1.0 / steps)
        return state["vorticity"]

    exact = run(320)
    errors = [abs(run(steps) - exact).max() for steps in (20, 40)]
    assert 3.7 < np.log2(errors[0] / errors[1]) < 4.4


def test_inviscid_invariants_drift_at_fifth_order():
    grid = VorticityGrid(128)
    start = reference.random_vorticity(grid, scale=6.0)
    engine = engine_of(grid)

    def drifts(steps):
        state = State({"vorticity": start.copy()})
        for _ in range(steps):
            engine.advance(state, 1.0 / steps)
        return [
            abs(function(grid, state["vorticity"]) / function(grid, start) - 1)
            for function in (reference.energy, reference.enstrophy)
        ]

    coarse, fine = drifts(80), drifts(160)
    for long, short in zip(coarse, fine, strict=True):
        assert 4.5 < np.log2(long / short) < 5.5


def test_threads_do_not_change_a_bit():
    grid = VorticityGrid(60)
    found = []
    for threads in (1, 3):
        engine = engine_of(grid, threads=threads, damping=Damping(1e-5, 2))
        state = State({"vorticity": reference.random_vorticity(grid)})
        for _ in range(3):
            engine.advance(state, 0.01)
        found.append(state["vorticity"])
    assert (found[0] == found[1]).all()


def test_single_precision_follows_double():
    found = {}
    for precision in ("single", "double"):
        grid = VorticityGrid(64, precision=precision)
        engine = engine_of(grid, damping=Damping(1e-4))
        state = State({"vorticity": reference.random_vorticity(grid)})
        for _ in range(20):
            engine.advance(state, 0.01)
        assert state["vorticity"].dtype == grid.complex_type
        found[precision] = state["vorticity"]
    largest = abs(found["double"]).max()
    assert 0 < abs(found["single"] - found["double"]).max() < 1e-5 * largest


def test_begun_transforms_serve_the_same_state_alone():
    grid = VorticityGrid(24)
    first, second = reference.random_vorticity(grid, 1), reference.random_vorticity(grid, 2)
    expected = state_of(engine := engine_of(grid), second)
    engine.advance(expected, 0.01)
    state = State({"vorticity": first.copy()})
    engine.largest_speed(state, begin=True)
    other = State({"vorticity": second.copy()})
    engine.advance(other, 0.01)
    assert (other["vorticity"] == expected["vorticity"]).all()
    engine.largest_speed(state, begin=True)
    state["vorticity"][...] = second
    engine.forget()
    engine.advance(state, 0.01, measure_speed=True)
    assert (state["vorticity"] == expected["vorticity"]).all()
    assert engine.speed == engine.largest_speed(State({"vorticity": second}))


def test_too_long_a_step_is_refused(machine):
    grid = VorticityGrid(24)
    engine = engine_of(grid, machine, measured=False)
    start = reference.random_vorticity(grid)
    state = state_of(engine, start)
    longest = engine.longest_step(engine.largest_speed(state))
    assert longest == pytest.approx(2.0 / (7 * engine.largest_speed(state)))
    with pytest.raises(CourantError, match=r"step 1 at time 0: dt = .* allowed: at most"):
        engine.advance(state, 1.01 * longest)
    assert (host(engine, state["vorticity"]) == start).all()
    engine.advance(state, 0.99 * longest)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_found_at_once(machine, bad):
    grid = VorticityGrid(24)
    engine = engine_of(grid, machine, measured=False)
    vorticity = reference.random_vorticity(grid)
    vorticity[3, 5] = bad
    with pytest.raises(FloatingPointError, match="NaN or infinity before step 1"):
        engine.advance(state_of(engine, vorticity), 0.001)


def test_arrays_of_another_grid_are_refused():
    engine = engine_of(VorticityGrid(24))
    with pytest.raises(ValueError, match=r"this rank's is \(8, 15\), complex128"):
        engine.tendency(np.zeros((8, 15), dtype=np.complex64))
    with pytest.raises(ValueError, match="this rank has"):
        engine.spectral(np.zeros((3, 24)))
    with pytest.raises(ValueError, match="rank 1 of 2"):
        engine_of(VorticityGrid(24, rank=1, size=2))
    with pytest.raises(ValueError, match="allowed"):
        engine_of(VorticityGrid(24), implementation="none")
