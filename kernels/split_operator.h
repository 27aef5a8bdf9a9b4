// split_operator.h: the two flows of a wavefunction, exp(-i τ V) in positions and exp(-i τ k²/2m) in momenta.
//
// ψ lies as pairs (real, imaginary) of REAL; V and its companions in double precision, so that a phase of many turns is as
// exact in single precision as in double.  The GPU uses the element kernels between cuFFT's transforms; the CPU fuses both
// flows with the transforms (split_operator_sweeps.h).
#pragma once
#include "prelude.h"

// cos and sin of an angle in double precision, in the precision of ψ: quarter turns are taken off in double precision.
// Coefficients: fdlibm's k_sin.c and k_cos.c (Sun Microsystems 1993) in double, k_sinf.c and k_cosf.c in single precision.
DEV void quarter(double x, double& s, double& c) {
  const double z = x * x;
  s = x + x * z * (-1.66666666666666324348e-01 + z * (8.33333333332248946124e-03 + z * (-1.98412698298579493134e-04 +
      z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
  c = 1.0 - 0.5 * z + z * z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * (2.48015872894767294178e-05 +
      z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11)))));
}
DEV void quarter(float x, float& s, float& c) {
  const float z = x * x;
  s = x + x * z * (-0.166666666416265235595f + z * (0.0083333293858894631756f + z * (-0.000198393348360966317347f +
      z * 0.0000027183114939898219064f)));
  c = 1.0f + z * (-0.499999997251031003120f + z * (0.0416666233237390631894f + z * (-0.00138867637746099294692f +
      z * 0.0000243904487962774090654f)));
}
// a, or b where the lowest bit of the choice is set; the sign turns with the sign bit of `flip`.
DEV double chosen(double a, double b, unsigned long long choice, unsigned long long flip) {
  unsigned long long u, v;
  memcpy(&u, &a, 8), memcpy(&v, &b, 8);
  u ^= ((u ^ v) & (0 - (choice & 1))) ^ (flip << 62 & 1ull << 63);
  memcpy(&a, &u, 8);
  return a;
}
DEV float chosen(float a, float b, unsigned long long choice, unsigned long long flip) {
  unsigned u, v;
  memcpy(&u, &a, 4), memcpy(&v, &b, 4);
  u ^= ((u ^ v) & (0 - (unsigned(choice) & 1))) ^ (unsigned(flip) << 30 & 1u << 31);
  memcpy(&a, &u, 4);
  return a;
}
DEV void turn(double angle, REAL& cosine, REAL& sine) {
  // Adding 1.5·2^52 rounds to an integer, whose lowest bits are then those of the sum: the quarter that the angle lies in.
  const double quarters = angle * 0.63661977236758134308, sum = quarters + 6755399441055744.0;  // 2/π
  unsigned long long q;
  memcpy(&q, &sum, 8);
  REAL s, c;
  quarter(REAL((quarters - (sum - 6755399441055744.0)) * 1.57079632679489661923), s, c);
  // Odd quarters swap sine and cosine; the sine is negative in the second half of a turn, the cosine a quarter before it.
  sine = chosen(s, c, q, q);
  cosine = chosen(c, s, q, q + 1);
}

// ψ ← exp(-τ W) exp(-i (τ V - gradient |∇V|²/m + g |ψ|² ∫exp(-2 W s) ds)) ψ, the exact flow of all that is diagonal in
// positions; absent arrays (null) stand for V = 0, no gradient, W = 0 and τ for the integral.
// imaginary: over -i τ: `damping` holds exp(-τ V …) and the norm decays by g|ψ|² as well, dψ/dτ = -g|ψ|² ψ.
KERNEL(wave_kick)(long long n, REAL* RESTRICT psi, const double* RESTRICT values, double duration, const double* RESTRICT slope,
                  double gradient, const REAL* RESTRICT damping, double strength, const double* RESTRICT exposure, int imaginary) {
  ELEMENTS(i, n) {
    const REAL x = psi[2 * i], y = psi[2 * i + 1];
    const double weight = strength * (double(x) * x + double(y) * y) * (exposure ? exposure[i] : duration);
    REAL c = 1, s = 0;
    if (imaginary) c = REAL(1.0 / sqrt(1.0 + 2.0 * weight));
    else turn((values ? duration * values[i] : 0.0) - (slope ? gradient * slope[i] : 0.0) + weight, c, s);
    if (damping) c *= damping[i], s *= damping[i];
    psi[2 * i] = x * c + y * s;
    psi[2 * i + 1] = y * c - x * s;
  }
}
// ψ̂ ← t0(k0) t1(k1) t2(k2) ψ̂; one complex factor per wavenumber of each axis.
KERNEL(wave_drift)(long long n, REAL* RESTRICT psi, const REAL* RESTRICT t0, const REAL* RESTRICT t1, const REAL* RESTRICT t2,
                   long long n1, long long n2) {
  ELEMENTS(i, n) {
    const long long i2 = i % n2, i1 = i / n2 % n1, i0 = i / (n1 * n2);
    REAL c = t0[2 * i0], s = t0[2 * i0 + 1];
    const REAL a = c * t1[2 * i1] - s * t1[2 * i1 + 1], b = c * t1[2 * i1 + 1] + s * t1[2 * i1];
    c = a * t2[2 * i2] - b * t2[2 * i2 + 1], s = a * t2[2 * i2 + 1] + b * t2[2 * i2];
    const REAL x = psi[2 * i], y = psi[2 * i + 1];
    psi[2 * i] = x * c - y * s;
    psi[2 * i + 1] = y * c + x * s;
  }
}

#ifndef HPC_CUDA
#include "split_operator_sweeps.h"
#endif
