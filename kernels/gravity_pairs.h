// gravity_pairs.h: the physics of one source acting on lanes of targets, softened; G, mass and length units are taken out.
//
// SOFTENING selects the kernel at compile time:
//   0  none       φ = -m/r                        (a target at zero distance feels nothing)
//   1  Plummer    φ = -m/√(r² + ε²)
//   2  spline     the cubic-spline kernel of support h = 2.8 ε (Monaghan & Lattanzio 1985; Hernquist & Katz 1989;
//                 Springel, Yoshida & White 2001, eq. 71), Newtonian beyond h
// Among a group's own particles, a pair at zero distance (a particle with itself above all) is left out of the potential and
// its mass is summed apart, so that the caller adds the kernel's central value for coincident particles without cancellation.
#pragma once
#include "prelude.h"
#ifndef SOFTENING
#define SOFTENING 1
#endif

template <class T> struct PairSource { T x, y, z, m; };

// Accumulated field of a block of targets: a = Σ m d/ρ³, φ = -Σ m/ρ, and the mass found at zero distance.
template <class T, int V> struct Field { varying<T, V> x, y, z, phi, coincident; };

struct Softening {
  double epsilon2;  // Plummer: ε² (0 for none); spline: 0
  double support;   // spline: h = 2.8 ε; else 0
};

// m/ρ³ from ρ² and y ≈ 1/ρ: an error e of y gives y³(1 - 3e) to first order, which is y³ (5 - 3 ρ² y²)/2.
template <class F> DEV F over_cube(F m, F r2, F y) {
  const F y2 = y * y;
  return (m * y) * y2 * (F(2.5f) - F(1.5f) * (r2 * y2));
}
// m/ρ, likewise.
template <class F> DEV F over_root(F m, F r2, F y) { return (m * y) * (F(1.5f) - F(0.5f) * (r2 * (y * y))); }

// One source on a block of targets at x, y, z.  OWN: the source may be one of the targets; pairs at zero distance are then
// kept apart.
template <bool POTENTIAL, bool OWN, int V, class T>
DEV void add_pair(Field<T, V>& f, varying<T, V> x, varying<T, V> y, varying<T, V> z, PairSource<T> s, T epsilon2, T support) {
  typedef varying<T, V> F;
  const F dx = s.x - x, dy = s.y - y, dz = s.z - z, m = F(s.m);
#if SOFTENING == 1
  const F r2 = dx * dx + (dy * dy + (dz * dz + F(epsilon2)));
  const F ri = inverse_sqrt_seed(r2);
  const F force = over_cube(m, r2, ri);
  if (POTENTIAL) {
    const F phi = over_root(m, r2, ri), zero = F(T(0));
    f.phi -= OWN ? select_equal(r2, F(epsilon2), zero, phi) : phi;
    if (OWN) f.coincident += select_equal(r2, F(epsilon2), m, zero);
  }
#else
  const F r2 = dx * dx + (dy * dy + dz * dz);
  const F zero = F(T(0));
  const F ri = select_equal(r2, zero, zero, inverse_sqrt_seed(r2));
  F force = over_cube(m, r2, ri);
#if SOFTENING == 2
  const F h2 = F(support * support);
  if (any_less(r2, h2)) {
    const F hi = F(T(1) / support), u = (r2 * over_root(F(T(1)), r2, ri)) * hi, u2 = u * u, half = F(T(0.5));
    const F inner = F(T(32.0 / 3)) + u2 * (F(T(32)) * u - F(T(38.4)));
    const F outer = F(T(64.0 / 3)) - F(T(48)) * u + u2 * (F(T(38.4)) - F(T(32.0 / 3)) * u) -
                    F(T(1.0 / 15)) / larger(u2 * u, F(T(0.1)));
    force = select_less(r2, h2, m * select_less(u, half, inner, outer) * (hi * hi * hi), force);
    if (POTENTIAL) {
      const F w_inner = F(T(-2.8)) + u2 * (F(T(16.0 / 3)) + u2 * (F(T(6.4)) * u - F(T(9.6))));
      const F w_outer = F(T(-3.2)) + F(T(1.0 / 15)) / larger(u, half) +
                        u2 * (F(T(32.0 / 3)) + u * (F(T(-16)) + u * (F(T(9.6)) - F(T(32.0 / 15)) * u)));
      const F w = select_less(r2, h2, select_less(u, half, w_inner, w_outer) * (m * hi), zero - over_root(m, r2, ri));
      f.phi += OWN ? select_equal(r2, zero, zero, w) : w;
    }
  } else
#endif
    if (POTENTIAL) f.phi -= over_root(m, r2, ri);
  if (POTENTIAL && OWN) f.coincident += select_equal(r2, zero, m, zero);
#endif
  f.x += force * dx;
  f.y += force * dy;
  f.z += force * dz;
}

// The kernel's central potential per unit mass, for coincident particles; 0 without softening (they are left out).
DEV double central_potential(Softening s) {
#if SOFTENING == 1
  return -1.0 / sqrt(s.epsilon2);
#elif SOFTENING == 2
  return -2.8 / s.support;
#else
  return 0.0;
#endif
}

// One cell: mass, centre, traceless quadrupole Q = Σ m (3 rᵢrⱼ - r² δᵢⱼ), and `trace` = ε² Σ m r².
template <class T> struct CellSource { T x, y, z, m, xx, yy, zz, xy, xz, yz, trace, pad; };

// φ = -m/ρ - (dᵀQd - ε² Σ m r²)/(2ρ⁵),  a = -∇φ: the exact second-order expansion of Σ m/√(r² + ε²).
// Only the monopole needs the seed's correction: the seed's error (6e-5) of a quadrupole is far below the truncation error.
template <bool POTENTIAL, int V, class T>
DEV void add_cell(Field<T, V>& f, varying<T, V> x, varying<T, V> y, varying<T, V> z, const CellSource<T>& s, T epsilon2) {
  typedef varying<T, V> F;
  const F dx = s.x - x, dy = s.y - y, dz = s.z - z;
  const F r2 = dx * dx + (dy * dy + (dz * dz + F(epsilon2)));
  const F ri = inverse_sqrt_seed(r2), ri2 = ri * ri, ri5 = (ri2 * ri2) * ri;
  const F qx = F(s.xx) * dx + (F(s.xy) * dy + F(s.xz) * dz);
  const F qy = F(s.xy) * dx + (F(s.yy) * dy + F(s.yz) * dz);
  const F qz = F(s.xz) * dx + (F(s.yz) * dy + F(s.zz) * dz);
  const F dqd = qx * dx + (qy * dy + (qz * dz - F(s.trace)));
  const F h = ri5 * dqd;
  const F radial = over_cube(F(s.m), r2, ri) + (F(T(2.5)) * ri2) * h;
  if (POTENTIAL) f.phi -= over_root(F(s.m), r2, ri) + F(T(0.5)) * h;
  f.x += radial * dx - ri5 * qx;
  f.y += radial * dy - ri5 * qy;
  f.z += radial * dz - ri5 * qz;
}
