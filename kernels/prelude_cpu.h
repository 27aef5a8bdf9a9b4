// prelude_cpu.h: the dialect of prelude.h on the CPU: OpenMP over elements or groups, vector registers as lanes.
//
// AVX-512 and AVX2 have hand-chosen instructions where the compiler does not find them (reciprocal square root,
// gathers, compaction); every other machine runs the generic vector code.  Tests choose the others by HPC_NO_AVX512 and
// HPC_GENERIC.  Masks of lanes are bit sets.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__AVX512F__) && defined(__AVX512VL__) && !defined(HPC_GENERIC) && !defined(HPC_NO_AVX512)
#include <immintrin.h>
#define HPC_AVX512 1
#define VECTOR_BYTES 64
#elif defined(__AVX2__) && !defined(HPC_GENERIC)
#include <immintrin.h>
#define HPC_AVX2 1
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#ifndef REAL
#define REAL float
#endif

#define KERNEL(name) extern "C" void name
#define GROUP_KERNEL(name) extern "C" void name
#define HOST(name) extern "C" long long name
#define DEV static inline __attribute__((always_inline))
#define RESTRICT __restrict__
#define PRAGMA(x) _Pragma(#x)
#define ELEMENTS(i, n) PRAGMA(omp parallel for schedule(static)) for (long long i = 0; i < (n); i++)
#define GROUPS(g, n) \
  PRAGMA(omp parallel for schedule(dynamic, 4)) for (long long g = 0; g < (n); g++) if (SubnormalsFlushed flushed; true)
#define COOPERATE(k, n) for (int k = 0; k < (n); k++)
#define BARRIER ((void)0)
#define LANE0
#define SHARED(T, name, n) alignas(64) T name[n]
#define UNROLL(n) PRAGMA(GCC unroll n)
#define EACH(k, V) UNROLL(8) for (int k = 0; k < V; k++)

// While one lives, numbers below the smallest normal one are zero in this thread: a single subnormal operand costs some cores
// a hundred cycles, and the quadrupoles of tight leaves can be nothing else.  The caller's setting comes back.
struct SubnormalsFlushed {
#ifdef __SSE2__
  const unsigned before = __builtin_ia32_stmxcsr();
  SubnormalsFlushed() { __builtin_ia32_ldmxcsr(before | 0x8040); }
  ~SubnormalsFlushed() { __builtin_ia32_ldmxcsr(before); }
#else
  ~SubnormalsFlushed() {}
#endif
};

template <class T> struct vector_of { typedef T type __attribute__((vector_size(VECTOR_BYTES))); };
template <class T> constexpr int lanes_of() { return VECTOR_BYTES / int(sizeof(T)); }
constexpr int LANES_ = lanes_of<REAL>();  // lanes of one register
#undef LANES
#define LANES LANES_

// One value per lane, in V registers.
template <class T, int V> struct varying {
  typedef typename vector_of<T>::type vec;
  vec v[V];
  varying() = default;
  inline __attribute__((always_inline)) varying(T s) { EACH(k, V) v[k] = s - vec{}; }  // not vec{} + s: that is a real addition
};
#define ARITHMETIC_(op)                                                                                    \
  template <class T, int V> DEV varying<T, V> operator op(varying<T, V> a, varying<T, V> b) {              \
    EACH(k, V) a.v[k] = a.v[k] op b.v[k];                                                                  \
    return a;                                                                                              \
  }                                                                                                        \
  template <class T, int V> DEV varying<T, V> operator op(varying<T, V> a, T b) { return a op varying<T, V>(b); } \
  template <class T, int V> DEV varying<T, V> operator op(T a, varying<T, V> b) { return varying<T, V>(a) op b; } \
  template <class T, int V> DEV varying<T, V>& operator op##=(varying<T, V>& a, varying<T, V> b) { return a = a op b; }
ARITHMETIC_(+) ARITHMETIC_(-) ARITHMETIC_(*) ARITHMETIC_(/)
#undef ARITHMETIC_

