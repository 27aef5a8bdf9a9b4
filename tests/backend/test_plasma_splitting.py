"""Flows of the Hamiltonian splitting against plain NumPy; Gauss's law, brackets, orders, reversibility."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import compile_structure
from hpcphys.compiler.structures.vlasov_maxwell import VlasovMaxwellStructure

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from split_plasmas import CHARGE, LIGHT, MASS, PERMITTIVITY, SmallPlasma

SHAPES = {1: (9,), 2: (7, 8), 3: (6, 5, 7)}
CASES = [(1, 2, "double"), (2, 3, "double"), (3, 1, "double"), (2, 1, "single")]


def bracket_of(plasma, order):
    return VlasovMaxwellStructure(
        plasma.shape, plasma.spacing, CHARGE, MASS, plasma.weight, permittivity=PERMITTIVITY, order=order
    )


def moved_along(plasma, order, axis, dt):
    """The flow along an axis by Gauss's quadrature between places where a spline changes its polynomial."""
    structure, z = bracket_of(plasma, order), plasma.values()
    nodes, shares = np.polynomial.legendre.leggauss(4)
    start, end = z["position"].copy(), z["position"].copy()
    speed, on_grid = z["momentum"][:, axis], axis < len(plasma.shape)
    marks = np.tile([0.0, 1.0], (len(start), 1))
    if on_grid:
        end[:, axis] += dt * speed
        halves = 0.5 * plasma.spacing[axis] * np.arange(-8, 2 * plasma.shape[axis] + 8)
        fractions = (halves - start[:, axis, None]) / (dt * speed[:, None])
        marks = np.sort(np.concatenate([marks, np.clip(fractions, 0.0, 1.0)], axis=1), axis=1)
    turned, passed = np.zeros((len(start), 2)), np.zeros(plasma.shape)
    j, k = (axis + 1) % 3, (axis + 2) % 3
    for first, last in zip(marks[:, :-1].T, marks[:, 1:].T, strict=True):
        for node, share in zip(nodes, shares, strict=True):
            at = start + (0.5 * (first + last) + 0.5 * (last - first) * node)[:, None] * (end - start)
            part = 0.5 * share * (last - first) * dt * speed
            for side, c in enumerate((j, k)):
                turned[:, side] += part * structure._gathered(z["B"], "B", c, at)
            passed += structure._spread(CHARGE * plasma.weight * part, "E", axis, at)
    z["momentum"][:, j] -= CHARGE / MASS * turned[:, 1]
    z["momentum"][:, k] += CHARGE / MASS * turned[:, 0]
    z["E"][axis] -= passed / (PERMITTIVITY * np.prod(plasma.spacing))
    return {**z, "position": end}


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flow_along_an_axis_is_numpys(case, axis):
    """Some particles cross faces of bins; the momentum along the path is kept exactly."""
    axes, order, precision = case
    plasma = SmallPlasma(SHAPES[axes], order, precision)
    before, dt = plasma.values(), 0.6
    expected = moved_along(plasma, order, axis, dt)
    plasma.piece("H_" + "xyz"[axis]).flow(plasma.state, dt)
    after = plasma.values()
    eps = np.finfo(plasma.particles.real).eps
    wrong = plasma.shifted(after, expected)
    assert max(abs(error).max() for error in wrong.values()) < 60 * eps
    assert (after["momentum"][:, axis] == before["momentum"][:, axis]).all()
    changed = plasma.shifted(after, before)
    assert abs(changed["E"][axis]).max() > 0.01
    assert abs(changed["momentum"]).max() > 0.01
    cells = plasma.values()["position"] / plasma.spacing
    if axis < axes:
        crossed = np.floor(cells[:, axis]) != np.floor(before["position"][:, axis] / plasma.spacing[axis])
        assert crossed.sum() > 3


@pytest.mark.parametrize("case", [CASES[0], CASES[3]], ids=str)
def test_flows_of_the_fields_are_numpys(case):
    axes, order, precision = case
    plasma = SmallPlasma(SHAPES[axes], order, precision)
    structure, z, dt = bracket_of(plasma, order), plasma.values(), 0.4
    eps = np.finfo(plasma.particles.real).eps
    electric = np.stack([structure._gathered(z["E"], "E", c, z["position"]) for c in range(3)], axis=1)
    expected = {
        **z, "momentum": z["momentum"] + dt * CHARGE / MASS * electric,
        "B": z["B"] - dt * structure._curl(z["E"], back=False),
    }  # fmt: skip
    plasma.piece("H_E").flow(plasma.state, dt)
    assert max(abs(e).max() for e in plasma.shifted(plasma.values(), expected).values()) < 40 * eps
    expected["E"] = z["E"] + dt * LIGHT**2 * structure._curl(expected["B"], back=True)
    plasma.piece("H_B").flow(plasma.state, dt)
    assert max(abs(e).max() for e in plasma.shifted(plasma.values(), expected).values()) < 40 * eps


