"""Systems under a new time, from the front door to native programs."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.compiler import compile_structure
from hpcphys.compiler.constraints import constrained
from hpcphys.compiler.expressions.errors import ExpressionError
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.new_time import NewTimeError, in_logarithmic_time, in_sundman_time
from scaling.orbits import kepler_position


def ellipse(eccentricity, systems=1, **options):
    """Kepler's problem with k = m = a = 1, at the apocentre."""
    e = np.broadcast_to(np.asarray(eccentricity, dtype=float), (systems,))
    zero = np.zeros(systems)
    start = {
        "q": np.stack((1 + e, zero), axis=1),
        "p": np.stack((zero, np.sqrt((1 - e) / (1 + e))), axis=1),
    }
    return hamiltonian("dot(p, p)/2 - 1/norm(q)", ["q[2]", "p[2]"], state=start, **options)


def energy(state):
    return 0.5 * (state["p"] ** 2).sum(axis=1) - 1 / np.linalg.norm(state["q"], axis=1)


@pytest.mark.parametrize("backend", [None, "numpy"])
def test_a_batch_of_ellipses_is_followed_to_rounding_in_logarithmic_time(backend):
    e = np.array([0.1, 0.9, 0.99, 0.999])
    program = compile_structure(in_logarithmic_time(ellipse(e, 4)), "leapfrog_dkd", dt=0.05, backend=backend)
    state = program.state
    assert (program.native is None) == (backend == "numpy")
    angular = state["q"][:, 0] * state["p"][:, 1] - state["q"][:, 1] * state["p"][:, 0]
    program.run(1000)
    assert np.all(np.abs(energy(state) + 0.5) < 1e-12 * (1 + e) / (1 - e))
    after = state["q"][:, 0] * state["p"][:, 1] - state["q"][:, 1] * state["p"][:, 0]
    np.testing.assert_allclose(after, angular, rtol=1e-12)
    assert np.all(state["time"] > 40)
    assert np.ptp(state["time"]) > 1e-3  # each system has its own time


def distance(program, eccentricity, span, steps):
    """From the exact position at the time that the system has come to."""
    program.run(steps, dt=span / steps)
    exact = kepler_position(float(program.state["time"][0]), eccentricity)
    return np.linalg.norm(program.state["q"][0] - exact[:2])


@pytest.mark.parametrize(("table", "order"), [("leapfrog", 2), ("yoshida4", 4), ("suzuki4", 4)])
def test_sundmans_time_keeps_the_order(table, order):
    def error(steps):
        system = in_sundman_time(ellipse(0.6), "norm(q)^(-3/2)")
        return distance(compile_structure(system, table, backend="numpy"), 0.6, 4.0, steps)

    assert np.log2(error(400) / error(800)) == pytest.approx(order, abs=0.15)


def test_steps_in_sundmans_time_follow_the_orbit_and_retrace_it():
    system = in_sundman_time(ellipse(0.8), "norm(q)^(-3/2)")
    program = compile_structure(system, "leapfrog", dt=0.02)
    start = {name: program.state[name].copy() for name in ("q", "p")}
    worst = 0.0
    for _ in range(50):
        program.run(100)
        worst = max(worst, float(np.abs(energy(program.state) + 0.5)[0]))
    assert worst < 2e-3
    program.state["p"] *= -1.0
    program.state.invalidate()
    program.run(5000)
    np.testing.assert_allclose(program.state["q"], start["q"], atol=1e-9)
    np.testing.assert_allclose(-program.state["p"], start["p"], atol=1e-9)


def test_rigid_bodies_and_whatever_moves_by_updates_have_sundmans_time():
    body = hamiltonian(
        {"x": "m[0]^2/2", "y": "m[1]^2/4", "z": "m[2]^2/6"}, ["m[3]"], "so3", state={"m": [0.9, 0.3, -0.5]}
    )
    program = compile_structure(in_sundman_time(body, "1 + m[0]^2"), "leapfrog", dt=0.05)
    before = float((program.state["m"] ** 2).sum())
    program.run(2000)
    assert float((program.state["m"] ** 2).sum()) == pytest.approx(before, rel=1e-13)


def test_what_has_no_new_time_is_told():
    with pytest.raises(NewTimeError, match="V below 0"):
        in_logarithmic_time(hamiltonian("p^2/2 + q^2/2", ["q", "p"], state={"q": 1.0, "p": 0.0}))
    with pytest.raises(NewTimeError, match="holds positions and momenta"):
        in_logarithmic_time(hamiltonian("p^2*q^2/2 - 1", ["q", "p"], state={"q": 1.0, "p": 0.1}))
    top = hamiltonian("m[0]^2/2 + m[1]^2/4", ["m[3]"], "so3", state={"m": [0.9, 0.3, -0.5]})
    with pytest.raises(NewTimeError, match="canonical structure; found 'so3'"):
        in_logarithmic_time(top)
    with pytest.raises(NewTimeError, match="must be above 0"):
        in_sundman_time(ellipse(0.1), "-norm(q)")
    with pytest.raises(ExpressionError, match="unknown name 'r'"):
        in_sundman_time(ellipse(0.1), "1/r")
    with pytest.raises(NewTimeError, match="function of the state alone"):
        in_sundman_time(ellipse(0.1), "1 + t^2")
    implicit = hamiltonian("p^2/2 - cos(q)", ["q", "p"], state={"q": 1.0, "p": 0.0}, splitting="midpoint")
    with pytest.raises(NewTimeError, match="no single update"):
        in_sundman_time(implicit, "1 + q^2")
    rod = constrained(ellipse(0.0, splitting="separable"), ["dot(q, q) - 1"])
    with pytest.raises(NewTimeError, match="constraints"):
        in_sundman_time(rod, "1 + q[0]^2")
