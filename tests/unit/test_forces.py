"""Tree and direct sums against sums over all pairs in NumPy, on easy, clustered and hostile distributions."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from hpcphys.compiler.state import State
from hpcphys.decomposition.communicator import Communicator
from hpcphys.forces.direct import DirectGravity
from hpcphys.forces.tree import TreeGravity
from hpcphys.kernels import backend

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
from reference import (
    DISTRIBUTIONS,
    SMALLEST,
    coincident_pairs,
    direct_field,
    disc,
    distant_outliers,
    fractal,
    one_point,
    plummer,
    two_clusters,
    uniform,
)

SOFTENING = 0.05
COUNT = 1200
PRECISIONS = ["mixed", "double"]


@pytest.fixture(scope="module")
def cpu():
    return backend("cpu", threads=1)


@lru_cache
def particles(distribution, count=COUNT, mass_range=100.0):
    rng = np.random.default_rng(21)
    mass = mass_range ** rng.uniform(0, 1, count)
    return np.ascontiguousarray(distribution(rng, count)), mass / mass.sum()


@lru_cache
def exact(distribution, kernel="plummer", count=COUNT, mass_range=100.0):
    return direct_field(*particles(distribution, count, mass_range), SOFTENING, kernel)


def state_of(position, mass):
    return State(
        {
            "position": position.copy(),
            "velocity": 0 * position,
            "mass": mass.copy(),
            "id": np.arange(len(mass)),
        }
    )


def evaluated(cpu, kind, position, mass, times=1, **options):
    """Fields in the order of the rows given, in double precision; and the field object."""
    state = state_of(position, mass)
    options = {"softening": SOFTENING, **options}
    field = kind(cpu, Communicator.serial(), **options)
    for _ in range(times):
        field.layout.exchange(state)
        field.evaluate(state, frozenset({"potential"}))
    order = np.argsort(state["id"])
    np.testing.assert_array_equal(state["position"][order], position)
    np.testing.assert_array_equal(state["mass"][order], mass)
    found = {name: state[name][order].astype(np.float64) for name in ("acceleration", "potential", "work")}
    return found, field


def softening_of(kernel):
    return {"softening_kernel": kernel, "softening": 0.0 if kernel == "none" else SOFTENING}


def relative_error(found, wanted):
    difference = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
    return difference / np.linalg.norm(wanted.acceleration, axis=1)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kernel", ["plummer", "spline", "none"])
def test_direct_sums(cpu, distribution, precision, kernel):
    found, _ = evaluated(
        cpu, DirectGravity, *particles(distribution), precision=precision, **softening_of(kernel)
    )
    wanted = exact(distribution, kernel)
    # Without softening a close pair has the error of its separation, rounded about the group's centre.
    small = {"double": 1e-10, "mixed": 2e-3 if kernel == "none" else 2e-5}[precision]
    error = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
    assert (error <= small * wanted.pull + 1e-300).all()
    slack = np.abs(wanted.potential) * (small if kernel == "none" else max(small / 4, 1e-12))
    assert (np.abs(found["potential"] - wanted.potential) <= slack).all()
    assert (found["work"] == COUNT).all()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_tree_by_opening_angle(cpu, distribution, precision):
    found, field = evaluated(
        cpu,
        TreeGravity,
        *particles(distribution),
        criterion="geometric",
        opening_angle=0.4,
        precision=precision,
    )
    wanted = exact(distribution)
    error = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
    # Where pulls cancel, the error is small against their moduli and not against their sum.
    assert (error <= 2e-2 * wanted.pull + 1e-300).all()
    assert np.median(error / np.maximum(wanted.pull, 1e-300)) < 1.5e-3
    assert (np.abs(found["potential"] - wanted.potential) <= 4e-3 * np.abs(wanted.potential)).all()
    groups = field.essential.groups
    assert groups[:, 1].max() <= field.layout.group_size
    assert groups[:, 1].sum() == COUNT


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kernel", ["plummer", "spline", "none"])
def test_tree_by_relative_tolerance(cpu, distribution, precision, kernel):
    if (
        kernel != "plummer"
        and precision == "double"
        and distribution not in (plummer, coincident_pairs, one_point)
    ):
        pytest.skip("the pair physics of each precision is tested on fewer distributions")
    found, _ = evaluated(
        cpu,
        TreeGravity,
        *particles(distribution),
        tolerance=0.005,
        precision=precision,
        **softening_of(kernel),
    )
    wanted = exact(distribution, kernel)
    error = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
    size = np.linalg.norm(wanted.acceleration, axis=1)
    moved = size > 1e-12 * wanted.pull
    if moved.any():
        assert np.median(error[moved] / size[moved]) < 2e-3
        assert np.percentile(error[moved] / size[moved], 99) < 2e-2
    assert (error[~moved] <= 1e-7 * (wanted.pull[~moved] + 1e-300)).all()
    # Without softening the closest pairs of the fractal are as near as single precision resolves.
    slack = 2e-3 if kernel != "none" or precision == "double" else 6e-3
    assert (np.abs(found["potential"] - wanted.potential) <= slack * np.abs(wanted.potential)).all()


@pytest.mark.parametrize("distribution", [plummer, uniform, disc, fractal, two_clusters])
@pytest.mark.parametrize(
    ("criterion", "name", "values"),
    [
        ("geometric", "opening_angle", (0.9, 0.6, 0.4, 0.25)),
        ("relative", "tolerance", (0.3, 0.05, 0.01, 0.001)),
    ],
)
def test_error_falls_with_the_criterion(cpu, distribution, criterion, name, values):
    """Stricter is better, down to a bound; and costs more interactions."""
    wanted = exact(distribution, count=COUNT)
    medians, costs = [], []
    for value in values:
        found, field = evaluated(
            cpu,
            TreeGravity,
            *particles(distribution),
            criterion=criterion,
            precision="double",
            conserve_momentum=False,
            group_size=32,
            leaf_size=8,
            **{name: value},
        )
        medians.append(np.median(relative_error(found, wanted)))
        statistics = field.statistics()
        costs.append(statistics["pairs"] + statistics["cells"])
    assert (np.diff(medians) < 0).all(), medians
    assert medians[-1] < 3e-4
    assert (np.diff(costs) > 0).all()


def test_both_precisions_choose_the_same_interactions(cpu):
    """Single precision adds rounding, not truncation: the difference is far below the tree's error."""
    options = {"criterion": "geometric", "opening_angle": 0.5}
    both = [evaluated(cpu, TreeGravity, *particles(plummer), precision=p, **options) for p in PRECISIONS]
    error = np.linalg.norm(both[0][0]["acceleration"] - both[1][0]["acceleration"], axis=1)
    assert np.percentile(error / exact(plummer).pull, 99) < 3e-5
    np.testing.assert_allclose(both[0][0]["potential"], both[1][0]["potential"], rtol=3e-5)


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kernel", ["plummer", "spline", "none"])
@pytest.mark.parametrize("place", [0.0, 0.3, -7e5])
def test_all_at_one_point(cpu, kind, precision, kernel, place):
    """No force at all, and the kernel's central potential: φ = -G m (N-1)/ε, for the spline too."""
    position, mass = np.full((500, 3), place), np.full(500, 2.0)
    found, _ = evaluated(cpu, kind, position, mass, G=3.0, precision=precision, **softening_of(kernel))
    assert (found["acceleration"] == 0).all()
    expected = 0.0 if kernel == "none" else -3.0 * 2.0 * 499 / SOFTENING
    np.testing.assert_allclose(found["potential"], expected, rtol=1e-6)


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("count", [0, 1, 2, 3])
@pytest.mark.parametrize("kernel", ["plummer", "none"])
def test_few_particles(cpu, kind, precision, count, kernel):
    rng = np.random.default_rng(4)
    position, mass = rng.normal(size=(count, 3)) + 100.0, rng.uniform(1, 2, count)
    found, _ = evaluated(cpu, kind, position, mass, times=2, precision=precision, **softening_of(kernel))
    wanted = direct_field(position, mass, SOFTENING, kernel)
    small = 1e-6 if precision == "mixed" else 1e-12
    np.testing.assert_allclose(
        found["acceleration"], wanted.acceleration, atol=small * max(wanted.pull, default=1)
    )
    np.testing.assert_allclose(found["potential"], wanted.potential, rtol=small)


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
def test_kepler_pair(cpu, kind):
    """Two bodies without softening: G m/r² to rounding, opposite; a particle alone feels none."""
    position, mass = np.array([[1.0, 2.0, 3.0], [1.0, 2.5, 3.0]]), np.array([3.0, 1e-6])
    found, _ = evaluated(
        cpu, kind, position, mass, softening=0.0, softening_kernel="none", precision="double", G=2.0
    )
    np.testing.assert_allclose(found["acceleration"], [[0, 8e-6, 0], [0, -24, 0]], rtol=1e-13, atol=1e-20)
    np.testing.assert_allclose(found["potential"], [-4e-6, -12.0], rtol=1e-13)
    alone, _ = evaluated(cpu, kind, position[:1], mass[:1], softening=0.0, softening_kernel="none")
    assert (alone["acceleration"] == 0).all()
    assert (alone["potential"] == 0).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_masses_over_six_decades(cpu, precision):
    position, mass = particles(plummer, mass_range=1e6)
    wanted = exact(plummer, mass_range=1e6)
    found, _ = evaluated(cpu, TreeGravity, position, mass, tolerance=0.005, precision=precision)
    error = relative_error(found, wanted)
    assert np.median(error) < 1e-3
    assert error.max() < 5e-2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_outliers_leave_the_core_alone(cpu, precision):
    """A hundredth of all particles at a million core radii: the core's forces and groups stay."""
    position, mass = particles(distant_outliers)
    wanted = exact(distant_outliers)
    core = np.linalg.norm(position, axis=1) < 100
    found, field = evaluated(cpu, TreeGravity, position, mass, tolerance=0.005, precision=precision)
    error = relative_error(found, wanted)
    assert np.percentile(error[core], 99) < 1e-2
    # Momentum is given up in proportion to each force: the weak pull on an outlier is right as well.
    assert error[~core].max() < 1e-2
    _, without = evaluated(cpu, TreeGravity, position[core], mass[core], tolerance=0.005, precision=precision)
    # The cells that the outliers stretch hand out smaller groups, but not one for each particle.
    assert len(field.essential.groups) < 4 * len(without.essential.groups)


