"""Which numbers of points transform fast."""

from __future__ import annotations

SLOW_ABOVE = 13  # FFTW has hand-made codelets for factors up to 13, and general methods beyond


def smooth_sizes(count: int) -> tuple[int, int]:
    """The nearest numbers of points, at most and at least `count`, without prime factors above 7."""
    return _nearest(count, -1), _nearest(count, 1)


def largest_prime(count: int) -> int:
    """The largest prime factor of a number of points; transforms are slow above 13."""
    largest, factor = 1, 2
    while factor * factor <= count:
        while count % factor == 0:
            largest, count = factor, count // factor
        factor += 1
    return max(largest, count)


def slow_size(count: int) -> str:
    """What to say of a number of points that transforms slowly; "" of others."""
    factor = largest_prime(count)
    if factor <= SLOW_ABOVE:
        return ""
    below, above = smooth_sizes(count)
    return f"{count} points have the prime factor {factor}: transforms are slow; {below} or {above} are fast"


def _nearest(count: int, step: int) -> int:
    while count > 1 and largest_prime(count) > 7:
        count += step
    return count
