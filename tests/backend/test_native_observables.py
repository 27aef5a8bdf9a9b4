"""Observables of a batch: values against SymPy, reductions that merge, every branch."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import sympy

from hpcphys.compiler import State
from hpcphys.compiler.expressions import Coordinates
from hpcphys.compiler.native.observables import Observables, Reduction, reduction

sys.path.insert(0, str(Path(__file__).resolve().parent))
from native_systems import BRANCHES

C = Coordinates.declare(["q[2]", "p[2]"], ["k", "w"])
Q, P = C.named["q"].symbols, C.named["p"].symbols
K, W = C.parameter_symbols
EXPRESSIONS = {
    "energy": sum(x**2 for x in P) / 2 - K / sympy.sqrt(Q[0] ** 2 + Q[1] ** 2),
    "angular momentum": Q[0] * P[1] - Q[1] * P[0],
    "angle": sympy.atan2(Q[1], Q[0]),
    "size": sympy.Max(sympy.Abs(Q[0]), sympy.Abs(Q[1]), W),
    "odd": sympy.Piecewise((Q[0] ** 5 / (1 + Q[1] ** 2) ** 3, Q[0] > Q[1]), (sympy.tanh(Q[1]), True)),
    "turned": sympy.sin(W * Q[0]) * sympy.cos(W * Q[0]) + sympy.Mod(Q[0], 1) + sympy.cbrt(1 + Q[0] ** 2),
    # sums that have a difference in common, once forwards and once backwards
    "forwards": Q[0] - Q[1] + P[0],
    "backwards": Q[1] - Q[0] + P[1],
    "both ways": (Q[0] - Q[1] + W) * (Q[1] - Q[0] - P[0]) + (Q[1] - Q[0] + K * P[1]),
    "constant": sympy.sqrt(2) * K,
    "plain": Q[1],
}


def batch(rows):
    rng = np.random.default_rng(9)
    return State(
        {"q": rng.normal(size=(rows, 2)), "p": rng.normal(size=(rows, 2)), "w": rng.uniform(0.1, 2, rows)}
    )


@pytest.mark.parametrize("branch", BRANCHES)
def test_values_are_those_of_the_expressions(branch):
    state = batch(21)
    found = Observables(EXPRESSIONS, C, {"k": 1.5}, BRANCHES[branch]()).values(state)
    columns = C.columns({**{name: state[name] for name in state.names()}, "k": 1.5})
    for name, expression in EXPRESSIONS.items():
        for row in range(state.count):
            at = {s: v if np.ndim(v) == 0 else v[row] for s, v in columns.items()}
            assert found[name][row] == pytest.approx(float(expression.subs(at).evalf(30)), rel=4e-15), name


def test_reductions_of_parts_merge_to_that_of_the_whole():
    state = batch(50)
    observables = Observables({"q": Q[0]}, C, {"k": 1.0}, BRANCHES["widest"]())
    start = {name: value.copy() for name, value in observables.values(state).items()}
    state["q"][:, 0] += np.linspace(0, 0.5, 50)
    whole = observables.reduced(state, start)["q"]
    assert whole.deviation == pytest.approx(0.5)
    values = state["q"][:, 0]
    assert (whole.minimum, whole.maximum) == (values.min(), values.max())
    assert whole.mean == pytest.approx(values.mean())
    cuts = (slice(0, 20), slice(20, 20), slice(20, 50))
    parts = [reduction(values[part], start["q"][part]) for part in cuts]
    merged = parts[0].merged(parts[1]).merged(parts[2])
    assert merged.sum == pytest.approx(whole.sum)
    assert (merged.count, merged.minimum, merged.maximum, merged.deviation) == (
        50, whole.minimum, whole.maximum, whole.deviation,
    )  # fmt: skip
    assert np.isnan(merged.merged(reduction(np.array([np.nan]))).maximum)
    assert np.isnan(Reduction().mean)


def test_no_observable_is_refused():
    with pytest.raises(ValueError, match="name at least one expression"):
        Observables({}, C, {"k": 1.0}, BRANCHES["widest"]())
