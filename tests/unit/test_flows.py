"""Flows of found splittings: native against NumPy, orders, what is conserved, and a published solution."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp
from scipy.special import ellipj, ellipk

from hpcphys.compiler import CompileError, OperationError, compile_structure, conserved
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.kernels import backend

BODY = "m[0]^2/(2*j[0]) + m[1]^2/(2*j[1]) + m[2]^2/(2*j[2])"
MOMENTS = (3.0, 2.0, 1.0)
IMPLICIT = ("midpoint", "discrete_gradient", "spherical_midpoint")


@pytest.fixture(scope="module")
def cpu():
    return backend("cpu", threads=1)


def body(splitting="auto", start=(0.8, 0.3, 0.6)):
    return hamiltonian(
        BODY, ["m[3]"], "so3", parameters={"j": MOMENTS}, state={"m": list(start)}, splitting=splitting
    )


def top(splitting="auto", moments=(2.0, 2.0, 1.0), centre=(0.0, 0.0, 1.0)):
    return hamiltonian(
        f"{BODY} + dot(c, gamma)",
        ["m[3]", "gamma[3]"],
        "se3",
        parameters={"j": moments, "c": centre},
        state={"m": [0.4, 0.1, 1.5], "gamma": [0.6, 0.0, 0.8]},
        splitting=splitting,
    )


def pendulum(splitting="auto"):
    return hamiltonian("p^2/2 - cos(x)", ["x", "p"], state={"x": [0.5, 2.0], "p": 0.3}, splitting=splitting)


SYSTEMS = {
    "rigid body": body,
    "rigid body, midpoint": lambda: body("midpoint"),
    "rigid body, discrete gradient": lambda: body("discrete_gradient"),
    "rigid body, spherical midpoint": lambda: body("spherical_midpoint"),
    "Lagrange top": top,
    "heavy top": lambda: top(moments=(2.0, 1.5, 1.0), centre=(0.3, 0.0, 1.0)),
    "heavy top, midpoint": lambda: top("midpoint"),
    "heavy top, discrete gradient": lambda: top("discrete_gradient", moments=(2.0, 1.5, 1.0)),
    "eight unknowns, by fixed points": lambda: hamiltonian(
        "dot(p, p)*(2 + sin(q[0]))/2 + dot(q, q)/2",
        ["q[4]", "p[4]"],
        state={"q": [1, 0.2, 0.3, 0.4], "p": [0, 1, 0, 0.5]},
    ),
    "pendulum, discrete gradient": lambda: pendulum("discrete_gradient"),
    "oscillators of any sign": lambda: hamiltonian(
        "p^2/2 + k*x^2/2", ["x", "p"], state={"x": 1, "p": 0.1}, per_system={"k": [2.0, 0.0, -0.3]}
    ),
    "Lotka-Volterra": lambda: hamiltonian(
        "x - log(x) + y - 2*log(y)",
        ["x", "y"],
        "poisson",
        matrix=[["0", "x*y"], ["-x*y", "0"]],
        state={"x": [0.5, 1.5], "y": 1.0},
    ),
    "spins": lambda: hamiltonian(
        "dot(a, b) + dot(b, c) + h*(a[2] + b[2] + c[2])",
        ["a[3]", "b[3]", "c[3]"],
        "product",
        factors=[{"name": "so3", "variables": [name]} for name in "abc"],
        parameters={"h": 0.3},
        state={"a": [1, 0, 0], "b": [0, 0.6, 0.8], "c": [0, 0, -1]},
    ),
    "chain": lambda: hamiltonian(
        "dot(p, p)/2 + q[0]^2/2 + (q[1] - q[0])^2/2 + (q[2] - q[1])^2/2",
        ["q[3]", "p[3]"],
        state={"q": [1, 0, 0], "p": [0, 0, 0.2]},
    ),
    "qubit in a turning field": lambda: hamiltonian(
        "(x[0]^2 + y[0]^2 - x[1]^2 - y[1]^2)/2 + cos(t)*(x[0]*x[1] + y[0]*y[1])",
        [("x[2]", "y[2]")],
        state={"x": [1.4, 0], "y": [0, 0]},
    ),
    "magnetic field": lambda: hamiltonian(
        "((px + b*y/2)^2 + (py - b*x/2)^2)/2",
        [("x", "px"), ("y", "py")],
        per_system={"b": [0.0, 1.5]},
        state={"x": 1, "y": 0, "px": 0.1, "py": 0.4},
    ),
    "damped": lambda: hamiltonian(
        "p^2/2 + x^4", ["x", "p"], "friction", friction=0.3, state={"x": 1, "p": 0}
    ),
    "Langevin": lambda: hamiltonian(
        "p^2/2 + x^4", ["x", "p"], "langevin", friction=0.3, temperature=0.5, state={"x": [1, 2], "p": 0}
    ),
    "Nosé-Hoover": lambda: hamiltonian(
        "dot(p, p)/2 + dot(q, q)/2",
        ["q[2]", "p[2]"],
        "nose_hoover",
        temperature=0.5,
        length=2,
        state={"q": [1, 0.3], "p": [0, 0.6]},
    ),
    "contact": lambda: hamiltonian(
        "p^2/2 + x^4 + g*s", ["x", "p", "s"], "contact", parameters={"g": 0.2}, state={"x": 1, "p": 0, "s": 0}
    ),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_native_is_numpy_to_rounding(name, cpu):
    out = []
    for machine in (None, cpu):
        system = SYSTEMS[name]()
        compile_structure(system, "leapfrog", dt=0.05, backend=machine).run(40)
        out.append(np.concatenate([np.ravel(system.state[v.name]) for v in system.coordinates.variables]))
    np.testing.assert_allclose(out[1], out[0], rtol=1e-12, atol=1e-13)


def at(system, composition, steps, end):
    compile_structure(system, composition, dt=end / steps).run(steps)
    return np.concatenate([np.ravel(system.state[v.name]) for v in system.coordinates.variables])


def jacobi_solution(start, time):
    """The free rigid body that starts at m = (a, 0, c): m = (a cn, -b sn, c dn) of a Jacobian argument.

    j_1 > j_2 > j_3, and the motion circles axis 3.  Source: Landau & Lifshitz (1976) Mechanics, section 37.
    """
    j1, j2, j3 = MOMENTS
    a, _, c = start
    b = a * np.sqrt(j2 * (j1 - j3) / (j1 * (j2 - j3)))
    rate = c * np.sqrt((j1 - j3) * (j2 - j3) / (j1 * j2)) / j3
    modulus = (a / c) ** 2 * (j3 * (j1 - j2)) / (j1 * (j2 - j3))
    sn, cn, dn, _ = ellipj(rate * time, modulus)
    return np.array([a * cn, -b * sn, c * dn]), ellipk(modulus) / rate


START = (0.4, 0.0, 0.9)


def test_jacobi_solution_solves_eulers_equations():
    h = 1e-4
    now, _ = jacobi_solution(START, 0.7)
    slope = (jacobi_solution(START, 0.7 + h)[0] - jacobi_solution(START, 0.7 - h)[0]) / (2 * h)
    np.testing.assert_allclose(slope, np.cross(now, now / np.array(MOMENTS)), atol=1e-7)


@pytest.mark.parametrize(
    ("splitting", "composition", "order"),
    [
        ("auto", "leapfrog", 2),
        ("auto", "yoshida4", 4),
        ("auto", "kahan_li6", 6),
        ("midpoint", "leapfrog", 2),
        ("midpoint", "suzuki4", 4),
        ("discrete_gradient", "leapfrog", 2),
        ("discrete_gradient", "yoshida4", 4),
        ("spherical_midpoint", "leapfrog", 2),
        ("spherical_midpoint", "yoshida4", 4),
    ],
)
def test_the_rigid_body_against_jacobis_elliptic_functions(splitting, composition, order):
    end = 4.0
    exact, _ = jacobi_solution(START, end)
    steps = {2: (60, 120), 4: (24, 48), 6: (12, 24)}[order]
    errors = [np.abs(at(body(splitting, START), composition, n, end) - exact).max() for n in steps]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25)


@pytest.mark.parametrize("splitting", ["auto", *IMPLICIT])
def test_the_rigid_body_over_a_million_steps(splitting, cpu):
    system = body(splitting)
    program = compile_structure(system, "leapfrog", dt=0.05, backend=cpu)
    before, energies = conserved(system), []
    for _ in range(20):
        program.run(50_000)
        energies.append(conserved(system)["energy"][0] - before["energy"][0])
    assert abs(conserved(system)["m.m"][0] - before["m.m"][0]) < 1e-12
    if splitting in ("midpoint", "discrete_gradient"):
        assert np.abs(energies).max() < 1e-12
    else:
        assert np.abs(energies).max() < 1e-4
        assert abs(np.mean(energies[10:]) - np.mean(energies[:10])) < np.ptp(energies) / 2 + 1e-13


@pytest.mark.parametrize("moments", [(2.0, 2.0, 1.0), (2.0, 1.5, 1.0)])
def test_the_casimirs_of_a_heavy_top_over_many_steps(moments, cpu):
    system = top(moments=moments)
    before = conserved(system)
    compile_structure(system, "yoshida4", dt=0.02, backend=cpu).run(200_000)
    after = conserved(system)
    assert abs(after["gamma.gamma"] - before["gamma.gamma"]) < 1e-12
    assert abs(after["m.gamma"] - before["m.gamma"]) < 1e-12
    assert abs(after["energy"] - before["energy"]) < 1e-5


def test_a_lagrange_top_keeps_its_spin():
    system = top()
    compile_structure(system, "leapfrog", dt=0.02).run(500)
    assert system.state["m"][0, 2] == pytest.approx(1.5, abs=1e-13)


def test_a_discrete_gradient_keeps_the_energy_of_a_pendulum_and_the_midpoint_its_area(cpu):
    drift = {}
    for splitting in ("discrete_gradient", "midpoint"):
        system = pendulum(splitting)
        before = conserved(system)["energy"]
        compile_structure(system, "leapfrog", dt=0.1, backend=cpu).run(10_000)
        drift[splitting] = np.abs(conserved(system)["energy"] - before).max()
    assert drift["discrete_gradient"] < 1e-13
    assert 1e-8 < drift["midpoint"] < 1e-2


def test_henon_heiles_over_a_long_time(cpu):
    system = hamiltonian(
        "dot(p, p)/2 + dot(q, q)/2 + q[0]^2*q[1] - q[1]^3/3",
        ["q[2]", "p[2]"],
        state={"q": [0.0, 0.1], "p": [0.35, 0.0]},
    )
    before = conserved(system)["energy"]
    compile_structure(system, "kahan_li8", dt=0.1, backend=cpu).run(100_000)
    assert np.abs(conserved(system)["energy"] - before).max() < 1e-9


def test_lotka_volterra_stays_positive_and_periodic(cpu):
    system = SYSTEMS["Lotka-Volterra"]()
    before = conserved(system)["energy"]
    compile_structure(system, "leapfrog", dt=0.05, backend=cpu).run(200_000)
    assert (system.state["x"] > 0).all()
    assert np.abs(conserved(system)["energy"] - before).max() < 1e-3


@pytest.mark.parametrize("splitting", ["midpoint", "discrete_gradient"])
def test_a_step_that_is_too_long_for_the_solver_is_an_error(splitting, cpu):
    for machine in (None, cpu):
        system = hamiltonian(
            "p^2/2 + exp(x^2)", ["x", "p"], state={"x": [0.1, 3.0], "p": 0.0}, splitting=splitting
        )
        program = compile_structure(system, "leapfrog", dt=50.0, backend=machine)
        with pytest.raises(OperationError, match="no convergence in 50 iterations"):
            program.run(3)


def test_implicit_flows_are_refused_where_exact_ones_are_needed():
    system = hamiltonian({"a": "p^2*(2 + sin(x))", "b": "x^4"}, ["x", "p"], state={"x": 1, "p": 0})
    assert [piece.order for piece in system.pieces] == [2, None]
    with pytest.raises(CompileError, match="symmetric flow of order 2, and blanes_moan4 needs exact flows"):
        compile_structure(system, "blanes_moan4")


def test_kicks_by_a_modified_potential_reach_fourth_order(cpu):
    """Chin's method with a positive step of each kind, in NumPy and native."""
    errors, ends = [], []
    for steps, machine in ((40, None), (80, None), (80, cpu)):
        system = hamiltonian(
            "dot(p, p)/(2*m) - k/norm(q)",
            ["q[2]", "p[2]"],
            parameters={"m": 2.0, "k": 2.0},
            state={"q": [1.0, 0.0], "p": [0.0, 2.2]},
        )
        energy = conserved(system)["energy"]
        compile_structure(system, "chin4a", dt=2.0 / steps, backend=machine).run(steps)
        errors.append(np.abs(conserved(system)["energy"] - energy).max())
        ends.append(system.state["q"].copy())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)
    np.testing.assert_allclose(ends[2], ends[1], rtol=1e-12)


