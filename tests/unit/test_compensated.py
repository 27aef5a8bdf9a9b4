"""Compensated sums: what rounding takes from z <- z + increment is kept in carries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hpcphys.compiler import State, compile_structure
from hpcphys.compiler.constraints import HolonomicConstraints
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.passes import CompileError
from hpcphys.kernels import backend

KEPLER = "dot(p, p)/2 - 1/norm(q)"


def orbits(systems=1, eccentricity=0.6):
    e = np.linspace(eccentricity, eccentricity + 0.1, systems)
    zero, speed = np.zeros(systems), np.sqrt((1 + e) / (1 - e))
    start = {"q": np.stack([1 - e, zero], axis=1), "p": np.stack([zero, speed], axis=1)}
    return hamiltonian(KEPLER, ["q[2]", "p[2]"], state=start)


def compiled(system, composition="leapfrog", dt=0.01, where="cpu", **options):
    machine = where if where == "numpy" else backend(where)
    return compile_structure(system, composition, dt=dt, backend=machine, compensated=True, **options)


def oscillator(splitting="separable"):
    return hamiltonian("p^2/2 + q^2/2", ["q", "p"], splitting=splitting, state={"q": 1.0, "p": 0.0})


def whole(state):
    """Coordinates with their carries, as long doubles."""
    return {v: state[v].astype(np.longdouble) + state[f"carry_{v}"] for v in "qp"}


@pytest.mark.parametrize("composition", ["leapfrog", "yoshida4", "chin4a"])
@pytest.mark.parametrize("systems", [1, 37])
@pytest.mark.parametrize("where", ["cpu", "emulated"])
def test_native_is_numpy(composition, systems, where):
    native, reference = orbits(systems), orbits(systems)
    fast, slow = compiled(native, composition, where=where), compiled(reference, composition, where="numpy")
    assert fast.native is not None
    assert slow.native is None
    fast.run(40)
    slow.run(40)
    for name in ("q", "p"):
        a, b = whole(native.state)[name], whole(reference.state)[name]
        np.testing.assert_allclose(np.float64(a - b), 0.0, atol=1e-13)
        assert np.abs(native.state[f"carry_{name}"]).max() > 0.0


def test_bits_do_not_depend_on_calls_nor_on_a_checkpoint():
    once, cut = orbits(5), orbits(5)
    compiled(once, "yoshida4").run(100)
    program = compiled(cut, "yoshida4")
    program.run(1)
    program.step()
    program.run(50)
    saved = State(
        {name: cut.state[name].copy() for name in cut.state.names()},
        cut.state.time,
        cut.state.step,
        dict(cut.state.scalars),
    )
    resumed = replace(orbits(5), state=saved)
    compiled(resumed, "yoshida4").run(48)
    for name in ("q", "p", "carry_q", "carry_p"):
        assert np.array_equal(once.state[name], saved[name]), name


def test_carries_are_below_half_a_unit_in_the_last_place():
    system = orbits(37)
    program = compiled(system)
    for _ in range(20):
        program.run(10)
        for name in "qp":
            z, carry = system.state[name], system.state[f"carry_{name}"]
            assert np.all(np.abs(carry) <= np.spacing(np.abs(z)) / 2)


@pytest.mark.parametrize(("system", "dt"), [(oscillator, 0.001), (orbits, 0.0005)])
def test_rounding_of_a_long_run_falls_tenfold(system, dt):
    """Against the same map in long doubles, after 100,000 steps of leapfrog."""
    steps, names = 100_000, ("q", "p")
    exact = {v: system().state[v].astype(np.longdouble)[0] for v in names}
    half, one = np.longdouble(dt * 0.5), np.longdouble(dt)
    q, p = exact["q"], exact["p"]
    central = system is orbits
    force = (lambda q: -q / np.sqrt((q * q).sum()) ** 3) if central else (lambda q: -q)
    for _ in range(steps):
        p = p + half * force(q)
        q = q + one * p
        p = p + half * force(q)
    errors = []
    for compensated in (False, True):
        made = system()
        compile_structure(made, dt=dt, backend=backend("cpu"), compensated=compensated).run(steps)
        found = whole(made.state) if compensated else {v: made.state[v] for v in names}
        errors.append(float(np.abs(found["q"][0] - q).max() + np.abs(found["p"][0] - p).max()))
    assert errors[1] < errors[0] / 10


def test_a_reversed_run_retraces_itself():
    system = orbits(3)
    program = compiled(system, "yoshida4")
    start = whole(system.state)
    program.run(500)
    before = system.state["carry_p"].copy(), system.state["carry_q"].copy()
    program.reverse()
    assert np.array_equal(system.state["carry_p"], -before[0])
    assert np.array_equal(system.state["carry_q"], before[1])
    program.run(500)
    program.reverse()
    for name, wanted in start.items():
        assert np.abs(np.float64(whole(system.state)[name] - wanted)).max() < 1e-13


@pytest.mark.parametrize("where", ["cpu", "numpy"])
def test_flows_that_are_no_sums_take_the_carry_up(where):
    """Noise and friction end each step with p <- a p + b normal: no carry is left, and the motion stays."""
    found = {}
    for compensated in (False, True):
        system = hamiltonian(
            "p^2/2 + q^4/4",
            ["q", "p"],
            "langevin",
            friction=0.1,
            temperature=0.5,
            state={"q": 1.0, "p": 0.5},
        )
        machine = where if where == "numpy" else backend(where)
        compile_structure(system, "obabo", dt=0.01, backend=machine, compensated=compensated).run(501)
        found[compensated] = system.state
    assert found[True]["carry_p"][0] == 0.0
    assert found[True]["carry_q"][0] != 0.0
    for name in "qp":
        assert np.abs(found[True][name] - found[False][name]).max() < 1e-13


def test_time_is_a_sum_too():
    driven = hamiltonian("p^2/2 + q^2/2 - q*cos(2*t)", ["q", "p"], state={"q": 1.0, "p": 0.0})
    compiled(driven, dt=0.1).run(100_000)
    assert driven.state["t"][0] == driven.state.time == 10_000.0


def test_what_cannot_be_compensated_is_an_error():
    with pytest.raises(CompileError, match="no flow of this system has the form"):
        compiled(oscillator("midpoint"))
    bob = hamiltonian(
        "dot(p, p)/2 + q[1]", ["q[2]", "p[2]"], splitting="separable", state={"q": [1, 0], "p": [0, 0]}
    )
    rod = HolonomicConstraints(["q[0]^2 + q[1]^2 - 1"], bob.coordinates, "dot(p, p)/2", [("q", "p")])
    with pytest.raises(CompileError, match="projections onto constraints"):
        compiled(replace(bob, constraints=rod))
