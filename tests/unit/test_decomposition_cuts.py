"""Cuts for many ranks, worked out by one process that holds all particles."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from hpcphys.decomposition.cuts import TOLERANCE, Cuts, cuts
from hpcphys.decomposition.keys import END

WORD = 63
DEPTH = 42


class Alone:
    """Stands for `size` ranks of which this one holds everything: sums over the ranks are its own."""

    def __init__(self, size):
        self.size = size
        self.rounds = 0
        self.largest = 0

    def allreduce(self, array):
        self.rounds += 1
        self.largest = max(self.largest, array.nbytes)
        return array


def scattered(rng, count):
    return [int(high) << WORD | int(low) for high, low in rng.integers(0, 2**63, (count, 2))]


def clustered(rng, count):
    """Half of the keys in one tiny interval, the rest anywhere."""
    return [key >> (90 if turn % 2 else 0) for turn, key in enumerate(scattered(rng, count))]


def at_one_point(rng, count):
    return [12345 << 80] * count


def with_outliers(rng, count):
    """All but three share the first 20 octree levels."""
    return [key if turn < 3 else (key >> 60) + (5 << 100) for turn, key in enumerate(scattered(rng, count))]


def two_points(rng, count):
    return [(0 if turn % 2 else 2**126 - 1) for turn in range(count)]


DISTRIBUTIONS = [scattered, clustered, at_one_point, with_outliers, two_points]


def groups(keys, group_size):
    """First key of each group and the key after its last cell.

    A cell with more than group_size keys hands out its smaller children: neighbours together (empty ones
    between them do not part them) as long as they hold no more than group_size keys.
    """
    keys = np.array(sorted(keys), dtype=object)

    def inside(start, end):
        return int(np.searchsorted(keys, end) - np.searchsorted(keys, start))

    if inside(0, 2**126) <= group_size:
        return {(0, 2**126)}
    found = set()
    pending = [(0, 0)]
    while pending:
        level, start = pending.pop()
        if level == DEPTH:
            found.add((start, start + 1))
            continue
        width = 1 << (123 - 3 * level)
        run = None  # its start, its end and what it holds
        for first in range(start, start + 8 * width, width):
            held = inside(first, first + width)
            if held == 0:
                continue
            if held > group_size:
                found |= {run[:2]} if run else set()
                run = None
                pending.append((level + 1, first))
            elif run and run[2] + held <= group_size:
                run = (run[0], first + width, run[2] + held)
            else:
                found |= {run[:2]} if run else set()
                run = (first, first + width, held)
        found |= {run[:2]} if run else set()
    return found


def sorted_words(keys):
    hi = np.array([key >> WORD for key in sorted(keys)], dtype=np.uint64)
    return hi, np.array([key & (2**WORD - 1) for key in sorted(keys)], dtype=np.uint64)


def cut_keys(keys, work, size, group_size, ranks=None, last=None):
    order = np.argsort(np.array(keys, dtype=object), kind="stable")
    words = sorted_words(keys)
    result = cuts(ranks or Alone(size), *words, np.asarray(work, np.float32)[order], group_size, last=last)
    return [(int(high) << WORD) + int(low) for high, low in zip(result.hi, result.lo, strict=True)], result


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("size", [2, 3, 8, 17, 64])
def test_no_group_is_cut_and_work_is_shared(distribution, size):
    rng = np.random.default_rng(3)
    count, group_size = 600, 7
    keys = distribution(rng, count)
    work = rng.integers(1, 100, count).astype(np.float32)
    found, _ = cut_keys(keys, work, size, group_size)
    assert found == sorted(found)
    all_groups = groups(keys, group_size)
    for cut, (start, end) in itertools.product(found, all_groups):
        assert not start < cut < end
    heaviest = max(
        sum(w for key, w in zip(keys, work, strict=True) if start <= key < end) for start, end in all_groups
    )
    share = work.sum() / size
    for rank, (begin, end) in enumerate(itertools.pairwise([0, *found, 2**126])):
        load = sum(w for key, w in zip(keys, work, strict=True) if begin <= key < end)
        assert load <= share + heaviest + share / TOLERANCE + 1, rank


def test_cuts_are_as_even_as_groups_allow():
    rng = np.random.default_rng(4)
    count, size = 20000, 8
    keys = scattered(rng, count)
    work = rng.integers(1, 100, count).astype(np.float32)
    found, _ = cut_keys(keys, work, size, 8)
    order = np.argsort(np.array(keys, dtype=object))
    prefix = np.cumsum(work[order])
    bounds = [np.searchsorted(np.array(keys, dtype=object)[order], cut) for cut in found]
    loads = np.diff([0, *prefix[np.array(bounds) - 1], prefix[-1]])
    assert loads.max() < 1.015 * loads.mean()


def test_the_nearer_end_of_a_group_is_cut():
    """Three points with 30, 45 and 25 of the work: half of it lies inside the second."""
    keys = [1 << 20, 1 << 90, 1 << 120]
    assert cut_keys(keys, [30, 45, 25], 2, 1)[1].bounds(*sorted_words(keys)).tolist() == [0, 1, 3]
    assert cut_keys(keys, [25, 45, 30], 2, 1)[1].bounds(*sorted_words(keys)).tolist() == [0, 2, 3]


@pytest.mark.parametrize("size", [4, 64])
def test_rows_with_equal_work_are_shared_by_number(size):
    keys = scattered(np.random.default_rng(5), 64 * 100)
    _, result = cut_keys(keys, np.zeros(len(keys)), size, 1)
    ascending = np.sort(np.array([key >> WORD for key in keys], dtype=np.uint64))
    counts = np.diff(result.bounds(ascending, None))
    assert abs(counts - len(keys) / size).max() <= max(2, len(keys) / size / TOLERANCE)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_few_particles_on_many_ranks(count):
    keys = scattered(np.random.default_rng(6), count)
    found, result = cut_keys(keys, np.ones(count), 64, 1)
    assert found == sorted(found)
    hi = np.sort(np.array([key >> WORD for key in keys], dtype=np.uint64))
    assert result.bounds(hi, None)[-1] == count


def test_a_system_of_one_group_stays_together():
    keys = scattered(np.random.default_rng(7), 100)
    _, result = cut_keys(keys, np.ones(100), 8, 100)
    counts = np.diff(result.bounds(np.sort(np.array([k >> WORD for k in keys], dtype=np.uint64)), None))
    assert sorted(counts) == [0] * 7 + [100]


def test_messages_stay_small_on_many_ranks():
    ranks = Alone(1024)
    keys = scattered(np.random.default_rng(8), 20000)
    cut_keys(keys, np.ones(20000), 1024, 4, ranks)
    assert ranks.largest <= 1023 * 64 * 2 * 8
    assert ranks.rounds <= 6


def test_the_deepest_tree_takes_a_bounded_number_of_rounds():
    ranks = Alone(64)
    cut_keys(at_one_point(None, 1000), np.ones(1000), 64, 4, ranks)
    assert ranks.rounds <= 22


@pytest.mark.parametrize("size", [2, 5])
def test_good_cuts_are_kept_and_others_are_not(size):
    """Keys move, come and go: kept cuts cut no group and share the work; one round tells whether they do."""
    rng = np.random.default_rng(11)
    group_size, count, kept = 6, 1500, 0
    for trial in range(60):
        keys = scattered(rng, count) if trial % 2 else clustered(rng, count)
        _, last = cut_keys(keys, np.ones(count), size, group_size)
        moved = rng.random(count) < rng.choice([0.0, 0.003, 0.1])
        fresh = scattered(rng, count)
        keys = [new if moves else old for old, new, moves in zip(keys, fresh, moved, strict=True)]
        ranks = Alone(size)
        found, result = cut_keys(keys, np.ones(count), size, group_size, ranks, last)
        for cut, (start, end) in itertools.product(found, groups(keys, group_size)):
            assert not start < cut < end
        before = np.searchsorted(np.array(sorted(keys), dtype=object), np.array(found, dtype=object))
        off = np.abs(before - count * np.arange(1, size) // size).max()
        assert off <= count / size / TOLERANCE + 0.5 * group_size
        if result is last:
            kept += 1
            assert ranks.rounds == 1
            assert off <= count // (size * TOLERANCE)
        else:
            assert found == cut_keys(keys, np.ones(count), size, group_size)[0]
    assert 5 <= kept <= 55


def test_a_cut_inside_a_cell_that_became_small_is_not_kept():
    """All of the cell lies before the cut, but the cell has joined its neighbour in one group."""
    unit = 1 << (126 - 9)
    keys, work = [1 * unit, 8 * unit, 30 * unit, 40 * unit], [3, 1, 1, 1]
    high, low = divmod(4 * unit, 1 << WORD)
    last = Cuts(np.array([high], np.uint64), np.array([low], np.uint64))
    assert (0, 16 * unit) in groups(keys, 2)
    assert cut_keys(keys, work, 2, 2, None, last)[1] is not last
    assert cut_keys(keys, work, 2, 1, None, last)[1] is not last, "one particle is a group as well"


def test_cuts_are_remembered_for_their_number_of_ranks():
    keys = scattered(np.random.default_rng(13), 300)
    scalars = {"controller.step": 0.5}
    for size in (7, 3):
        _, result = cut_keys(keys, np.ones(300), size, 4)
        result.remember(scalars)
        again = Cuts.remembered(json.loads(json.dumps(scalars)), size)
        assert (again.hi == result.hi).all()
        assert (again.lo == result.lo).all()
        assert [Cuts.remembered(scalars, other) for other in (1, 2, 4, 7, 8) if other != size] == [None] * (
            5 - (size == 7)
        )
    assert scalars["controller.step"] == 0.5
    assert len(scalars) == 3


def test_cuts_at_the_ends_of_the_curve_are_not_kept():
    """A system of one group has them; once it spreads, they would leave all of it on one rank."""
    keys = scattered(np.random.default_rng(12), 90)
    _, last = cut_keys(keys, np.ones(90), 3, 100)
    assert ((last.hi == 0) & (last.lo == 0) | (last.hi == END)).any()
    assert cut_keys(keys, np.ones(90), 3, 4, None, last)[0] == cut_keys(keys, np.ones(90), 3, 4)[0]


def test_owner_agrees_with_bounds():
    keys = scattered(np.random.default_rng(9), 500)
    _, result = cut_keys(keys, np.ones(500), 7, 3)
    hi = np.sort(np.array([key >> WORD for key in keys], dtype=np.uint64))
    bounds = result.bounds(hi, None)
    assert (result.owner(hi) == np.repeat(np.arange(7), np.diff(bounds))).all()
    assert (result.owner(result.hi, result.lo) == np.arange(1, 7)).all()


def test_groups_hold_at_least_one():
    with pytest.raises(ValueError, match="group_size is 0"):
        cuts(Alone(2), np.zeros(0, np.uint64), None, np.zeros(0), 0)
