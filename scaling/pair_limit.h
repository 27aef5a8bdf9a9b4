// pair_limit.h: what this machine can do at best: bare vector loops over sources and cells, plain loops, a triad.
//
// No tree, no groups, no gathering: targets stay in REGISTERS vector registers, sources stream by from the first-level
// cache.  On AVX-512 the reciprocal square root is the 14-bit seed instruction; REAL=double has it at full precision.
// Measured and compared with by scaling/limits.py; the physics is that of kernels/gravity_pairs.h, written apart from it.
#pragma once
#include "prelude.h"
#ifndef REGISTERS
#define REGISTERS 4
#endif
typedef REAL real;
typedef vector_of<real>::type vec;
constexpr int BLOCK = REGISTERS * lanes_of<real>();
#define REGISTER(k) PRAGMA(GCC unroll 8) for (int k = 0; k < REGISTERS; k++)

DEV vec seed(vec r2) {
  varying<real, 1> y;
  y.v[0] = r2;
  return inverse_sqrt_seed(y).v[0];
}
DEV vec all(real s) { return s - vec{}; }

struct Lanes {
  vec v[REGISTERS];
};
DEV Lanes loaded(const real* p) {
  Lanes r;
  REGISTER(k) memcpy(&r.v[k], p + k * lanes_of<real>(), VECTOR_BYTES);
  return r;
}
DEV void stored(real* p, const Lanes& r) { REGISTER(k) memcpy(p + k * lanes_of<real>(), &r.v[k], VECTOR_BYTES); }

// FORM 0: one Newton step on 1/ρ, then its cube.  FORM 1: m y³ (5 - 3 ρ²y²)/2, the correction on the cube itself.
// In double the seed is exact already and neither is needed.
template <bool POTENTIAL, int FORM>
DEV void bare_pairs(const real* x, const real* y, const real* z, const real* sources, long long count, real epsilon2, real* field) {
  const Lanes px = loaded(x), py = loaded(y), pz = loaded(z);
  Lanes ax = {}, ay = {}, az = {}, phi = {};
  const vec e2 = all(epsilon2);
  for (long long j = 0; j < count; j++) {
    const real* s = sources + 4 * j;
    REGISTER(k) {
      const vec dx = s[0] - px.v[k], dy = s[1] - py.v[k], dz = s[2] - pz.v[k];
      const vec r2 = dx * dx + (dy * dy + (dz * dz + e2));
      vec ri = seed(r2), force, m = all(s[3]);
      if (sizeof(real) == 8 || FORM == 0) {
        if (sizeof(real) == 4) ri = ri * (real(1.5) - (r2 * ri) * ri * real(0.5));
        const vec mr = m * ri;
        force = mr * (ri * ri);
        if (POTENTIAL) phi.v[k] -= mr;
      } else {
        const vec y2 = ri * ri, t = r2 * y2, my = m * ri;
        force = (my * y2) * (real(2.5) - real(1.5) * t);
        if (POTENTIAL) phi.v[k] -= my * (real(1.5) - real(0.5) * t);
      }
      ax.v[k] += force * dx;
      ay.v[k] += force * dy;
      az.v[k] += force * dz;
    }
  }
  stored(field, ax);
  stored(field + BLOCK, ay);
  stored(field + 2 * BLOCK, az);
  stored(field + 3 * BLOCK, phi);
}

// n blocks of BLOCK targets on `count` sources (x, y, z, m); field: 4·BLOCK values per block.
GROUP_KERNEL(pairs_newton)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                           double epsilon2, real* field) {
  GROUPS(b, n) bare_pairs<false, 0>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}
GROUP_KERNEL(pairs_cube)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                         double epsilon2, real* field) {
  GROUPS(b, n) bare_pairs<false, 1>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}
GROUP_KERNEL(pairs_newton_potential)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                                     double epsilon2, real* field) {
  GROUPS(b, n) bare_pairs<true, 0>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}
GROUP_KERNEL(pairs_cube_potential)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                                   double epsilon2, real* field) {
  GROUPS(b, n) bare_pairs<true, 1>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}

// Cubic-spline softening of support h: the polynomials only where a lane lies inside it.
GROUP_KERNEL(pairs_spline)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                           double support, real* field) {
  const real h = real(support), hi = 1 / h, hi3 = hi * hi * hi;
  GROUPS(b, n) {
    const Lanes px = loaded(x + b * BLOCK), py = loaded(y + b * BLOCK), pz = loaded(z + b * BLOCK);
    Lanes ax = {}, ay = {}, az = {};
    const vec h2 = all(h * h);
    for (long long j = 0; j < count; j++) {
      const real* s = sources + 4 * j;
      REGISTER(k) {
        const vec dx = s[0] - px.v[k], dy = s[1] - py.v[k], dz = s[2] - pz.v[k];
        const vec r2 = dx * dx + (dy * dy + (dz * dz + real(1e-30)));
        vec ri = seed(r2);
        ri = ri * (real(1.5) - (r2 * ri) * ri * real(0.5));
        vec force = (s[3] * ri) * (ri * ri);
        varying<real, 1> distance, reach;
        distance.v[0] = r2;
        reach.v[0] = h2;
        if (any_less(distance, reach)) {
          const vec u = (r2 * ri) * hi, u2 = u * u;
          const vec inner = real(32.0 / 3) + u2 * (real(32) * u - real(38.4));
          const vec outer = real(64.0 / 3) - real(48) * u + u2 * (real(38.4) - real(32.0 / 3) * u) - real(1.0 / 15) / (u2 * u);
          const vec near = (s[3] * hi3) * (u < real(0.5) ? inner : outer);
          force = r2 < h2 ? near : force;
        }
        ax.v[k] += force * dx;
        ay.v[k] += force * dy;
        az.v[k] += force * dz;
      }
    }
    real* f = field + 4 * b * BLOCK;
    stored(f, ax);
    stored(f + BLOCK, ay);
    stored(f + 2 * BLOCK, az);
  }
}