// Lane by lane: where a < b (or a == b) take x, else y.
template <class T, int V> DEV varying<T, V> select_less(varying<T, V> a, varying<T, V> b, varying<T, V> x, varying<T, V> y) {
  EACH(k, V) x.v[k] = a.v[k] < b.v[k] ? x.v[k] : y.v[k];
  return x;
}
template <class T, int V> DEV varying<T, V> select_equal(varying<T, V> a, varying<T, V> b, varying<T, V> x, varying<T, V> y) {
  EACH(k, V) x.v[k] = a.v[k] == b.v[k] ? x.v[k] : y.v[k];
  return x;
}
template <class T, int V> DEV varying<T, V> larger(varying<T, V> a, varying<T, V> b) { return select_less(b, a, a, b); }
template <class T, int V> DEV varying<T, V> absolute(varying<T, V> a) { return larger(a, T(0) - a); }
template <class T, int V> DEV bool any_less(varying<T, V> a, varying<T, V> b) {
#if HPC_AVX512
  unsigned m = 0;
  if constexpr (sizeof(T) == 4) { EACH(k, V) m |= _mm512_cmp_ps_mask((__m512)a.v[k], (__m512)b.v[k], _CMP_LT_OQ); }
  else { EACH(k, V) m |= _mm512_cmp_pd_mask((__m512d)a.v[k], (__m512d)b.v[k], _CMP_LT_OQ); }
  return m != 0;
#else
  int m = 0;
  EACH(k, V) for (int l = 0; l < lanes_of<T>(); l++) m |= a.v[k][l] < b.v[k][l];
  return m != 0;
#endif
}

template <class T, int V> DEV varying<T, V> square_root(varying<T, V> a) {
#if HPC_AVX512
  typedef typename varying<T, V>::vec vec;
  if constexpr (sizeof(T) == 4) { EACH(k, V) a.v[k] = (vec)_mm512_sqrt_ps((__m512)a.v[k]); }
  else { EACH(k, V) a.v[k] = (vec)_mm512_sqrt_pd((__m512d)a.v[k]); }
  return a;
#elif HPC_AVX2
  typedef typename varying<T, V>::vec vec;
  if constexpr (sizeof(T) == 4) { EACH(k, V) a.v[k] = (vec)_mm256_sqrt_ps((__m256)a.v[k]); }
  else { EACH(k, V) a.v[k] = (vec)_mm256_sqrt_pd((__m256d)a.v[k]); }
  return a;
#endif
  EACH(k, V) for (int l = 0; l < lanes_of<T>(); l++) a.v[k][l] = T(sqrt(a.v[k][l]));
  return a;
}
// 1/√x to at least 11 bits in single, to full precision in double.  inf at 0.
template <class T, int V> DEV varying<T, V> inverse_sqrt_seed(varying<T, V> a) {
  typedef typename varying<T, V>::vec vec;
#if HPC_AVX512
  if constexpr (sizeof(T) == 4) { EACH(k, V) a.v[k] = (vec)_mm512_rsqrt14_ps((__m512)a.v[k]); }
  else {
    EACH(k, V) {
      vec y = (vec)_mm512_rsqrt14_pd((__m512d)a.v[k]);
      const vec h = a.v[k] * T(0.5);
      vec z = y * (T(1.5) - h * y * y);
      z = z * (T(1.5) - h * z * z);
      a.v[k] = z == z ? z : y;  // 0·∞ at x = 0
    }
  }
  return a;
#elif HPC_AVX2
  if constexpr (sizeof(T) == 4) { EACH(k, V) a.v[k] = (vec)_mm256_rsqrt_ps((__m256)a.v[k]); return a; }
#endif
  EACH(k, V) for (int l = 0; l < lanes_of<T>(); l++) a.v[k][l] = T(1) / T(sqrt(a.v[k][l]));
  return a;
}

