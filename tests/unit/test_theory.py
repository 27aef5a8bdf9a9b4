"""What theory predicts: shadow energies against closed forms and runs, predictions, and warnings."""

from __future__ import annotations

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_systems import cluster, pendula_system, program_of

from hpcphys.compiler import Composition, compile_structure
from hpcphys.compiler.constraints import constrained
from hpcphys.compiler.expressions import DT, Coordinates, parse
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.structures import RotationStructure, SymbolicCanonical
from hpcphys.compiler.theory import (
    ConservationMonitor,
    Prediction,
    ShadowError,
    shadow_coefficients,
    shadow_energies,
    shadow_energy,
)
from hpcphys.compiler.theory.free_lie import lyndon_words, product_logarithm
from hpcphys.compiler.theory.monitor import trend_of
from hpcphys.compiler.theory.predictions import EPSILON

A, B = 0, 1


# ---- free Lie algebra --------------------------------------------------------------------------------


def test_the_basis_has_the_dimensions_of_witt():
    for letters, dimensions in ((2, [2, 1, 2, 3, 6]), (3, [3, 3, 8, 18, 48])):
        words = list(lyndon_words(letters, 5))
        assert [sum(len(word) == degree for word in words) for degree in range(1, 6)] == dimensions


def test_the_logarithm_of_matrices():
    """Letters as nilpotent matrices, for which both series end: log(exp(X) exp(Y)) is exact."""
    rng = np.random.default_rng(4)
    letters = [np.triu(rng.normal(size=(6, 6)), 1) for _ in range(2)]

    def series(matrix, coefficient):
        powers, total = np.eye(6), np.zeros((6, 6))
        for k in range(1, 6):
            powers = powers @ matrix
            total += coefficient(k) * powers
        return total

    exponentials = [np.eye(6) + series(x, lambda k: 1 / math.factorial(k)) for x in letters]
    product = exponentials[0] @ exponentials[1]
    expected = series(product - np.eye(6), lambda k: (-1) ** (k + 1) / k)
    found = np.zeros((6, 6))
    for word, value in product_logarithm([{(A,): 1.0}, {(B,): 1.0}], 5).items():
        found += value * np.linalg.multi_dot([np.eye(6), np.eye(6), *(letters[k] for k in word)])
    np.testing.assert_allclose(found, expected, atol=1e-12)


# ---- shadow energies ---------------------------------------------------------------------------------


def test_leapfrog_has_the_published_coefficients():
    """H~ = T + V + dt² ({T, {T, V}}/12 - {V, {V, T}}/24): Hairer, Lubich & Wanner (2006), eq. IX.4.5 ff."""
    found = shadow_coefficients("leapfrog", 2, order=2)
    assert found == pytest.approx({A: 1.0, B: 1.0, (A, (A, B)): 1 / 12, ((A, B), B): -1 / 24}, abs=1e-15)
    mirrored = shadow_coefficients("leapfrog_dkd", 2, order=2)
    assert mirrored == pytest.approx({A: 1.0, B: 1.0, (A, (A, B)): -1 / 24, ((A, B), B): 1 / 12}, abs=1e-15)
    assert shadow_coefficients("lie_trotter", 2, order=1)[A, B] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["yoshida4", "suzuki4", "pefrl", "blanes_moan4", "mclachlan4"])
def test_order_four_means_that_nothing_of_second_order_is_left(name):
    assert shadow_coefficients(name, 2, order=3) == pytest.approx({A: 1.0, B: 1.0}, abs=1e-14)
    assert len(shadow_coefficients(name, 2, order=4)) > 2


def test_a_force_gradient_of_order_four():
    """Chin (1997) Phys. Lett. A 226, 344, method A: kicks 1/6, 2/3, 1/6, the gradient 1/72."""
    table = Composition(
        "chin", 4, "Chin (1997)", a=(0.5, 0.5), b=(1 / 6, 2 / 3, 1 / 6), first="b", gradient=(0, 1 / 72, 0)
    )
    assert shadow_coefficients(table, 2, order=3) == pytest.approx({A: 1.0, B: 1.0}, abs=1e-14)
    plain = dataclasses.replace(table, gradient=())
    assert len(shadow_coefficients(plain, 2, order=3)) > 2