@pytest.mark.parametrize("name", ["H_x", "H_y", "H_E", "H_B"])
def test_flows_are_poisson_maps(name):
    """Dφ Π(z) Dφᵀ = Π(φ(z)): each flow keeps the bracket, with derivatives by differences."""
    plasma = SmallPlasma((5,), 2, n=3)
    structure, start, dt, h = bracket_of(plasma, 2), plasma.values(), 0.5, 1e-5
    names = list(start)
    sizes = np.cumsum([0, *[start[key].size for key in names]])

    def packed(values):
        return np.concatenate([values[key].ravel() for key in names])

    def unpacked(vector):
        parts = [vector[a:b] for a, b in itertools.pairwise(sizes)]
        return {key: part.reshape(start[key].shape) for key, part in zip(names, parts, strict=True)}

    def flow(vector):
        plasma.put(unpacked(vector))
        plasma.piece(name).flow(plasma.state, dt)
        return plasma.values()

    def matrix(values):
        unit = np.eye(sizes[-1])
        return np.stack([packed(structure.bracket(values, unpacked(row))) for row in unit], axis=1)

    z = packed(start)
    end = flow(z)
    columns = [packed(plasma.shifted(flow(z + h * e), flow(z - h * e))) / (2 * h) for e in np.eye(sizes[-1])]
    jacobian = np.stack(columns, axis=1)
    kept = jacobian @ matrix(start) @ jacobian.T
    largest = abs(matrix(start)).max()
    assert abs(kept - matrix(end)).max() < 1e-8 * largest
    assert abs(jacobian - np.eye(sizes[-1])).max() > 0.1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gauss_and_reversal(case):
    """Gauss's law and ∇·B stay to round-off; steps back give the start."""
    axes, order, precision = case
    plasma = SmallPlasma(SHAPES[axes], order, precision, n=400)
    plasma.fields.initial_E(plasma.charge())
    start, eps = plasma.values(), np.finfo(plasma.particles.real).eps
    program = compile_structure(plasma.system, "leapfrog", dt=0.2)
    program.run(20)
    assert plasma.fields.gauss_residual(plasma.charge()) < 200 * eps
    assert plasma.fields.magnetic_divergence() < 40 * eps
    assert abs(plasma.shifted(plasma.values(), start)["position"]).max() > 0.5
    for _ in range(20):
        program.step(-0.2)
    assert max(abs(e).max() for e in plasma.shifted(plasma.values(), start).values()) < 3000 * eps


@pytest.mark.parametrize(("composition", "order", "steps"), [("leapfrog", 2, 16), ("yoshida4", 4, 32)])
def test_order_of_compositions(composition, order, steps):
    """Cubic splines are twice differentiable: the order is seen until their third derivatives jump."""

    def end(number):
        plasma = SmallPlasma((5, 6), 3, n=8, thermal=0.2)
        compile_structure(plasma.system, composition, dt=1.0 / number).run(number)
        return plasma, plasma.values()

    plasma, fine = end(8 * steps)
    wrong = [plasma.shifted(end(n)[1], fine) for n in (steps, 2 * steps)]
    errors = [np.sqrt(sum((e**2).sum() for e in each.values())) for each in wrong]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.3)


def test_canonical_momentum_along_a_missing_axis():
    """m u_y + q A_y(x) of every particle: flows along x keep it, where B_z is the slope of A_y."""
    plasma = SmallPlasma((9,), 2)
    structure, before = bracket_of(plasma, 2), plasma.values()
    A = np.zeros((3, 9))
    A[1] = plasma.spacing[0] * np.concatenate([[0.0], np.cumsum(before["B"][2])[:-1]])
    plasma.piece("H_x").flow(plasma.state, 0.6)
    after = plasma.values()

    def canonical(z):
        return MASS * z["momentum"][:, 1] + CHARGE * structure._gathered(A, "E", 1, z["position"])

    assert abs(canonical(after) - canonical(before)).max() < 1e-13
    assert abs(after["momentum"][:, 1] - before["momentum"][:, 1]).max() > 0.01
