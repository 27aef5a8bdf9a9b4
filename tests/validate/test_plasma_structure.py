"""The structure-preserving plasma over long times: Gauss's law, and energy beside a scheme that heats."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler import compile_structure
from scaling.plasma_structure import run, slope

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from split_plasmas import SmallPlasma

pytestmark = pytest.mark.validate
SHAPES = {1: (16,), 2: (10, 9), 3: (6, 7, 8)}


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("precision", "most"), [("double", 1e-13), ("single", 2e-6)])
def test_gauss_for_a_thousand_steps(axes, order, precision, most):
    """max |ε0 ∇·E - ρ| over the density of the electrons, of which ρ is a small difference.

    E is rounded 3 to 7 times in a step: a random walk, in single precision to 4e-7 … 1.4e-6.
    """
    n = 20 * int(np.prod(SHAPES[axes]))
    plasma = SmallPlasma(SHAPES[axes], order, precision, n=n, thermal=0.1, fields=0.02)
    plasma.fields.initial_E(plasma.charge())
    program = compile_structure(plasma.system, "leapfrog", dt=0.15)
    worst = 0.0
    for _ in range(10):
        program.run(100)
        rho = plasma.charge()
        share = float(abs(rho[plasma.blocks.owned]).max()) / abs(plasma.background)
        worst = max(worst, plasma.fields.gauss_residual(rho) * share)
    print(f"{axes}D order {order} {precision}: {worst:.1e}")
    assert worst < most
    assert plasma.fields.magnetic_divergence() < 5 * most


def test_energy_stays_where_a_leapfrog_heats(tmp_path):
    """100,000 steps in cells of four Debye lengths; measured: 4.2e-4, a slope of -9e-5 over the run; 0.2."""
    found = {name: run(name, tmp_path) for name in ("splitting", "momentum")}
    times, errors = found["splitting"]
    trend, bar = slope(times, errors)
    assert abs(errors).max() < 1e-3
    assert abs(trend) * times[-1] < 2e-4
    assert bar * times[-1] < 1e-4
    heated = found["momentum"][1]
    assert heated[-1] > 0.1