def test_the_oscillator_s_shadow_in_closed_form():
    """Kick-drift-kick of the oscillator turns (p, q sqrt(1 - h²/4)) by the angle arccos(1 - h²/2):
    H~ = angle/(h sqrt(1 - h²/4)) (p² + (1 - h²/4) q²)/2, a series in h²."""
    coordinates = Coordinates.declare(["q", "p"])
    q, p = coordinates.symbols
    found = shadow_energy([p**2 / 2, q**2 / 2], "leapfrog", SymbolicCanonical(coordinates))
    h = sympy.Symbol("h", positive=True)
    square = 1 - h**2 / 4
    exact = 2 * sympy.asin(h / 2) / (h * sympy.sqrt(square)) * (p**2 + square * q**2) / 2
    series = sympy.series(exact, h, 0, 6).removeO()
    difference = sympy.Poly(sympy.expand(found.subs(DT, h) - series), h, p, q)
    assert max(map(abs, difference.coeffs())) < 1e-14


def error_of(expr, coordinates, state_series, dt) -> float:
    function = sympy.lambdify([*coordinates.symbols, DT], expr, "numpy", cse=True)
    values = function(*state_series.T, dt) + np.zeros(len(state_series))
    return float(np.abs(values - values[0]).max())


SYSTEMS = {
    "pendulum": (["q", "p"], "p^2/2", "-cos(q)", [1.1, 0.3]),
    "henon_heiles": (
        ["q[2]", "p[2]"],
        "dot(p, p)/2",
        "dot(q, q)/2 + q[0]^2*q[1] - q[1]^3/3",
        [0.3, -0.2, 0.1, 0.25],
    ),
}


@pytest.mark.parametrize("name", list(SYSTEMS))
@pytest.mark.parametrize(
    ("composition", "powers"), [("leapfrog", (2, 4, 6)), ("leapfrog_dkd", (2, 4, 6)), ("yoshida4", (4, 4, 6))]
)
def test_runs_keep_the_shadow_energy_to_two_orders_more(name, composition, powers):
    variables, kinetic, potential, start = SYSTEMS[name]
    coordinates = Coordinates.declare(variables)
    pieces = [parse(text, coordinates) for text in (kinetic, potential)]
    energies = shadow_energies(pieces, composition, SymbolicCanonical(coordinates))
    errors = []
    for dt in (0.2, 0.1):
        size = len(start) // 2
        values = {"q": start[:size], "p": start[size:]} if size > 1 else dict(zip("qp", start, strict=True))
        system = hamiltonian(f"{kinetic} + {potential}", variables, state=values, splitting="separable")
        state = system.state
        program = compile_structure(system, composition, dt=dt, backend="numpy")
        series = [np.concatenate([np.ravel(state["q"]), np.ravel(state["p"])])]
        for _ in range(round(8 / dt)):
            program.run(1)
            series.append(np.concatenate([np.ravel(state["q"]), np.ravel(state["p"])]))
        errors.append([error_of(expr, coordinates, np.array(series), dt) for expr in energies.values()])
    assert list(energies) == ["energy", "shadow_energy_2", "shadow_energy_4"]
    for found, power in zip(np.log2(np.array(errors[0]) / errors[1]), powers, strict=True):
        assert found == pytest.approx(power, abs=0.35)


def test_a_rigid_body_in_three_parts():
    """Strang's splitting of H = sum m_k²/(2 I_k) over so(3), each part a rotation about an axis."""
    structure = RotationStructure()
    m = structure.coordinates.symbols
    inertia = (1.0, 2.0, 3.0)
    parts = [x**2 / (2 * i) for x, i in zip(m, inertia, strict=True)]

    def turned(z, axis, angle):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        c, s = math.cos(angle), math.sin(angle)
        z[i], z[j] = c * z[i] + s * z[j], c * z[j] - s * z[i]

    energies = shadow_energies(parts, "leapfrog", structure)
    errors = []
    for dt in (0.2, 0.1):
        z = np.array([0.9, 0.3, -0.5])
        series = [z.copy()]
        for _ in range(round(10 / dt)):
            for axis, part in ((2, 0.5), (1, 0.5), (0, 1.0), (1, 0.5), (2, 0.5)):
                turned(z, axis, part * dt * z[axis] / inertia[axis])
            series.append(z.copy())
        errors.append([error_of(e, structure.coordinates, np.array(series), dt) for e in energies.values()])
    for found, power in zip(np.log2(np.array(errors[0]) / errors[1]), (2, 4, 6), strict=True):
        assert found == pytest.approx(power, abs=0.35)


