"""Structures stated as expressions: each is what it claims, moves as its equations say, and is checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from hpcphys.compiler.expressions import Coordinates, ExpressionError, parse
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import (
    CanonicalStructure,
    EuclideanStructure,
    PoissonMatrix,
    QuantumStructure,
    RotationStructure,
    StructureError,
    SymbolicCanonical,
    product,
    structure_named,
    structure_names,
    verify_structure,
)

declare = Coordinates.declare
PAIR = declare(["q", "p"])
PARTICLE = declare(["q[2]", "p[2]"], ["g", "kT", "mass[2]"])
SPIN = [["0", "-x[2]", "x[1]"], ["x[2]", "0", "-x[0]"], ["-x[1]", "x[0]", "0"]]
TURNED = {f"x[{i}]": f"-x[{i}]" for i in range(3)}
FRICTION = [[0, 0, 0], [0, "g*T", "-g*T*p/m"], [0, "-g*T*p/m", "g*T*p^2/m^2"]]
DAMPED = {"L": [[0, 1, 0], [-1, 0, 0], [0, 0, 0]], "M": FRICTION,
          "energy": "p^2/(2*m) + q^2/2 + U", "entropy": "U/T"}  # fmt: skip
HEAT = declare(["q", "p", "U"], ["g", "m", "T"])

# name -> (coordinates, options, a Hamiltonian)
CASES: dict[str, tuple[Coordinates, dict[str, Any], str]] = {
    "canonical": (declare(["q[2]", "p[2]", "x", "px"]), {}, "dot(p, p)/2 + px^2*q[0] + cos(x)*q[1]"),
    "so3": (declare(["m[3]"], ["I1", "I2", "I3"]), {}, "m[0]^2/I1 + m[1]^2/I2 + m[2]^2/I3 + m[0]"),
    "se3": (declare(["m[3]", "a[3]", "b[3]"]), {}, "dot(m, m)/2 + m[2]^2 + a[0] + a[1]*b[2]"),
    "poisson": (
        declare(["x[3]"]),
        {"matrix": SPIN, "casimirs": {"C": "dot(x, x)"}, "reversal": TURNED},
        "x[0]^2 + 2*x[1]^2 + x[2]",
    ),
    "vortices": (
        declare(["x[2]", "y[2]"], ["Gamma[2]"]),
        {"circulation": "Gamma"},
        "-Gamma[0]*Gamma[1]*log((x[0] - x[1])^2 + (y[0] - y[1])^2)/(4*pi)",
    ),
    "lotka_volterra": (
        declare(["z[3]"]),
        {"matrix": [[0, 1, -1], [-1, 0, 1], [1, -1, 0]]},
        "z[0] + 2*z[1] + z[2] - log(z[0]*z[2])",
    ),
    "quantum": (
        declare(["x[2]", "y[2]"], ["w"]),
        {"real": [["w", 1], [1, "-w"]], "imaginary": [[0, 2], [-2, 0]]},
        "w*(x[0]^2 + y[0]^2) + x[0]*y[1]",
    ),
    "contact": (declare(["q", "p", "s"], ["g"]), {}, "p^2/2 + q^4 + g*s"),
    "friction": (PARTICLE, {"friction": "g", "masses": "mass"}, "p[0]^2/2 + q[0]*q[1]"),
    "langevin": (
        PARTICLE,
        {"friction": 0.1, "temperature": "kT", "masses": {"p": "mass"}},
        "p[0]^2/2 + p[1]^2/2 + q[0]*q[1]",
    ),
    "ornstein_uhlenbeck": (declare(["v"]), {"friction": 1, "temperature": 2}, "v^2/2"),
    "nose_hoover": (PARTICLE, {"temperature": "kT", "length": 3}, "dot(p, p)/2 + q[0]^4 + q[1]^2"),
    "generic": (HEAT, DAMPED, "p^2/(2*m) + q^2/2 + U"),
    "product": (
        declare(["m[3]", "q", "p"], ["k"]),
        {"factors": [{"name": "so3", "variables": ["m"]}, {"name": "canonical", "variables": ["q", "p"]}]},
        "dot(m, m) + m[0]*q + p^2/2",
    ),
}  # fmt: skip
IN_SPACE = [name for name in CASES if name not in ("contact", "generic")]


def made(name: str):
    coordinates, options, text = CASES[name]
    return structure_named(name, coordinates, options), parse(text, coordinates)


def rows(structure, seed: int = 3, systems: int = 5) -> dict[str, np.ndarray]:
    """A random point of every variable and parameter, positive so that logarithms are defined."""
    rng = np.random.default_rng(seed)
    named = structure.coordinates.named.values()
    return {v.name: rng.uniform(0.5, 1.5, systems if v.size is None else (systems, v.size)) for v in named}


def test_every_name_is_tested() -> None:
    assert set(CASES) == set(structure_names())


@pytest.mark.parametrize("name", CASES)
def test_every_structure_is_what_it_claims(name: str) -> None:
    structure, _ = made(name)
    found = verify_structure(structure)
    assert {"antisymmetry", "jacobi"} <= set(found)
    assert {f"casimir {label}" for label in structure.casimir_expressions} <= set(found)
    assert all(value == 0.0 for value in found.values())
    # Only positivity with parameters is left to random points.
    assert all(how == "proved" for what, how in found.how.items() if "positivity" not in what)


@pytest.mark.parametrize("name", CASES)
def test_the_numeric_bracket_is_the_vector_field(name: str) -> None:
    structure, hamiltonian = made(name)
    z = rows(structure)
    symbols = structure.coordinates.symbols
    slopes = {s: sympy.diff(hamiltonian, s) for s in symbols}
    numbers = {s: np.asarray(column) for s, column in structure.coordinates.columns(z).items()}

    def value(expr: sympy.Expr, row: int) -> float:
        return float(expr.subs({s: float(column[row]) for s, column in numbers.items()}))

    gradient: dict[str, Any] = {"hamiltonian": np.array([value(hamiltonian, row) for row in range(5)])}
    for variable in structure.coordinates.variables:
        parts = [[value(slopes[s], row) for s in variable.symbols] for row in range(5)]
        gradient[variable.name] = np.array(parts).reshape(z[variable.name].shape)
    motion = structure.bracket(z, gradient)
    field = structure.vector_field(hamiltonian)
    assert list(field) == list(symbols)
    assert set(motion) == {variable.name for variable in structure.coordinates.variables}
    for variable in structure.coordinates.variables:
        expected = np.array([[value(field[s], row) for s in variable.symbols] for row in range(5)])
        assert motion[variable.name].shape == z[variable.name].shape
        assert np.allclose(motion[variable.name].reshape(expected.shape), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_what_is_conserved_does_not_change(name: str) -> None:
    structure, hamiltonian = made(name)
    field = structure.vector_field(hamiltonian)
    for expr in structure.conserved(hamiltonian).values():
        rate = sum(sympy.diff(expr, s) * motion for s, motion in field.items())
        assert sympy.simplify(rate) == 0


CONSERVED = {
    "canonical": {"energy"}, "so3": {"energy", "m.m"}, "se3": {"energy", "a.a", "a.b", "b.b"},
    "poisson": {"energy", "C"}, "vortices": {"energy"}, "lotka_volterra": {"energy", "logarithms 1"},
    "quantum": {"energy"}, "contact": set(), "friction": set(), "langevin": set(),
    "ornstein_uhlenbeck": set(), "nose_hoover": {"extended energy"}, "generic": {"energy"},
    "product": {"energy", "m.m"},
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_to_be_conserved(name: str) -> None:
    structure, hamiltonian = made(name)
    assert set(structure.conserved(hamiltonian)) == CONSERVED[name]


@pytest.mark.parametrize(
    "name", ["canonical", "so3", "se3", "poisson", "vortices", "lotka_volterra", "product"]
)
def test_poisson_structures_pass_the_numeric_check_too(name: str) -> None:
    structure, _ = made(name)
    z = rows(structure)
    found = verify_structure(structure, z, [v.name for v in structure.coordinates.variables])
    assert max(found.values()) < 1e-8


def _reversible() -> list[str]:
    return [name for name in CASES if made(name)[0].reversal]


def test_these_structures_reverse_time() -> None:
    irreversible = {"lotka_volterra", "friction", "langevin", "ornstein_uhlenbeck", "generic"}
    assert set(_reversible()) == set(CASES) - irreversible


@pytest.mark.parametrize("name", ["canonical", "se3", "vortices", "contact", "nose_hoover", "product"])
def test_the_reversal_turns_the_motion_round(name: str) -> None:
    """R v(z) = -v(R z) for a Hamiltonian that R leaves alone, made even for the test."""
    structure, hamiltonian = made(name)
    mirrored = hamiltonian.subs(structure.reversal, simultaneous=True)
    even = (hamiltonian + mirrored) / 2
    assert structure.is_reversible(even)
    field = structure.vector_field(even)
    image = {s: structure.reversal.get(s, s) for s in field}
    for s, motion in field.items():
        carried = sum(sympy.diff(image[s], other) * rate for other, rate in field.items())
        assert sympy.simplify(carried + motion.subs(structure.reversal, simultaneous=True)) == 0


def test_reverse_acts_on_the_state_in_place() -> None:
    structure = structure_named(
        "poisson", declare(["x[3]"]), {"matrix": [[0, 0, 0]] * 3, "reversal": {"x[0]": "-x[0]"}}
    )
    array = np.arange(6.0).reshape(2, 3)
    state = State({"x": array})
    structure.reverse(state)
    assert state["x"] is array
    assert array.tolist() == [[0.0, 1.0, 2.0], [-3.0, 4.0, 5.0]]
    with pytest.raises(StructureError, match="no reversal of time"):
        made("langevin")[0].reverse(state)


def test_is_reversible_looks_at_the_hamiltonian() -> None:
    structure = SymbolicCanonical(PAIR)
    assert structure.is_reversible(parse("p^2/2 + q^3", PAIR))
    assert not structure.is_reversible(parse("p^2/2 + q*p", PAIR))


# ---- motions against formulas written by hand


def field_of(structure, text: str) -> dict[str, sympy.Expr]:
    field = structure.vector_field(parse(text, structure.coordinates))
    return {s.name: motion for s, motion in field.items()}


def assert_field(structure, text: str, expected: dict[str, str]) -> None:
    for name, motion in field_of(structure, text).items():
        assert sympy.simplify(motion - parse(expected[name], structure.coordinates)) == 0, name


def test_the_heavy_top_obeys_euler_and_poisson() -> None:
    top = EuclideanStructure(declare(["m[3]", "gamma[3]"], ["J[3]", "w"]))
    omega = [f"(m[{i}]/J[{i}])" for i in range(3)]
    expected = {}
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        # dm/dt = m x omega + w gamma x e_3, dgamma/dt = gamma x omega
        torque = ["w*gamma[1]", "-w*gamma[0]", "0"][i]
        expected[f"m[{i}]"] = f"m[{j}]*{omega[k]} - m[{k}]*{omega[j]} + {torque}"
        expected[f"gamma[{i}]"] = f"gamma[{j}]*{omega[k]} - gamma[{k}]*{omega[j]}"
    assert_field(top, "sum(m[i]^2/(2*J[i]), i, 0, 2) + w*gamma[2]", expected)


def test_the_heavy_top_has_two_casimirs() -> None:
    top = EuclideanStructure()
    assert set(top.casimir_expressions) == {"gamma.gamma", "m.gamma"}
    assert all(how == "proved" for how in top.verify().how.values())


def test_a_vortex_pair_turns() -> None:
    structure, _ = made("vortices")
    r2 = "((x[0] - x[1])^2 + (y[0] - y[1])^2)"
    expected = {
        "x[0]": f"-Gamma[1]*(y[0] - y[1])/(2*pi*{r2})",
        "y[0]": f"Gamma[1]*(x[0] - x[1])/(2*pi*{r2})",
        "x[1]": f"-Gamma[0]*(y[1] - y[0])/(2*pi*{r2})",
        "y[1]": f"Gamma[0]*(x[1] - x[0])/(2*pi*{r2})",
    }
    assert_field(structure, CASES["vortices"][2], expected)


def test_lotka_volterra_is_the_predator_and_its_prey() -> None:
    structure = structure_named("lotka_volterra", declare(["u", "v"]))
    assert_field(structure, "u - log(u) + v - 2*log(v)", {"u": "u*(v - 2)", "v": "v*(1 - u)"})


def test_a_contact_hamiltonian_is_a_damped_oscillator() -> None:
    structure, _ = made("contact")
    expected = {"q": "p", "p": "-q - g*p", "s": "p^2/2 - q^2/2 - g*s"}
    assert_field(structure, "p^2/2 + q^2/2 + g*s", expected)


def test_langevin_has_the_friction_and_the_noise_of_its_masses() -> None:
    structure = structure_named(
        "langevin", PARTICLE, {"friction": "g", "temperature": "kT", "masses": "mass"}
    )
    text = "p[0]^2/(2*mass[0]) + p[1]^2/(2*mass[1]) + q[0]^2*q[1]"
    expected = {"q[0]": "p[0]/mass[0]", "q[1]": "p[1]/mass[1]",
                "p[0]": "-2*q[0]*q[1] - g*p[0]", "p[1]": "-q[0]^2 - g*p[1]"}  # fmt: skip
    assert_field(structure, text, expected)
    noise = {s.name: amplitude for s, amplitude in structure.noise.items()}
    assert noise == {f"p[{i}]": parse(f"sqrt(2*kT*g*mass[{i}])", PARTICLE) for i in range(2)}


def test_no_noise_at_zero_temperature() -> None:
    assert structure_named("langevin", PAIR, {"friction": 1, "temperature": 0}).noise == {}


def test_nose_hoover_chain_of_two() -> None:
    structure = structure_named("nose_hoover", declare(["q", "p"], ["kT", "Q[2]"]),
                                {"temperature": "kT", "length": 2, "chain_masses": "Q"})  # fmt: skip
    expected = {
        "q": "p",
        "p": "-q - p*p_eta[0]/Q[0]",
        "eta[0]": "p_eta[0]/Q[0]",
        "eta[1]": "p_eta[1]/Q[1]",
        "p_eta[0]": "p^2 - kT - p_eta[0]*p_eta[1]/Q[1]",
        "p_eta[1]": "p_eta[0]^2/Q[0] - kT",
    }
    assert_field(structure, "p^2/2 + q^2/2", expected)


def test_generic_turns_friction_into_heat() -> None:
    structure, energy = made("generic")
    assert_field(structure, CASES["generic"][2], {"q": "p/m", "p": "-q - g*p/m", "U": "g*p^2/m^2"})
    assert sympy.simplify(structure.entropy_production - parse("g*p^2/(m^2*T)", HEAT)) == 0
    with pytest.raises(StructureError, match="belongs to its energy"):
        structure.vector_field(2 * energy)


def test_a_quantum_system_is_the_schroedinger_equation() -> None:
    operator = np.array([[1.0, 0.5 - 2j], [0.5 + 2j, -0.25]])
    structure = QuantumStructure(operator)
    field = list(structure.vector_field(structure.hamiltonian).values())
    psi = np.array([0.3 - 0.4j, 1.1 + 0.2j])
    point = dict(zip(structure.coordinates.symbols, np.sqrt(2) * np.r_[psi.real, psi.imag], strict=True))
    moved = np.array([float(expr.subs(point)) for expr in field]) / np.sqrt(2)
    assert np.allclose(moved[:2] + 1j * moved[2:], -1j * operator @ psi, rtol=1e-13)
    assert float(structure.hamiltonian.subs(point)) == pytest.approx((psi.conj() @ operator @ psi).real)
    assert set(structure.conserved(structure.hamiltonian)) == {"energy", "norm"}


def test_the_poisson_bracket_of_spins() -> None:
    structure = RotationStructure()
    a, b, c = structure.coordinates.symbols
    assert structure.poisson(a, b) == -c
    assert structure.poisson(b, c) == -a
    assert structure.poisson(c, a**2) == -2 * a * b


# ---- what is wrong is found


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], r"violates antisymmetry: J\[x\[0\], x\[1\]\].*= 2"),
        ([[0, "x[1]", "x[2]"], ["-x[1]", 0, "x[0]"], ["-x[2]", "-x[0]", 0]],
         r"violates jacobi: \{x\[0\], \{x\[1\], x\[2\]\}\}.*= -2\*x\[0\]"),
        ([[0, "sin(x[0])", 0], ["-sin(x[0])", 0, "x[1]"], [0, "-x[1]", 0]], "violates jacobi"),
        ([[0, 1], [-1, 0]], "3 rows of 3 are needed"),
        ([[0, 1, 2], [0, 1], [0]], "3 rows of 3 are needed"),
        ("J", "allowed: a list of rows"),
        ([[0, None, 0], [0, 0, 0], [0, 0, 0]], r"J\[0\]\[1\]: found None"),
    ],
)  # fmt: skip
def test_a_wrong_matrix_is_found(matrix: Any, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        structure_named("poisson", declare(["x[3]"]), {"matrix": matrix})


def test_a_text_in_a_matrix_that_is_no_expression_is_shown() -> None:
    with pytest.raises(ExpressionError, match=r"J\[0\]\[1\]: unknown name 'y'"):
        structure_named("poisson", PAIR, {"matrix": [[0, "y"], [0, 0]]})


def test_a_wrong_casimir_and_a_wrong_reversal_are_found() -> None:
    space = declare(["x[3]"])
    with pytest.raises(StructureError, match=r"violates casimir C: \(J grad C\)\[x\[1\]\] = x\[2\]"):
        PoissonMatrix(space, SPIN, casimirs={"C": "x[0]"})
    with pytest.raises(StructureError, match="violates reversal"):
        PoissonMatrix(space, SPIN, reversal={"x[0]": "-x[0]", "x[1]": "-x[1]"})
    with pytest.raises(StructureError, match=r"violates reversal: R\(R\(x\[0\]\)\) - x\[0\]"):
        PoissonMatrix(space, [[0, 0, 0]] * 3, reversal={"x[0]": "2*x[0]"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"M": [[0, 0, 0], [0, "g*T", 0], [0, 0, 0]]}, r"violates degeneracy of M: \(M grad E\)\[p\]"),
        ({"entropy": "U/T + q"}, r"violates degeneracy of L: \(L grad S\)\[p\]"),
        ({"M": [[f"-({entry})" for entry in row] for row in FRICTION]}, "violates positivity of M"),
        ({"M": [[0, 1, 0], [0, 0, 0], [0, 0, 0]]}, "violates symmetry of M"),
        ({"L": [[0, 1, 0], [1, 0, 0], [0, 0, 0]]}, "violates antisymmetry"),
        ({"positive": ["V"]}, "positive names V"),
    ],
)
def test_a_wrong_generic_structure_is_found(change: dict[str, Any], message: str) -> None:
    with pytest.raises(StructureError, match=message):
        structure_named("generic", HEAT, DAMPED | change)


def test_positivity_where_a_variable_is_positive_must_be_told() -> None:
    options = {
        "L": [[0, 0], [0, 0]],
        "M": [["u", "-u"], ["-u", "u"]],
        "energy": "u + v",
        "entropy": "log(u) + v",
    }
    space = declare(["u", "v"])
    with pytest.raises(StructureError, match="always positive"):
        structure_named("generic", space, options)
    structure_named("generic", space, options | {"positive": ["u"]})


@pytest.mark.parametrize(
    ("operator", "imaginary", "message"),
    [
        ([[1, 2], [3, 1]], None, r"violates hermiticity: real\[0\]\[1\] - real\[1\]\[0\] = -1"),
        ([[1, 2], [2, 1]], [[0, 1], [1, 0]], "violates hermiticity: imaginary"),
        (np.array([[1j, 0], [0, 1]]), None, "violates hermiticity"),
        ([["x[0]", 0], [0, 1]], None, "must be linear"),
    ],
)
def test_an_operator_that_is_not_hermitian_is_found(operator: Any, imaginary: Any, message: str) -> None:
    with pytest.raises(StructureError, match=message):
        QuantumStructure(operator, imaginary)


@pytest.mark.parametrize(
    ("name", "coordinates", "options", "message"),
    [
        ("canonicl", PAIR, {}, "unknown structure.*did you mean 'canonical'.*allowed: canonical, so3"),
        ("canonical", PAIR, {"pair": []}, "unknown option 'pair'.*did you mean 'pairs'"),
        ("langevin", PAIR, {"friction": 1}, "needs temperature"),
        ("canonical", declare(["q", "r"]), {}, "cannot tell which variables are pairs"),
        ("canonical", declare(["q[2]", "p[3]"]), {}, "need one size"),
        ("canonical", PAIR, {"pairs": [["q", "q"]]}, "belongs to one pair"),
        ("canonical", PAIR, {"pairs": [["q", "w"]]}, "pairs name w"),
        ("so3", declare(["m[2]"]), {}, r"moves m\[3\]"),
        ("se3", declare(["m[3]"]), {}, "needs a vector besides"),
        ("vortices", declare(["x[2]", "y[3]"]), {}, "two variables of one size"),
        ("vortices", declare(["x[2]", "y[2]"]), {"circulation": [1, 0]}, "must not be zero"),
        ("vortices", declare(["x[2]", "y[2]"]), {"circulation": [1]}, "1 values for x"),
        ("lotka_volterra", declare(["z[3]"]), {}, "needs its matrix"),
        ("lotka_volterra", declare(["z[2]"]), {"matrix": [[0, 1], [1, 0]]}, "violates antisymmetry"),
        ("lotka_volterra", declare(["z[2]"]), {"matrix": [[0, "z[0]"], [0, 0]]}, "only parameters"),
        ("contact", PAIR, {}, "needs the scalar variable 's'"),
        ("langevin", PAIR, {"friction": 1, "temperature": 1, "masses": 0}, "mass of p is 0"),
        ("langevin", PAIR, {"friction": -1, "temperature": 1}, "must be positive or zero"),
        ("langevin", PAIR, {"friction": 1, "temperature": -1}, "temperature is -1"),
        ("langevin", PAIR, {"friction": "q", "temperature": 1}, "depends on q; only parameters"),
        ("langevin", PAIR, {"friction": 1, "temperature": 1, "masses": {"v": 1}}, "given for v; it is"),
        ("nose_hoover", PAIR, {"temperature": 1, "length": 0}, "length of the chain"),
        ("nose_hoover", PAIR, {"temperature": 0}, "temperature is 0; it must be positive"),
        ("nose_hoover", PAIR, {"temperature": 1, "degrees": 2}, "allowed: 1 to 1"),
        ("quantum", PAIR, {"real": [[1]]}, r"moves the vectors x\[1\], y\[1\]"),
        ("product", PAIR, {"factors": [{"name": "canonical", "variables": ["q", "w"]}]}, "moves w"),
        ("product", PAIR, {"factors": []}, "exactly one factor; not so: q, p"),
        ("product", PAIR, {"factors": [{"name": "langevin", "variables": ["q", "p"], "friction": 1,
                                        "temperature": 1}]}, "only Poisson structures"),
    ],
)  # fmt: skip
def test_wrong_declarations_say_what_is_allowed(
    name: str, coordinates: Coordinates, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(StructureError, match=message):
        structure_named(name, coordinates, options)


def test_what_cannot_be_proved_is_decided_at_points_and_said_so() -> None:
    # A zero that simplification is given no time for.
    hidden = "(sin(x[0])^2 + cos(x[0])^2 - 1)"
    structure = PoissonMatrix(declare(["x[2]"]), [[0, 1], [-1, hidden]], verify=False)
    found = structure.verify(seconds=0.0)
    assert "random points" in found.how["antisymmetry"]
    assert found["antisymmetry"] < 1e-20
    assert structure.verify().how["antisymmetry"] == "proved"


def test_a_structure_of_arrays_needs_a_point() -> None:
    with pytest.raises(StructureError, match="verify it at a point"):
        verify_structure(CanonicalStructure())


def test_contact_needs_the_value_of_the_hamiltonian_and_all_need_their_arrays() -> None:
    structure, _ = made("contact")
    with pytest.raises(StructureError, match=r"give it as gradient\['hamiltonian'\]"):
        structure.bracket({"q": np.ones(2), "p": np.ones(2), "s": np.ones(2)}, {"q": np.ones(2)})
    with pytest.raises(StructureError, match="no array m was given"):
        RotationStructure().bracket({}, {"m": np.ones((2, 3))})


def test_parameters_may_be_numbers_or_rows_and_gradients_may_be_left_out() -> None:
    structure, _ = made("vortices")
    z = {"x": np.ones((4, 2)), "y": np.ones((4, 2)), "Gamma": np.array([2.0, 4.0])}
    motion = structure.bracket(z, {"y": np.ones((4, 2))})
    assert np.array_equal(motion["x"], np.tile([0.5, 0.25], (4, 1)))
    assert np.array_equal(motion["y"], np.zeros((4, 2)))


def test_a_large_canonical_structure_is_made_and_verified_at_once() -> None:
    space = declare(["q[200]", "p[200]"])
    structure = SymbolicCanonical(space)
    assert len(structure.entries) == 400
    assert structure.verify().how["jacobi"] == "proved"
    field = structure.vector_field(parse("sum(p[i]^2/2 + q[i]^2/2, i, 0, 199)", space))
    assert field[space.named["p"].symbols[7]] == -space.named["q"].symbols[7]


def test_products_refuse_a_name_twice() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        product(RotationStructure(), RotationStructure())


def test_a_structure_takes_further_parameters() -> None:
    narrow = RotationStructure()
    narrow.bracket({"m": np.ones((2, 3))}, {"m": np.ones((2, 3))})
    wide = narrow.with_parameters(declare(["m[3]"], ["J[3]"]).parameters)
    assert [parameter.name for parameter in wide.coordinates.parameters] == ["J"]
    assert narrow.coordinates.parameters == ()
    field = wide.vector_field(parse("m[0]^2/(2*J[0])", wide.coordinates))
    assert str(field[wide.coordinates.symbols[1]]) == "m[0]*m[2]/J[0]"
    moved = wide.bracket({"m": np.eye(3)}, {"m": np.ones((3, 3))})
    assert np.allclose(moved["m"], np.cross(np.eye(3), np.ones((3, 3))))
    with pytest.raises(ValueError, match="declared twice"):
        narrow.with_parameters(declare(["x"], ["m"]).parameters)
