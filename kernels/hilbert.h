// hilbert.h: Hilbert keys of positions, and sorting by them.
//
// A position is quantised to 42 bits per axis in a cube.  The key's first word holds levels 1…21 of the octree (3 bits per
// level, most significant first, 63 bits), the second word levels 22…42; the second is needed where first words tie.
// Construction: Skilling (2004), "Programming the Hilbert curve", AIP Conf. Proc. 707, 381, without branches.
#pragma once
#include "prelude.h"
typedef unsigned long long u64;

// Spreads 21 bits to every third bit.
DEV u64 spread(u64 v) {
  v = (v | v << 32) & 0x001f00000000ffffull;
  v = (v | v << 16) & 0x001f0000ff0000ffull;
  v = (v | v << 8) & 0x100f00f00f00f00full;
  v = (v | v << 4) & 0x10c30c30c30c30c3ull;
  return (v | v << 2) & 0x1249249249249249ull;
}

// Skilling's transposed Hilbert index of a point of BITS bits per axis, in place: bit b of (x, y, z) are digit b.
template <int BITS, class U> DEV void hilbert_transpose(U& x, U& y, U& z) {
  UNROLL(42)
  for (int b = BITS - 1; b > 0; b--) {
    const U low = (U(1) << b) - 1;
    U m = U(0) - ((x >> b) & 1);
    x ^= low & m;
    m = U(0) - ((y >> b) & 1);
    U t = (x ^ y) & low & ~m;
    x ^= (low & m) | t;
    y ^= t;
    m = U(0) - ((z >> b) & 1);
    t = (x ^ z) & low & ~m;
    x ^= (low & m) | t;
    z ^= t;
  }
  y ^= x;
  z ^= y;
  U t = z >> 1;  // t: bit b is the parity of the bits of z above b
  for (int s = 1; s < BITS; s *= 2) t ^= t >> s;
  x ^= t;
  y ^= t;
  z ^= t;
}

// The cell of a coordinate among 2^bits, `cells` = 2^bits; outside the cube: the nearest cell.
DEV double cell_of(double position, double origin, double per_length, double cells) {
  const double u = (position - origin) * per_length;
  return u < 0 ? 0 : (u > cells - 1 ? cells - 1 : u);
}

// Bounds of blocks of `rows` positions: lo x, y, z, hi x, y, z, and a seventh value that is 0 if all are finite, else NaN.
KERNEL(position_bounds)(long long n, long long total, long long rows, const double* RESTRICT position, double* RESTRICT bounds) {
  ELEMENTS(b, n) {
    double lo[3] = {1e300, 1e300, 1e300}, hi[3] = {-1e300, -1e300, -1e300}, odd = 0;
    const long long end = smaller(total, (b + 1) * rows);
    for (long long i = b * rows; i < end; i++)
      for (int k = 0; k < 3; k++) {
        const double p = position[3 * i + k];
        lo[k] = smaller(lo[k], p);
        hi[k] = larger(hi[k], p);
        odd += p - p;
      }
    for (int k = 0; k < 3; k++) {
      bounds[7 * b + k] = lo[k];
      bounds[7 * b + 3 + k] = hi[k];
    }
    bounds[7 * b + 6] = odd;
  }
}

// First words of the keys, for a cube of lowest corner (ox, oy, oz) and 1/side = per_side.
// A block of 16 at a time, so that the compiler keeps each step of the transformation in vector registers.
KERNEL(hilbert_keys)(long long n, const double* RESTRICT position, double ox, double oy, double oz, double per_side,
                     u64* RESTRICT key) {
  constexpr int BLOCK = 16;
  ELEMENTS(block, (n + BLOCK - 1) / BLOCK) {
    const long long first = block * BLOCK;
    const int count = int(smaller((long long)BLOCK, n - first));
    unsigned x[BLOCK], y[BLOCK], z[BLOCK];
    for (int k = 0; k < BLOCK; k++) {
      const double* p = position + 3 * (first + smaller(k, count - 1));
      x[k] = unsigned(int(cell_of(p[0], ox, per_side * 2097152.0, 2097152.0)));
      y[k] = unsigned(int(cell_of(p[1], oy, per_side * 2097152.0, 2097152.0)));
      z[k] = unsigned(int(cell_of(p[2], oz, per_side * 2097152.0, 2097152.0)));
    }
    for (int k = 0; k < BLOCK; k++) hilbert_transpose<21>(x[k], y[k], z[k]);
    u64 code[BLOCK];
    for (int k = 0; k < BLOCK; k++) code[k] = spread(x[k]) << 2 | spread(y[k]) << 1 | spread(z[k]);
    for (int k = 0; k < count; k++) key[first + k] = code[k];
  }
}

