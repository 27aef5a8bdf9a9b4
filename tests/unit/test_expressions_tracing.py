"""Tracing: a Python function becomes its formula, or an error says why it cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

from hpcphys.compiler.expressions import (
    TIME,
    Coordinates,
    ExpressionError,
    functions,
    gradient,
    hessian,
    parse,
    trace,
)

COORDINATES = Coordinates.declare(["x", "q[3]", "p[3]"], ["mass", "k[3]"])
x, mass = (COORDINATES.named[name].symbols[0] for name in ("x", "mass"))
q, p = (COORDINATES.named[name].symbols for name in ("q", "p"))


def _kepler(q, p, mass):
    return np.dot(p, p) / (2 * mass) - 1 / np.sqrt(np.sum(q**2))


def _chain(q, p):
    energy = 0
    for i in range(3):
        energy += p[i] ** 2 / 2 + (q[(i + 1) % 3] - q[i]) ** 2 / 2
    return energy


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (_kepler, "dot(p, p)/(2*mass) - 1/norm(q)"),
        (_chain, "dot(p, p)/2 + sum((q[(i + 1) % 3] - q[i])^2, i, 0, 2)/2"),
        (lambda q, p: p @ p / 2 + np.linalg.norm(q), "dot(p, p)/2 + norm(q)"),
        (lambda q, p: np.cross(q, p)[2], "cross(q, p)[2]"),
        (lambda q, k: 0.5 * (k * q * q).sum(), "sum(k[i]*q[i]^2, i, 0, 2)/2"),
        (lambda x: np.cos(x) + np.arctan2(x, 2.0) - np.exp(-(x**2)), "cos(x) + atan2(x, 2) - exp(-x^2)"),
        (lambda x: abs(x) / (1 + np.square(x)), "abs(x)/(1 + x^2)"),
        (lambda x: functions.max(x, 0) + functions.erf(x) * 2**x, "max(x, 0) + erf(x)*2^x"),
        (lambda q: np.sum(functions.tanh(q)), "tanh(q[0]) + tanh(q[1]) + tanh(q[2])"),
        (lambda x: np.hypot(x, 1), "sqrt(x^2 + 1)"),
        (lambda x: np.float64(0.5) * x - sympy.sin(x), "x/2 - sin(x)"),
        (lambda x, scale=0.3: scale * x, "0.3*x"),
    ],
)  # fmt: skip
def test_a_function_becomes_its_formula(function, text: str) -> None:
    assert sympy.expand(trace(function, COORDINATES) - parse(text, COORDINATES)) == 0


def test_time_is_traced_where_it_is_allowed() -> None:
    assert trace(lambda x, t: x * np.cos(t), COORDINATES, time=True) == x * sympy.cos(TIME)


def _branches(x):
    return x if x > 0 else -x


def _equal(x):
    return 0 if x == 1 else x


def _writes(q):
    q[0] = 1.0
    return q[0]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (_branches, r"branches on x > 0.*min, max, abs"),
        (_equal, "branches on x == 1"),
        (lambda x: max(x, 0), "branches on x"),
        (lambda x: float(x), "turns x into a float"),
        (lambda x: math.sin(x), "turns x into a float.*functions of NumPy"),
        (lambda q, x: q[x], "only integers"),
        (lambda x: int(x), "turns x into an integer"),
        (lambda x: None, "returns nothing"),
        (lambda q: q, r"returns ndarray of shape \(3,\); one number is needed"),
        (lambda x: "x", "returns str"),
        (lambda x: True, "returns bool"),
        (lambda y: y, "argument 'y' is not declared"),
        (lambda x, t: x * t, "argument 't' is not declared"),
        (lambda x, *more: x, "only arguments with a name"),
        (lambda x: 1j * x, "failed: TypeError"),
        (lambda x: x.gamma(), "a traced number has no 'gamma'"),
        (lambda x: np.sqrt(-1 - x**2), "not real"),
        (lambda x: x / 0, "not finite"),
        (lambda x: sympy.Symbol("z") * x, "symbols that are not declared: z"),
        (_writes, "read-only"),
    ],
)
def test_what_cannot_be_traced_says_why(function, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        trace(function, COORDINATES)


def test_functions_serve_numbers_arrays_and_expressions() -> None:
    values = np.array([-8.0, 0.5])
    assert functions.cbrt(-8.0) == -2.0
    assert np.array_equal(functions.max(values, 0.0), [0.0, 0.5])
    assert functions.erfc(0.0) == 1.0
    assert functions.sin(x) == sympy.sin(x)


@pytest.mark.parametrize("name", sorted(functions.FUNCTIONS))
def test_every_function_has_equal_images_in_sympy_and_numpy(name: str) -> None:
    function = functions.FUNCTIONS[name]
    arguments = (1.25, 0.5) if function.least == 2 else (1.25,) if name == "acosh" else (-0.5,)
    arguments = (0.5,) if name in ("log", "sqrt") else arguments
    image = function.image(*(sympy.Rational(argument) for argument in arguments))
    assert float(image) == pytest.approx(float(function(*arguments)), rel=1e-14)


def test_gradient_and_hessian_are_the_derivatives() -> None:
    energy = parse("x^2*q[0] + abs(x) + max(x, 1) + sin(q[1])*p[2]", COORDINATES)
    slopes = gradient(energy, COORDINATES.symbols)
    assert list(slopes) == list(COORDINATES.symbols)
    assert slopes[q[0]] == x**2
    assert slopes[p[0]] == 0
    assert sympy.simplify(slopes[x].subs(x, 3) - (6 * q[0] + 2)) == 0
    assert sympy.simplify(slopes[x].subs(x, -3) - (-6 * q[0] - 1)) == 0
    seconds = hessian(energy, COORDINATES.symbols)
    assert seconds[x, q[0]] == seconds[q[0], x] == 2 * x
    assert seconds[q[1], p[2]] == sympy.cos(q[1])
    assert (p[0], p[0]) not in seconds
    assert not any(
        expr.has(sympy.DiracDelta, sympy.Heaviside) for expr in (*slopes.values(), *seconds.values())
    )