def test_implicit_flows_reverse():
    system = body("discrete_gradient")
    start = system.state["m"].copy()
    program = compile_structure(system, "suzuki4", dt=0.1)
    program.run(50)
    program.run(50, dt=-0.1)
    np.testing.assert_allclose(system.state["m"], start, atol=1e-13)


def test_the_energy_of_a_nose_hoover_chain_is_kept_to_its_order():
    errors = []
    for steps in (200, 400):
        system = SYSTEMS["Nosé-Hoover"]()
        before = conserved(system)["extended energy"]
        at(system, "leapfrog", steps, 4.0)
        errors.append(np.abs(conserved(system)["extended energy"] - before).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)


@pytest.mark.parametrize("name", ["Nosé-Hoover", "contact"])
def test_thermostat_and_contact_motions_against_an_integrator_of_any_field(name):
    """The whole motion, chain included, converges to what SciPy makes of the structure's vector field."""
    system = SYSTEMS[name]()
    symbols = system.structure.coordinates.symbols
    field = system.structure.vector_field(system.hamiltonian)
    parameters = dict.fromkeys(system.structure.coordinates.parameter_symbols, 0.2)
    rates = sympy.lambdify(symbols, [field[s].subs(parameters) for s in symbols])
    start = np.concatenate([np.ravel(system.state[v.name]) for v in system.coordinates.variables])
    exact = solve_ivp(lambda _, z: rates(*z), (0, 2.0), start, method="DOP853", rtol=1e-12, atol=1e-12).y[
        :, -1
    ]
    errors = [np.abs(at(SYSTEMS[name](), "leapfrog", steps, 2.0) - exact).max() for steps in (50, 100)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)


