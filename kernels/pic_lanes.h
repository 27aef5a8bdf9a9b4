// pic_lanes.h: vector registers of particles on the CPU: masked and compressing stores, and squares of registers turned over.
//
// Masks of lanes are bit sets.  AVX-512 has an instruction for each of these; elsewhere they are loops over lanes.
#pragma once
#include "prelude.h"

typedef REAL real;
#ifndef HPC_CUDA
typedef vector_of<real>::type vec;
typedef int whole_vec __attribute__((vector_size(4 * LANES_)));  // one int per lane
constexpr bool SINGLE = sizeof(real) == 4;

DEV vec splat(real s) { return s - vec{}; }
DEV unsigned first_lanes(int n) { return n >= LANES_ ? (1u << LANES_) - 1 : n <= 0 ? 0 : (1u << n) - 1; }
DEV int lanes_in(unsigned m) { return __builtin_popcount(m); }
DEV vec load_all(const real* p) {
  vec v;
  memcpy(&v, p, sizeof(v));
  return v;
}
DEV void store_all(real* p, vec v) { memcpy(p, &v, sizeof(v)); }
DEV whole_vec load_whole(const int* p) {
  whole_vec v;
  memcpy(&v, p, sizeof(v));
  return v;
}

#if HPC_AVX512
DEV vec load_lanes(const real* p, unsigned m) {
  if constexpr (SINGLE) return (vec)_mm512_maskz_loadu_ps((__mmask16)m, (const float*)p);
  else return (vec)_mm512_maskz_loadu_pd((__mmask8)m, (const double*)p);
}
DEV void store_lanes(real* p, vec v, unsigned m) {
  if constexpr (SINGLE) _mm512_mask_storeu_ps((float*)p, (__mmask16)m, (__m512)v);
  else _mm512_mask_storeu_pd((double*)p, (__mmask8)m, (__m512d)v);
}
DEV vec compressed(vec v, unsigned m) {
  if constexpr (SINGLE) return (vec)_mm512_maskz_compress_ps((__mmask16)m, (__m512)v);
  else return (vec)_mm512_maskz_compress_pd((__mmask8)m, (__m512d)v);
}
DEV whole_vec compressed(whole_vec v, unsigned m) {
  if constexpr (SINGLE) {
    const __m512i r = _mm512_maskz_compress_epi32((__mmask16)m, *(__m512i*)&v);
    memcpy(&v, &r, sizeof(v));
  } else {
    const __m256i r = _mm256_maskz_compress_epi32((__mmask8)m, *(__m256i*)&v);
    memcpy(&v, &r, sizeof(v));
  }
  return v;
}
// Lanes in m of a, the others of b.
DEV vec blend(unsigned m, vec a, vec b) {
  if constexpr (SINGLE) return (vec)_mm512_mask_mov_ps((__m512)b, (__mmask16)m, (__m512)a);
  else return (vec)_mm512_mask_mov_pd((__m512d)b, (__mmask8)m, (__m512d)a);
}
DEV whole_vec add_where(unsigned m, whole_vec a, whole_vec b) {
  if constexpr (SINGLE) {
    const __m512i r = _mm512_mask_add_epi32(*(__m512i*)&a, (__mmask16)m, *(__m512i*)&a, *(__m512i*)&b);
    memcpy(&a, &r, sizeof(a));
  } else {
    const __m256i r = _mm256_mask_add_epi32(*(__m256i*)&a, (__mmask8)m, *(__m256i*)&a, *(__m256i*)&b);
    memcpy(&a, &r, sizeof(a));
  }
  return a;
}
DEV vec magnitude(vec a) {
  if constexpr (SINGLE) return (vec)_mm512_abs_ps((__m512)a);
  else return (vec)_mm512_abs_pd((__m512d)a);
}
// The sign of b on the magnitude a ≥ 0.
DEV vec with_sign(vec a, vec b) {
  const __m512i sign = SINGLE ? _mm512_set1_epi32(1 << 31) : _mm512_set1_epi64(1ll << 63);
  return (vec)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, sign, 0xd8);  // sign ? b : a
}
DEV vec lesser(vec a, vec b) {
  if constexpr (SINGLE) return (vec)_mm512_min_ps((__m512)a, (__m512)b);
  else return (vec)_mm512_min_pd((__m512d)a, (__m512d)b);
}
DEV vec greater(vec a, vec b) {
  if constexpr (SINGLE) return (vec)_mm512_max_ps((__m512)a, (__m512)b);
  else return (vec)_mm512_max_pd((__m512d)a, (__m512d)b);
}
// Lanes where a ≤ b does not hold: NaN counts.
DEV unsigned not_at_most(vec a, vec b) {
  if constexpr (SINGLE) return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NLE_UQ);
  else return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_NLE_UQ);
}
DEV unsigned equal_lanes(vec a, vec b) {
  if constexpr (SINGLE) return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
  else return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_EQ_OQ);
}
DEV vec root(vec a) {
  if constexpr (SINGLE) return (vec)_mm512_sqrt_ps((__m512)a);
  else return (vec)_mm512_sqrt_pd((__m512d)a);
}
DEV vec nearest_whole(vec a) {
  if constexpr (SINGLE) return (vec)_mm512_roundscale_ps((__m512)a, 8);
  else return (vec)_mm512_roundscale_pd((__m512d)a, 8);
}
// 1/x and 1/√x for x > 0, to the last bit or two, by Newton's steps from 14 bits.
DEV vec reciprocal(vec x) {
  vec y;
  if constexpr (SINGLE) y = (vec)_mm512_rcp14_ps((__m512)x);
  else {
    y = (vec)_mm512_rcp14_pd((__m512d)x);
    y = y * (splat(2) - x * y);
  }
  return y * (splat(2) - x * y);
}
DEV vec reciprocal_root(vec x) {
  vec y;
  const vec h = x * splat(real(0.5));
  if constexpr (SINGLE) y = (vec)_mm512_rsqrt14_ps((__m512)x);
  else {
    y = (vec)_mm512_rsqrt14_pd((__m512d)x);
    y = y * (splat(real(1.5)) - h * y * y);
  }
  return y * (splat(real(1.5)) - (h * y) * y);
}
#define QUARTERS_(a, b, code)                                                              \
  (SINGLE ? (vec)_mm512_shuffle_f32x4((__m512)(a), (__m512)(b), code)                      \
          : (vec)_mm512_shuffle_f64x2((__m512d)(a), (__m512d)(b), code))
