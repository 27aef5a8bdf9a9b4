// sums.h: sums in fixed point, the same for every order of the terms (decomposition/fixed_point.py tells how they go together).
#pragma once
#include "prelude.h"

#ifndef HPC_CUDA
#include <algorithm>
#include <cmath>
#include <cstring>
__extension__ typedef __int128 Wide;

// The largest |x| of each of the k columns of rows (n, k), as the bits of a double, which order like the number itself: every
// finite number is below infinity, and infinity below NaN.
HOST(largest_bits)(long long n, long long k, const double* rows, long long* bits) {
  std::fill(bits, bits + k, 0LL);
  for (long long i = 0; i < n; i++)
    for (long long c = 0; c < k; c++) {
      long long b;
      std::memcpy(&b, rows + i * k + c, sizeof b);
      b &= 0x7fffffffffffffffLL;
      bits[c] = b > bits[c] ? b : bits[c];
    }
  return 0;
}

// Digits in base 2^32 of Σ round(x/q), q = 2^(e-90), |x| ≤ 2^e the largest of the column over all ranks, whose bits are given:
// (k, 4), the last digit signed.  Each term is cut into three words of 30 bits.  Columns with an infinity or NaN give 0.
HOST(fixed_sum)(long long n, long long k, const double* rows, const long long* bits, long long* digits) {
  constexpr double WORD = 1073741824.0;  // 2³⁰
  for (long long c = 0; c < k; c++) {
    double largest;
    std::memcpy(&largest, bits + c, sizeof largest);
    const bool usable = std::isfinite(largest);
    int e = 0;
    if (usable) std::frexp(largest, &e);
    // Two factors, since 2^-e alone can overflow for the smallest numbers.
    const double f = std::ldexp(1.0, -(e / 2)), s = std::ldexp(1.0, e / 2 - e);
    long long a0 = 0, a1 = 0, a2 = 0;
    for (long long i = 0; i < n && usable; i++) {
      double rest = rows[i * k + c] * f * s * WORD;
      const double w0 = std::rint(rest);
      rest = (rest - w0) * WORD;
      const double w1 = std::rint(rest);
      a0 += (long long)w0;
      a1 += (long long)w1;
      a2 += (long long)std::rint((rest - w1) * WORD);
    }
    Wide total = (Wide(a0) * (1LL << 30) + a1) * (1LL << 30) + a2;
    for (int d = 0; d < 3; d++, total >>= 32) digits[4 * c + d] = (long long)(total & 0xffffffff);
    digits[4 * c + 3] = (long long)total;
  }
  return 0;
}
#endif
