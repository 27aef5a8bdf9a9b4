// elementary_lanes.h: elementary functions of a block of systems, all lanes at once.
//
// Largest errors found over 10^6 arguments each (ulp):
//   exp 0.99, log 0.72, sin and cos 1.43, atan 0.92, tanh 1.30, sinh 1.60, cosh 1.40
// Sources: Cody & Waite (1980) for reductions; fdlibm (Sun Microsystems, 1993) for the polynomials of sin, cos and log;
// Cephes (S. L. Moshier, 1989) for the rational functions of tanh and atan.
#pragma once
#ifdef OUTLINED  // large programs: compile each function once
#define FUNCTION static __attribute__((noinline))
#else
#define FUNCTION DEV
#endif
template <int N> DEV num polynomial(num x, const double (&c)[N]) {
  num p = num(c[0]);
  UNROLL(16) for (int j = 1; j < N; j++) p = multiply_add(p, x, num(c[j]));
  return p;
}
DEV num flip_sign(num x, num like) {  // x with its sign changed where `like` is negative
  EACH(k, REGISTERS) x.v[k] = (vec)((bits)x.v[k] ^ ((bits)like.v[k] & (1ll << 63)));
  return x;
}

// The nearest whole number of |x| < 2^51, as a double and, modulo 2^52, as an integer.
constexpr double WHOLE_ = 0x1.8p52;
DEV num nearest(num x, bits (&n)[REGISTERS]) {
  const num shifted = x + num(WHOLE_);
  EACH(k, REGISTERS) n[k] = (bits)shifted.v[k];
  return shifted - num(WHOLE_);
}
// x 2^n for n as `nearest` gives it, |n| < 1100.
DEV num scale(num x, num whole, const bits (&n)[REGISTERS]) {
#if HPC_AVX512
  (void)n;
  EACH(k, REGISTERS) x.v[k] = (vec)_mm512_scalef_pd((__m512d)x.v[k], (__m512d)whole.v[k]);
#else
  (void)whole;
  EACH(k, REGISTERS) {  // in two factors: a power of two itself may be out of range
    const bits e = n[k] - (bits)vec(vec{} + WHOLE_), half = e >> 1;
    x.v[k] = x.v[k] * (vec)((half + 1023) << 52) * (vec)((e - half + 1023) << 52);
  }
#endif
  return x;
}

// e^x 2^shift
FUNCTION num exponential_scaled(num x, double shift) {
  x = where(x > num(720.0), num(720.0), where(x < num(-760.0), num(-760.0), x));
  bits n[REGISTERS];
  num whole = nearest(x * num(0x1.71547652b82fep+0), n);
  num r = subtract_product(whole, num(0x1.62e42fefa39efp-1), x);
  r = subtract_product(whole, num(0x1.abc9e3b39803fp-56), r);
  static constexpr double c[] = {1 / 6227020800., 1 / 479001600., 1 / 39916800., 1 / 3628800., 1 / 362880., 1 / 40320.,
                                 1 / 5040., 1 / 720., 1 / 120., 1 / 24., 1 / 6., 0.5};
  num p = multiply_add(r * r, polynomial(r, c), r) + num(1.0);
  whole = nearest(whole + num(shift), n);
  return scale(p, whole, n);
}
DEV num exponential(num x) { return exponential_scaled(x, 0.0); }

FUNCTION num logarithm(num x) {
  num e, m;
#if HPC_AVX512
  EACH(k, REGISTERS) {
    e.v[k] = (vec)_mm512_getexp_pd((__m512d)x.v[k]);
    m.v[k] = (vec)_mm512_getmant_pd((__m512d)x.v[k], _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src);
  }
#else
  const lanes tiny = x < num(0x1p-1022);
  const num normal = where(tiny, x * num(0x1p54), x);
  EACH(k, REGISTERS) {
    const bits b = (bits)normal.v[k];
    e.v[k] = (vec)(((b >> 52) & 0x7ff) | (bits)vec(vec{} + 0x1p52)) - 0x1p52;
    m.v[k] = (vec)((b & 0xfffffffffffffll) | 0x3ff0000000000000ll);
  }
  e = e - where(tiny, num(1077.0), num(1023.0));
#endif
  const lanes large = m > num(0x1.6a09e667f3bcdp+0);
  m = where(large, m * num(0.5), m);
  e = where(large, e + num(1.0), e);
  const num f = m - num(1.0), s = f * inverse(m + num(1.0)), z = s * s, half = num(0.5) * f * f;
  static constexpr double c[] = {1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
                                 2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
                                 6.666666666666735130e-01};
  const num correction = multiply_add(s, multiply_add(z, polynomial(z, c), half), e * num(0x1.abc9e3b39803fp-56));
  num r = multiply_add(e, num(0x1.62e42fefa39efp-1), f - (half - correction));
  r = where(x == num(0.0), num(-HUGE_VAL), where(x < num(0.0), num(NAN), r));
  return where(x < num(HUGE_VAL), r, x);  // infinity and NaN are their own logarithms
}

