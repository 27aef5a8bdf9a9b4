"""Langevin splittings on a harmonic oscillator: their variances are those of the theory, without sampling."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler.compositions import composition, compositions
from hpcphys.compiler.passes import CompileError
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.program import compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure
from hpcphys.compiler.system import PhysicalSystem

LANGEVIN = ("aboba", "baoab", "gsd", "oabao", "obabo")


def covariance_system(friction: float, frequency: float) -> PhysicalSystem:
    """The first two moments of q and p move exactly under A, B and O: m = kT = 1, H = p²/2 + w² q²/2.

    The array `covariance` holds (1, 2, 2), `mean` (1, 2).
    """

    def linear(matrix_of, noise_of):
        def flow(state: State, dt: float) -> None:
            matrix, noise = matrix_of(dt), noise_of(dt)
            state["mean"] = state["mean"] @ matrix.T
            state["covariance"] = matrix @ state["covariance"] @ matrix.T + np.diag([0.0, noise])

        return flow

    def decay(dt: float) -> float:
        return float(np.exp(-friction * dt))

    flows = {
        "A": linear(lambda dt: np.array([[1.0, dt], [0.0, 1.0]]), lambda dt: 0.0),
        "B": linear(lambda dt: np.array([[1.0, 0.0], [-(frequency**2) * dt, 1.0]]), lambda dt: 0.0),
        "O": linear(lambda dt: np.diag([1.0, decay(dt)]), lambda dt: 1.0 - decay(dt) ** 2),
    }
    both = frozenset({"mean", "covariance"})
    pieces = [Piece(role, f"flow {role}", both, both, flow, role=role) for role, flow in flows.items()]
    state = State({"mean": np.array([[1.0, 0.0]]), "covariance": np.zeros((1, 2, 2))})
    return PhysicalSystem(state, tuple(pieces), CanonicalStructure())


def stationary(name: str, step: float, friction: float, frequency: float = 1.0) -> np.ndarray:
    system = covariance_system(friction, frequency)
    compile_structure(system, name).run(int(60 / min(friction * step, 1.0)) + 400, step)
    return system.state["covariance"][0]


@pytest.mark.parametrize("friction", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("step", [0.3, 1.0, 1.7])
def test_variances_on_a_harmonic_oscillator(step: float, friction: float) -> None:
    """Leimkuhler & Matthews (2013): with x = w h/2 the bias is 1 - x² or its inverse, or none."""
    factor = 1.0 - step**2 / 4.0
    expected = {
        "baoab": (1.0, factor),
        "gsd": (1.0, 1.0),
        "obabo": (1.0 / factor, 1.0),
        "aboba": (1.0, 1.0 / factor),
        "oabao": (factor, 1.0),
    }
    for name in LANGEVIN:
        found = stationary(name, step, friction)
        assert np.diag(found) == pytest.approx(expected[name], rel=1e-9), name
        # The velocities of gsd belong to another time than its positions.
        covariance = step / 2.0 if name == "gsd" else 0.0
        assert found[0, 1] == pytest.approx(covariance, abs=1e-9), name


@pytest.mark.parametrize("name", LANGEVIN)
def test_weak_order_two(name: str) -> None:
    """Means and covariances at t = 4 from a sharp start, against those of the exact linear process."""
    friction = 0.7

    def moments(steps: int) -> np.ndarray:
        system = covariance_system(friction, 1.0)
        compile_structure(system, name).run(steps, 4.0 / steps)
        return np.concatenate([system.state["mean"].ravel(), system.state["covariance"].ravel()])

    drift = np.array([[0.0, 1.0], [-1.0, -friction]])
    values, vectors = np.linalg.eig(drift)
    exact_map = (vectors * np.exp(4.0 * values) @ np.linalg.inv(vectors)).real
    # The covariance that is left after the start has decayed by exact_map from the stationary unit matrix.
    exact = np.concatenate([exact_map @ [1.0, 0.0], (np.eye(2) - exact_map @ exact_map.T).ravel()])
    errors = [np.abs(moments(steps) - exact).max() for steps in (160, 320)]
    order = np.log2(errors[0] / errors[1])
    if name == "gsd":
        # Its velocities belong to the half step: first order at the ends of the steps, second in between.
        assert order == pytest.approx(1.0, abs=0.1)
    else:
        assert order == pytest.approx(2.0, abs=0.1)


def test_names_of_the_middle_schemes() -> None:
    assert composition("vv_middle") is compositions["baoab"]
    assert composition("lf_middle") is compositions["gsd"]
    assert composition("pv_middle") is compositions["aboba"]


def test_explain_does_not_call_them_symplectic() -> None:
    text = compile_structure(covariance_system(1.0, 1.0), "baoab").explain()
    assert "baoab: order 2, symmetric, with a thermostat" in text
    assert "symplectic" not in text


def test_a_thermostat_is_needed() -> None:
    system = covariance_system(1.0, 1.0)
    without = PhysicalSystem(system.state, system.pieces[:2], system.structure)
    with pytest.raises(CompileError, match="needs a piece of role 'O'"):
        compile_structure(without, "obabo")