// Second words.
KERNEL(hilbert_keys_low)(long long n, const double* RESTRICT position, double ox, double oy, double oz, double per_side,
                         u64* RESTRICT key) {
  constexpr double CELLS = 4398046511104.0;  // 2⁴²
  ELEMENTS(i, n) {
    u64 x = u64((long long)cell_of(position[3 * i], ox, per_side * CELLS, CELLS)),
        y = u64((long long)cell_of(position[3 * i + 1], oy, per_side * CELLS, CELLS)),
        z = u64((long long)cell_of(position[3 * i + 2], oz, per_side * CELLS, CELLS));
    hilbert_transpose<42>(x, y, z);
    key[i] = spread(x & 0x1fffff) << 2 | spread(y & 0x1fffff) << 1 | spread(z & 0x1fffff);
  }
}

#ifndef HPC_CUDA
#include <algorithm>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#endif
// order[0…n-1]: the permutation that sorts key; key comes back sorted.  Ties are left in their order (stable).
// Least-significant-digit radix sort of 36 bits below the highest one in which keys differ, all digits counted in one sweep;
// then each run of equal top bits is sorted by comparison.
// scratch_key, scratch_order: n words each.
HOST(sort_keys)(long long n, u64* key, unsigned* order, u64* scratch_key, unsigned* scratch_order) {
  constexpr int BITS = 12, BUCKETS = 1 << BITS, PASSES = 3;
  int threads = 1;
#ifdef _OPENMP
  threads = n > 100000 ? omp_get_max_threads() : 1;
#endif
  const auto part = [&](int t) { return n * t / threads; };
  u64 differing = 0;
#pragma omp parallel for num_threads(threads) schedule(static) reduction(| : differing)
  for (long long i = 0; i < n; i++) {
    order[i] = unsigned(i);
    differing |= key[i] ^ key[0];
  }
  const int lowest = differing >> (PASSES * BITS) ? 64 - leading_zeros(differing) - PASSES * BITS : 0;
  std::vector<unsigned> offsets((size_t)PASSES * threads * BUCKETS);
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (int t = 0; t < threads; t++) {
    unsigned* o = &offsets[(size_t)t * PASSES * BUCKETS];
    for (long long i = part(t); i < part(t + 1); i++)
      for (int p = 0; p < PASSES; p++) o[p * BUCKETS + ((key[i] >> (lowest + p * BITS)) & (BUCKETS - 1))]++;
  }
  u64 *from = key, *to = scratch_key;
  unsigned *order_from = order, *order_to = scratch_order;
  for (int p = 0; p < PASSES; p++) {
    const int shift = lowest + p * BITS;
    if (p > 0 && threads > 1) {  // who holds which keys has changed
#pragma omp parallel for num_threads(threads) schedule(static, 1)
      for (int t = 0; t < threads; t++) {
        unsigned* o = &offsets[((size_t)t * PASSES + p) * BUCKETS];
        std::fill(o, o + BUCKETS, 0u);
        for (long long i = part(t); i < part(t + 1); i++) o[(from[i] >> shift) & (BUCKETS - 1)]++;
      }
    }
    unsigned total = 0;
    for (int b = 0; b < BUCKETS; b++)
      for (int t = 0; t < threads; t++) {
        unsigned& o = offsets[((size_t)t * PASSES + p) * BUCKETS + b];
        const unsigned c = o;
        o = total;
        total += c;
      }
#pragma omp parallel for num_threads(threads) schedule(static, 1)
    for (int t = 0; t < threads; t++) {
      unsigned* o = &offsets[((size_t)t * PASSES + p) * BUCKETS];
      for (long long i = part(t); i < part(t + 1); i++) {
        const unsigned at = o[(from[i] >> shift) & (BUCKETS - 1)]++;
        to[at] = from[i];
        order_to[at] = order_from[i];
      }
    }
    std::swap(from, to);
    std::swap(order_from, order_to);
  }
  if (from != key) {  // an odd number of passes
    std::copy(from, from + n, key);
    std::copy(order_from, order_from + n, order);
  }
  std::vector<std::pair<u64, unsigned>> run;
  for (long long i = 0; i < n;) {
    long long j = i + 1;
    bool sorted = true;
    for (; j < n && (key[j] >> lowest) == (key[i] >> lowest); j++) sorted &= key[j - 1] <= key[j];
    if (!sorted) {
      run.clear();
      for (long long k = i; k < j; k++) run.emplace_back(key[k], unsigned(k));
      std::sort(run.begin(), run.end());
      for (long long k = i; k < j; k++) scratch_order[k] = order[run[k - i].second];
      for (long long k = i; k < j; k++) {
        key[k] = run[k - i].first;
        order[k] = scratch_order[k];
      }
    }
    i = j;
  }
  return 0;
}
#endif
