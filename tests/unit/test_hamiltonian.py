"""The front door: Hamiltonians as text, function or expression; batches, time dependence, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from hpcphys.compiler import State, bracket, compile_structure, conserved
from hpcphys.compiler.expressions import Coordinates, ExpressionError
from hpcphys.compiler.hamiltonian import hamiltonian
from hpcphys.compiler.initial import InitialError
from hpcphys.compiler.splitting import SplittingError
from hpcphys.compiler.structures import RotationStructure, StructureError
from hpcphys.kernels import backend

KEPLER = "dot(p, p) / (2*m) - k / norm(q)"
GIVEN = {"parameters": {"m": 1.0, "k": 1.0}, "state": {"q": [1.0, 0.0], "p": [0.0, 1.2]}}


def moved(system, composition="leapfrog", steps=50, dt=0.02, machine=None):
    compile_structure(system, composition, dt=dt, backend=machine).run(steps)
    return {name: np.array(system.state[name]) for name in system.state}


def test_a_text_a_function_and_an_expression_are_the_same_system():
    def function(q, p, m, k):
        return p @ p / (2 * m) - k / np.linalg.norm(q)

    x, y, px, py, m, k = sympy.symbols("q[0] q[1] p[0] p[1] m k")
    expression = (px**2 + py**2) / (2 * m) - k / sympy.sqrt(x**2 + y**2)
    results = [
        moved(hamiltonian(stated, ["q[2]", "p[2]"], **GIVEN)) for stated in (KEPLER, function, expression)
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other["q"], results[0]["q"], rtol=1e-14)


def test_a_separable_hamiltonian_is_drift_and_kick_with_shared_forces():
    system = hamiltonian(KEPLER, ["q[2]", "p[2]"], **GIVEN)
    assert [(piece.name, piece.role) for piece in system.pieces] == [("drift", "A"), ("kick", "B")]
    assert system.quadratic_kinetic
    assert compile_structure(system, "leapfrog", dt=0.1).evaluations_per_step == 1


def test_a_kinetic_energy_that_is_not_quadratic_is_known_to_be_so():
    system = hamiltonian("sqrt(1 + p^2) + x^4", ["x", "p"], state={"x": 1, "p": 0})
    assert not system.quadratic_kinetic
    assert [part.kind for part in system.splitting.parts] == ["drift", "kick"]


@pytest.mark.parametrize("systems", [1, 5])
def test_native_programs_do_what_numpy_does(systems):
    rng = np.random.default_rng(3)
    state = {"q": rng.normal(size=(systems, 2)) + 2, "p": rng.normal(size=(systems, 2)) / 4}
    per_system = {"k": rng.uniform(0.5, 1.5, systems)}
    results = []
    for machine in (None, backend("cpu", threads=1)):
        system = hamiltonian(
            KEPLER, ["q[2]", "p[2]"], parameters={"m": 1.3}, per_system=per_system, state=state
        )
        results.append(moved(system, "yoshida4", machine=machine))
    for name in ("q", "p"):
        np.testing.assert_allclose(results[1][name], results[0][name], rtol=1e-12)


def test_one_initial_value_serves_a_batch():
    system = hamiltonian("p^2/2 + x^4", ["x", "p"], state={"x": [1, 2, 3], "p": 0})
    assert system.state["p"].shape == (3,)
    np.testing.assert_allclose(conserved(system)["energy"], [1, 16, 81])


def test_a_hamiltonian_of_time_converges_at_its_order_to_the_driven_oscillator():
    # x'' = -x + cos(2 t), x(0) = 1, x'(0) = 0:  x = (4 cos t - cos 2t)/3.
    errors = []
    for steps in (100, 200):
        system = hamiltonian("p^2/2 + x^2/2 - x*cos(2*t)", ["x", "p"], state={"x": 1, "p": 0})
        out = moved(system, "yoshida4", steps, 4.0 / steps)
        errors.append(abs(out["x"][0] - (4 * np.cos(4.0) - np.cos(8.0)) / 3))
        assert out["t"][0] == pytest.approx(4.0)
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.2)


def test_named_terms_are_the_pieces():
    system = hamiltonian(
        {"oscillator": "p^2/2 + x^2/2", "quartic": "x^4"}, ["x", "p"], state={"x": 1, "p": 0}
    )
    assert [piece.name for piece in system.pieces] == ["oscillator", "quartic"]
    assert system.splitting.exact


def test_a_named_term_without_an_exact_flow_is_moved_by_an_implicit_method():
    system = hamiltonian({"both": "p^2*(2 + sin(x))", "force": "x^4"}, ["x", "p"], state={"x": 1, "p": 0})
    assert [part.kind for part in system.splitting.parts] == ["midpoint", "shear"]


def test_a_structure_with_coordinates_needs_no_variables():
    structure = RotationStructure()
    system = hamiltonian(
        "m[0]^2/j[0] + m[2]^2", structure=structure, parameters={"j": [2]}, state={"m": [1, 2, 3]}
    )
    assert set(conserved(system)) == {"energy", "m.m"}
    assert structure.coordinates.parameters == ()  # the caller's own is as it was


def test_bracket_of_angular_momenta():
    structure = RotationStructure()
    m = structure.coordinates.symbols
    assert bracket("m[0]", "m[1]", structure) == -m[2]
    assert bracket("dot(m, m)", "m[0]*m[1]^2", structure) == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"expression": "p^2/(2*m) + y"}, ExpressionError, "unknown name 'y'"),
        ({"expression": sympy.Symbol("y") ** 2}, ExpressionError, "unknown symbol 'y'"),
        ({"expression": sympy.I * sympy.Symbol("x")}, ExpressionError, "not real"),
        ({"expression": 3 + 2j}, ExpressionError, "found complex"),
        ({"state": {"x": 1}}, InitialError, "lacks initial values of p"),
        ({"state": {"x": float("nan"), "p": 0}}, InitialError, "initial value of x is not finite"),
        ({"state": {"x": [1, 2], "p": [1, 2, 3]}}, InitialError, "number of systems: x has 2"),
        ({"state": {"x": 1, "p": 0, "z": 1}}, InitialError, "state names 'z'"),
        ({"state": {"x": "one", "p": 0}}, InitialError, "real numbers are needed"),
        ({"state": {"x": [[1, 2]], "p": 0}}, InitialError, "x has values of shape"),
        ({"parameters": {"m": 0}}, InitialError, "dx/dt is .* mass of zero"),
        ({"parameters": {"m": [[1]]}}, InitialError, "parameter m has shape"),
        ({"parameters": {"m[3]": [1, 2]}}, InitialError, "2 values; 3 are needed"),
        ({"variables": ["x", "y"]}, StructureError, "pairs of position and momentum"),
        ({"structure": "symplectic"}, StructureError, "unknown structure"),
        ({"splitting": "best"}, SplittingError, "unknown splitting 'best'"),
    ],
)
def test_bad_input_is_one_clear_error(change, error, message):
    given = {
        "expression": "p^2/(2*m) + x",
        "variables": ["x", "p"],
        "parameters": {"m": 1},
        "state": {"x": 1, "p": 1},
    }
    with pytest.raises(error, match=message):
        hamiltonian(**given | change)


def test_a_step_that_is_no_number():
    program = compile_structure(hamiltonian(KEPLER, ["q[2]", "p[2]"], **GIVEN), dt=float("inf"))
    with pytest.raises(ValueError, match="finite number is needed"):
        program.run(1)


def test_the_state_is_a_copy_of_what_is_given():
    given = np.ones(4)
    system = hamiltonian("p^2/2 + x^4", ["x", "p"], state={"x": given, "p": np.zeros(4)})
    assert isinstance(system.state, State)
    moved(system)
    assert (given == 1).all()


def test_coordinates_hold_the_parameters():
    system = hamiltonian(KEPLER, ["q[2]", "p[2]"], **GIVEN)
    assert isinstance(system.coordinates, Coordinates)
    assert {p.name for p in system.coordinates.parameters} == {"m", "k"}


def test_explain_says_which_flows_were_found_and_what_they_keep():
    system = hamiltonian("m[0]^2/2 + m[1]^2/4 + m[2]^2/6", ["m[3]"], "so3", state={"m": [1, 0.1, 0.2]})
    text = compile_structure(system, "leapfrog", dt=0.1).explain()
    assert "2 parts with exact flows" in text
    assert "rotation, exact flow: a rotation at a rate that stands still" in text
    assert "order 2, symmetric, Poisson" in text
    system = hamiltonian("p^2*(2 + sin(x))", ["x", "p"], state={"x": 1, "p": 1})
    text = compile_structure(system, "leapfrog", dt=0.1).explain()
    assert "not split: a term has no exact flow that could be found" in text
    assert (
        "midpoint, order 2: implicit: symplectic; invariants and Casimirs of degree two at most exact" in text
    )
    assert "2 equations by Newton's method to 1e-15" in text
