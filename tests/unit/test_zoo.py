"""Systems of the zoo against an integrator of any vector field: exact solutions and integrals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from hpcphys.compiler.expressions import TIME, Coordinates, parse
from hpcphys.compiler.structures.registry import structure_named
from hpcphys.physics.zoo import NAMES, ZooError, zoo_system
from hpcphys.physics.zoo.henon_heiles import cubic, section

VARIANTS = [
    *((name, {}) for name in NAMES if name != "double_well"),
    ("heavy_top", {"case": "kovalevskaya"}),
    ("heavy_top", {"case": "general"}),
    ("point_vortices", {"arrangement": "ring"}),
    ("rigid_body", {"m": [0.8, 0.05, -0.1]}),
    ("rigid_body", {"m": [-0.8, 0.05, -0.3]}),
    ("rigid_body", {"m": [0.3, -0.5, -0.8]}),
    ("rigid_body", {"m": [-0.1, 0.5, 0.8]}),
    ("kepler", {"eccentricity": 0.9, "mu": 2.0, "semi_major_axis": 0.7}),
    ("harmonic_chain", {"size": 5, "mode": 3, "stiffness": 2.0}),
]
TIMES = np.linspace(0.0, 10.0, 21)


def declared(value) -> str:
    return f"[{len(value)}]" if isinstance(value, list) else ""


def solved(system):
    """The structure, its H, and the solution at TIMES by a Runge-Kutta method of order 8: name -> rows."""
    names = [f"{name}{declared(value)}" for name, value in system.parameters.items()]
    coordinates = Coordinates.declare(system.variables, names)
    structure = structure_named(system.structure, coordinates, dict(system.options))
    whole = structure.coordinates
    if system.expression is None:
        total = structure.hamiltonian
    else:
        texts = [system.expression] if isinstance(system.expression, str) else system.expression.values()
        total = sympy.Add(*(parse(t, coordinates, where=system.definitions, time=True) for t in texts))
    given = whole.columns({name: np.asarray(value, float) for name, value in system.parameters.items()})
    field = structure.vector_field(total)
    arguments = [TIME, *whole.symbols, *given]
    rates = sympy.lambdify(arguments, [field[s] for s in whole.symbols], "numpy", cse=True)
    start = []
    for variable in whole.variables:
        values = system.initial.get(variable.name, 0.0)
        values = values if isinstance(values, list) else [values] * variable.width
        start += [0.1 if isinstance(value, str) else value for value in values]
    found = solve_ivp(
        lambda t, z: np.array(rates(t, *z, *given.values()), float), (0.0, TIMES[-1]), start, "DOP853", TIMES,
        rtol=1e-12, atol=1e-13,
    )  # fmt: skip
    rows, at = {}, 0
    for variable in whole.variables:
        rows[variable.name] = found.y[at : at + variable.width].T
        at += variable.width
    kept = {name: parse(t, whole, where=system.definitions) for name, t in system.conserved.items()}
    kept |= structure.conserved(total)
    values = sympy.lambdify(arguments, list(kept.values()), "numpy", cse=True)
    series = [np.broadcast_to(v, TIMES.shape) for v in values(TIMES, *found.y, *given.values())]
    return rows, dict(zip(kept, series, strict=True))


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_what_is_said_of_the_motion_is_true(name, parameters):
    """The exact solution is that of the equations, and all that is called conserved is so."""
    system = zoo_system(name, parameters)
    rows, kept = solved(system)
    for label, values in kept.items():
        assert np.ptp(values) < 1e-10 * max(1.0, np.abs(values).max()), label
    if system.reference is not None:
        for variable, exact in system.reference(TIMES).items():
            assert np.abs(exact.reshape(rows[variable].shape) - rows[variable]).max() < 1e-9, variable


def test_integrals_of_the_tops_are_their_own():
    """Lagrange's spin and Kovalevskaya's integral are none of the general top."""
    for case in ("lagrange", "kovalevskaya"):
        (text,) = zoo_system("heavy_top", {"case": case}).conserved.values()
        general = zoo_system("heavy_top", {"case": "general"})
        general.conserved["wrong"] = text
        _, kept = solved(general)
        assert np.ptp(kept["wrong"]) > 1e-3


def test_the_double_well_knows_its_averages():
    facts = zoo_system("double_well", {"tilt": 0.0}).facts
    assert facts["exact_right"] == pytest.approx(0.5, abs=1e-12)
    from scipy.integrate import quad

    density = lambda q: np.exp(-2.0 * (q * q - 1.0) ** 2)  # noqa: E731
    squares = quad(lambda q: q * q * density(q), -6, 6)[0] / quad(density, -6, 6)[0]
    assert facts["exact_q_squared"] == pytest.approx(squares, rel=1e-9)


def test_the_section_joins_rows_by_cubics():
    """A circular motion passes q_0 = 0 where its phase says, to the fourth order of the distance of rows."""
    errors = []
    for step in (0.2, 0.1):
        phase = step * np.arange(int(60.0 / step)) + 0.3
        q = np.stack([np.sin(phase), np.cos(phase) * (1.0 + 0.1 * phase)], axis=1)
        (points,) = section({"q": q[:, None], "p": q[:, None]})
        crossing = 2.0 * np.pi * np.arange(1, len(points[0]) + 1)
        errors.append(np.abs(points[0] - (1.0 + 0.1 * crossing)).max())
    assert 10.0 < errors[0] / errors[1] < 25.0
    assert cubic(np.array([[-1.0, 0.0, 1.0, 8.0]]), np.array([0.5])) == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("keplr", {}, "did you mean 'kepler'"),
        ("kepler", {"excentricity": 0.1}, "did you mean 'eccentricity'"),
        ("kepler", {"eccentricity": 1.5}, "allowed: 0 to below 1"),
        ("toda", {"size": 3}, "at least 5"),
        ("heavy_top", {"case": "euler"}, "allowed: lagrange, kovalevskaya, general"),
        ("rigid_body", {"inertia": [1.0, 1.0, 2.0]}, "ascending"),
        ("henon_heiles", {"energy": 0.2}, "not bound"),
    ],
)
def test_wrong_parameters_are_named(name, parameters, words):
    with pytest.raises(ZooError, match=words):
        zoo_system(name, parameters)
