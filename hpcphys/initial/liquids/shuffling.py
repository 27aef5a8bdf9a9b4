"""A random permutation of any number of rows, of which each rank knows what it needs and nothing else."""

from __future__ import annotations

import numpy as np

ROUNDS = 8
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def shuffled(rows: np.ndarray, count: int, rng_seed: int) -> np.ndarray:
    """Place of each row in a pseudo-random permutation of 0 … count-1: (n,) int64.

    A Feistel network on the smallest even number of bits that holds `count`, applied again to what falls
    outside: a permutation, the same on every rank, at the cost of its own rows.
    rows: (n,) int64 in [0, count);  rng_seed: int in [0, 2^64)
    Source: Luby & Rackoff (1988), SIAM J. Comput. 17, 373; cycle walking: Black & Rogaway (2002), CT-RSA;
    round function: Steele, Lea & Flood (2014), OOPSLA, "SplitMix".
    """
    half = max(1, (max(count - 1, 1).bit_length() + 1) // 2)
    place = np.array(rows, dtype=np.uint64)
    outside = np.ones(len(place), bool)
    while outside.any():
        place[outside] = _feistel(place[outside], half, rng_seed)
        outside = place >= np.uint64(count)
    return place.astype(np.int64)


def _feistel(value: np.ndarray, half: int, rng_seed: int) -> np.ndarray:
    low_bits, shift = np.uint64((1 << half) - 1), np.uint64(half)
    left, right = value >> shift, value & low_bits
    for number in range(ROUNDS):
        key = np.uint64((rng_seed + number * 0xD1342543DE82EF95) & 0xFFFFFFFFFFFFFFFF)
        left, right = right, left ^ (_mixed(right, key) & low_bits)
    return (left << shift) | right


def _mixed(value: np.ndarray, key: np.uint64) -> np.ndarray:
    """SplitMix64's finaliser of value + key."""
    with np.errstate(over="ignore"):
        z = (value + np.uint64(1)) * _MULTIPLIER + key
        z = (z ^ (z >> np.uint64(30))) * _MIX[0]
        z = (z ^ (z >> np.uint64(27))) * _MIX[1]
        return z ^ (z >> np.uint64(31))
