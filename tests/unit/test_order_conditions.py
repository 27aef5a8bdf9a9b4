"""The order of every table by its order conditions, without a test problem."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from hpcphys.compiler.compositions import Composition, compositions
from hpcphys.compiler.compositions.order_conditions import (
    algebraic_order,
    expansion,
    residuals,
    stages_of_two,
)

SPLITTINGS = sorted(name for name, table in compositions.items() if not table.sequence)


@pytest.mark.parametrize("name", SPLITTINGS)
def test_the_conditions_of_the_claimed_order_and_no_further_one(name: str) -> None:
    table = compositions[name]
    assert algebraic_order(table, table.order + 1) == table.order


@pytest.mark.parametrize("name", SPLITTINGS)
def test_coefficients_are_good_to_double_precision(name: str) -> None:
    table = compositions[name]
    left = residuals(stages_of_two(table), table.order, nystrom=table.nystrom)
    scale = max(1.0, *(abs(c) for _, c, _ in stages_of_two(table)))
    for letters, row in left.items():
        assert np.abs(row).max() < 1e-15 * scale**letters


def test_the_series_of_the_leapfrog_in_exact_numbers() -> None:
    half = Fraction(1, 2)
    series = expansion([("B", half, 0), ("A", Fraction(1), 0), ("B", half, 0)], 3)
    # exp(B/2) exp(A) exp(B/2) by hand: words are read in the order of application.
    assert (series["A"], series["B"], series["AB"], series["BA"]) == (1, 1, half, half)
    assert (series["BAB"], series["BBA"], series["ABB"]) == (Fraction(1, 4), Fraction(1, 8), Fraction(1, 8))


def test_a_nystrom_table_is_not_of_its_order_in_general() -> None:
    table = compositions["blanes_moan_rkn6"]
    left = residuals(stages_of_two(table), 6)
    assert max(np.abs(row).max() for row in left.values()) > 1e-6


def test_truncated_digits_are_found() -> None:
    weights = tuple(round(w, 6) for w in compositions["yoshida6"].weights)
    assert algebraic_order(Composition("short", 6, "none", weights=weights), 7) < 6