def test_orders_beyond_four_are_not_offered():
    coordinates = Coordinates.declare(["q", "p"])
    with pytest.raises(ShadowError, match="orders 0 to 4; found 6"):
        shadow_energy([sympy.S.One] * 2, "leapfrog", SymbolicCanonical(coordinates), order=6)


# ---- predictions -----------------------------------------------------------------------------------


def kinds(found) -> dict[str, str]:
    return {prediction.quantity: prediction.law for prediction in found}


def test_predictions_of_a_cluster():
    program = program_of(cluster(8), "leapfrog", dt=0.01)
    mass = program.state["mass"][:, None]
    before = program.state["position"].copy()
    quantities = {
        "momentum": lambda state: (mass * state["velocity"]).sum(axis=0),
        "angular momentum": lambda state: np.cross(state["position"], mass * state["velocity"]).sum(axis=0),
        "energy": energy_of,
    }
    found = program.predictions(quantities)
    assert kinds(found) == {"momentum": "exact", "angular momentum": "exact", "energy": "bounded"}
    energy = found[-1]
    assert energy.order == 2
    assert 0.0 < energy.constant < math.inf
    assert "oscillates by" in energy.describe()
    np.testing.assert_array_equal(program.state["position"], before)
    assert program.state.step == 0


def energy_of(state):
    separation = state["position"][None] - state["position"][:, None]
    distance = np.sqrt((separation**2).sum(axis=2)) + np.diag(np.full(state.count, np.inf))
    potential = -(np.outer(state["mass"], state["mass"]) / distance).sum() / 2
    return 0.5 * state["mass"] @ (state["velocity"] ** 2).sum(axis=1) + potential


def test_predictions_of_expressions():
    coordinates = Coordinates.declare(["q[2]", "p[2]"])
    pieces = [parse(text, coordinates) for text in ("dot(p, p)/2", "(dot(q, q) - 1)^2/4")]
    start = {"q": [1.0, 0.1], "p": [0.2, 0.5]}
    system = hamiltonian(sum(pieces), ["q[2]", "p[2]"], state=start, splitting="separable")
    program = compile_structure(system, "yoshida4", dt=0.1, backend="numpy")
    spin = parse("q[0]*p[1] - q[1]*p[0]", coordinates)
    assert kinds(program.predictions()) == {"energy": "bounded"}
    found = program.predictions({"spin": spin, "energy": sum(pieces)})
    assert kinds(found) == {"spin": "exact", "energy": "bounded"}
    assert found[1].order == 4
    with pytest.raises(ValueError, match="predictions need a step"):
        compile_structure(system, "leapfrog", backend="numpy").predictions({"spin": spin})


def test_friction_lets_the_energy_drift_and_a_casimir_stays():
    damped = hamiltonian("p^2/2 + x^2/2", ["x", "p"], "friction", state={"x": 1.0, "p": 0.0}, friction=0.1)
    (energy,) = compile_structure(damped, "leapfrog", dt=0.1, backend="numpy").predictions()
    assert energy.law == "drift"
    assert "may drift" in energy.describe()
    body = hamiltonian("m[0]^2/2 + m[1]^2/4 + m[2]^2/6", ["m[3]"], "so3", state={"m": [0.9, 0.3, -0.5]})
    found = compile_structure(body, "leapfrog", dt=0.1, backend="numpy").predictions()
    assert kinds(found) == {"energy": "bounded", "m.m": "exact"}