// Cells: x, y, z, m and the traceless quadrupole xx, yy, zz, xy, xz, yz (10 values).  FORM as for pairs; with FORM 1 the
// quadrupole, a small term, takes the uncorrected seed.
template <bool POTENTIAL, int FORM>
DEV void bare_cells(const real* x, const real* y, const real* z, const real* cells, long long count, real epsilon2, real* field) {
  const Lanes px = loaded(x), py = loaded(y), pz = loaded(z);
  Lanes ax = {}, ay = {}, az = {}, phi = {};
  const vec e2 = all(epsilon2);
  for (long long j = 0; j < count; j++) {
    const real* c = cells + 10 * j;
    REGISTER(k) {
      const vec dx = c[0] - px.v[k], dy = c[1] - py.v[k], dz = c[2] - pz.v[k];
      const vec r2 = dx * dx + (dy * dy + (dz * dz + e2));
      vec ri = seed(r2);
      if (sizeof(real) == 4 && FORM == 0) ri = ri * (real(1.5) - (r2 * ri) * ri * real(0.5));
      const vec i2 = ri * ri, i3 = ri * i2, i5 = i3 * i2, mi = c[3] * ri;
      vec point = mi * i2, monopole = mi;
      if (sizeof(real) == 4 && FORM == 1) {
        const vec t = r2 * i2;
        point = point * (real(2.5) - real(1.5) * t);
        if (POTENTIAL) monopole = mi * (real(1.5) - real(0.5) * t);
      }
      const vec qx = c[4] * dx + (c[7] * dy + c[8] * dz);
      const vec qy = c[7] * dx + (c[5] * dy + c[9] * dz);
      const vec qz = c[8] * dx + (c[9] * dy + c[6] * dz);
      const vec h = i5 * (qx * dx + (qy * dy + qz * dz));
      const vec radial = point + real(2.5) * (i2 * h);
      if (POTENTIAL) phi.v[k] -= monopole + real(0.5) * h;
      ax.v[k] += radial * dx - i5 * qx;
      ay.v[k] += radial * dy - i5 * qy;
      az.v[k] += radial * dz - i5 * qz;
    }
  }
  stored(field, ax);
  stored(field + BLOCK, ay);
  stored(field + 2 * BLOCK, az);
  stored(field + 3 * BLOCK, phi);
}
GROUP_KERNEL(cells_newton)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                           double epsilon2, real* field) {
  GROUPS(b, n) bare_cells<false, 0>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}
GROUP_KERNEL(cells_newton_potential)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                                     double epsilon2, real* field) {
  GROUPS(b, n) bare_cells<true, 0>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}
GROUP_KERNEL(cells_cube)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                         double epsilon2, real* field) {
  GROUPS(b, n) bare_cells<false, 1>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}
GROUP_KERNEL(cells_cube_potential)(long long n, const real* x, const real* y, const real* z, const real* sources, long long count,
                                   double epsilon2, real* field) {
  GROUPS(b, n) bare_cells<true, 1>(x + b * BLOCK, y + b * BLOCK, z + b * BLOCK, sources, count, real(epsilon2), field + 4 * b * BLOCK);
}

// What a compiler makes of the textbook loop: n targets, sources as four arrays.
KERNEL(pairs_plain)(long long n, const real* RESTRICT x, const real* RESTRICT y, const real* RESTRICT z, const real* RESTRICT sx,
                    const real* RESTRICT sy, const real* RESTRICT sz, const real* RESTRICT sm, long long count, double epsilon2,
                    real* RESTRICT field) {
  const real e2 = real(epsilon2);
  ELEMENTS(i, n) {
    real ax = 0, ay = 0, az = 0;
    PRAGMA(omp simd reduction(+ : ax, ay, az))
    for (long long j = 0; j < count; j++) {
      const real dx = sx[j] - x[i], dy = sy[j] - y[i], dz = sz[j] - z[i];
      const real ri = real(1) / real(sqrt(dx * dx + dy * dy + dz * dz + e2)), force = sm[j] * ri * ri * ri;
      ax += force * dx;
      ay += force * dy;
      az += force * dz;
    }
    field[3 * i] = ax;
    field[3 * i + 1] = ay;
    field[3 * i + 2] = az;
  }
}

// Bytes of one vector register: how many targets a block has follows from it.
HOST(vector_bytes)() { return VECTOR_BYTES; }

// McCalpin's triad a = b + s·c: 24 bytes of double per element cross the memory bus.
KERNEL(triad)(long long n, double* RESTRICT a, const double* RESTRICT b, const double* RESTRICT c, double s) {
  ELEMENTS(i, n) a[i] = b[i] + s * c[i];
}