template <int V, class T> DEV varying<T, V> load_block(const T* p) {
  varying<T, V> r;
  EACH(k, V) memcpy(&r.v[k], p + k * lanes_of<T>(), VECTOR_BYTES);
  return r;
}
// p[lane] += v, summed in double precision.
template <class T, int V> DEV void accumulate_block(double* p, varying<T, V> v) {
  EACH(k, V) {
    alignas(64) T t[lanes_of<T>()];
    memcpy(t, &v.v[k], VECTOR_BYTES);
    for (int l = 0; l < lanes_of<T>(); l++) p[k * lanes_of<T>() + l] += t[l];
  }
}
// body(Count<V>{}, first) over blocks of at most MAX registers of targets, 0 … count-1 (the last one padded).
template <int MAX, class F> DEV void for_blocks(int count, F body) {
  int registers = (count + LANES - 1) / LANES, b = 0;
  if constexpr (MAX >= 4) for (; registers >= 4; registers -= 4, b += 4 * LANES) body(Count<4>{}, b);
  if constexpr (MAX >= 3) for (; registers >= 3; registers -= 3, b += 3 * LANES) body(Count<3>{}, b);
  if constexpr (MAX >= 2) for (; registers >= 2; registers -= 2, b += 2 * LANES) body(Count<2>{}, b);
  for (; registers >= 1; registers--, b += LANES) body(Count<1>{}, b);
}

