// md_flows.h: flows of many atoms that need no neighbour: kicks, drifts, scalings, and the sums of kinetic energy.
//
// Rows (n, 3) of double; forces may be float.  Every loop moves each number once: the bound is the memory.
#pragma once
#include "prelude.h"

template <class T> DEV void kick_row(long long i, double* RESTRICT v, const T* RESTRICT force, const double* RESTRICT mass, double dt) {
  const double s = dt / mass[i];
  v[3 * i] += s * double(force[3 * i]);
  v[3 * i + 1] += s * double(force[3 * i + 1]);
  v[3 * i + 2] += s * double(force[3 * i + 2]);
}
DEV void drift_row(long long i, double* RESTRICT x, const double* RESTRICT v, double dt) {
  x[3 * i] += dt * v[3 * i];
  x[3 * i + 1] += dt * v[3 * i + 1];
  x[3 * i + 2] += dt * v[3 * i + 2];
}

// v ← v + dt F/m
KERNEL(kick64)(long long n, double* RESTRICT velocity, const double* RESTRICT force, const double* RESTRICT mass, double dt) {
  ELEMENTS(i, n) kick_row(i, velocity, force, mass, dt);
}
OFFERED(kick64)
KERNEL(kick32)(long long n, double* RESTRICT velocity, const float* RESTRICT force, const double* RESTRICT mass, double dt) {
  ELEMENTS(i, n) kick_row(i, velocity, force, mass, dt);
}
OFFERED(kick32)
// x ← x + dt v
KERNEL(drift)(long long n, double* RESTRICT position, const double* RESTRICT velocity, double dt) {
  ELEMENTS(i, n) drift_row(i, position, velocity, dt);
}
OFFERED(drift)
// v ← v + kick F/m,  then  x ← x + drift v: one pass over the memory instead of two.  On the CPU two loops over a few rows that
// stay in the first cache: the compiler finds vectors in each, and fewer in one loop that does both.
#define TILE 256
template <class T>
DEV void kick_drift(long long n, double* RESTRICT v, double* RESTRICT x, const T* RESTRICT force, const double* RESTRICT mass,
                    double kick, double drift) {
#ifdef HPC_CUDA
  ELEMENTS(i, n) {
    kick_row(i, v, force, mass, kick);
    drift_row(i, x, v, drift);
  }
#else
  const long long tiles = (n + TILE - 1) / TILE;
  ELEMENTS(t, tiles) {
    const long long last = smaller((t + 1) * TILE, n);
    for (long long i = t * TILE; i < last; i++) kick_row(i, v, force, mass, kick);
    for (long long i = t * TILE; i < last; i++) drift_row(i, x, v, drift);
  }
#endif
}
KERNEL(kick_drift64)(long long n, double* RESTRICT velocity, double* RESTRICT position, const double* RESTRICT force,
                     const double* RESTRICT mass, double kick, double drift) {
  kick_drift(n, velocity, position, force, mass, kick, drift);
}
OFFERED(kick_drift64)
KERNEL(kick_drift32)(long long n, double* RESTRICT velocity, double* RESTRICT position, const float* RESTRICT force,
                     const double* RESTRICT mass, double kick, double drift) {
  kick_drift(n, velocity, position, force, mass, kick, drift);
}
OFFERED(kick_drift32)

