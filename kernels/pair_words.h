// pair_words.h: the words in which pair potentials are written: on a tile of pairs (num), and on one double, for tables.
//
//   multiply_add(a, b, c)   a b + c,  subtract_product(a, b, c)  c - a b: rounded once where the machine can
//   inverse, inverse_square_root, square_root, exponential and the functions of elementary.h
//   where(m, a, b)          a for the pairs in m (of `<`, `<=`, …, `&`, `|`, `!`), b for the others
#pragma once
#include "pair_tile.h"
#ifndef HPC_CUDA
#include <math.h>
#include <type_traits>
#endif

// ---- one number --------------------------------------------------------------------------------------------------------
#if defined(HPC_CUDA) && !defined(HPC_EMULATE)
DEV float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
DEV float inverse(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
#else
DEV float multiply_add(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEV float inverse(float x) { return 1.0f / x; }
#endif
DEV double multiply_add(double a, double b, double c) { return fma(a, b, c); }
DEV double inverse(double x) { return 1.0 / x; }
template <class T> DEV T subtract_product(T a, T b, T c) { return multiply_add(-a, b, c); }
DEV double inverse_square_root(double x) { return 1.0 / sqrt(x); }
DEV float inverse_square_root(float x) { return 1.0f / sqrtf(x); }
#ifndef HPC_CUDA
DEV double square_root(double x) { return sqrt(x); }
DEV double absolute(double x) { return fabs(x); }
#endif
#define EACH_FUNCTION(F)                                                                                        \
  F(exponential, exp) F(logarithm, log) F(sine, sin) F(cosine, cos) F(tangent, tan) F(arc_sine, asin) F(arc_cosine, acos) \
  F(arc_tangent, atan) F(hyperbolic_sine, sinh) F(hyperbolic_cosine, cosh) F(hyperbolic_tangent, tanh) F(error_function, erf) \
  F(floor_of, floor) F(ceiling_of, ceil) F(cube_root, cbrt)
#define ON_NUMBERS(name, function)                     \
  DEV double name(double x) { return function(x); }    \
  DEV float name(float x) { return function##f(x); }
EACH_FUNCTION(ON_NUMBERS)
DEV double power_of(double x, double y) { return pow(x, y); }
DEV float power_of(float x, float y) { return powf(x, y); }
DEV double arc_tangent_of(double y, double x) { return atan2(y, x); }
DEV float arc_tangent_of(float y, float x) { return atan2f(y, x); }
DEV double where(bool m, double a, double b) { return m ? a : b; }
DEV bool any(bool m) { return m; }

#ifndef HPC_CUDA
// ---- a tile on the CPU -------------------------------------------------------------------------------------------------
struct truths { num v; };  // 1 or 0 per pair
DEV num operator-(num a) {
  EACH_REGISTER(k) a.v[k] = -a.v[k];
  return a;
}
#define COMPARE_(op)                                                                        \
  DEV truths operator op(num a, num b) {                                                    \
    EACH_REGISTER(k) a.v[k] = a.v[k] op b.v[k] ? num(real(1)).v[k] : num(real(0)).v[k];     \
    return {a};                                                                             \
  }
COMPARE_(<) COMPARE_(<=) COMPARE_(>) COMPARE_(>=) COMPARE_(==) COMPARE_(!=)
#undef COMPARE_
DEV truths operator&(truths a, truths b) { return {a.v * b.v}; }
DEV truths operator|(truths a, truths b) { return {larger(a.v, b.v)}; }
DEV truths operator!(truths a) { return {num(real(1)) - a.v}; }
DEV num where(truths m, num a, num b) { return select_less(num(real(0)), m.v, a, b); }
DEV num smaller(num a, num b) { return select_less(a, b, a, b); }
DEV num multiply_add(num a, num b, num c) {
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) { EACH_REGISTER(k) a.v[k] = (vec)_mm512_fmadd_ps((__m512)a.v[k], (__m512)b.v[k], (__m512)c.v[k]); }
  else { EACH_REGISTER(k) a.v[k] = (vec)_mm512_fmadd_pd((__m512d)a.v[k], (__m512d)b.v[k], (__m512d)c.v[k]); }
#elif defined(FP_FAST_FMA)
  EACH_REGISTER(k) for (int l = 0; l < LANES_; l++) a.v[k][l] = real(sizeof(real) == 4 ? __builtin_fmaf(a.v[k][l], b.v[k][l], c.v[k][l])
                                                                                      : __builtin_fma(a.v[k][l], b.v[k][l], c.v[k][l]));
#else
  EACH_REGISTER(k) a.v[k] = a.v[k] * b.v[k] + c.v[k];
#endif
  return a;
}
#if HPC_AVX512
// 1/x to the last bit or two of the precision; inf·0 at x = 0 gives NaN, which the caller tells as an overlap.
DEV num inverse(num x) {
  num y;
  if constexpr (sizeof(real) == 4) { EACH_REGISTER(k) y.v[k] = (vec)_mm512_rcp14_ps((__m512)x.v[k]); }
  else { EACH_REGISTER(k) y.v[k] = (vec)_mm512_rcp14_pd((__m512d)x.v[k]); }
  if constexpr (sizeof(real) == 8) y = y * subtract_product(x, y, num(real(2)));
  return y * subtract_product(x, y, num(real(2)));
}
DEV num inverse_square_root(num x) {
  num y;
  if constexpr (sizeof(real) == 4) { EACH_REGISTER(k) y.v[k] = (vec)_mm512_rsqrt14_ps((__m512)x.v[k]); }
  else { EACH_REGISTER(k) y.v[k] = (vec)_mm512_rsqrt14_pd((__m512d)x.v[k]); }
  const num h = x * num(real(0.5));
  if constexpr (sizeof(real) == 8) y = y * subtract_product(h * y, y, num(real(1.5)));
  return y * subtract_product(h * y, y, num(real(1.5)));
}
#else
DEV num inverse(num x) { return num(real(1)) / x; }
DEV num inverse_square_root(num x) { return num(real(1)) / square_root(x); }
#endif
// e^x: x = n ln 2 + r, |r| ≤ ln 2/2, the Taylor sum of e^r to the precision, and n into the exponent.
DEV num exponential(num x) {
  constexpr bool single = sizeof(real) == 4;
  constexpr int terms = single ? 7 : 13;
  const real low = real(single ? -87.0 : -708.0), high = real(single ? 88.0 : 709.0);
  x = smaller(larger(x, num(low)), num(high));
  const real magic = single ? real(12582912.0) : real(6755399441055744.0);  // adding it rounds to whole numbers
  const num shifted = multiply_add(x, num(real(1.4426950408889634)), num(magic)), n = shifted - num(magic);
  num r = subtract_product(n, num(real(single ? 0.693359375 : 0.693147180369123816490)), x);
  r = subtract_product(n, num(real(single ? -2.12194440e-4 : 1.90821492927058770002e-10)), r);
  double factorial = 1;
  for (int k = 2; k <= terms; k++) factorial *= k;
  num sum = num(real(1 / factorial));
  UNROLL(16) for (int k = terms; k > 0; k--) {
    factorial /= k;
    sum = multiply_add(sum, r, num(real(1 / factorial)));
  }
  typedef typename std::conditional<single, int, long long>::type whole;
  typedef whole whole_vec __attribute__((vector_size(VECTOR_BYTES)));
  EACH_REGISTER(k) {
    const whole_vec bits = (whole_vec)shifted.v[k] << (single ? 23 : 52);  // the low bits of `shifted` are those of n
    sum.v[k] = (vec)((whole_vec)sum.v[k] + bits);
  }
  return sum;
}
// The others one after another: right, not fast.
template <class F> static __attribute__((noinline)) num each_pair(F f, num x, num y) {
  for (int k = 0; k < TILE_REGISTERS; k++)
    for (int l = 0; l < LANES_; l++) x.v[k][l] = f(x.v[k][l], y.v[k][l]);
  return x;
}
#define ON_TILES(name, f) \
  DEV num name(num x) { return each_pair([](real a, real) { return name(a); }, x, x); }
ON_TILES(logarithm, log) ON_TILES(sine, sin) ON_TILES(cosine, cos) ON_TILES(tangent, tan) ON_TILES(arc_sine, asin)
ON_TILES(arc_cosine, acos) ON_TILES(arc_tangent, atan) ON_TILES(hyperbolic_sine, sinh) ON_TILES(hyperbolic_cosine, cosh)
ON_TILES(hyperbolic_tangent, tanh) ON_TILES(error_function, erf) ON_TILES(floor_of, floor) ON_TILES(ceiling_of, ceil)
ON_TILES(cube_root, cbrt)
DEV num power_of(num x, num y) { return each_pair([](real a, real b) { return power_of(a, b); }, x, y); }
DEV num arc_tangent_of(num x, num y) { return each_pair([](real a, real b) { return arc_tangent_of(a, b); }, x, y); }
#endif
template <class T> DEV T sign_of(T x) { return where(x > T(real(0)), T(real(1)), where(x < T(real(0)), T(real(-1)), x)); }
template <class T> struct turned_of { T sine, cosine; };
template <class T> DEV turned_of<T> sine_and_cosine(T x) { return {sine(x), cosine(x)}; }
