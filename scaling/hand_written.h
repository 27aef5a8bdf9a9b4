// hand_written.h: leapfrog steps of batches of small systems as one writes them by hand: structure of arrays, blocks that
// stay in the first cache, one loop over the systems of a block that the compiler vectorises.
#pragma once
#include "prelude.h"
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
extern "C" {  // glibc's vector versions, which GCC takes otherwise under -ffast-math alone
__attribute__((simd("notinbranch"))) double sin(double) noexcept;
__attribute__((simd("notinbranch"))) double cos(double) noexcept;
}
#endif
constexpr int BLOCK = 64;  // systems; measured best of 16, 32, 64, 128 for three bodies

template <int N> DEV void load(double (&to)[N][BLOCK], const double* from, long long n, long long first, int m) {
  for (int c = 0; c < N; c++) for (int l = 0; l < BLOCK; l++) to[c][l] = from[c * n + first + (l < m ? l : m - 1)];
}
template <int N> DEV void store(double* to, const double (&from)[N][BLOCK], long long n, long long first, int m) {
  for (int c = 0; c < N; c++) for (int l = 0; l < m; l++) to[c * n + first + l] = from[c][l];
}

DEV void kepler_force(double x, double y, double& fx, double& fy) {
  const double r2 = x * x + y * y, w = -1.0 / (r2 * sqrt(r2));
  fx = w * x;
  fy = w * y;
}
// z: x, y, px, py of n systems, one row after another
KERNEL(kepler)(long long n, long long steps, double dt, double* RESTRICT z) {
  for (long long first = 0; first < n; first += BLOCK) {
    const int m = int(n - first < BLOCK ? n - first : BLOCK);
    alignas(64) double q[4][BLOCK], f[2][BLOCK];
    load(q, z, n, first, m);
    PRAGMA(omp simd)
    for (int l = 0; l < BLOCK; l++) kepler_force(q[0][l], q[1][l], f[0][l], f[1][l]);
    for (long long s = 0; s < steps; s++) {
      PRAGMA(omp simd)
      for (int l = 0; l < BLOCK; l++) {
        const double px = q[2][l] + 0.5 * dt * f[0][l], py = q[3][l] + 0.5 * dt * f[1][l];
        q[0][l] += dt * px;
        q[1][l] += dt * py;
        kepler_force(q[0][l], q[1][l], f[0][l], f[1][l]);
        q[2][l] = px + 0.5 * dt * f[0][l];
        q[3][l] = py + 0.5 * dt * f[1][l];
      }
    }
    store(z, q, n, first, m);
  }
}

DEV void pair(double m, double ax, double ay, double bx, double by, double& fx, double& fy) {
  const double dx = bx - ax, dy = by - ay, r2 = dx * dx + dy * dy, w = m / (r2 * sqrt(r2));
  fx = w * dx;
  fy = w * dy;
}
DEV void three_forces(const double (&q)[6], const double* m, double (&f)[6]) {
  double ax, ay, bx, by, cx, cy;
  pair(m[0] * m[1], q[0], q[1], q[2], q[3], ax, ay);
  pair(m[0] * m[2], q[0], q[1], q[4], q[5], bx, by);
  pair(m[1] * m[2], q[2], q[3], q[4], q[5], cx, cy);
  f[0] = ax + bx;
  f[1] = ay + by;
  f[2] = cx - ax;
  f[3] = cy - ay;
  f[4] = -bx - cx;
  f[5] = -by - cy;
}
// z: x0, y0, x1, y1, x2, y2, then the momenta
KERNEL(three_bodies)(long long n, long long steps, double dt, double* RESTRICT z, const double* RESTRICT m) {
  const double masses[3] = {m[0], m[1], m[2]}, inverse[3] = {1 / m[0], 1 / m[1], 1 / m[2]};
  for (long long first = 0; first < n; first += BLOCK) {
    const int count = int(n - first < BLOCK ? n - first : BLOCK);
    alignas(64) double zb[12][BLOCK], fb[6][BLOCK];
    load(zb, z, n, first, count);
    for (long long s = -1; s < steps; s++) {
      const double h = s < 0 ? 0.0 : dt;  // the first pass fills the forces
      if (s < 0) for (int c = 0; c < 6; c++) for (int l = 0; l < BLOCK; l++) fb[c][l] = 0.0;
      PRAGMA(omp simd)
      for (int l = 0; l < BLOCK; l++) {
        double q[6], p[6], f[6];
        for (int c = 0; c < 6; c++) p[c] = zb[6 + c][l] + 0.5 * h * fb[c][l];
        for (int c = 0; c < 6; c++) q[c] = zb[c][l] + h * inverse[c / 2] * p[c];
        three_forces(q, masses, f);
        for (int c = 0; c < 6; c++) zb[c][l] = q[c], fb[c][l] = f[c], zb[6 + c][l] = p[c] + 0.5 * h * f[c];
      }
    }
    store(z, zb, n, first, count);
  }
}

// Sine and cosine in loops of their own: in one, GCC makes them a call that has no vector version.
DEV void turn(double h, const double* axis, double* a, double* b) {
  alignas(64) double sine[BLOCK], cosine[BLOCK];
  PRAGMA(omp simd) for (int l = 0; l < BLOCK; l++) sine[l] = sin(h * axis[l]);
  PRAGMA(omp simd) for (int l = 0; l < BLOCK; l++) cosine[l] = cos(h * axis[l]);
  PRAGMA(omp simd)
  for (int l = 0; l < BLOCK; l++) {
    const double old = a[l];
    a[l] = cosine[l] * a[l] + sine[l] * b[l];
    b[l] = cosine[l] * b[l] - sine[l] * old;
  }
}
// z: the angular momentum; rotations about the axes 3, 2, 1, 2, 3 (Strang)
KERNEL(rigid_body)(long long n, long long steps, double dt, double* RESTRICT z, const double* RESTRICT inertia) {
  const double a = dt / inertia[0], b = 0.5 * dt / inertia[1], c = 0.5 * dt / inertia[2];
  for (long long first = 0; first < n; first += BLOCK) {
    const int count = int(n - first < BLOCK ? n - first : BLOCK);
    alignas(64) double m[3][BLOCK];
    load(m, z, n, first, count);
    for (long long s = 0; s < steps; s++) {
      turn(c, m[2], m[0], m[1]);
      turn(b, m[1], m[2], m[0]);
      turn(a, m[0], m[1], m[2]);
      turn(b, m[1], m[2], m[0]);
      turn(c, m[2], m[0], m[1]);
    }
    store(z, m, n, first, count);
  }
}
