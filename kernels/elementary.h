// elementary.h: the functions of batch.h's `num`.
//
// One system per pass: the functions of the C library.  Lanes: polynomials of our own where a system's inner loop is
// likely to have the function, the C library lane by lane for the others.  Decided against glibc's libmvec, whose
// functions may err by 4 ulp, differ between its releases and are absent on other systems and compilers; see FIGURES_.
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
template <class F> DEV num each_lane(F f, num x) {
  EACH_SYSTEM(k, l) x.v[k][l] = f(x.v[k][l]);
  return x;
}
template <class F> DEV num each_lane(F f, num x, num y) {
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
ELEMENTARY_(cube_root, cbrt)
ELEMENTARY_OF_TWO_(power_of, pow)
#undef ELEMENTARY_
#undef ELEMENTARY_OF_TWO_
DEV num sign_of(num x) { return where(x > num(0.0), num(1.0), where(x < num(0.0), num(-1.0), x)); }
