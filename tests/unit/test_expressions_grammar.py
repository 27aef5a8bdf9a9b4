"""The grammar of expressions: what it accepts means what it says; what it rejects is shown in its place."""

from __future__ import annotations

import mpmath
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hpcphys.compiler.expressions import TIME, Coordinates, ExpressionError, parse

COORDINATES = Coordinates.declare(["x", "q[3]", "r[3]", "p[3]", "chain[8]"], ["mass", "k[2]"])
x, mass = (COORDINATES.named[name].symbols[0] for name in ("x", "mass"))
q, r, p, chain = (COORDINATES.named[name].symbols for name in ("q", "r", "p", "chain"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p[0]^2/(2*mass) + x**2/2", p[0] ** 2 / (2 * mass) + x**2 / 2),
        ("-x^2", -(x**2)),
        ("2^-1*x", x / 2),
        ("2^3^2", sympy.Integer(512)),
        ("--x - -x", 2 * x),
        ("1 - 2 - 3", sympy.Integer(-4)),
        ("8/4/2", sympy.Integer(1)),
        ("0.1*x", x / 10),
        ("x^0.5", sympy.sqrt(x)),
        (".5e1 + 1.", sympy.Integer(6)),
        ("0.12345678901234567", sympy.Float(0.12345678901234567)),
        ("norm(q - r)", sympy.sqrt(sum((a - b) ** 2 for a, b in zip(q, r, strict=True)))),
        ("dot(2*q, p/mass)", sum(2 * a * b / mass for a, b in zip(q, p, strict=True))),
        ("cross(q, p)[2]", q[0] * p[1] - q[1] * p[0]),
        ("dot(r, cross(q, p))", sympy.Matrix(r).dot(sympy.Matrix(q).cross(sympy.Matrix(p)))),
        ("(q + -r)[1]", q[1] - r[1]),
        ("sum((chain[(i + 1) % 8] - chain[i])^2, i, 0, 7)",
         sum((chain[(i + 1) % 8] - chain[i]) ** 2 for i in range(8))),
        ("sum(sum(chain[i]*chain[j], j, i + 1, 7), i, 0, 7)",
         sum(chain[i] * chain[j] for i in range(8) for j in range(i + 1, 8))),
        ("product(x + i, i, 1, 3)", (x + 1) * (x + 2) * (x + 3)),
        ("sum(x, i, 1, 0)", sympy.Integer(0)),
        ("sum(i*q, i, 1, 3)[2]", 6 * q[2]),
        ("chain[7 // 2 - 1]", chain[2]),
        ("min(x, 2, 1) + max(x, mass)", sympy.Min(x, 1) + sympy.Max(x, mass)),
        ("cbrt(-8)", sympy.Integer(-2)),
        ("sin(pi/2)", sympy.Integer(1)),
        ("atan2(q[0], q[1])", sympy.atan2(q[0], q[1])),
    ],
)  # fmt: skip
def test_what_a_text_means(text: str, expected: sympy.Expr) -> None:
    assert sympy.expand(parse(text, COORDINATES) - expected) == 0


def test_definitions_are_used_in_turn_and_may_be_vectors() -> None:
    where = {"d": "q - r", "kinetic": "dot(p, p)/(2*mass)", "total": "kinetic - 1/norm(d)"}
    direct = parse("dot(p, p)/(2*mass) - 1/norm(q - r)", COORDINATES)
    assert parse("total", COORDINATES, where=where) == direct


def test_time_and_further_names_only_where_they_are_given() -> None:
    assert parse("x*cos(t)", COORDINATES, time=True) == x * sympy.cos(TIME)
    assert parse("dot(v, q)", COORDINATES, locals={"v": [1, 0, x]}) == q[0] + x * q[2]
    with pytest.raises(ExpressionError, match="time t is not allowed"):
        parse("x*t", COORDINATES)


