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

// to[i] = from[order[i]], rows of `width` units.  The usual widths are known to the compiler: a loop of unknown length costs
// more than the three numbers of a position.
template <int WIDTH, class T> DEV void copy_row(const T* from, T* to) {
  UNROLL(3)
  for (int k = 0; k < WIDTH; k++) to[k] = from[k];
}
template <class T> DEV void gather_row(const unsigned* RESTRICT order, const T* RESTRICT from, T* RESTRICT to, long long i, long long width) {
  const T* source = from + (long long)order[i] * width;
  if (width == 1) copy_row<1>(source, to + i);
  else if (width == 3) copy_row<3>(source, to + 3 * i);
  else for (long long k = 0; k < width; k++) to[i * width + k] = source[k];
}
KERNEL(gather_rows8)(long long n, const unsigned* RESTRICT order, const double* RESTRICT from, double* RESTRICT to, long long width) {
  ELEMENTS(i, n) gather_row(order, from, to, i, width);
}
KERNEL(gather_rows4)(long long n, const unsigned* RESTRICT order, const float* RESTRICT from, float* RESTRICT to, long long width) {
  ELEMENTS(i, n) gather_row(order, from, to, i, width);
}
KERNEL(gather_rows1)(long long n, const unsigned* RESTRICT order, const unsigned char* RESTRICT from, unsigned char* RESTRICT to,
                     long long width) {
  ELEMENTS(i, n) gather_row(order, from, to, i, width);
}
