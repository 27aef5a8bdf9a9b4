// pair_potentials.h: energies and forces of one pair of atoms as functions of s = r².
//
// A potential is a struct with COEFFICIENTS, the numbers that one pair of types needs, and
//   pair(s, c, data, energy, force)     energy = E(√s),  force = -2 dE/ds = -E'(r)/r:  the force on i is force·(x_i - x_j)
// POTENTIAL names the one in use.  SHIFT says how it ends at the cutoff (`shifted`).
#pragma once
#include "pair_words.h"

// data[at], at a whole number per pair.
DEV double looked_up(const real* data, double at) { return data[(long long)at]; }
#ifdef HPC_CUDA
DEV float looked_up(const real* data, float at) { return data[(long long)at]; }
#else
DEV num looked_up(const real* data, num at) {
  EACH_REGISTER(k) for (int l = 0; l < LANES_; l++) at.v[k][l] = data[(long long)at.v[k][l]];
  return at;
}
#endif

// 4 ε [(σ/r)¹² - (σ/r)⁶].  c: 48 ε σ¹², 24 ε σ⁶, 4 ε σ¹², 4 ε σ⁶
struct LennardJones {
  static constexpr int COEFFICIENTS = 4;
  template <class T> DEV void pair(T s, const T* c, const real*, T& energy, T& force) {
    const T u = inverse(s), u3 = u * u * u;
    energy = u3 * (c[2] * u3 - c[3]);
    force = (u3 * u) * multiply_add(c[0], u3, T(real(0)) - c[1]);
  }
};
// Lennard-Jones + ε up to its minimum r_m = 2^(1/6) σ, 0 beyond (Weeks, Chandler & Andersen 1971).  c: + ε, r_m²
struct WCA {
  static constexpr int COEFFICIENTS = 6;
  template <class T> DEV void pair(T s, const T* c, const real* data, T& energy, T& force) {
    LennardJones::pair(s, c, data, energy, force);
    const auto inside = s < c[5];
    energy = where(inside, energy + c[4], T(real(0)));
    force = where(inside, force, T(real(0)));
  }
};
// D [x² - 2 x], x = exp(-a (r - r₀)) (Morse 1929).  c: D, a, a r₀, 2 a D
struct Morse {
  static constexpr int COEFFICIENTS = 4;
  template <class T> DEV void pair(T s, const T* c, const real*, T& energy, T& force) {
    const T over = inverse_square_root(s), x = exponential(subtract_product(c[1], s * over, c[2]));
    energy = c[0] * (x * (x - T(real(2))));
    force = c[3] * (x * (x - T(real(1)))) * over;
  }
};
// A exp(-B r) - C/r⁶ (Buckingham 1938).  c: A, B, C, A B, 6 C
struct Buckingham {
  static constexpr int COEFFICIENTS = 5;
  template <class T> DEV void pair(T s, const T* c, const real*, T& energy, T& force) {
    const T over = inverse_square_root(s), u = over * over, u3 = u * u * u, x = exponential(T(real(0)) - c[1] * (s * over));
    energy = c[0] * x - c[2] * u3;
    force = c[3] * x * over - c[4] * (u3 * u);
  }
};
// 4 ε λ [1/q² - 1/q], q = α (1-λ)² + (r/σ)⁶ (Beutler et al. 1994, Chem. Phys. Lett. 222, 529).
// c: 4 ε λ, α (1-λ)², σ⁻⁶
struct SoftCore {
  static constexpr int COEFFICIENTS = 3;
  template <class T> DEV void pair(T s, const T* c, const real*, T& energy, T& force) {
    const T s2 = s * s, u = inverse(multiply_add(s2 * s, c[2], c[1])), u2 = u * u;
    energy = c[0] * (u2 - u);
    force = (T(real(6)) * c[0] * c[2]) * s2 * (T(real(2)) * u2 * u - u2);
  }
};
// A cubic a + b t + c t² + d t³ of t = (s - s_first)/h between knots of equal distance h in s.
// c: first coefficient of the table in data, s_first, 1/h, intervals.   Nearer than the first knot: NaN.
struct Table {
  static constexpr int COEFFICIENTS = 4;
  template <class T> DEV void pair(T s, const T* c, const real* data, T& energy, T& force) {
    const T x = (s - c[1]) * c[2], last = c[3] - T(real(1));
    const T within = where(x > T(real(0)), where(x < last, floor_of(x), last), T(real(0)));
    const T t = x - within, at = multiply_add(within, T(real(4)), c[0]);
    const T a = looked_up(data, at), b = looked_up(data, at + T(real(1))), q = looked_up(data, at + T(real(2))),
            d = looked_up(data, at + T(real(3)));
    energy = multiply_add(multiply_add(multiply_add(d, t, q), t, b), t, a);
    force = T(real(-2)) * c[2] * multiply_add(multiply_add(T(real(3)) * d, t, T(real(2)) * q), t, b);
    const T zero = x - x, none = where(x < zero, zero / zero, zero);
    energy = energy + none;
    force = force + none;
  }
};

#ifndef POTENTIAL
#define POTENTIAL LennardJones
#endif
#ifndef SHIFT
#define SHIFT 0  // 0 truncated, 1 E - E(r_c), 2 also F - F(r_c), 3 E·S with a smooth S from 1 at r_1 to 0 at r_c
#endif
// Two numbers more per pair of types: E(r_c) and F(r_c) = -E'(r_c).
#define COEFFICIENTS (POTENTIAL::COEFFICIENTS + 2)
struct Cutoff {
  real r2;                  // r_c²
  real r, first2, over;     // r_c, r_1², 1/(r_c² - r_1²)
};

// 2: E - E(r_c) + (r - r_c) F(r_c) and F - F(r_c).
// 3: S = 1 - 3t² + 2t³, t = (r² - r_1²)/(r_c² - r_1²) between 0 and 1 (Brooks et al. 1983, J. Comput. Chem. 4, 187).
template <class T> DEV void shifted(T s, const T* c, const real* data, Cutoff cutoff, T& energy, T& force) {
  POTENTIAL::pair(s, c, data, energy, force);
#if SHIFT == 1
  energy = energy - c[COEFFICIENTS - 2];
#elif SHIFT == 2
  const T over = inverse_square_root(s);
  energy = multiply_add(s * over - T(cutoff.r), c[COEFFICIENTS - 1], energy - c[COEFFICIENTS - 2]);
  force = subtract_product(c[COEFFICIENTS - 1], over, force);
#elif SHIFT == 3
  const T x = (s - T(cutoff.first2)) * T(cutoff.over), t = where(x > T(real(0)), x, T(real(0)));
  const T weight = multiply_add(t * t, multiply_add(T(real(2)), t, T(real(-3))), T(real(1)));
  const T slope = T(real(6)) * t * (t - T(real(1))) * T(cutoff.over);
  force = subtract_product(T(real(2)) * energy, slope, force * weight);
  energy = energy * weight;
#endif
}