def test_a_clump_far_below_single_precision(cpu):
    """Three hundred particles within 10⁻³⁰ … 10⁻⁸ of each other still feel what is far away."""
    rng = np.random.default_rng(6)
    position, mass = plummer(rng, 600), np.full(600, 1 / 600)
    for spread in (1e-8, 1e-12, 1e-16, 1e-20, 1e-30):
        position[:300] = spread * rng.normal(size=(300, 3))
        found, _ = evaluated(cpu, TreeGravity, position, mass, criterion="geometric", opening_angle=0.4)
        wanted = direct_field(position, mass, SOFTENING, "plummer")
        error = np.linalg.norm(found["acceleration"] - wanted.acceleration, axis=1)
        assert (error < 5e-3 * wanted.pull).all(), spread


@pytest.mark.parametrize("distribution", [plummer, disc, two_clusters, fractal, distant_outliers])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_momentum(cpu, distribution, precision):
    """The net force of a one-sided tree is taken out to rounding; no force changes beyond its error."""
    position, mass = particles(distribution)
    found, _ = evaluated(cpu, TreeGravity, position, mass, precision=precision)
    force = mass[:, None] * found["acceleration"]
    size = np.linalg.norm(force, axis=1).sum()
    small = {"mixed": 1e-7, "double": 1e-14}[precision]
    assert np.abs(force.sum(axis=0)).max() < small * size
    one_sided, _ = evaluated(cpu, TreeGravity, position, mass, precision=precision, conserve_momentum=False)
    net = np.abs((mass[:, None] * one_sided["acceleration"]).sum(axis=0)).max()
    assert net > 10 * small * size, "there is something to take out"
    change = np.linalg.norm(found["acceleration"] - one_sided["acceleration"], axis=1)
    assert (change <= 5e-4 * np.linalg.norm(found["acceleration"], axis=1)).all()


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize("kernel", ["plummer", "spline"])
@pytest.mark.parametrize(
    ("length", "mass_unit", "constant"),
    [(1e21, 1e33, 6.7e-8), (1e-15, 1e-27, 6.7e-11), (2.0**40, 2.0**60, 2.0**9)],
)
def test_units(cpu, kind, kernel, length, mass_unit, constant):
    """In centimetres and grams as in natural units: nothing overflows; powers of two change no bit."""
    position, mass = particles(plummer)
    options = {"softening_kernel": kernel} | ({"tolerance": 0.001} if kind is TreeGravity else {})
    plain, _ = evaluated(cpu, kind, position, mass, **options)
    scaled, _ = evaluated(
        cpu, kind, position * length, mass * mass_unit, softening=SOFTENING * length, G=constant, **options
    )
    acceleration, potential = constant * mass_unit / length**2, constant * mass_unit / length
    if length == 2.0**40:
        np.testing.assert_array_equal(scaled["acceleration"], acceleration * plain["acceleration"])
        np.testing.assert_array_equal(scaled["potential"], potential * plain["potential"])
    else:
        # The tree is another one, because the side of its cube is a power of two.
        error = np.linalg.norm(scaled["acceleration"] / acceleration - plain["acceleration"], axis=1)
        assert (error < (1e-3 if kind is TreeGravity else 1e-5) * exact(plummer, kernel).pull).all()
        np.testing.assert_allclose(scaled["potential"], potential * plain["potential"], rtol=1e-3)


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
def test_a_shifted_system_is_the_same_system(cpu, kind):
    """Single-precision pairs are about local origins: far from zero nothing is lost that doubles hold."""
    position, mass = particles(plummer)
    here, _ = evaluated(cpu, kind, position, mass)
    there, _ = evaluated(cpu, kind, position + 1e6, mass)
    error = np.linalg.norm(there["acceleration"] - here["acceleration"], axis=1)
    assert (error < 2e-4 * exact(plummer).pull).all()


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"softening": -1.0}, "softening length -1.0"),
        ({"softening": 0.0}, "must be positive"),
        ({"softening": float("nan")}, "softening length nan"),
        ({"softening_kernel": "plumer"}, "choose one of none, plummer, spline"),
        ({"precision": "single"}, "choose mixed or double"),
    ],
)
def test_wrong_choices_are_refused(cpu, kind, wrong, message):
    with pytest.raises(ValueError, match=message):
        kind(cpu, Communicator.serial(), **wrong)


def test_wrong_criterion_is_refused(cpu):
    with pytest.raises(ValueError, match="choose relative or geometric"):
        TreeGravity(cpu, Communicator.serial(), criterion="angle")


@pytest.mark.parametrize("kind", [TreeGravity, DirectGravity])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_positions_that_are_not_finite_are_refused(cpu, kind, bad):
    position, mass = particles(plummer, count=300)
    position = position.copy()
    position[77, 1] = bad
    field = kind(cpu, Communicator.serial())
    with pytest.raises(FloatingPointError, match="finite"):
        field.layout.exchange(state_of(position, mass))


def test_smallest_numbers_are_what_the_tolerances_assume():
    assert SMALLEST["float"] < 1.2e-7
    assert SMALLEST["double"] < 2.3e-16