def test_a_turning_field_keeps_the_norm_and_converges_at_its_order():
    ends = [at(SYSTEMS["qubit in a turning field"](), "leapfrog", n, 3.0) for n in (40, 80, 160)]
    assert np.sum(ends[0][:4] ** 2) == pytest.approx(1.96, abs=1e-13)
    ratio = np.abs(ends[0] - ends[1]).max() / np.abs(ends[1] - ends[2]).max()
    assert np.log2(ratio) == pytest.approx(2, abs=0.2)


def test_a_damped_oscillator_decays_as_it_should():
    # x'' + c x' + x = 0 with c = 0.3 from (1, 0)
    errors, c = [], 0.3
    w = np.sqrt(1 - c**2 / 4)
    exact = np.exp(-c * 4 / 2) * (np.cos(4 * w) + c / (2 * w) * np.sin(4 * w))
    for steps in (50, 100):
        system = hamiltonian("p^2/2 + x^2/2", ["x", "p"], "friction", friction=c, state={"x": 1, "p": 0})
        errors.append(abs(at(system, "leapfrog", steps, 4.0)[0] - exact))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.2)


def test_the_noise_has_the_variance_of_its_temperature(cpu):
    systems = 20_000
    system = hamiltonian(
        "p^2/(2*m)",
        ["x", "p"],
        "langevin",
        friction=1.0,
        temperature=0.7,
        masses="m",
        parameters={"m": 2.0},
        state={"x": np.zeros(systems), "p": np.zeros(systems)},
    )
    compile_structure(system, "leapfrog", dt=0.5, backend=cpu).run(40)
    assert np.var(system.state["p"]) == pytest.approx(1.4, rel=0.04)
