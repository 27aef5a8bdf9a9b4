// field_absorbing.h: absorbing layers (convolutional, complex frequency shifted): memories of derivatives along one axis.
//
// Roden & Gedney (2000), Microw. Opt. Technol. Lett. 27, 334: d/da -> (1/κ) d/da + ψ, ψ <- b ψ + c d/da.
#pragma once
#include "field_grid.h"

// For the cells of a layer along axis a (its stride in `a`): field u += t1 ((1/κ - 1) d + ψ1) of the difference d of f1, and field v
// += t2 (… ψ2) of f2.  behind: 1 where differences go to the lower neighbour (E), 0 to the upper one (B).
// profile: b, c/da and (1/κ - 1)/da for each of `layers` cells; axis: which outer index of the box (0, 1 or 2 along the row) counts
// them.  psi: (2, cells of the box).
KERNEL(absorb)(long long n, const long long* box, int axis, long long a, int behind, const double* profile, const REAL* f1, REAL* u, double t1,
               const REAL* f2, REAL* v, double t2, REAL* psi) {
  const CellBox b = cell_box(box);
  ELEMENTS(k, n) {
    const long long r = k / b.width, i2 = k % b.width, i0 = r / b.e1, i1 = r % b.e1;
    const long long i = b.first + i0 * b.s0 + i1 * b.s1 + i2, layer = axis == 0 ? i0 : axis == 1 ? i1 : i2;
    const double decay = profile[3 * layer], grow = profile[3 * layer + 1], stretch = profile[3 * layer + 2];
    const long long low = behind ? i - a : i;
    const double d1 = double(f1[low + a]) - double(f1[low]), d2 = double(f2[low + a]) - double(f2[low]);
    const double m1 = decay * psi[k] + grow * d1, m2 = decay * psi[n + k] + grow * d2;
    psi[k] = REAL(m1);
    psi[n + k] = REAL(m2);
    u[i] += REAL(t1 * (m1 + stretch * d1));
    v[i] += REAL(t2 * (m2 + stretch * d2));
  }
}
