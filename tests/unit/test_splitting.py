"""Splittings that are found: which parts, and that each part's flow solves its own equation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

from hpcphys.compiler.expressions import Coordinates, parse
from hpcphys.compiler.expressions.coordinates import DT
from hpcphys.compiler.flows import Update
from hpcphys.compiler.splitting import FlowError, SplittingError, split, verify_splitting
from hpcphys.compiler.structures import (
    EuclideanStructure,
    PoissonMatrix,
    RotationStructure,
    SymbolicCanonical,
    product,
)
from hpcphys.compiler.structures.registry import structure_named

PAIR = ["x", "p"]
PLANE = ["q[2]", "p[2]"]


def canonical(variables, parameters=()):
    return SymbolicCanonical(Coordinates.declare(variables, parameters))


def spins(count):
    return product(*(RotationStructure(momentum=f"s{k}") for k in range(count)))


def point_of(structure, values=None, seed=4):
    rng = np.random.default_rng(seed)
    point = {s: rng.uniform(0.3, 1.5) for s in structure.coordinates.symbols}
    return point | dict.fromkeys([sympy.Symbol("t", real=True)], 0.0) | dict(values or {})


def parts_of(text, structure, method="auto", values=None):
    """The splitting of H, its flows verified at a point."""
    hamiltonian = parse(text, structure.coordinates, time=True)
    named = {s: dict(values or {}).get(s.name, 1.3) for s in structure.coordinates.parameter_symbols}
    splitting = split(hamiltonian, structure, method, values=named if values is not None else None)
    verify_splitting(splitting, structure, point_of(structure, named))
    return splitting


@pytest.mark.parametrize(
    ("text", "structure", "kinds"),
    [
        ("dot(p, p)/2 + q[0]^2*q[1] - q[1]^3/3", canonical(PLANE), ["drift", "kick"]),
        ("sqrt(1 + dot(p, p)) + cos(q[0] - q[1])", canonical(PLANE), ["drift", "kick"]),
        ("p^2/2 + x^2/2", canonical(PAIR), ["rotation"]),
        ("p^2/2 - x^2/2 + x", canonical(PAIR), ["linear"]),
        ("p^2/2 + x", canonical(PAIR), ["polynomial"]),
        ("x*p", canonical(PAIR), ["exponential"]),
        ("exp(x*p)", canonical(PAIR), ["exponential"]),
        ("(x^2 + p^2)^2", canonical(PAIR), ["rotation"]),
        ("p^2*x^2/2 + x^4", canonical(PAIR), ["shear", "exponential"]),
        ("((p[0] + q[1])^2 + (p[1] - q[0])^2)/2", canonical(PLANE), ["rotation"]),
        ("(p[0] - q[0]^2*q[1])^2/2", canonical(PLANE), ["polynomial"]),
        ("(p[0] - q[1]^2)^2/2 + p[1]^2/2", canonical(PLANE), ["shear", "shear"]),
        ("x - log(x) + y - 2*log(y)", "lotka_volterra", ["exponential", "exponential"]),
        ("-log((q[0] - q[1])^2 + (p[0] - p[1])^2)", canonical(PLANE), ["rotation"]),
        ("m[0]^2/2 + m[1]^2/4 + m[2]^2/6", RotationStructure(), ["rotation", "rotation"]),
        ("m[0]^2/2 + m[1]^2/2 + m[2]^2/6", RotationStructure(), ["rotation"]),
        ("dot(m, m)/2 + gamma[2]", EuclideanStructure(), ["rotation", "shear"]),
        (
            "m[0]^2/2 + m[1]^2/4 + m[2]^2/6 + gamma[0]/2 + gamma[2]",
            EuclideanStructure(),
            ["rotation", "rotation", "shear"],
        ),
        ("dot(s0, s1) + s0[2] + s1[2]", spins(2), ["rotation"]),
        ("dot(s0, s1) + dot(s1, s2) + s0[2] + s1[2] + s2[2]", spins(3), ["rotation", "rotation"]),
        ("s0[2]*s1[2] + s1[2]*s2[2] + s0[0] + s1[0]", spins(3), ["rotation", "rotation"]),
    ],
)
def test_the_parts_that_are_found(text, structure, kinds):
    if structure == "lotka_volterra":
        coordinates = Coordinates.declare(["x", "y"])
        structure = PoissonMatrix(coordinates, [["0", "x*y"], ["-x*y", "0"]])
    found = parts_of(text, structure)
    assert sorted(part.kind for part in found.parts) == sorted(kinds)
    assert found.exact


@pytest.mark.parametrize("stiffness", [2.0, -0.7, 0.0, np.array([1.0, -1.0])])
def test_an_oscillator_of_any_stiffness(stiffness):
    """One closed form serves k > 0, k < 0, k = 0 and batches with all of them."""
    structure = canonical(PAIR, ["k"])
    (k,) = structure.coordinates.parameter_symbols
    splitting = split(parse("p^2/2 + k*x^2/2", structure.coordinates), structure, values={k: stiffness})
    x, p = structure.coordinates.symbols
    (part,) = splitting.parts
    out = part.code.apply({x: np.array([0.4, 0.4]), p: np.array([0.3, 0.3]), k: stiffness}, 0.7)
    w = np.sqrt(np.broadcast_to(np.asarray(stiffness, dtype=complex), 2))
    slope = np.array([np.sin(0.7 * rate) / rate if rate else 0.7 for rate in w])
    np.testing.assert_allclose(out[x], (0.4 * np.cos(0.7 * w) + 0.3 * slope).real, rtol=1e-14)


def test_the_symmetric_top_and_the_rest_of_a_rigid_body():
    """The nearest pair of moments is one symmetric top; the rest is their small difference."""
    structure = EuclideanStructure()
    terms = "m[0]^2/2 + m[1]^2/2.2 + m[2]^2/6"
    found = split(parse(terms, structure.coordinates), structure, "pieces")
    strengths = [
        sympy.Poly(part.hamiltonian, *structure.coordinates.symbols).coeffs() for part in found.parts
    ]
    assert [len(coefficients) for coefficients in strengths] == [3, 1]
    assert abs(strengths[1][0]) == pytest.approx(1 / 2 - 1 / 2.2)


def test_a_chain_of_oscillators_moves_by_its_normal_modes():
    structure = canonical(["q[6]", "p[6]"])
    found = parts_of("dot(p, p)/2 + q[0]^2/2 + sum((q[i+1] - q[i])^2, i, 0, 4)/2", structure)
    assert [part.kind for part in found.parts] == ["linear"]
    assert "normal modes" in found.parts[0].reason


def test_terms_may_be_asked_for_apart():
    structure = canonical(PLANE)
    text = "dot(p, p)/2 + dot(q, q)/2 + q[0]^2*q[1]"
    assert [part.kind for part in parts_of(text, structure, "pieces").parts] == ["rotation", "shear"]
    assert [part.kind for part in parts_of(text, structure, "separable").parts] == ["drift", "kick"]


@pytest.mark.parametrize(
    ("text", "structure", "kind"),
    [
        ("p^2*(2 + sin(x))/2 + x^4", canonical(PAIR), "midpoint"),
        ("m[0]*m[1]*m[2] + m[0]^2", RotationStructure(), "spherical midpoint"),
        ("m[0]*m[1]*m[2] + gamma[0]^2", EuclideanStructure(), "discrete gradient"),
    ],
)
def test_what_cannot_be_split_goes_to_the_method_that_suits_the_structure(text, structure, kind):
    found = parts_of(text, structure)
    assert [part.kind for part in found.parts] == [kind]
    assert not found.exact
    assert "not split" in str(found)


def test_the_spherical_midpoint_is_poisson_and_the_midpoint_is_not():
    structure = RotationStructure()
    hamiltonian = parse("m[0]^2/2 + m[1]^2/4 + m[2]^2/6 + m[0]*m[1]*m[2]/3", structure.coordinates)
    point = point_of(structure)
    found = split(hamiltonian, structure, "spherical_midpoint")
    assert verify_splitting(found, structure, point, dt=0.5)["motion"]["structure"] < 1e-9
    midpoint = split(hamiltonian, structure, "midpoint")
    assert not midpoint.parts[0].poisson
    claimed = replace(midpoint, parts=(replace(midpoint.parts[0], poisson=True),))
    with pytest.raises(FlowError, match="violates structure"):
        verify_splitting(claimed, structure, point, dt=0.5)


def test_heat_is_a_part_of_its_own():
    coordinates = Coordinates.declare(PAIR)
    hamiltonian = parse("p^2/2 + x^4", coordinates)
    structures = {
        "friction": {"friction": 0.3},
        "langevin": {"friction": 0.3, "temperature": 1},
        "nose_hoover": {"temperature": 1, "length": 3},
    }
    roles = {}
    for name, options in structures.items():
        structure = structure_named(name, coordinates, options)
        found = split(hamiltonian, structure)
        verify_splitting(found, structure, point_of(structure))
        roles[name] = [part.role for part in found.parts]
    assert roles == {"friction": ["A", "B", "O"], "langevin": ["A", "B", "O"], "nose_hoover": ["A", "B", ""]}


def test_noise_needs_a_quadratic_kinetic_energy():
    coordinates = Coordinates.declare(PAIR)
    structure = structure_named("langevin", coordinates, {"friction": 1, "temperature": 1})
    with pytest.raises(SplittingError, match="noise on p has an exact flow only for H quadratic in p"):
        split(parse("sqrt(1 + p^2) + x^2", coordinates), structure)


def test_a_contact_oscillator_splits_into_contact_flows():
    coordinates = Coordinates.declare(["x", "p", "s"], ["g"])
    structure = structure_named("contact", coordinates, {})
    found = parts_of("p^2/2 + x^4 + g*s", structure)
    assert [part.kind for part in found.parts] == ["exponential", "shear"]


@pytest.mark.parametrize(
    ("text", "method", "message"),
    [
        ("x^2*p^2", "separable", "no splitting 'separable'"),
        ("p^2*(2 + sin(x))", "pieces", "no splitting 'pieces'"),
        ("p^2/2 + x^4", "exact", "no splitting 'exact'"),
        ("p^2/2 + x^4", "spherical_midpoint", r"for so\(3\) and its products"),
        ("p^2/2 + x^4", "rk4", "unknown splitting 'rk4'"),
    ],
)
def test_a_splitting_that_does_not_exist(text, method, message):
    structure = canonical(PAIR)
    with pytest.raises(SplittingError, match=message):
        split(parse(text, structure.coordinates), structure, method)


def test_a_wrong_flow_is_found_out():
    structure = canonical(PAIR)
    x, p = structure.coordinates.symbols
    splitting = split(parse("p^2/2 + x^2/2", structure.coordinates), structure)
    wrong = replace(splitting.parts[0], code=Update.of({x: x + DT * p, p: p - DT * x}))
    with pytest.raises(FlowError, match=r"violates (group|equation|structure)"):
        verify_splitting(replace(splitting, parts=(wrong,)), structure, point_of(structure))


def test_the_text_says_what_was_chosen_and_why():
    structure = RotationStructure()
    text = str(split(parse("m[0]^2/2 + m[1]^2/4 + m[2]^2/6", structure.coordinates), structure))
    assert "2 parts with exact flows" in text
    assert "a rotation at a rate that stands still" in text
