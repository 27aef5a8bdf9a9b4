"""Sums that do not depend on the order of their terms nor on who holds them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from hpcphys.kernels import Module, backend

WORD = 30  # bits per word; local sums of 2**32 terms still fit in int64
WORDS = 3  # 90 bits below the largest term
DIGIT = 32  # bits per digit of a rank's partial sum; sums over 2**31 ranks still fit in int64
DIGITS = 4


@cache
def sums() -> Module:
    """The host functions of kernels/sums.h."""
    return backend("cpu").module("sums")


def magnitude_bits(rows: np.ndarray) -> np.ndarray:
    """Largest |x| of each column as the int64 pattern of a float64, which orders like the number itself.

    rows: (n, k) float64.  Patterns put every finite number below infinity and infinity below NaN, so that a
    maximum over ranks keeps both (MPI's floating-point maximum may lose a NaN).  Zero rows give 0.
    """
    bits = np.empty(rows.shape[1], dtype=np.int64)
    sums().host("largest_bits", *rows.shape, np.ascontiguousarray(rows), bits)
    return bits


def partial_sum(rows: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Digits of Σ round(x / q) over the local rows, with the quantum q = 2^(e−90), max |x| ≤ 2^e.

    rows: (n, k) float64; bits: (k,) of `magnitude_bits`, maximised over the ranks.
    Returns (k, 4) int64 digits in base 2^32 of the exact integer sum, the leading one signed: digits of
    several ranks may be added as they are.  Every term is rounded by itself (to 2^-91 of the largest
    term), so that the sum is the same for any order and any distribution of the rows.
    Source: fixed-point force accumulation as in Anton and OpenMM (Shaw et al. 2009; Eastman et al. 2013),
    with three words instead of one.
    """
    digits = np.empty((rows.shape[1], DIGITS), dtype=np.int64)
    sums().host("fixed_sum", *rows.shape, np.ascontiguousarray(rows), bits, digits)
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


def _exponents(bits: np.ndarray) -> np.ndarray:
    largest = bits.view(np.float64)
    return np.frexp(np.where(np.isfinite(largest), largest, 0.0))[1].astype(np.int64)
