"""Random numbers that belong to a place, not to a sequence: who asks, at which step, for which draw.

A variate is a function of (seed; global system, step, draw), computed by Philox 4x32-10. So a trajectory does
not depend on ranks, threads, the division of steps into calls, or restarts. kernels/random.h computes the
same numbers; this is its reference in NumPy.

The counter of a block: words (system, system >> 32, step, block | step >> 32 << 16); the key: the seed. A
block gives two normal variates; an application of a flow begins with a new block.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
BLOCKS = 1 << 16
"""Most blocks that one step of one system may use."""

SEED = "noise.seed"
"""The scalar of a state that holds the seed; 0 where it is absent."""


def blocks(count: int) -> int:
    """Number of blocks that hold `count` normal variates."""
    return (count + 1) // 2


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Philox 4x32-10: four random 32-bit words for a counter of four and a key of two.

    counter: four arrays of uint64 below 2**32, broadcast against each other; returns four such arrays
    Source: Salmon, Moraes, Dror & Shaw (2011), Proc. SC11, section 3.3 and their known-answer vectors.
    """
    a, b, c, d = (np.asarray(word, dtype=np.uint64) for word in counter)
    low, high = (int(word) for word in key)
    for _ in range(ROUNDS):
        first, second = MULTIPLIERS[0] * a, MULTIPLIERS[1] * c
        a, b, c, d = (
            (second >> HALF) ^ b ^ np.uint64(low),
            second & LOW,
            (first >> HALF) ^ d ^ np.uint64(high),
            first & LOW,
        )
        low, high = (low + WEYL[0]) & 0xFFFFFFFF, (high + WEYL[1]) & 0xFFFFFFFF
    return a, b, c, d


def normals(seed: int, systems: Any, step: int, first_block: int, count: int) -> list[Any]:
    """`count` independent standard normal variates of each system, from block `first_block` of the step on.

    systems: global indices (n,); returns `count` arrays (n,) of float64
    Two variates of a block: r cos(theta), r sin(theta) with r = (-2 ln u)^(1/2), theta = 2 pi w; u in (0, 1]
    and w in [0, 1) have 52 bits each. Raises ValueError where a step would use more than 65536 blocks.
    Source: Box & Muller (1958) Ann. Math. Stat. 29, 610.
    """
    if first_block + blocks(count) > BLOCKS:
        raise ValueError(
            f"a step draws {2 * (first_block + blocks(count))} normal variates for each system; "
            f"at most {2 * BLOCKS} are possible"
        )
    index = np.asarray(systems, dtype=np.uint64)
    key = (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF)
    drawn: list[Any] = []
    for block in range(first_block, first_block + blocks(count)):
        last = np.uint64(block | (step >> 32) << 16)
        words = philox((index & LOW, index >> HALF, np.uint64(step & 0xFFFFFFFF), last), key)
        u = 1.0 - _fraction(words[0], words[1])
        angle = 2.0 * np.pi * _fraction(words[2], words[3])
        radius = np.sqrt(-2.0 * np.log(u))
        drawn += [radius * np.cos(angle), radius * np.sin(angle)]
    return drawn[:count]


def _fraction(low: Any, high: Any) -> Any:
    """The upper 52 bits of a 64-bit word as a number in [0, 1)."""
    return ((low | high << HALF) >> np.uint64(12)).astype(np.float64) * 2.0**-52