// Rows become columns: lane i of r[j] and lane j of r[i] change places.
DEV void turn_over(vec* r) {
  vec t[LANES_];
  constexpr int W = LANES_ / 4;  // lanes of a quarter register
  if constexpr (SINGLE) {
    EACH(i, 8) {
      t[2 * i] = (vec)_mm512_unpacklo_ps((__m512)r[2 * i], (__m512)r[2 * i + 1]);
      t[2 * i + 1] = (vec)_mm512_unpackhi_ps((__m512)r[2 * i], (__m512)r[2 * i + 1]);
    }
    EACH(i, 4) EACH(j, 2) {
      r[4 * i + 2 * j] = (vec)_mm512_unpacklo_pd((__m512d)t[4 * i + j], (__m512d)t[4 * i + 2 + j]);
      r[4 * i + 2 * j + 1] = (vec)_mm512_unpackhi_pd((__m512d)t[4 * i + j], (__m512d)t[4 * i + 2 + j]);
    }
  } else {
    EACH(i, 4) {
      t[2 * i] = (vec)_mm512_unpacklo_pd((__m512d)r[2 * i], (__m512d)r[2 * i + 1]);
      t[2 * i + 1] = (vec)_mm512_unpackhi_pd((__m512d)r[2 * i], (__m512d)r[2 * i + 1]);
    }
    EACH(i, 8) r[i] = t[i];
  }
  EACH(j, W) {
    const vec a = QUARTERS_(r[j], r[W + j], 0x44), b = QUARTERS_(r[j], r[W + j], 0xee);
    const vec c = QUARTERS_(r[2 * W + j], r[3 * W + j], 0x44), d = QUARTERS_(r[2 * W + j], r[3 * W + j], 0xee);
    t[j] = QUARTERS_(a, c, 0x88);
    t[W + j] = QUARTERS_(a, c, 0xdd);
    t[2 * W + j] = QUARTERS_(b, d, 0x88);
    t[3 * W + j] = QUARTERS_(b, d, 0xdd);
  }
  UNROLL(16) for (int i = 0; i < LANES_; i++) r[i] = t[i];
}
// Lane i of the result is the sum over the lanes of r[i].
DEV vec sums_of(const vec* r) {
  vec w[4];
  if constexpr (SINGLE) {
    vec u[8];
    EACH(i, 8) u[i] = (vec)_mm512_unpacklo_ps((__m512)r[2 * i], (__m512)r[2 * i + 1]) +
                      (vec)_mm512_unpackhi_ps((__m512)r[2 * i], (__m512)r[2 * i + 1]);
    EACH(i, 4) w[i] = (vec)_mm512_unpacklo_pd((__m512d)u[2 * i], (__m512d)u[2 * i + 1]) +
                      (vec)_mm512_unpackhi_pd((__m512d)u[2 * i], (__m512d)u[2 * i + 1]);
  } else {
    EACH(i, 4) w[i] = (vec)_mm512_unpacklo_pd((__m512d)r[2 * i], (__m512d)r[2 * i + 1]) +
                      (vec)_mm512_unpackhi_pd((__m512d)r[2 * i], (__m512d)r[2 * i + 1]);
  }
  const vec a = QUARTERS_(w[0], w[1], 0x44) + QUARTERS_(w[0], w[1], 0xee);
  const vec b = QUARTERS_(w[2], w[3], 0x44) + QUARTERS_(w[2], w[3], 0xee);
  return QUARTERS_(a, b, 0x88) + QUARTERS_(a, b, 0xdd);
}
#undef QUARTERS_
#else
#define EACH_LANE_ UNROLL(16) for (int l = 0; l < LANES_; l++)
DEV vec load_lanes(const real* p, unsigned m) {
  vec v = {};
  EACH_LANE_ if (m >> l & 1) v[l] = p[l];
  return v;
}
DEV void store_lanes(real* p, vec v, unsigned m) { EACH_LANE_ if (m >> l & 1) p[l] = v[l]; }
template <class V> DEV V compressed(V v, unsigned m) {
  V r = {};
  int n = 0;
  for (; m; m &= m - 1) r[n++] = v[__builtin_ctz(m)];
  return r;
}
DEV vec blend(unsigned m, vec a, vec b) {
  EACH_LANE_ if (m >> l & 1) b[l] = a[l];
  return b;
}
DEV whole_vec add_where(unsigned m, whole_vec a, whole_vec b) {
  EACH_LANE_ if (m >> l & 1) a[l] += b[l];
  return a;
}
DEV vec magnitude(vec a) { return a < 0 ? -a : a; }
DEV vec with_sign(vec a, vec b) { return b < 0 ? -a : a; }
DEV vec lesser(vec a, vec b) { return a < b ? a : b; }
DEV vec greater(vec a, vec b) { return a > b ? a : b; }
DEV unsigned not_at_most(vec a, vec b) {
  unsigned m = 0;
  EACH_LANE_ m |= unsigned(!(a[l] <= b[l])) << l;
  return m;
}
DEV unsigned equal_lanes(vec a, vec b) {
  unsigned m = 0;
  EACH_LANE_ m |= unsigned(a[l] == b[l]) << l;
  return m;
}
DEV vec root(vec a) {
  EACH_LANE_ a[l] = real(sqrt(a[l]));
  return a;
}
DEV vec nearest_whole(vec a) {
  EACH_LANE_ a[l] = real(rint(a[l]));
  return a;
}
DEV vec reciprocal(vec x) { return splat(1) / x; }
DEV vec reciprocal_root(vec x) { return splat(1) / root(x); }
DEV void turn_over(vec* r) {
  for (int i = 0; i < LANES_; i++)
    for (int j = 0; j < i; j++) {
      const real a = r[i][j];
      r[i][j] = r[j][i];
      r[j][i] = a;
    }
}
DEV vec sums_of(const vec* r) {
  vec v = {};
  for (int i = 0; i < LANES_; i++)
    for (int l = 0; l < LANES_; l++) v[i] += r[i][l];
  return v;
}
#endif
#endif
