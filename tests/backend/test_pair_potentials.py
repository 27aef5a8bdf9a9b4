"""Pair potentials: kernels against formulas, on tiles and on single numbers; expressions; bad parameters."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.expressions.errors import ExpressionError
from hpcphys.forces.pairs import WCA, Buckingham, Expression, LennardJones, Morse, SoftCore, Table
from hpcphys.forces.pairs.potential import SHIFTS, mixed
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
CUTOFF = 2.5
# One small module holds all potentials: what it costs is the C++ compiler's time.
TILES = """#include "pair_words.h"
#include "pair_potentials.h"
HOST(tiles)(long long which, long long n, const REAL* square, const REAL* c, const REAL* data, REAL* energy,
            REAL* force) {
  num k[16];
  for (int q = 0; q < 12; q++) k[q] = num(c[q]);
  for (long long t = 0; t < n; t++) {
    num s, e, f;
    memcpy(&s, square + t * TILE, sizeof s);
    if (which == 0) LennardJones::pair(s, k, data, e, f);
    if (which == 1) WCA::pair(s, k, data, e, f);
    if (which == 2) Morse::pair(s, k, data, e, f);
    if (which == 3) Buckingham::pair(s, k, data, e, f);
    if (which == 4) SoftCore::pair(s, k, data, e, f);
    if (which == 5) Table::pair(s, k, data, e, f);
    memcpy(energy + t * TILE, &e, sizeof e);
    memcpy(force + t * TILE, &f, sizeof f);
  }
  return 0;
}
HOST(functions)(long long n, const REAL* x, REAL* result) {
  for (long long t = 0; t < n; t++) {
    num v;
    memcpy(&v, x + t * TILE, sizeof v);
    v = exponential(v);
    memcpy(result + t * TILE, &v, sizeof v);
  }
  return 0;
}
"""
R = np.linspace(0.75, CUTOFF, 320)


def table():
    r = np.linspace(0.7, 2.6, 400)
    energy, force = LennardJones().curve(r)
    return Table(r, energy[0, 0], force[0, 0])


POTENTIALS = {
    0: LennardJones(1.3, 0.95),
    1: WCA(0.8, 1.1),
    2: Morse(1.5, 4.0, 1.1),
    3: Buckingham(3000.0, 8.0, 1.2),
    4: SoftCore(0.6, 1.2, 0.9),
    5: table(),
}


@pytest.mark.parametrize(("real", "machine"), [("float", {}), ("double", {}), ("float", {"HPC_GENERIC": 1})])
def test_kernels_are_the_formulas(real, machine):
    module = backend("cpu", threads=1).generated("pair_tiles", TILES, REAL=real, **machine)
    dtype, limit = (np.float32, 3e-5) if real == "float" else (np.float64, 1e-12)
    square = (R * R).astype(dtype)
    for which, potential in POTENTIALS.items():
        rows = np.zeros(16, dtype)
        numbers = [row[0, 0] for row in potential.rows()]
        rows[: len(numbers)] = numbers
        data = np.zeros(1, dtype) if potential.data is None else potential.data.astype(dtype)
        energy, force = np.zeros_like(square), np.zeros_like(square)
        module.host("tiles", which, len(R) // 32, square, rows, data, energy, force)
        expected_e, expected_f = (a[0, 0] for a in potential.curve(np.sqrt(square.astype(float))))
        smooth = np.abs(R - 2 ** (1 / 6) * 1.1) > 1e-6
        scale = np.abs(expected_e).max()
        np.testing.assert_allclose(energy, expected_e, atol=limit * scale, rtol=limit, err_msg=str(potential))
        np.testing.assert_allclose(
            (force * np.sqrt(square))[smooth],
            expected_f[smooth],
            atol=limit * np.abs(expected_f).max(),
            rtol=limit,
        )
    x = np.linspace(-80, 80, 3200).astype(dtype)
    found = np.zeros_like(x)
    module.host("functions", 100, x, found)
    np.testing.assert_allclose(found, np.exp(x.astype(float)), rtol=3e-7 if real == "float" else 1e-15)


@pytest.mark.parametrize("potential", list(POTENTIALS.values()), ids=lambda p: type(p).__name__)
def test_forces_are_slopes_and_ends_are_smooth(potential):
    h = 1e-6
    for shift in SHIFTS:
        potential.shift, potential.switch_from = shift, 1.9 if shift == "switch" else None
        r = np.linspace(0.8, 2.49, 57)
        rise = potential.ended_curve(r + h, CUTOFF)[0] - potential.ended_curve(r - h, CUTOFF)[0]
        np.testing.assert_allclose(
            -rise / (2 * h),
            potential.ended_curve(r, CUTOFF)[1],
            rtol=2e-4 if type(potential) is Table else 1e-6,
            atol=1e-6,
        )
        energy, force = (a[0, 0, 0] for a in potential.ended_curve(np.array([CUTOFF * (1 - 1e-9)]), CUTOFF))
        if shift != "none":
            assert abs(energy) < 1e-8
        if shift in ("force", "switch"):
            assert abs(force) < 1e-7
    potential.shift, potential.switch_from = "none", None


def test_table_follows_its_points():
    r = np.linspace(0.8, 2.4, 333)
    for found, expected in zip(table().curve(r), LennardJones().curve(r), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-4 * np.abs(expected).max())
    assert np.isnan(table().curve(np.array([0.5]))[0]).all()


def test_mixing_rules():
    epsilon, sigma = mixed([1.0, 4.0], [1.0, 2.0], "lorentz_berthelot")
    assert (epsilon[0, 1], sigma[0, 1]) == (2.0, 1.5)
    epsilon, sigma = mixed([1.0, 4.0], [1.0, 4.0], "geometric")
    assert (epsilon[1, 0], sigma[1, 0]) == (2.0, 2.0)
    epsilon, sigma = mixed([[1.0, 0.3], [0.3, 2.0]], 1.0, "explicit")
    assert epsilon[0, 1] == 0.3
    assert (sigma == 1.0).all()


def test_expressions_differentiate_and_gather():
    stated = Expression("D*(exp(-2*a*(r - b)) - 2*exp(-a*(r - b)))", {"D": 1.5, "a": 4.0, "b": 1.1})
    for found, expected in zip(stated.curve(R), Morse(1.5, 4.0, 1.1).curve(R), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    # An even potential needs no root, and its parameters are worked out before the kernel.
    stated = Expression("4*eps*((s/r)^12 - (s/r)^6)", {"eps": [[1.0, 0.5], [0.5, 0.7]], "s": 1.0})
    assert "root" not in stated.text
    assert "eps" not in stated.text.split("struct", 1)[1]
    assert stated.types == 2
    expected = LennardJones([[1.0, 0.5], [0.5, 0.7]], 1.0, mixing="explicit").curve(R)
    for found, wanted in zip(stated.curve(R), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: LennardJones(sigma=-1.0), "sigma positive"),
        (lambda: LennardJones(mixing="kong"), "choose lorentz_berthelot"),
        (lambda: LennardJones(shift="some"), "choose none, potential"),
        (lambda: LennardJones(shift="switch"), "switch_from = None"),
        (lambda: LennardJones(shift="switch", switch_from=3.0).table(CUTOFF), "between 0 and the cutoff"),
        (lambda: LennardJones([[1, 2], [3, 1]], 1.0, mixing="explicit"), "symmetric 2 x 2"),
        (lambda: WCA(sigma=3.0).table(CUTOFF), "reaches to 3.36739"),
        (lambda: SoftCore(1.5), "0 <= coupling <= 1"),
        (lambda: Morse(depth=np.inf), "must be finite"),
        (lambda: Table([1.0, 0.9], [0, 0], [0, 0]), "must ascend"),
        (lambda: Expression("4*eps/r", {}), "eps"),
        (lambda: Expression("__import__('os')"), "no place here"),
    ],
)
def test_bad_parameters(make, problem):
    with pytest.raises((ValueError, ExpressionError), match=problem):
        make()