// ---- walks: one node per lane, masks are bit sets -------------------------------------------------------------------
struct lanes_mask {
  unsigned bits;
};
DEV lanes_mask operator&(lanes_mask a, lanes_mask b) { return {a.bits & b.bits}; }
DEV lanes_mask operator|(lanes_mask a, lanes_mask b) { return {a.bits | b.bits}; }
DEV lanes_mask operator!(lanes_mask a) { return {~a.bits & ((1u << LANES) - 1)}; }
DEV lanes_mask lanes_below(int m) { return {m >= LANES ? (1u << LANES) - 1 : (1u << m) - 1}; }
DEV bool any_lane(lanes_mask m) { return m.bits != 0; }
DEV bool lane_of(lanes_mask m, int lane) { return (m.bits >> lane) & 1; }
template <class T> DEV lanes_mask less(varying<T, 1> a, varying<T, 1> b) {
#if HPC_AVX512
  if constexpr (sizeof(T) == 4) return {_mm512_cmp_ps_mask((__m512)a.v[0], (__m512)b.v[0], _CMP_LT_OQ)};
  else return {_mm512_cmp_pd_mask((__m512d)a.v[0], (__m512d)b.v[0], _CMP_LT_OQ)};
#else
  unsigned m = 0;
  for (int l = 0; l < lanes_of<T>(); l++) m |= unsigned(a.v[0][l] < b.v[0][l]) << l;
  return {m};
#endif
}
template <class T> DEV varying<T, 1> where(lanes_mask m, varying<T, 1> a, varying<T, 1> b) {
#if HPC_AVX512
  typedef typename varying<T, 1>::vec vec;
  if constexpr (sizeof(T) == 4) a.v[0] = (vec)_mm512_mask_mov_ps((__m512)b.v[0], __mmask16(m.bits), (__m512)a.v[0]);
  else a.v[0] = (vec)_mm512_mask_mov_pd((__m512d)b.v[0], __mmask8(m.bits), (__m512d)a.v[0]);
#else
  for (int l = 0; l < lanes_of<T>(); l++) if (!((m.bits >> l) & 1)) a.v[0][l] = b.v[0][l];
#endif
  return a;
}
// The sum over the lanes.
template <class T> DEV double sum_lanes(varying<T, 1> a) {
  double s = 0;
  for (int l = 0; l < lanes_of<T>(); l++) s += double(a.v[0][l]);
  return s;
}
// One int per lane of `real`.
struct varying_int {
  int v[LANES_];
};
DEV varying_int load_ids(const int* p, int m) {
  varying_int r;
#if HPC_AVX512
  if constexpr (LANES_ == 16) {
    _mm512_storeu_si512(r.v, _mm512_mask_loadu_epi32(_mm512_set1_epi32(p[0]), __mmask16(lanes_below(m).bits), p));
    return r;
  }
#endif
  for (int l = 0; l < LANES; l++) r.v[l] = p[l < m ? l : 0];
  return r;
}
// base[id·stride] per lane, `stride` in units of T.
template <class T> DEV varying<T, 1> gather(const T* base, varying_int id, int stride) {
  varying<T, 1> r;
#if HPC_AVX512
  if constexpr (sizeof(T) == 4 && LANES_ == 16) {
    const __m512i j = _mm512_mullo_epi32(_mm512_loadu_si512(id.v), _mm512_set1_epi32(stride));
    r.v[0] = (typename varying<T, 1>::vec)_mm512_i32gather_ps(j, (const float*)base, 4);
    return r;
  }
#endif
  for (int l = 0; l < LANES; l++) r.v[0][l] = base[(long long)id.v[l] * stride];
  return r;
}
#if HPC_AVX512
// Sixteen records of eight 64-bit words each, word by word: word[w][h] holds word w of records 8h … 8h+7.  One load per record
// and a transposition cost a quarter of gathering each field.
#define HPC_RECORDS 1
struct record_words { __m512i word[8][2]; };
DEV record_words load_records(const void* base, varying_int id) {
  record_words r;
  EACH(h, 2) {
    __m512i a[8], b[8];
    EACH(k, 8) a[k] = _mm512_loadu_si512((const char*)base + 64ll * id.v[8 * h + k]);
    EACH(k, 4) {
      b[2 * k] = _mm512_unpacklo_epi64(a[2 * k], a[2 * k + 1]);
      b[2 * k + 1] = _mm512_unpackhi_epi64(a[2 * k], a[2 * k + 1]);
    }
    EACH(k, 2) {  // pairs of records 4k … 4k+3: 128-bit quarters
      EACH(w, 2) {
        a[4 * k + w] = _mm512_shuffle_i64x2(b[4 * k + w], b[4 * k + 2 + w], 0x88);      // quarters 0 and 2
        a[4 * k + 2 + w] = _mm512_shuffle_i64x2(b[4 * k + w], b[4 * k + 2 + w], 0xdd);  // quarters 1 and 3
      }
    }
    EACH(w, 2) {
      r.word[w][h] = _mm512_shuffle_i64x2(a[w], a[4 + w], 0x88);
      r.word[4 + w][h] = _mm512_shuffle_i64x2(a[w], a[4 + w], 0xdd);
      r.word[2 + w][h] = _mm512_shuffle_i64x2(a[2 + w], a[6 + w], 0x88);
      r.word[6 + w][h] = _mm512_shuffle_i64x2(a[2 + w], a[6 + w], 0xdd);
    }
  }
  return r;
}
// Word w as doubles, minus origin, rounded to single precision.
DEV varying<REAL, 1> word_difference(const record_words& r, int w, double origin) {
  const __m512d o = _mm512_set1_pd(origin);
  varying<REAL, 1> d;
  d.v[0] = (varying<REAL, 1>::vec)_mm512_insertf32x8(
      _mm512_castps256_ps512(_mm512_cvtpd_ps(_mm512_sub_pd((__m512d)r.word[w][0], o))),
      _mm512_cvtpd_ps(_mm512_sub_pd((__m512d)r.word[w][1], o)), 1);
  return d;
}
// The low (half = 0) or high (1) 32 bits of word w.
DEV __m512i word_half(const record_words& r, int w, int half) {
  const __m512i low = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return _mm512_permutex2var_epi32(r.word[w][0], _mm512_add_epi32(low, _mm512_set1_epi32(half)), r.word[w][1]);
}
DEV varying<REAL, 1> word_real(const record_words& r, int w, int half) {
  varying<REAL, 1> v;
  v.v[0] = (varying<REAL, 1>::vec)word_half(r, w, half);
  return v;
}
DEV varying_int word_int(const record_words& r, int w, int half) {
  varying_int v;
  _mm512_storeu_si512(v.v, word_half(r, w, half));
  return v;
}
#endif
DEV varying_int gather_int(const int* base, varying_int id, int stride) {
  varying_int r;
  for (int l = 0; l < LANES; l++) r.v[l] = base[(long long)id.v[l] * stride];
  return r;
}
// base[id·stride] - origin per lane: the difference is taken in double precision, then rounded.
DEV varying<REAL, 1> gather_difference(const double* base, varying_int id, int stride, double origin) {
  varying<REAL, 1> r;
#if HPC_AVX512
  if constexpr (LANES_ == 16) {
    const __m512i j = _mm512_mullo_epi32(_mm512_loadu_si512(id.v), _mm512_set1_epi32(stride));
    const __m512d o = _mm512_set1_pd(origin);
    const __m256 a = _mm512_cvtpd_ps(_mm512_sub_pd(_mm512_i32gather_pd(_mm512_castsi512_si256(j), base, 8), o));
    const __m256 b = _mm512_cvtpd_ps(_mm512_sub_pd(_mm512_i32gather_pd(_mm512_extracti64x4_epi64(j, 1), base, 8), o));
    r.v[0] = (typename varying<REAL, 1>::vec)_mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1);
    return r;
  }
