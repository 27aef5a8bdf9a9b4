"""Random numbers of flows: known answers of Philox, and the statistics of the normal variates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hpcphys.compiler.flows import noise

# counter, key -> words: the file kat_vectors of Random123 (Salmon et al. 2011)
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_philox_gives_the_published_words(counter, key, words):
    assert tuple(int(word) for word in noise.philox(counter, key)) == words


def test_moments_are_those_of_a_normal_distribution():
    count = 200_000
    drawn = np.concatenate(noise.normals(5, np.arange(count), 7, 0, 4))
    for power in range(1, 9):
        wanted = 0.0 if power % 2 else math.prod(range(1, power, 2))
        variance = math.prod(range(1, 2 * power, 2)) - wanted**2
        assert abs((drawn**power).mean() - wanted) < 4.5 * math.sqrt(variance / len(drawn)), power
    ordered = np.sort(drawn)
    expected = 0.5 * (1 + np.array([math.erf(x / math.sqrt(2)) for x in ordered[::100]]))
    distance = np.abs(expected - np.arange(len(ordered))[::100] / len(ordered)).max()
    assert distance < 1.95 / math.sqrt(len(ordered))  # Kolmogorov, 0.1 %


@pytest.mark.parametrize("other", ["draw", "system", "step", "seed"])
def test_variates_of_different_places_are_independent(other):
    systems = np.arange(100_000)
    first = noise.normals(5, systems, 7, 0, 2)
    second = {
        "draw": first[::-1],
        "system": [np.roll(x, 1) for x in first],
        "step": noise.normals(5, systems, 8, 0, 2),
        "seed": noise.normals(6, systems, 7, 0, 2),
    }[other]
    for f in (lambda x: x, np.abs, np.sign):
        assert abs(np.corrcoef(f(first[0]), f(second[0]))[0, 1]) < 4.5 / math.sqrt(len(systems))


def test_a_variate_depends_on_its_place_alone():
    whole = noise.normals(9, np.arange(1000), 1 << 40, 3, 5)
    part = noise.normals(9, np.arange(600, 900), 1 << 40, 3, 5)
    for a, b in zip(whole, part, strict=True):
        assert np.array_equal(a[600:900], b)
    assert len({x[0] for step in (0, 1 << 32, 1 << 33) for x in noise.normals(9, [0], step, 0, 2)}) == 6


def test_too_many_variates_in_a_step_are_refused():
    with pytest.raises(ValueError, match="at most 131072 are possible"):
        noise.normals(1, [0], 0, noise.BLOCKS - 1, 3)
