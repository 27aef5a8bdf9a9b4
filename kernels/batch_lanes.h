// batch_lanes.h: batch.h with a block of systems per pass, one in each vector lane of the CPU.
//
// 1/√x and 1/x on AVX-512 begin with the 14 bits of its estimates.  Over 10^6 arguments each was the nearest double but
// for ties (0.50 ulp; 1/sqrt(x) by a root and a division errs by 1.5 ulp).  ns per value, ours / by √ and ÷: 1/√x 0.54 / 1.78, 1/x 0.35 / 0.75 (Sapphire Rapids, 2 registers).
#pragma once
typedef varying<double, REGISTERS> num;
typedef num::vec vec;
typedef long long bits __attribute__((vector_size(VECTOR_BYTES)));
constexpr int LANES_OF_DOUBLES = lanes_of<double>();
constexpr int SYSTEMS_PER_PASS = REGISTERS * LANES_OF_DOUBLES;
#define OUTLINE __attribute__((noinline))
#define SYSTEMS(i, n) \
  PRAGMA(omp parallel for schedule(dynamic, 4)) for (long long i = 0; i < (n); i += SYSTEMS_PER_PASS)
#define EACH_SYSTEM(k, l) EACH(k, REGISTERS) for (int l = 0; l < LANES_OF_DOUBLES; l++)

DEV num load_num(const double* p) {
  num r;
  EACH(k, REGISTERS) memcpy(&r.v[k], p + k * LANES_OF_DOUBLES, VECTOR_BYTES);
  return r;
}
DEV void store_num(double* p, num x) {
  EACH(k, REGISTERS) memcpy(p + k * LANES_OF_DOUBLES, &x.v[k], VECTOR_BYTES);
}

// Lanes beyond the last system repeat it; they are not stored.
DEV long long row_of(long long i, long long n, int k, int l) {
  const long long row = i + k * LANES_OF_DOUBLES + l;
  return row < n ? row : n - 1;
}
// Functions of their own: written out for each component they would take most of the compiler's time.
static __attribute__((noinline)) void load_rows(double* to, const double* p, long long i, long long n, int width) {
  const double* from = p + i * width;
  if (i + SYSTEMS_PER_PASS <= n) for (int j = 0; j < SYSTEMS_PER_PASS; j++) to[j] = from[(long long)j * width];
  else EACH_SYSTEM(k, l) to[k * LANES_OF_DOUBLES + l] = p[row_of(i, n, k, l) * width];
}
static __attribute__((noinline)) void store_rows(const double* from, double* p, long long i, long long n, int width) {
  const long long count = n - i < SYSTEMS_PER_PASS ? n - i : SYSTEMS_PER_PASS;
  double* to = p + i * width;
  for (long long j = 0; j < count; j++) to[j * width] = from[j];
}
DEV num load_system(const double* p, long long i, long long n, int width, int c) {
  alignas(64) double rows[SYSTEMS_PER_PASS];
  load_rows(rows, p + c, i, n, width);
  return load_num(rows);
}
DEV void store_system(double* p, long long i, long long n, int width, int c, num v) {
  alignas(64) double rows[SYSTEMS_PER_PASS];
  store_num(rows, v);
  store_rows(rows, p + c, i, n, width);
}
DEV num operator-(num a) {
  EACH(k, REGISTERS) a.v[k] = -a.v[k];
  return a;
}

// ---- truths, one per system -----------------------------------------------------------------------------------------
#if HPC_AVX512
struct lanes { __mmask8 m[REGISTERS]; };
#define BITWISE_(op)                                                        \
  DEV lanes operator op(lanes a, lanes b) {                                 \
    EACH(k, REGISTERS) a.m[k] = __mmask8(a.m[k] op b.m[k]);                 \
    return a;                                                               \
  }
#define COMPARE_(op, how)                                                                                    \
  DEV lanes operator op(num a, num b) {                                                                      \
    lanes r;                                                                                                 \
    EACH(k, REGISTERS) r.m[k] = _mm512_cmp_pd_mask((__m512d)a.v[k], (__m512d)b.v[k], how);                   \
    return r;                                                                                                \
  }
BITWISE_(&) BITWISE_(|)
COMPARE_(<, _CMP_LT_OQ) COMPARE_(<=, _CMP_LE_OQ) COMPARE_(==, _CMP_EQ_OQ) COMPARE_(!=, _CMP_NEQ_UQ)
DEV lanes operator!(lanes a) {
  EACH(k, REGISTERS) a.m[k] = __mmask8(~a.m[k]);
  return a;
}
DEV bool any(lanes a) {
  unsigned m = 0;
  EACH(k, REGISTERS) m |= a.m[k];
  return m != 0;
}
DEV bool holds(lanes a, int k, int l) { return (a.m[k] >> l) & 1; }
DEV lanes all_systems() {
  lanes r;
  EACH(k, REGISTERS) r.m[k] = 0xff;
  return r;
}
DEV num where(lanes m, num a, num b) {
  EACH(k, REGISTERS) a.v[k] = (vec)_mm512_mask_mov_pd((__m512d)b.v[k], m.m[k], (__m512d)a.v[k]);
  return a;
}
// The systems whose bit b of an integer is set.
DEV lanes bit_set(const bits (&x)[REGISTERS], int b) {
  lanes r;
  EACH(k, REGISTERS) r.m[k] = _mm512_test_epi64_mask((__m512i)x[k], _mm512_set1_epi64(1ll << b));
  return r;
}
#else
struct lanes { bits m[REGISTERS]; };
#define BITWISE_(op)                                   \
  DEV lanes operator op(lanes a, lanes b) {            \
    EACH(k, REGISTERS) a.m[k] = a.m[k] op b.m[k];      \
    return a;                                          \
  }