# text, what the message says, where the caret stands
REJECTED = [
    ("", "empty", 0),
    ("xx + 1", "unknown name 'xx'; did you mean 'x'", 0),
    ("1 + mas*x", "did you mean 'mass'", 4),
    ("x.real", "attributes are not allowed", 1),
    ("q[0].real", "attributes are not allowed", 4),
    ("x*foo(x)", "unknown function 'foo'", 2),
    ("sinn(x)", "did you mean 'sin'", 0),
    ("eval(x)", "unknown function", 0),
    ("x(3)", "x is not a function", 0),
    ("sin + 1", "sin is a function", 0),
    ("sin(x, 2)", "sin takes 1 argument; found 2", 0),
    ("atan2(x)", "atan2 takes 2 arguments; found 1", 0),
    ("max(x)", "2 to 8 arguments", 0),
    ("dot(q)", "dot takes 2 vectors; found 1", 0),
    ("sum(x, i, 0)", "write sum(term, i, first, last)", 0),
    ("q[3]", "index 3 is out of range; allowed: 0 to 2", 2),
    ("q[-1]", "index -1 is out of range", 2),
    ("q[x]", "an index is made of integers", 2),
    ("q[1/1]", "/ is not allowed in an index", 3),
    ("q[1 % 0]", "division by zero in an index", 4),
    ("q[0][0]", "one index is allowed", 4),
    ("x[0]", "a number has no components", 1),
    ("x % 2", "only inside an index", 2),
    ("(x", "'(' is never closed", 0),
    ("q[0", "'[' is never closed", 1),
    ("x)", "')' closes nothing", 1),
    ("(x]", "']' closes nothing", 2),
    ("x +", "the text ends", 3),
    ("x y", "unexpected 'y'", 2),
    ("2x", "write * between factors", 1),
    ("x = 1", "'=' has no place", 2),
    ("x; import os", "';' has no place", 1),
    ("__import__('os')", "has no place", 11),
    ("λ", "has no place", 0),
    ("q", "a vector of 3 components; a number is needed", 0),
    ("sin(q)", "an argument of sin is a vector", 4),
    ("dot(x, q)", "takes vectors and found a number", 4),
    ("dot(q, chain)", "the sizes must be equal", 0),
    ("cross(chain, chain)[0]", "cross takes vectors of 3", 0),
    ("q*r", "use dot(a, b) or cross(a, b)", 1),
    ("1/q", "use dot", 1),
    ("q + x", "both must be of one kind", 2),
    ("q^2", "the base of a power is a vector", 0),
    ("product(q, i, 0, 1)", "product takes numbers", 8),
    ("x + sqrt(-1)", "not real", 4),
    ("log(-2)", "not real", 0),
    ("(-8)^(1/3)", "not real", 4),
    ("(-2)^x", "not real", 4),
    ("sqrt(-1 - x^2)", "not real", 0),
    ("asin(2)", "not real", 0),
    ("acosh(0.5)", "not real", 0),
    ("1/0", "division by zero", 1),
    ("1/(x - x)", "division by zero", 1),
    ("0^-1", "division by zero", 1),
    ("log(0)", "not finite", 0),
    ("tan(pi/2)", "not finite", 0),
    ("1e400", "beyond the range of double precision", 0),
    ("exp(exp(exp(100)))", "beyond the range", 4),
    ("9^9^9^9", "exponent 387420489 is too large", 5),
    ("x^1001", "exponent 1001 is too large", 2),
    ("x*1e300*1e300", "beyond 1e300", 0),
    ("sum(x, x, 0, 1)", "a name that is taken", 7),
    ("sum(x, i, 2, 0)", "runs backwards", 0),
    ("sum(sum(sum(x, i, 0, 99), j, 0, 99), k2, 0, 99)", "more than 100000 operations", None),
    ("(" * 50 + "x" + ")" * 50, "nested deeper than 40", None),
    ("x" * 30_000, "at most 20000", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "position"), REJECTED, ids=[case[0][:20] for case in REJECTED])
def test_what_is_rejected_is_shown_in_its_place(text: str, message: str, position: int | None) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(text, COORDINATES, name="hamiltonian")
    shown = str(raised.value)
    assert shown.startswith("hamiltonian: ")
    assert message in shown
    if position is not None:
        assert raised.value.position == position
        line, caret = shown.splitlines()[-2:]
        assert line == f"  {text}"
        assert caret.index("^") - 2 == position