// sin and cos of |r| <= π/4.
DEV void sine_cosine_near_zero(num r, num& s, num& c) {
  static constexpr double sines[] = {1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
                                     -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01};
  static constexpr double cosines[] = {-1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
                                       2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02};
  const num z = r * r, half = num(0.5) * z, w = num(1.0) - half;
  s = multiply_add(z * r, polynomial(z, sines), r);
  c = w + multiply_add(z * z, polynomial(z, cosines), (num(1.0) - w) - half);
}
// From sin and cos of r to those of r + n π/2.
DEV void turn(const bits (&n)[REGISTERS], num& s, num& c) {
  const lanes odd = bit_set(n, 0);
  const num sine = where(odd, c, s), cosine = where(odd, s, c);
  EACH(k, REGISTERS) {
    s.v[k] = (vec)((bits)sine.v[k] ^ ((n[k] & 2) << 62));
    c.v[k] = (vec)((bits)cosine.v[k] ^ (((n[k] + 1) & 2) << 62));
  }
}
constexpr double LARGEST_ANGLE_ = 1e6;  // beyond it the reduction in three parts loses bits
FUNCTION void sine_cosine(num x, num& s, num& c) {
  bits n[REGISTERS];
  const num whole = nearest(x * num(0x1.45f306dc9c883p-1), n);
  num r = subtract_product(whole, num(0x1.921fb54442d18p+0), x);
  r = subtract_product(whole, num(0x1.1a62633145c07p-54), r);
  r = subtract_product(whole, num(-0x1.f1976b7ed8fbcp-110), r);
  sine_cosine_near_zero(r, s, c);
  turn(n, s, c);
  const lanes far = absolute(x) > num(LARGEST_ANGLE_);
  if (any(far)) {
    s = where(far, each_lane([](double a) { return sin(a); }, x), s);
    c = where(far, each_lane([](double a) { return cos(a); }, x), c);
  }
}
DEV num sine(num x) {
  num s, c;
  sine_cosine(x, s, c);
  return s;
}
DEV num cosine(num x) {
  num s, c;
  sine_cosine(x, s, c);
  return c;
}

FUNCTION num hyperbolic_cosine(num x) {
  const num e = exponential_scaled(absolute(x), -1.0);
  return multiply_add(num(0.25), inverse(e), e);
}
FUNCTION num hyperbolic_sine(num x) {
  const num a = absolute(x), e = exponential_scaled(a, -1.0), z = x * x;
  static constexpr double c[] = {1 / 355687428096000., 1 / 1307674368000., 1 / 6227020800., 1 / 39916800., 1 / 362880.,
                                 1 / 5040., 1 / 120., 1 / 6.};
  const num near = multiply_add(x * z, polynomial(z, c), x);
  return where(a < num(1.0), near, flip_sign(subtract_product(num(0.25), inverse(e), e), x));
}
FUNCTION num hyperbolic_tangent(num x) {
  const num a = absolute(x), z = x * x;
  static constexpr double above[] = {-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3};
  static constexpr double below[] = {1.0, 1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3};
  const num near = multiply_add(x * z, polynomial(z, above) * inverse(polynomial(z, below)), x);
  const num far = num(1.0) - num(2.0) * inverse(exponential(a + a) + num(1.0));
  return where(a < num(0.625), near, flip_sign(far, x));
}

// atan of x >= 0
FUNCTION num arc_tangent_positive(num x) {
  const lanes large = x > num(0x1.3504f333f9de6p+1), middle = x > num(0.66);
  const num t = where(large, num(-1.0), where(middle, x - num(1.0), x));
  const num r = where(middle, t / where(large, x, x + num(1.0)), x), z = r * r;
  static constexpr double above[] = {-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
                                     -1.228866684490136173410e2, -6.485021904942025371773e1};
  static constexpr double below[] = {1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
                                     4.853903996359136964868e2, 1.945506571482613964425e2};
  const num near = multiply_add(r * z, polynomial(z, above) * inverse(polynomial(z, below)), r);
  const num tail = where(large, num(0x1.1a62633145c07p-54), where(middle, num(0x1.1a62633145c07p-55), num(0.0)));
  const num turned = where(large, num(0x1.921fb54442d18p+0), where(middle, num(0x1.921fb54442d18p-1), num(0.0)));
  return turned + (near + tail);
}
DEV num arc_tangent(num x) { return flip_sign(arc_tangent_positive(absolute(x)), x); }
ELEMENTARY_OF_TWO_(arc_tangent_of, atan2)
ELEMENTARY_(floor_of, floor)
ELEMENTARY_(ceiling_of, ceil)
