// elementary.h: the functions of batch.h's `num`.
//
// One system per pass: the functions of the C library.  Lanes: polynomials of our own where a system's inner loop is
// likely to have the function, the C library lane by lane for the others.  Not glibc's libmvec: it may err by 4 ulp,
// differs between releases and is absent elsewhere.  ns per value on AVX-512 (Sapphire Rapids, 2 registers), ours / libmvec:
// exp 1.4 / 1.0, log 1.5 / 0.9, sin 0.8 / 0.65, tanh 2.0 / 1.6; the C library lane by lane: exp 5, tan 9, pow 15.
#pragma once
#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
#define ELEMENTARY_(name, f) DEV num name(num x) { return f(x); }
#define ELEMENTARY_OF_TWO_(name, f) DEV num name(num x, num y) { return f(x, y); }
ELEMENTARY_(exponential, exp)
ELEMENTARY_(logarithm, log)
ELEMENTARY_(sine, sin)
ELEMENTARY_(cosine, cos)
ELEMENTARY_(arc_tangent, atan)
ELEMENTARY_(hyperbolic_sine, sinh)
ELEMENTARY_(hyperbolic_cosine, cosh)
ELEMENTARY_(hyperbolic_tangent, tanh)
ELEMENTARY_(floor_of, floor)
ELEMENTARY_(ceiling_of, ceil)
ELEMENTARY_OF_TWO_(arc_tangent_of, atan2)
DEV void sine_cosine(num x, num& s, num& c) { s = sin(x); c = cos(x); }
#else
// Not inlined: the compiler is slow with lanes that are taken apart.
template <class F> static __attribute__((noinline)) num each_lane(F f, num x) {
  EACH_SYSTEM(k, l) x.v[k][l] = f(x.v[k][l]);
  return x;
}
template <class F> static __attribute__((noinline)) num each_lane(F f, num x, num y) {
  EACH_SYSTEM(k, l) x.v[k][l] = f(x.v[k][l], y.v[k][l]);
  return x;
}
#define ELEMENTARY_(name, f) DEV num name(num x) { return each_lane([](double a) { return f(a); }, x); }
#define ELEMENTARY_OF_TWO_(name, f) \
  DEV num name(num x, num y) { return each_lane([](double a, double b) { return f(a, b); }, x, y); }
#include "elementary_lanes.h"
#endif

struct turned { num sine, cosine; };
DEV turned sine_and_cosine(num x) {
  turned t;
  sine_cosine(x, t.sine, t.cosine);
  return t;
}
ELEMENTARY_(tangent, tan)
ELEMENTARY_(arc_sine, asin)
ELEMENTARY_(arc_cosine, acos)
ELEMENTARY_(error_function, erf)
ELEMENTARY_(library_cube_root, cbrt)
ELEMENTARY_OF_TWO_(power_of, pow)
#undef ELEMENTARY_
#undef ELEMENTARY_OF_TWO_
DEV num cube_root(num x) {  // one Newton step: glibc's errs by 3 ulp
  const num c = library_cube_root(x), square = c * c;
  const num excess = multiply_add(multiply_add(c, c, -square), c, multiply_add(square, c, -x));
  const num z = c - excess * inverse(num(3.0) * square);
  return where(z == z, z, c);
}
DEV num sign_of(num x) { return where(x > num(0.0), num(1.0), where(x < num(0.0), num(-1.0), x)); }
