"""Elementary functions of generated kernels: errors in ulp, special values, on every branch."""

from __future__ import annotations

import numpy as np
import pytest

from hpcphys.kernels import backend

BRANCHES = {
    "widest": {},
    "two registers": {"REGISTERS": 2},
    "AVX2": {"HPC_NO_AVX512": 1},
    "generic": {"HPC_GENERIC": 1},
    "scalar": {"SCALAR_SYSTEMS": 1},
}
wide = np.longdouble
# name: (reference in extended precision, arguments, largest error in ulp)
FUNCTIONS = {
    "exponential": (np.exp, lambda r, n: r.uniform(-700, 700, n), 1.0),
    "logarithm": (np.log, lambda r, n: np.exp(r.uniform(-700, 700, n)) * r.choice([1.0, 1e-4], n), 1.0),
    "sine": (np.sin, lambda r, n: r.uniform(-1, 1, n) * 10.0 ** r.uniform(-3, 8, n), 1.5),
    "cosine": (np.cos, lambda r, n: r.uniform(-1, 1, n) * 10.0 ** r.uniform(-3, 8, n), 1.5),
    "tangent": (np.tan, lambda r, n: r.uniform(-9, 9, n), 1.0),
    "arc_sine": (np.arcsin, lambda r, n: r.uniform(-1, 1, n), 1.0),
    "arc_cosine": (np.arccos, lambda r, n: r.uniform(-1, 1, n), 1.0),
    "arc_tangent": (np.arctan, lambda r, n: r.uniform(-1, 1, n) * 10.0 ** r.uniform(-3, 4, n), 1.5),
    "hyperbolic_sine": (np.sinh, lambda r, n: r.uniform(-1, 1, n) * 10.0 ** r.uniform(-3, 2.8, n), 2.0),
    "hyperbolic_cosine": (np.cosh, lambda r, n: r.uniform(-1, 1, n) * 10.0 ** r.uniform(-3, 2.8, n), 2.0),
    "hyperbolic_tangent": (np.tanh, lambda r, n: r.uniform(-1, 1, n) * 10.0 ** r.uniform(-3, 2, n), 2.0),
    "cube_root": (np.cbrt, lambda r, n: r.uniform(-9, 9, n), 1.0),
    "inverse": (lambda x: 1 / x, lambda r, n: np.exp(r.uniform(-700, 700, n)) * r.choice([1, -1], n), 1.0),
    "inverse_square_root": (lambda x: 1 / np.sqrt(x), lambda r, n: np.exp(r.uniform(-700, 700, n)), 1.5),
    "square_root": (np.sqrt, lambda r, n: np.exp(r.uniform(-700, 700, n)), 0.51),
}
OF_TWO = {
    "arc_tangent_of": (np.arctan2, lambda r, n: (r.normal(size=n), r.normal(size=n)), 1.0),
    "power_of": (np.power, lambda r, n: (r.uniform(0, 9, n), r.uniform(-20, 20, n)), 1.0),
}
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e-310, 1e308, -1e308, 750.0, -750.0, 1e22]
)


def kernels() -> str:
    """One kernel for each function."""
    one = "".join(
        f"KERNEL(f_{name})(long long n, const double* RESTRICT x, double* RESTRICT y) {{\n"
        f"  SYSTEMS(i, n) {{ store_system(y, i, n, 1, 0, {name}(load_system(x, i, n, 1, 0))); }}\n}}\n"
        for name in [*FUNCTIONS, "absolute", "sign_of", "floor_of", "ceiling_of", "error_function"]
    )
    two = "".join(
        f"KERNEL(f_{name})(long long n, const double* RESTRICT x, const double* RESTRICT w, "
        f"double* RESTRICT y) {{\n"
        f"  SYSTEMS(i, n) {{ store_system(y, i, n, 1, 0, {name}(load_system(x, i, n, 1, 0), "
        f"load_system(w, i, n, 1, 0))); }}\n}}\n"
        for name in OF_TWO
    )
    return f'#include "batch.h"\n{one}{two}'


def applied(branch: str, name: str, *arguments: np.ndarray) -> np.ndarray:
    """The function on one branch of the kernels."""
    if branch == "emulated":
        module = backend("emulated").generated("elementary", kernels())
    else:
        module = backend("cpu", threads=1).generated("elementary", kernels(), **BRANCHES[branch])
    found = np.full(len(arguments[0]), np.nan)
    module.launch(f"f_{name}", len(found), *arguments, found)
    return found


def ulps(found: np.ndarray, wanted: np.ndarray) -> float:
    """Largest error in units of the last place of the wanted value (extended precision)."""
    return float((np.abs(found - wanted) / np.spacing(np.abs(wanted.astype(float)))).max())


@pytest.mark.parametrize("branch", [*BRANCHES, "emulated"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_err_by_few_units_of_the_last_place(branch, name):
    reference, arguments, largest = FUNCTIONS[name]
    x = arguments(np.random.default_rng(3), 20_001 if branch != "emulated" else 301)
    assert ulps(applied(branch, name, x), reference(x.astype(wide))) <= largest


@pytest.mark.parametrize("branch", [*BRANCHES, "emulated"])
@pytest.mark.parametrize("name", OF_TWO)
def test_functions_of_two(branch, name):
    reference, arguments, largest = OF_TWO[name]
    x, w = arguments(np.random.default_rng(4), 5_001 if branch != "emulated" else 301)
    assert ulps(applied(branch, name, x, w), reference(x.astype(wide), w.astype(wide))) <= largest


@pytest.mark.parametrize("branch", [*BRANCHES, "emulated"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(branch, name):
    reference = FUNCTIONS[name][0]
    with np.errstate(all="ignore"):
        wanted = reference(SPECIAL)
    found = applied(branch, name, SPECIAL)
    finite = np.isfinite(wanted)
    assert np.array_equal(np.isnan(found), np.isnan(wanted)), (found, wanted)
    assert np.array_equal(found[np.isinf(wanted)], wanted[np.isinf(wanted)]), (found, wanted)
    np.testing.assert_allclose(found[finite], wanted[finite], rtol=1e-15, atol=1e-307)


@pytest.mark.parametrize("branch", [*BRANCHES, "emulated"])
def test_the_compiler_fuses_nothing_by_itself(branch):
    text = (
        '#include "batch.h"\n'
        "KERNEL(sum)(long long n, const double* RESTRICT x, double* RESTRICT y) { SYSTEMS(i, n) {\n"
        "  const num a = load_system(x, i, n, 1, 0);\n  store_system(y, i, n, 1, 0, a * a + a);\n} }\n"
    )
    machine = backend("emulated") if branch == "emulated" else backend("cpu", threads=1)
    x = np.random.default_rng(1).normal(size=100)
    found = np.zeros(100)
    machine.generated("rounding", text, **BRANCHES.get(branch, {})).launch("sum", 100, x, found)
    assert np.array_equal(found, x * x + x)


@pytest.mark.parametrize("branch", [*BRANCHES, "emulated"])
@pytest.mark.parametrize(
    ("name", "reference"),
    [("absolute", np.abs), ("sign_of", np.sign), ("floor_of", np.floor), ("ceiling_of", np.ceil)],
)
def test_exact_functions(branch, name, reference):
    x = np.array([-2.5, -2.0, -0.3, 0.0, 0.3, 7.0, 1e300, -np.inf])
    assert np.array_equal(applied(branch, name, x), reference(x))
