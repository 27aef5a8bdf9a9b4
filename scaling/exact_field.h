// exact_field.h: the judge of every force and potential measured here: textbook sums in double precision.
//
// Shares no code with the kernels it judges, softening included (Springel, Yoshida & White 2001, eq. 71, in its
// published form).  A target is left out of its own sum by its row, not by its distance.
#pragma once
#include "prelude.h"

// spline: h = 2.8 ε; else Plummer with ε² (0: no softening).  field (n, 4): acceleration and potential for G = 1.
KERNEL(exact_fields)(long long n, const long long* RESTRICT rows, long long count, const double* RESTRICT x, const double* RESTRICT y,
                     const double* RESTRICT z, const double* RESTRICT m, double epsilon2, double support, double* RESTRICT field) {
  ELEMENTS(i, n) {
    const long long own = rows[i];
    const double tx = x[own], ty = y[own], tz = z[own];
    double ax = 0, ay = 0, az = 0, phi = 0;
    if (support > 0) {
      for (long long j = 0; j < count; j++) {
        const double dx = x[j] - tx, dy = y[j] - ty, dz = z[j] - tz, r = sqrt(dx * dx + dy * dy + dz * dz);
        if (j == own) continue;
        const double u = r / support, u2 = u * u, u3 = u2 * u, h3 = support * support * support;
        double f, w;
        if (u >= 1) {
          f = 1 / (r * r * r);
          w = -1 / r;
        } else if (u >= 0.5) {
          f = (64.0 / 3 - 48 * u + 192.0 / 5 * u2 - 32.0 / 3 * u3 - 1 / (15 * u3)) / h3;
          w = (1 / (15 * u) + 32.0 / 3 * u2 - 16 * u3 + 48.0 / 5 * u2 * u2 - 32.0 / 15 * u3 * u2 - 16.0 / 5) / support;
        } else {
          f = (32.0 / 3 - 192.0 / 5 * u2 + 32 * u3) / h3;
          w = (16.0 / 3 * u2 - 48.0 / 5 * u2 * u2 + 32.0 / 5 * u3 * u2 - 14.0 / 5) / support;
        }
        ax += m[j] * f * dx;
        ay += m[j] * f * dy;
        az += m[j] * f * dz;
        phi += m[j] * w;
      }
    } else {
      PRAGMA(omp simd reduction(+ : ax, ay, az, phi))
      for (long long j = 0; j < count; j++) {
        const double dx = x[j] - tx, dy = y[j] - ty, dz = z[j] - tz, r2 = dx * dx + dy * dy + dz * dz + epsilon2;
        const double ri = j == own ? 0.0 : 1.0 / sqrt(r2), mr = m[j] * ri, f = mr * ri * ri;
        ax += f * dx;
        ay += f * dy;
        az += f * dz;
        phi -= mr;
      }
    }
    field[4 * i] = ax;
    field[4 * i + 1] = ay;
    field[4 * i + 2] = az;
    field[4 * i + 3] = phi;
  }
}
