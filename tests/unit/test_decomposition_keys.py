"""Pairs of words as keys: search and cells against Python's integers."""

from __future__ import annotations

import bisect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from hpcphys.decomposition.keys import search

WORD = 63
few_keys = some.integers(0, 3) | some.sampled_from([0, 1, 2**62, 2**63 - 1])
pairs = some.lists(some.tuples(few_keys, few_keys), max_size=40)


def words(numbers) -> tuple[np.ndarray, np.ndarray]:
    hi = np.array([number >> WORD for number in numbers], dtype=np.uint64)
    return hi, np.array([number & (2**WORD - 1) for number in numbers], dtype=np.uint64)


@given(pairs, pairs, some.sampled_from(["left", "right"]))
def test_search_is_bisection_of_the_joined_words(have, wanted, side):
    keys = sorted((hi << WORD) + lo for hi, lo in have)
    wanted = [(hi << WORD) + lo for hi, lo in wanted]
    expected = [getattr(bisect, f"bisect_{side}")(keys, key) for key in wanted]
    assert search(*words(keys), *words(wanted), side=side).tolist() == expected


@given(some.lists(few_keys, max_size=20), pairs, some.sampled_from(["left", "right"]))
def test_without_low_words_they_are_zero(have, wanted, side):
    hi = np.array(sorted(have), dtype=np.uint64)
    wanted = words([(high << WORD) + low for high, low in wanted])
    assert (search(hi, None, *wanted, side=side) == search(hi, np.zeros_like(hi), *wanted, side=side)).all()


def test_search_refuses_another_side():
    with pytest.raises(ValueError, match="middle"):
        search(*words([1]), *words([1]), side="middle")
