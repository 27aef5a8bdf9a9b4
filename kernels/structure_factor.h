// structure_factor.h: density modes ρ(k) = Σ_j exp(-i k·r_j) of atoms in a periodic box, k = 2π h B⁻ᵀ with integers h.
#pragma once
#include "prelude.h"

#define PIECE 64
#define QUARTER_TURN 1.5707963267948966

// sin and cos of 2π t for |t| ≤ 1/2: Taylor polynomials on |angle| ≤ π/4 (remainder below 1e-16), then quarter turns.
DEV void turn_sine_cosine(double t, double& sine, double& cosine) {
  const double q = rint(4.0 * t), a = (4.0 * t - q) * QUARTER_TURN, b = a * a;
  const double s = a + a * b * (-1.0 / 6 + b * (1.0 / 120 + b * (-1.0 / 5040 + b * (1.0 / 362880 + b * (-1.0 / 39916800 +
                   b * (1.0 / 6227020800.0 - b * (1.0 / 1307674368000.0)))))));
  const double c = 1.0 + b * (-0.5 + b * (1.0 / 24 + b * (-1.0 / 720 + b * (1.0 / 40320 + b * (-1.0 / 3628800 +
                   b * (1.0 / 479001600.0 + b * (-1.0 / 87178291200.0 + b * (1.0 / 20922789888000.0))))))));
  const bool odd = q == 1.0 || q == -1.0;
  const double first = odd ? c : s, second = odd ? s : c;
  sine = (q == 2.0 || q == -2.0 || q == -1.0) ? -first : first;
  cosine = (q == 2.0 || q == -2.0 || q == 1.0) ? -second : second;
}

// modes (n, 2): Re and Im of ρ at integer vectors h (n, 3).
// place: (3, padded) fractional coordinates, weight: (padded,) 1 for atoms, 0 for padding; padded is a multiple of 64.
// Each term is rounded to the grid of `anchor` (1.5·2⁵² quanta): sums of multiples of a quantum are exact, in any order.
GROUP_KERNEL(density_modes)(long long n, const int* RESTRICT h, long long padded, const double* RESTRICT place,
                            const double* RESTRICT weight, double anchor, double* RESTRICT modes) {
  GROUPS(g, n) {
    SHARED(double, real_part, PIECE);
    SHARED(double, imaginary_part, PIECE);
    const double hx = h[3 * g], hy = h[3 * g + 1], hz = h[3 * g + 2];
    BARRIER;
    COOPERATE(k, PIECE) real_part[k] = imaginary_part[k] = 0;
    for (long long b = 0; b < padded; b += PIECE) {
      const double *x = place + b, *y = x + padded, *z = y + padded, *w = weight + b;
      COOPERATE(k, PIECE) {
        double t = hx * x[k] + hy * y[k] + hz * z[k], s, c;
        t -= rint(t);
        turn_sine_cosine(t, s, c);
        real_part[k] += w[k] * ((c + anchor) - anchor);
        imaginary_part[k] -= w[k] * ((s + anchor) - anchor);
      }
    }
    BARRIER;
    LANE0 {
      double re = 0, im = 0;
      for (int k = 0; k < PIECE; k++) {
        re += real_part[k];
        im += imaginary_part[k];
      }
      modes[2 * g] = re;
      modes[2 * g + 1] = im;
    }
    BARRIER;
  }
}
