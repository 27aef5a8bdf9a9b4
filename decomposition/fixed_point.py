"""Sums that do not depend on the order of their terms nor on who holds them."""

from __future__ import annotations

import math

import numpy as np

WORD = 30  # bits per word; local sums of 2**32 terms still fit in int64
WORDS = 3  # 90 bits below the largest term
DIGIT = 32  # bits per digit of a rank's partial sum; sums over 2**31 ranks still fit in int64
DIGITS = 4
_BLOCK = 16384


def magnitude_bits(rows: np.ndarray) -> np.ndarray:
    """Largest |x| of each column as the int64 pattern of a float64, which orders like the number itself.

    rows: (n, k) float64.  Patterns put every finite number below infinity and infinity below NaN, so that a
    maximum over ranks keeps both (MPI's floating-point maximum may lose a NaN).  Zero rows give 0.
    """
    largest = np.zeros(rows.shape[1], dtype=np.int64)
    for columns in _blocks(rows):
        np.maximum(largest, np.abs(columns).view(np.int64).max(axis=1), out=largest)
    return largest


def partial_sum(rows: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Digits of Σ round(x / q) over the local rows, with the quantum q = 2^(e−90), max |x| ≤ 2^e.

    rows: (n, k) float64; bits: (k,) of `magnitude_bits`, maximised over the ranks.
    Returns (k, 4) int64 digits in base 2^32 of the exact integer sum, the leading one signed: digits of
    several ranks may be added as they are.  Every term is rounded by itself (to 2^-91 of the largest
    term), so that the sum is the same for any order and any distribution of the rows.
    Source: fixed-point force accumulation as in Anton and OpenMM (Shaw et al. 2009; Eastman et al. 2013),
    with three words instead of one.
    """
    sums = np.zeros((WORDS, rows.shape[1]), dtype=np.int64)
    exponents = _exponents(bits)
    # Two factors, since 2^-e alone can overflow for the smallest numbers.
    half = exponents // 2
    first, second = np.ldexp(1.0, -half)[:, None], np.ldexp(1.0, half - exponents)[:, None]
    usable = np.isfinite(bits.view(np.float64))
    for columns in _blocks(rows):
        rest = columns * first
        rest *= second
        if not usable.all():
            rest[~usable] = 0.0
        for word in range(WORDS):
            rest *= 2.0**WORD
            whole = np.rint(rest)
            sums[word] += whole.astype(np.int64).sum(axis=1)
            rest -= whole
    digits = np.zeros((rows.shape[1], DIGITS), dtype=np.int64)
    mask = (1 << DIGIT) - 1
    for column in range(rows.shape[1]):
        total = 0
        for word in range(WORDS):
            total = (total << WORD) + int(sums[word, column])
        for digit in range(DIGITS - 1):
            digits[column, digit] = (total >> (DIGIT * digit)) & mask
        digits[column, DIGITS - 1] = total >> (DIGIT * (DIGITS - 1))
    return digits


def total(digits: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """The sum as float64, rounded once.  digits: (k, 4) added over ranks; bits: (k,) as in `partial_sum`.

    A column that holds an infinity or a NaN gives NaN.
    """
    result = np.zeros(digits.shape[0])
    exponents = _exponents(bits)
    usable = np.isfinite(bits.view(np.float64))
    for column, row in enumerate(digits):
        whole = sum(int(value) << (DIGIT * place) for place, value in enumerate(row))
        try:
            result[column] = math.ldexp(float(whole), int(exponents[column]) - WORD * WORDS)
        except OverflowError:
            result[column] = math.copysign(math.inf, whole)
    result[~usable] = np.nan
    return result


def _blocks(rows: np.ndarray):
    """Pieces of the table with each column contiguous, small enough for the cache: about `_BLOCK` numbers."""
    length = max(_BLOCK // max(rows.shape[1], 1), 64)
    for start in range(0, rows.shape[0], length):
        yield np.ascontiguousarray(rows[start : start + length].T)


def _exponents(bits: np.ndarray) -> np.ndarray:
    largest = bits.view(np.float64)
    return np.frexp(np.where(np.isfinite(largest), largest, 0.0))[1].astype(np.int64)
