"""Logarithmic Hamiltonian and Sundman's transformation, of pieces and of expressions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from hpcphys.compiler.adaptive.expressions import (
    BINDING,
    CLOCK,
    DENSITY,
    Assigned,
    Transformed,
    logarithmic_hamiltonian,
    sundman,
)
from hpcphys.compiler.adaptive.time_transformation import (
    TransformedPieces,
    logarithmic_pieces,
    sundman_pieces,
)
from hpcphys.compiler.compositions import composition
from hpcphys.compiler.expressions.coordinates import DT, TIME, Coordinates
from hpcphys.compiler.program import OperationError, Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.system import PhysicalSystem
from scaling.orbits import kepler, kepler_position

PERIOD = 2 * np.pi


def kinetic(state: State) -> float:
    return 0.5 * float(np.sum(state["velocity"] ** 2))


def potential(state: State) -> float:
    return -1.0 / float(np.linalg.norm(state["position"]))


def transformed(system: PhysicalSystem, found: TransformedPieces, table: str = "leapfrog") -> Program:
    found.start(system.state)
    moved = PhysicalSystem(system.state, found.pieces, system.structure, quadratic_kinetic=False)
    return compile_structure(moved, table)


def logarithmic(eccentricity: float, table: str = "leapfrog_dkd") -> Program:
    system = kepler(eccentricity, float)
    return transformed(system, logarithmic_pieces(*system.pieces, kinetic, potential), table)


@pytest.mark.parametrize("eccentricity", [0.9, 0.99, 0.999])
def test_two_bodies_follow_their_ellipse_to_round_off(eccentricity: float) -> None:
    """The leapfrog that begins with a drift is exact but for the phase, in 20 steps per orbit."""
    run = logarithmic(eccentricity)
    state = run.state
    energy, worst, off = kinetic(state) + potential(state), 0.0, 0.0
    minor = np.sqrt(1.0 - eccentricity**2)
    for _ in range(2000):
        run.step(PERIOD / 20)
        worst = max(worst, abs(kinetic(state) + potential(state) - energy))
        x, y = state["position"][0]
        off = max(off, abs((x - eccentricity) ** 2 + (y / minor) ** 2 - 1.0))
    # At the pericentre T and V are (1 + e)/(1 - e) times their sum, and round accordingly.
    assert worst < 1e-13 * (1.0 + eccentricity) / (1.0 - eccentricity)
    assert off < 1e-9
    assert state.scalars["transformed.time"] > 90 * PERIOD


def test_kick_drift_kick_is_not_exact() -> None:
    """Why the module names the drift-kick-drift form."""
    run = logarithmic(0.9, "leapfrog")
    run.run(2003, PERIOD / 20)
    assert abs(kinetic(run.state) + potential(run.state) + 0.5) / kinetic(run.state) > 1e-4


def test_the_ordinary_leapfrog_cannot() -> None:
    system = kepler(0.9, float)
    energy = kinetic(system.state) + potential(system.state)
    compile_structure(system, "leapfrog").run(2000, PERIOD / 20)
    assert abs(kinetic(system.state) + potential(system.state) - energy) > 0.1


def test_no_drift_in_a_thousand_periods() -> None:
    run = logarithmic(0.9)
    energy, errors = -0.5, []
    while run.state.scalars["transformed.time"] < 1000 * PERIOD:
        run.run(10, PERIOD / 40)
        errors.append((kinetic(run.state) + potential(run.state) - energy) / kinetic(run.state))
    slope = np.polyfit(np.arange(len(errors)), errors, 1)[0]
    assert abs(slope) * len(errors) < 1e-11
    assert np.abs(errors).max() < 1e-11


def phase_error(table: str, steps: int, eccentricity: float = 0.9) -> float:
    """Error of the position at the time that the run says it has reached, about half an orbit."""
    run = logarithmic(eccentricity, table)
    run.run(steps, np.pi / steps)
    exact = kepler_position(run.state.scalars["transformed.time"], eccentricity, float)
    return float(np.abs(run.state["position"] - exact).max())


@pytest.mark.parametrize(("table", "steps"), [("leapfrog", 400), ("yoshida4", 400), ("blanes_moan6", 40)])
def test_the_order_is_that_of_the_composition(table: str, steps: int) -> None:
    order = np.log2(phase_error(table, steps) / phase_error(table, 2 * steps))
    assert order == pytest.approx(composition(table).order, abs=0.1)


def test_transformed_runs_retrace_themselves() -> None:
    for run in (logarithmic(0.95), stretched(0.95)):
        start = run.state["position"].copy()
        run.run(300, 0.05)
        run.system.structure.reverse(run.state)
        run.run(300, 0.05)
        assert np.abs(run.state["position"] - start).max() < 1e-9


def density(state: State) -> float:
    return float(np.sum(state["position"] ** 2)) ** -0.75


def growth(state: State) -> float:
    along = float(np.sum(state["position"] * state["velocity"]))
    return -1.5 * density(state) * along / float(np.sum(state["position"] ** 2))


def stretched(eccentricity: float, table: str = "leapfrog") -> Program:
    system = kepler(eccentricity, float)
    both = frozenset({"position", "velocity"})
    return transformed(system, sundman_pieces(system.pieces, density, growth, both), table)


@pytest.mark.parametrize(("table", "step"), [("leapfrog", 0.01), ("yoshida4", 0.02)])
def test_the_order_of_sundmans_transformation(table: str, step: float) -> None:
    def error(step: float) -> float:
        run = stretched(0.8, table)
        run.run(round(4.0 / step), step)
        exact = kepler_position(run.state.scalars["transformed.time"], 0.8, float)
        return float(np.abs(run.state["position"] - exact).max())

    assert np.log2(error(step) / error(step / 2)) == pytest.approx(composition(table).order, abs=0.1)


def test_a_step_that_is_too_long() -> None:
    with pytest.raises(OperationError, match="density of steps would become"):
        stretched(0.99).run(20, 3.0)


def test_a_potential_that_is_not_negative() -> None:
    system = kepler(0.5, float)
    found = logarithmic_pieces(*system.pieces, kinetic, lambda state: 1.0)
    with pytest.raises(OperationError, match="it must be positive"):
        transformed(system, found).step(0.1)


# Expressions: a batch of Kepler orbits, run by NumPy from the assignments.

COORDINATES = Coordinates.declare(["q[2]", "p[2]", "time", "binding", "density"], ["mu"])
SYMBOL = {str(symbol): symbol for symbol in (*COORDINATES.symbols, *COORDINATES.parameter_symbols)}
Q, P, MU = [SYMBOL["q[0]"], SYMBOL["q[1]"]], [SYMBOL["p[0]"], SYMBOL["p[1]"]], SYMBOL["mu"]
T, V = (P[0] ** 2 + P[1] ** 2) / 2, -MU / sympy.sqrt(Q[0] ** 2 + Q[1] ** 2)


class Batch:
    """Runs assignments on rows of systems with NumPy."""

    def __init__(self, found: Transformed, values: dict[Any, Any]):
        self.values = dict(values)
        symbols = [*values, TIME]
        for symbol, expression in found.added.items():
            value = sympy.lambdify(symbols, expression, "numpy")(*values.values(), 0.0)
            self.values[symbol] = value + np.zeros(len(next(iter(values.values()))))
        self.flows = []
        for piece in found.pieces:
            compiled = sympy.lambdify([*self.values, DT], list(piece.assignments.values()), "numpy")
            self.flows.append((list(piece.assignments), compiled))

    def run(self, steps: int, ds: float) -> None:
        stages = composition("leapfrog_dkd").stages(len(self.flows))
        for _ in range(steps):
            for piece, share, _ in stages:
                symbols, compiled = self.flows[piece]
                moved = compiled(*self.values.values(), share * ds)
                self.values.update(zip(symbols, moved, strict=True))


def ellipses(eccentricities: np.ndarray) -> dict[Any, np.ndarray]:
    zero = np.zeros_like(eccentricities)
    speed = np.sqrt((1 - eccentricities) / (1 + eccentricities))
    return {Q[0]: 1 + eccentricities, Q[1]: zero, P[0]: zero, P[1]: speed, MU: zero + 1}


def test_a_batch_of_orbits_each_with_its_own_time() -> None:
    eccentricity = np.array([0.1, 0.9, 0.99, 0.999])
    batch = Batch(logarithmic_hamiltonian(T, V, list(zip(Q, P, strict=True))), ellipses(eccentricity))
    batch.run(700, PERIOD / 300)
    value = batch.values
    radius = np.hypot(value[Q[0]], value[Q[1]])
    kinetic_energy = (value[P[0]] ** 2 + value[P[1]] ** 2) / 2
    assert np.abs(kinetic_energy - 1 / radius + 0.5).max() < 1e-11 * kinetic_energy.max()
    assert len(set(np.round(value[CLOCK], 3))) == 4
    for index, e in enumerate(eccentricity):
        exact = kepler_position(value[CLOCK][index], e, float)[0]
        assert np.allclose([value[Q[0]][index], value[Q[1]][index]], exact, rtol=0, atol=5e-3)
    assert value[BINDING] == pytest.approx(0.5, rel=1e-12)


def test_a_potential_that_depends_on_the_time_moves_the_binding() -> None:
    """mu(t) = 1 + t/10: B = -H changes with the work that is done."""
    forced = V.subs(MU, 1 + TIME / 10)
    found = logarithmic_hamiltonian(T, forced, list(zip(Q, P, strict=True)))
    batch = Batch(found, ellipses(np.array([0.3])))
    batch.run(2000, 0.002)
    value = {symbol: float(column[0]) for symbol, column in batch.values.items()}
    energy = (T + forced).subs(TIME, CLOCK).subs(value)
    assert value[BINDING] == pytest.approx(-float(energy), abs=1e-6)
    assert abs(value[BINDING] - 0.5) > 0.05


def test_sundman_of_expressions_is_reversible_and_follows_the_orbit() -> None:
    drift = Assigned("drift", {q: q + DT * p for q, p in zip(Q, P, strict=True)}, "A")
    kick = Assigned("kick", {p: p - DT * sympy.diff(V, q) for q, p in zip(Q, P, strict=True)}, "B")
    field = {**dict(zip(Q, P, strict=True)), **{p: -sympy.diff(V, q) for q, p in zip(Q, P, strict=True)}}
    wanted = (Q[0] ** 2 + Q[1] ** 2) ** sympy.Rational(-3, 4)
    batch = Batch(sundman([drift, kick], wanted, field), ellipses(np.array([0.6, 0.9])))
    start = {symbol: column.copy() for symbol, column in batch.values.items()}
    batch.run(1000, 0.004)
    for index, e in enumerate((0.6, 0.9)):
        exact = kepler_position(batch.values[CLOCK][index], e, float)[0]
        found = [batch.values[q][index] for q in Q]
        assert np.allclose(found, exact, rtol=0, atol=1e-3)
    for p in P:
        batch.values[p] = -batch.values[p]
    batch.run(1000, 0.004)
    for symbol in (*Q, DENSITY):
        assert np.allclose(batch.values[symbol], start[symbol], rtol=0, atol=1e-11)


def test_hamiltonians_that_do_not_separate() -> None:
    pairs = list(zip(Q, P, strict=True))
    with pytest.raises(ValueError, match=r"the kinetic energy depends on q\[0\]"):
        logarithmic_hamiltonian(T * Q[0], V, pairs)
    with pytest.raises(ValueError, match=r"the potential depends on p\[1\]"):
        logarithmic_hamiltonian(T, V * P[1], pairs)
    with pytest.raises(ValueError, match="density of steps depends on the time"):
        sundman([], TIME + 1, {})
