// particles.h: the flows of separable Hamiltonians and the moving of rows; memory-bound loops over flat arrays.
#pragma once
#include "prelude.h"

// y ← y + a·x: drift of positions by velocities, kick of velocities by accelerations.
KERNEL(axpy64)(long long n, double* RESTRICT y, const double* RESTRICT x, double a) {
  ELEMENTS(i, n) y[i] += a * x[i];
}
KERNEL(axpy32)(long long n, double* RESTRICT y, const float* RESTRICT x, double a) {
  ELEMENTS(i, n) y[i] += a * double(x[i]);
}

// to[i] = from[order[i]], rows of `width` units.
KERNEL(gather_rows8)(long long n, const unsigned* RESTRICT order, const double* RESTRICT from, double* RESTRICT to, long long width) {
  ELEMENTS(i, n) for (long long k = 0; k < width; k++) to[i * width + k] = from[(long long)order[i] * width + k];
}
KERNEL(gather_rows4)(long long n, const unsigned* RESTRICT order, const float* RESTRICT from, float* RESTRICT to, long long width) {
  ELEMENTS(i, n) for (long long k = 0; k < width; k++) to[i * width + k] = from[(long long)order[i] * width + k];
}
KERNEL(gather_rows1)(long long n, const unsigned* RESTRICT order, const unsigned char* RESTRICT from, unsigned char* RESTRICT to,
                     long long width) {
  ELEMENTS(i, n) for (long long k = 0; k < width; k++) to[i * width + k] = from[(long long)order[i] * width + k];
}