// y ← factor y, numbers one after another.
KERNEL(scale)(long long n, double* RESTRICT y, double factor) {
  ELEMENTS(i, n) y[i] *= factor;
}
// Rows: y_i ← factor[group_i] y_i.
KERNEL(scale_groups)(long long n, double* RESTRICT y, const int* RESTRICT group, const double* RESTRICT factor) {
  ELEMENTS(i, n) {
    const double s = factor[group[i]];
    y[3 * i] *= s;
    y[3 * i + 1] *= s;
    y[3 * i + 2] *= s;
  }
}
// y ← M y + N x/m for each row; matrices row by row.  `mass` may be absent: m = 1.
template <class T>
DEV void affine_row(long long i, double* RESTRICT y, const T* RESTRICT x, const double* RESTRICT mass, const double* RESTRICT m) {
  const double s = mass ? 1.0 / mass[i] : 1.0;
  const double a = y[3 * i], b = y[3 * i + 1], c = y[3 * i + 2];
  const double d = s * double(x[3 * i]), e = s * double(x[3 * i + 1]), f = s * double(x[3 * i + 2]);
  y[3 * i] = m[0] * a + m[1] * b + m[2] * c + m[9] * d + m[10] * e + m[11] * f;
  y[3 * i + 1] = m[3] * a + m[4] * b + m[5] * c + m[12] * d + m[13] * e + m[14] * f;
  y[3 * i + 2] = m[6] * a + m[7] * b + m[8] * c + m[15] * d + m[16] * e + m[17] * f;
}
KERNEL(affine64)(long long n, double* RESTRICT y, const double* RESTRICT x, const double* RESTRICT mass,
                 const double* RESTRICT matrices) {
  ELEMENTS(i, n) affine_row(i, y, x, mass, matrices);
}
KERNEL(affine32)(long long n, double* RESTRICT y, const float* RESTRICT x, const double* RESTRICT mass,
                 const double* RESTRICT matrices) {
  ELEMENTS(i, n) affine_row(i, y, x, mass, matrices);
}
// y ← M (y - origin) + origin
KERNEL(transform)(long long n, double* RESTRICT y, const double* RESTRICT matrix, const double* RESTRICT origin) {
  ELEMENTS(i, n) {
    const double a = y[3 * i] - origin[0], b = y[3 * i + 1] - origin[1], c = y[3 * i + 2] - origin[2];
    y[3 * i] = origin[0] + matrix[0] * a + matrix[1] * b + matrix[2] * c;
    y[3 * i + 1] = origin[1] + matrix[3] * a + matrix[4] * b + matrix[5] * c;
    y[3 * i + 2] = origin[2] + matrix[6] * a + matrix[7] * b + matrix[8] * c;
  }
}

// heat_i ← heat_i + sign ½ m v²: the change of the kinetic energy, by a call before it with sign -1 and one after with +1.
KERNEL(add_energy)(long long n, const double* RESTRICT velocity, const double* RESTRICT mass, double sign, double* RESTRICT heat) {
  ELEMENTS(i, n) {
    const double a = velocity[3 * i], b = velocity[3 * i + 1], c = velocity[3 * i + 2];
    heat[i] += sign * 0.5 * mass[i] * (a * a + b * b + c * c);
  }
}
OFFERED(add_energy)

// Twice the kinetic tensor of one row: m v v as xx yy zz yx zx zy.  Its sum over rows depends on their order.
DEV void tensor_row(double m, const double* v, double* t) {
  t[0] = m * v[0] * v[0];
  t[1] = m * v[1] * v[1];
  t[2] = m * v[2] * v[2];
  t[3] = m * v[1] * v[0];
  t[4] = m * v[2] * v[0];
  t[5] = m * v[2] * v[1];
}
KERNEL(tensor_rows)(long long n, const double* RESTRICT velocity, const double* RESTRICT mass, double* RESTRICT rows) {
  ELEMENTS(i, n) tensor_row(mass[i], velocity + 3 * i, rows + 6 * i);
}
// The same summed over blocks of SUMMED rows: sums (n, 6) for n blocks, whatever the number of threads.
#define SUMMED 1024
KERNEL(tensor_blocks)(long long n, long long rows, const double* RESTRICT velocity, const double* RESTRICT mass,
                      double* RESTRICT sums) {
  ELEMENTS(g, n) {
    const long long last = (g + 1) * SUMMED < rows ? (g + 1) * SUMMED : rows;
    double xx = 0, yy = 0, zz = 0, yx = 0, zx = 0, zy = 0;
#ifndef HPC_CUDA
    PRAGMA(omp simd reduction(+ : xx, yy, zz, yx, zx, zy))
#endif
    for (long long i = g * SUMMED; i < last; i++) {
      const double m = mass[i], x = velocity[3 * i], y = velocity[3 * i + 1], z = velocity[3 * i + 2];
      xx += m * x * x;
      yy += m * y * y;
      zz += m * z * z;
      yx += m * y * x;
      zx += m * z * x;
      zy += m * z * y;
    }
    const double t[6] = {xx, yy, zz, yx, zx, zy};
    UNROLL(6) for (int c = 0; c < 6; c++) sums[6 * g + c] = t[c];
  }
}