def test_the_caret_stays_under_the_place_in_a_long_text() -> None:
    text = "x + " * 100 + "bad" + " + x" * 100
    with pytest.raises(ExpressionError) as raised:
        parse(text, COORDINATES)
    line, caret = str(raised.value).splitlines()[-2:]
    assert line[caret.index("^") :].startswith("bad")
    assert len(line) < 100


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"x": "1"}, "a name that is taken"),
        ({"sin": "1"}, "a name that is taken"),
        ({"a": "a + 1"}, "unknown name 'a'"),
        ({"a": "b", "b": "1"}, "where a: unknown name 'b'"),
        ({"a b": "1"}, "cannot name a definition"),
        ({f"a{i}": f"a{i - 1}^2 - 1/a{i - 1}" if i else "x" for i in range(40)}, "grows beyond"),
        ({f"a{i}": "x" for i in range(101)}, "at most 100"),
    ],
)
def test_wrong_definitions_are_rejected(where: dict[str, str], message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        parse("x", COORDINATES, where=where)


PIECES = [*"xqpi+-*/^(),.[]0128 ", "[0]", "[i]", "**", "1e9", "sqrt(", "sum(", "dot(", "norm(", "log("]
PIECES += ["exp(", "max(", "atan2(", "cbrt(", "asin(", "pi", "mass", "t", "__"]


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=16).map("".join)))
def test_any_text_is_a_real_expression_or_an_error(text: str) -> None:
    try:
        expr = parse(text, COORDINATES)
    except ExpressionError:
        return
    assert expr.free_symbols <= {*COORDINATES.symbols, *COORDINATES.parameter_symbols}
    assert expr.is_extended_real is not False
    assert not expr.has(sympy.I, sympy.nan, sympy.zoo, sympy.oo, -sympy.oo)


# Expressions with an evaluation of their own, which knows nothing of SymPy's rules: (text, its value).
POINT = {"x": "0.73", "q[0]": "-1.21", "q[1]": "0.37", "q[2]": "2.05", "mass": "1.5"}
SCALARS = {
    "sqrt": mpmath.sqrt, "exp": mpmath.exp, "log": mpmath.log, "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan, "sinh": mpmath.sinh,
    "cosh": mpmath.cosh, "tanh": mpmath.tanh, "asinh": mpmath.asinh, "abs": abs, "erf": mpmath.erf,
    "erfc": mpmath.erfc, "cbrt": lambda v: mpmath.sign(v) * mpmath.cbrt(abs(v)),
}  # fmt: skip
PAIRS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}
Thunk = tuple  # (text, function without arguments)


def _larger(child: st.SearchStrategy[Thunk]) -> st.SearchStrategy[Thunk]:
    return st.one_of(
        st.tuples(child, st.sampled_from(list(PAIRS)), child).map(
            lambda c: (f"({c[0][0]} {c[1]} {c[2][0]})", lambda: PAIRS[c[1]](c[0][1](), c[2][1]()))
        ),
        child.map(lambda c: (f"-({c[0]})", lambda: -c[1]())),
        st.tuples(child, st.integers(-3, 4)).map(
            lambda c: (f"({c[0][0]})^{c[1]}", lambda: c[0][1]() ** c[1])
        ),
        st.tuples(st.sampled_from(list(SCALARS)), child).map(
            lambda c: (f"{c[0]}({c[1][0]})", lambda: SCALARS[c[0]](c[1][1]()))
        ),
        st.tuples(child, child).map(
            lambda c: (f"max({c[0][0]}, {c[1][0]})", lambda: max(c[0][1](), c[1][1]()))
        ),
    )


LEAVES = st.one_of(
    st.sampled_from(list(POINT)).map(lambda name: (name, lambda: mpmath.mpf(POINT[name]))),
    st.sampled_from(["1", "2", "7", "0.5", "2.25", "1e-3"]).map(
        lambda text: (text, lambda: mpmath.mpf(text))
    ),
    st.just(("pi", lambda: +mpmath.pi)),
)


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.recursive(LEAVES, _larger, max_leaves=8))
def test_generated_expressions_have_the_value_of_an_independent_evaluation(case: Thunk) -> None:
    text, evaluate = case
    with mpmath.workdps(40):
        try:
            value = evaluate()
            regular = isinstance(value, mpmath.mpf) and bool(abs(value) < 1e100)
        except (ZeroDivisionError, ValueError, TypeError, OverflowError):
            regular = False
        if not regular:
            return  # complex, infinite or undefined: the fuzz test above covers what parse makes of it
        wanted = sympy.Float(str(value), 40)
    try:
        expr, refused = parse(text, COORDINATES), ""
    except ExpressionError as error:
        expr, refused = wanted, error.message
    # The value is defined, so that only an operation on constants inside may have been refused.
    assert not refused or any(word in refused for word in ("not finite", "division by zero", "cannot be ev"))
    values = {s: sympy.Float(POINT[s.name], 40) for s in expr.free_symbols}
    found = expr.evalf(30, subs=values)
    if not found.is_comparable:
        return  # a difference of constants that SymPy cannot tell from zero
    assert abs(found - wanted) <= sympy.Float("1e-12") * (1 + abs(wanted))
