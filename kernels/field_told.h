// field_told.h: what fields tell: sums of squares, how well Gauss's law and continuity hold.
#pragma once
#include "field_grid.h"

// sums[r], of each row r: Σ f² of one component, in double precision.
KERNEL(row_squares)(long long n, const long long* box, const REAL* f, double* sums) {
  const CellBox b = cell_box(box);
  ELEMENTS(r, n) {
    const long long begin = b.first + (r / b.e1) * b.s0 + (r % b.e1) * b.s1;
    double sum = 0;
    for (long long i = begin; i < begin + b.width; i++) sum += double(f[i]) * double(f[i]);
    sums[r] = sum;
  }
}

// most[r]: the largest |Σ_a f_a (v_a(i) - v_a(i - a)) - w q(i) + w p(i)| of row r, and beside it the largest |w q|.
// shift: 0 for a divergence on nodes (of E or J), 1 for one in cells (of B: differences to the upper neighbour).  q, p may be null.
KERNEL(row_divergence)(long long n, const long long* box, const REAL* v, double x, double y, double z, const REAL* q, const REAL* p,
                       double w, int shift, double* most) {
  const CellBox b = cell_box(box);
  ELEMENTS(r, n) {
    const long long begin = b.first + (r / b.e1) * b.s0 + (r % b.e1) * b.s1;
    double largest = 0, scale = 0;
    for (long long i = begin; i < begin + b.width; i++) {
      double d = x * (double(v[i + shift * b.x]) - double(v[i + (shift - 1) * b.x]));
      if (DIMENSIONS > 1) d += y * (double(v[b.size + i + shift * b.y]) - double(v[b.size + i + (shift - 1) * b.y]));
      if (DIMENSIONS > 2) d += z * (double(v[2 * b.size + i + shift * b.z]) - double(v[2 * b.size + i + (shift - 1) * b.z]));
      const double charge = q ? w * double(q[i]) : 0.0;
      d -= charge;
      if (p) d += w * double(p[i]);
      // A comparison that NaN passes: it is to be seen.
      if (!(fabs(d) <= largest)) largest = fabs(d);
      if (!(fabs(charge) <= scale)) scale = fabs(charge);
    }
    most[2 * r] = largest;
    most[2 * r + 1] = scale;
  }
}