def test_constraints_met_now_and_then_let_the_energy_drift():
    """Every step met, RATTLE is symplectic on the constraint manifold; every third, it is not."""
    free = hamiltonian(
        "dot(p, p)/2 + q[1]",
        ["q[2]", "p[2]"],
        state={"q": [0.6, -0.8], "p": [0.0, 0.0]},
        splitting="separable",
    )
    laws = {}
    for every in (1, 3):
        rod = constrained(free, ["q[0]^2 + q[1]^2 - 1"], project_every=every)
        program = compile_structure(rod, "leapfrog", dt=0.05, backend="numpy")
        (found,) = program.predictions()
        laws[every] = found.law, found.reason
    assert laws[1] == ("bounded", "leapfrog: symplectic, order 2")
    assert laws[3] == ("drift", "constraints are met every 3 steps only")


def test_flows_that_are_not_exact_are_not_called_symplectic():
    pendulum = hamiltonian("p^2/2 - cos(q)", ["q", "p"], state={"q": 1.0, "p": 0.0}, splitting="midpoint")
    (energy,) = compile_structure(pendulum, "leapfrog", dt=0.1, backend="numpy").predictions()
    assert energy.law == "bounded"
    assert energy.reason == "leapfrog: time-symmetric, flows of their own order, order 2"


# ---- monitor ---------------------------------------------------------------------------------------


def run_and_monitor(dt: float, steps: int = 400, damping: float = 0.0) -> ConservationMonitor:
    system = pendula_system()
    program = compile_structure(system, "leapfrog", dt=dt, backend="numpy")

    def energy(state):
        return -np.cos(state["velocity"]).sum() - np.cos(state["position"]).sum()

    monitor = ConservationMonitor(program.predictions({"energy": energy}), dt)
    for _ in range(steps):
        monitor.record(system.state.time, energy=energy(system.state))
        program.run(5)
        system.state["velocity"] *= 1.0 - damping
    return monitor


def test_a_symplectic_run_is_as_predicted():
    monitor = run_and_monitor(0.1)
    (finding,) = monitor.findings()
    assert finding.predicted / 10 < finding.largest < 2 * finding.predicted
    assert monitor.warnings() == []
    assert "as predicted" in monitor.report()


def test_a_leak_of_energy_is_seen():
    (warning,) = run_and_monitor(0.1, damping=1e-3).warnings()
    assert warning.startswith("energy drifts by")
    assert "theory says that it only oscillates" in warning


def test_an_error_larger_than_predicted_is_seen():
    monitor = ConservationMonitor([Prediction("energy", "bounded", "", order=2, constant=1.0)], dt=0.01)
    for k in range(200):
        monitor.record(0.01 * k, energy=2e-3 * math.sin(k))
    (warning,) = monitor.warnings()
    assert "20 times the predicted 1.0e-04" in warning


@pytest.mark.parametrize(
    ("growth", "verdict", "warned"),
    [("walk", "random walk", False), ("bias", "bias", False), ("leak", "bias", True)],
)
def test_rounding_errors_are_told_apart(growth, verdict, warned):
    rng = np.random.default_rng(3)
    steps = 100_000
    signs = rng.choice([-1.0, 1.0], steps) if growth == "walk" else np.ones(steps)
    size = 100 * EPSILON if growth == "leak" else EPSILON
    errors = np.cumsum(size * signs)
    monitor = ConservationMonitor([Prediction("casimir", "exact", "", scale=1.0, flows=1)], dt=1.0)
    for k in range(0, steps, 100):
        monitor.record(float(k), casimir=1.0 + errors[k] - errors[0])
    (finding,) = monitor.findings()
    assert finding.growth == verdict
    assert bool(finding.warning) == warned


def test_the_trend_of_a_series_and_its_error():
    time = np.arange(2000.0)
    rng = np.random.default_rng(5)
    slope, error = trend_of(time, 3e-4 * time + rng.normal(size=2000))
    assert slope == pytest.approx(3e-4, abs=4 * error)
    assert 1e-5 < error < 1e-4
    slope, error = trend_of(time, np.sin(time / 7))
    assert abs(slope) < 5 * error


def test_records_must_be_complete():
    monitor = ConservationMonitor([Prediction("energy", "bounded", "")], dt=0.1)
    with pytest.raises(ValueError, match="wrong or missing: energy, mass"):
        monitor.record(0.0, mass=1.0)
    monitor.record(0.0, energy=1.0)
    with pytest.raises(ValueError, match="at least 2"):
        monitor.findings()