#endif
  for (int l = 0; l < LANES; l++) r.v[0][l] = REAL(base[(long long)id.v[l] * stride] - origin);
  return r;
}
// p[lane] - origin: the difference is taken in double precision, then rounded.
DEV varying<REAL, 1> load_difference(const double* p, double origin) {
  typedef double doubles __attribute__((vector_size(8 * LANES_)));
  doubles d;
  memcpy(&d, p, sizeof(d));
  d -= origin;
  varying<REAL, 1> r;
  r.v[0] = __builtin_convertvector(d, varying<REAL, 1>::vec);
  return r;
}
DEV lanes_mask positive(varying_int a) {
#if HPC_AVX512
  if constexpr (LANES_ == 16)
    return {_mm512_cmpgt_epi32_mask(_mm512_loadu_si512(a.v), _mm512_setzero_si512())};
#endif
  unsigned m = 0;
  for (int l = 0; l < LANES; l++) m |= unsigned(a.v[l] > 0) << l;
  return {m};
}
DEV lanes_mask negative(varying_int a) {
#if HPC_AVX512
  if constexpr (LANES_ == 16)
    return {_mm512_cmplt_epi32_mask(_mm512_loadu_si512(a.v), _mm512_setzero_si512())};
#endif
  unsigned m = 0;
  for (int l = 0; l < LANES; l++) m |= unsigned(a.v[l] < 0) << l;
  return {m};
}
DEV varying_int shift_right(varying_int a, int s) {
  for (int l = 0; l < LANES; l++) a.v[l] >>= s;
  return a;
}
// The lanes in m append their value to list[n…] (which has room for LANES more); returns the new length.
DEV int append(int* list, int n, lanes_mask m, varying_int value) {
#if HPC_AVX512
  if constexpr (LANES_ == 16) {
    _mm512_storeu_si512(list + n, _mm512_maskz_compress_epi32(__mmask16(m.bits), _mm512_loadu_si512(value.v)));
    return n + __builtin_popcount(m.bits);
  }
#endif
  for (unsigned b = m.bits; b; b &= b - 1) list[n++] = value.v[__builtin_ctz(b)];
  return n;
}
// Every lane in m appends first … first+count-1; list has room for 8 entries beyond its end.
DEV int append_ranges(int* list, int n, lanes_mask m, varying_int first, varying_int count) {
  for (unsigned b = m.bits; b; b &= b - 1) {
    const int l = __builtin_ctz(b), f = first.v[l], c = count.v[l];
    for (int q = 0; q < 8; q++) list[n + q] = f + q;  // at most 8 children: one vector store
    n += c;
  }
  return n;
}
// The lanes in m append their value and, beside it, the running sum of `count`; returns the new length, advances `total`.
DEV int append_sums(int* list, int* sums, int n, int& total, lanes_mask m, varying_int value, varying_int count) {
  for (unsigned b = m.bits; b; b &= b - 1) {
    const int l = __builtin_ctz(b);
    list[n] = value.v[l];
    sums[n++] = total;
    total += count.v[l];
  }
  return n;
}
DEV void mark(unsigned char* flags, lanes_mask m, varying_int id) {
  for (unsigned b = m.bits; b; b &= b - 1) __atomic_store_n(flags + id.v[__builtin_ctz(b)], 1, __ATOMIC_RELAXED);
}

DEV int atomic_add(int* p, int v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
DEV int leading_zeros(unsigned long long x) { return __builtin_clzll(x); }
