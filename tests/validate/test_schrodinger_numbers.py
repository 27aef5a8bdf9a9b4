"""Numbers of wavefunctions, printed with -s: the work-precision table of splittings, ground states."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from small_waves import engine, exactly_moved, program

from hpcphys.compiler.compositions import composition
from hpcphys.physics.schrodinger.imaginary import ground_state

pytestmark = pytest.mark.validate

PUBLISHED = {
    "leapfrog": (4687, None, None),
    "yoshida4": (1043, 3299, 10438),
    "suzuki4": (600, 1903, 6021),
    "blanes_moan4": (334, 1054, 3332),
    "blanes_moan_rkn4": (273, 862, 2729),
    "chin4a": (217, 687, 2175),
    "blanes_moan6": (None, 612, 1317),
    "blanes_moan_rkn6": (None, None, 675),
    "kahan_li8": (None, 856, 1513),
}
"""Pairs of transforms to reach an error of 1e-5, 1e-7 and 1e-9 in the 2-norm, T = 10, V = x²/2 + 0.1 x⁴."""


def pairs_for(tolerance, counts, errors):
    """Interpolated in the logarithms between the runs on both sides of the tolerance."""
    below = next(i for i, error in enumerate(errors) if error < tolerance)
    share = np.log(errors[below - 1] / tolerance) / np.log(errors[below - 1] / errors[below])
    return counts[below - 1] * (counts[below] / counts[below - 1]) ** share


@pytest.mark.parametrize("name", PUBLISHED)
def test_pairs_of_transforms_for_an_error(name):
    made = engine(256, -10, 10, potential="x^2/2 + 0.1*x^4")
    psi = np.exp(-1.3 * (made.grid.axes[0] - 1) ** 2 / 2) + 0j
    psi /= np.linalg.norm(psi)
    exact = exactly_moved(made, psi, 10.0)
    calls = [0]
    advance = made.sweeps.advance

    def counted(*arguments):
        calls[0] += 1
        advance(*arguments)

    made.sweeps.advance = counted
    counts, errors = [], []
    wanted = [(tol, n) for tol, n in zip((1e-5, 1e-7, 1e-9), PUBLISHED[name], strict=True) if n]
    steps = 40
    while not errors or (errors[-1] > wanted[-1][0] and calls[0] < 40000):
        calls[0] = 0
        run = program(made, psi, name, 10.0 / steps)
        run.run(steps)
        counts.append(calls[0])
        errors.append(np.linalg.norm(run.state["wavefunction"] - exact))
        steps *= 2
    for tolerance, published in wanted:
        order = composition(name).order
        found = pairs_for(tolerance, counts, errors)
        print(f"{name} (order {order}): {found:.0f} pairs for {tolerance:g}, table {published}")
        assert found == pytest.approx(published, rel=0.1)


@pytest.mark.parametrize(
    ("strength", "published"),
    [
        (3.1371, 1.0441),
        (12.5484, 2.2330),
        (31.371, 3.9810),
        (62.742, 6.2570),
        (156.855, 11.464),
        (313.71, 18.171),
    ],
)
def test_condensates_in_one_dimension(strength, published):
    """Energies: Bao & Tang (2003) J. Comput. Phys. 187, 230."""
    made = engine(256, -16, 16, potential="x^2/2", nonlinearity=strength)
    (found,) = ground_state(made, tolerance=1e-7)
    print(f"g = {strength}: E {found.energy:.6f}, published {published}, mu {found.chemical_potential:.6f}")
    assert found.energy == pytest.approx(published, abs=0.6 * 10.0 ** -len(str(published).split(".")[1]))


def test_the_oscillator_in_three_dimensions():
    made = engine((32, 32, 32), -7, 7, potential="(x^2 + y^2 + z^2)/2")
    (found,) = ground_state(made)
    print(f"ground state of the 3D oscillator: error {found.energy - 1.5:.1e}, {found.steps} steps")
    assert abs(found.energy - 1.5) < 1e-10
