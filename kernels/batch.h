// batch.h: independent small systems, one per lane; generated programs that move them are written in these words.
//
//   SYSTEMS(i, n) { ... }     one pass per system on CUDA, per block of systems on the CPU; `i` is the first of them
//   num                       one double per system of the pass
//   load_system, store_system a component of rows (n, width)
//
// SCALAR_SYSTEMS on the CPU: one system per pass and plain doubles, for a single system, where latency is all.
// REGISTERS: vector registers per num; two hide the latency of what one would wait for.
#pragma once
#include "prelude.h"
#ifndef REGISTERS
#define REGISTERS 1
#endif

#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
typedef double num;
#ifdef HPC_CUDA
#define SYSTEMS(i, n) ELEMENTS(i, n)
#else
#define SYSTEMS(i, n) for (long long i = 0; i < (n); i++)
DEV double square_root(double x) { return sqrt(x); }
DEV double absolute(double x) { return fabs(x); }
DEV double select_less(double a, double b, double x, double y) { return a < b ? x : y; }
#endif
DEV num load_system(const double* p, long long i, long long n, int width, int c) { return p[i * width + c]; }
DEV void store_system(double* p, long long i, long long n, int width, int c, num v) { p[i * width + c] = v; }
#define EACH_LANE(f, x) f(x)

#else
typedef varying<double, REGISTERS> num;
constexpr int SYSTEMS_PER_PASS = REGISTERS * lanes_of<double>();
#define SYSTEMS(i, n) \
  PRAGMA(omp parallel for schedule(dynamic, 4)) for (long long i = 0; i < (n); i += SYSTEMS_PER_PASS)
// Lanes beyond the last system repeat it; they are not stored.
DEV num load_system(const double* p, long long i, long long n, int width, int c) {
  num r;
  EACH(k, REGISTERS) for (int l = 0; l < lanes_of<double>(); l++) {
    const long long row = i + k * lanes_of<double>() + l;
    r.v[k][l] = p[(row < n ? row : n - 1) * width + c];
  }
  return r;
}
DEV void store_system(double* p, long long i, long long n, int width, int c, num v) {
  EACH(k, REGISTERS) for (int l = 0; l < lanes_of<double>(); l++) {
    const long long row = i + k * lanes_of<double>() + l;
    if (row < n) p[row * width + c] = v.v[k][l];
  }
}
DEV num operator-(num a) {
  EACH(k, REGISTERS) a.v[k] = -a.v[k];
  return a;
}
template <class F> DEV num each_lane(F f, num x) {
  EACH(k, REGISTERS) for (int l = 0; l < lanes_of<double>(); l++) x.v[k][l] = f(x.v[k][l]);
  return x;
}
#define EACH_LANE(f, x) each_lane([](double one) { return f(one); }, x)
#endif

#define ELEMENTARY_(name, f) DEV num name(num x) { return EACH_LANE(f, x); }
ELEMENTARY_(exponential, exp)
ELEMENTARY_(logarithm, log)
ELEMENTARY_(sine, sin)
ELEMENTARY_(cosine, cos)
ELEMENTARY_(tangent, tan)
ELEMENTARY_(hyperbolic_sine, sinh)
ELEMENTARY_(hyperbolic_cosine, cosh)
ELEMENTARY_(hyperbolic_tangent, tanh)
#undef ELEMENTARY_

// x^N by squaring.
template <int N> DEV num power(num x) {
  if constexpr (N == 1) return x;
  else if constexpr (N % 2 == 0) { const num half = power<N / 2>(x); return half * half; }
  else return power<N - 1>(x) * x;
}
