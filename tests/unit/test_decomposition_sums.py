"""Fixed-point sums against exact rational arithmetic, and their independence of order."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from hpcphys.decomposition import fixed_point
from hpcphys.decomposition.communicator import Communicator

numbers = some.floats(allow_nan=False, allow_infinity=False, width=64)


@pytest.fixture(autouse=True, scope="module")
def compiled():
    """Compiling takes longer than a single example may."""
    fixed_point.sums()


def in_parts(rows, parts):
    """The sum as ranks with rows[part] would make it."""
    bits = np.max([fixed_point.magnitude_bits(rows[part]) for part in parts], axis=0)
    return fixed_point.total(sum(fixed_point.partial_sum(rows[part], bits) for part in parts), bits)


@given(some.lists(numbers, max_size=60))
@settings(max_examples=200)
def test_sum_is_exact_to_its_quantum(values):
    value = Communicator.serial().sum_reproducible(np.array(values))
    exact = sum((Fraction(x) for x in values), Fraction(0))
    if not math.isfinite(value):
        assert abs(exact) > Fraction(1.79e308)
        return
    largest = max((abs(Fraction(x)) for x in values), default=Fraction(0))
    quantum = largest * len(values) / 2**90
    assert abs(Fraction(value) - exact) <= quantum + abs(exact) / 2**53 + Fraction(5e-324)


def test_order_and_partition_do_not_matter():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(20000, 3)) * 10.0 ** rng.integers(-15, 15, size=(20000, 1))
    whole = Communicator.serial().sum_reproducible(rows)
    assert (Communicator.serial().sum_reproducible(rng.permutation(rows)) == whole).all()
    for ranks in (1, 2, 7, 64):
        assert (in_parts(rows, np.array_split(rng.permutation(20000), ranks)) == whole).all()
    # The plain sum does depend on the order: without this the test above says nothing.
    assert any((rng.permutation(rows).sum(axis=0) != rows.sum(axis=0)).any() for _ in range(5))


def test_cancellation_keeps_what_a_float64_sum_loses():
    rows = np.array([1.0, 1e-20, -1.0, 1e-20])
    assert Communicator.serial().sum_reproducible(rows) == pytest.approx(2e-20, rel=1e-6, abs=0)


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1.0, 1e300])
def test_every_magnitude(scale):
    rows = np.arange(1, 4) * scale
    assert Communicator.serial().sum_reproducible(rows) == pytest.approx(6 * scale, rel=1e-15, abs=0)


def test_not_a_number_stays_in_its_column():
    rows = np.ones((10, 3))
    rows[3, 0], rows[4, 1] = np.nan, np.inf
    value = Communicator.serial().sum_reproducible(rows)
    assert np.isnan(value[0])
    assert np.isnan(value[1])
    assert value[2] == 10.0


def test_shapes():
    serial = Communicator.serial()
    assert serial.sum_reproducible(np.zeros(0)) == 0.0
    assert serial.sum_reproducible(np.zeros((0, 3))).shape == (3,)
    assert serial.sum_reproducible(np.ones((4, 3, 2))).tolist() == [[4.0, 4.0]] * 3