#define COMPARE_(op)                                   \
  DEV lanes operator op(num a, num b) {                \
    lanes r;                                           \
    EACH(k, REGISTERS) r.m[k] = a.v[k] op b.v[k];      \
    return r;                                          \
  }
BITWISE_(&) BITWISE_(|)
COMPARE_(<) COMPARE_(<=) COMPARE_(==) COMPARE_(!=)
DEV lanes operator!(lanes a) {
  EACH(k, REGISTERS) a.m[k] = ~a.m[k];
  return a;
}
DEV bool any(lanes a) {
  bits m = a.m[0];
  EACH(k, REGISTERS) m |= a.m[k];
  long long found = 0;
  for (int l = 0; l < LANES_OF_DOUBLES; l++) found |= m[l];
  return found != 0;
}
DEV bool holds(lanes a, int k, int l) { return a.m[k][l] != 0; }
DEV lanes all_systems() {
  lanes r;
  EACH(k, REGISTERS) r.m[k] = ~bits{};
  return r;
}
DEV num where(lanes m, num a, num b) {
  EACH(k, REGISTERS) a.v[k] = m.m[k] ? a.v[k] : b.v[k];
  return a;
}
DEV lanes bit_set(const bits (&x)[REGISTERS], int b) {
  lanes r;
  EACH(k, REGISTERS) r.m[k] = ((x[k] >> b) & 1) != 0;
  return r;
}
#endif
DEV lanes operator>(num a, num b) { return b < a; }
DEV lanes operator>=(num a, num b) { return b <= a; }

struct codes { long long v[SYSTEMS_PER_PASS]; };
DEV codes load_codes(const long long* p, long long i, long long n) {
  codes c;
  EACH_SYSTEM(k, l) c.v[k * LANES_OF_DOUBLES + l] = p[row_of(i, n, k, l)];
  return c;
}
DEV void store_codes(long long* p, long long i, long long n, const codes& c) {
  EACH_SYSTEM(k, l) if (i + k * LANES_OF_DOUBLES + l < n) p[row_of(i, n, k, l)] = c.v[k * LANES_OF_DOUBLES + l];
}
DEV void set_codes(codes& c, lanes m, long long code) {
  EACH_SYSTEM(k, l) if (holds(m, k, l)) c.v[k * LANES_OF_DOUBLES + l] = code;
}
DEV lanes are_zero(const codes& c) {
  num x;
  EACH_SYSTEM(k, l) x.v[k][l] = c.v[k * LANES_OF_DOUBLES + l] != 0;
  return x == num(0.0);
}

// ---- arithmetic that is rounded once --------------------------------------------------------------------------------
#define EACH_REGISTER_(name, expression)      \
  DEV num name(num a, num b, num c) {         \
    EACH(k, REGISTERS) a.v[k] = expression;   \
    return a;                                 \
  }
#if HPC_AVX512
EACH_REGISTER_(multiply_add, (vec)_mm512_fmadd_pd((__m512d)a.v[k], (__m512d)b.v[k], (__m512d)c.v[k]))
EACH_REGISTER_(subtract_product, (vec)_mm512_fnmadd_pd((__m512d)a.v[k], (__m512d)b.v[k], (__m512d)c.v[k]))
#elif HPC_AVX2 && defined(__FMA__)
EACH_REGISTER_(multiply_add, (vec)_mm256_fmadd_pd((__m256d)a.v[k], (__m256d)b.v[k], (__m256d)c.v[k]))
EACH_REGISTER_(subtract_product, (vec)_mm256_fnmadd_pd((__m256d)a.v[k], (__m256d)b.v[k], (__m256d)c.v[k]))
#elif defined(FP_FAST_FMA)
DEV num multiply_add(num a, num b, num c) {
  EACH_SYSTEM(k, l) a.v[k][l] = __builtin_fma(a.v[k][l], b.v[k][l], c.v[k][l]);
  return a;
}
DEV num subtract_product(num a, num b, num c) { return multiply_add(-a, b, c); }
#else
EACH_REGISTER_(multiply_add, a.v[k] * b.v[k] + c.v[k])
EACH_REGISTER_(subtract_product, c.v[k] - a.v[k] * b.v[k])
#endif
#undef EACH_REGISTER_

#if HPC_AVX512
DEV num inverse(num x) {
  num y;
  EACH(k, REGISTERS) y.v[k] = (vec)_mm512_rcp14_pd((__m512d)x.v[k]);
  num e = subtract_product(x, y, num(1.0));
  num z = multiply_add(y * e, multiply_add(e, e, e) + num(1.0), y);  // 1/(1-e) to e^4: 56 bits
  z = multiply_add(subtract_product(x, z, num(1.0)), z, z);
  return where(z == z, z, y);  // 0 · inf at x = 0 and at infinity
}
DEV num inverse_square_root(num x) {
  num y;
  EACH(k, REGISTERS) y.v[k] = (vec)_mm512_rsqrt14_pd((__m512d)x.v[k]);
  num h = x * y;
  num e = subtract_product(h, y, num(1.0));
  num z = multiply_add(y * e, multiply_add(num(0.375), e, num(0.5)), y);  // (1-e)^(-1/2) to e^3: 40 bits
  h = x * z;
  e = subtract_product(h, z, num(1.0));
  e = subtract_product(z, multiply_add(x, z, -h), e);  // what the rounding of h took away
  z = multiply_add(z * num(0.5), e, z);
  return where(z == z, z, y);
}
#else
DEV num inverse(num x) { return num(1.0) / x; }
DEV num inverse_square_root(num x) { return num(1.0) / square_root(x); }
#endif
