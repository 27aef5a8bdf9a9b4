// vorticity_elements.h: the 2D vorticity equation mode by mode and point by point; transforms are done between these kernels.
//
// Complex numbers are pairs of REAL.  Wavenumbers are counted in units of 2π/L.  Stages are numbered as in
// vorticity_columns.h; see vorticity_passes.h for the equations.
#pragma once
#include "prelude.h"

struct ModePair { REAL x, y; };
DEV ModePair mode_at(const REAL* p, long long i) { return {p[2 * i], p[2 * i + 1]}; }
DEV void put_mode(REAL* p, long long i, REAL x, REAL y) {
  p[2 * i] = x;
  p[2 * i + 1] = y;
}

// plus, minus: (columns, points) spectra over k_y of w = (k_x + i k_y) ω̂/k² at k_x and -k_x, or of ω̂ if `field`.
KERNEL(velocity_spectra)(long long n, long long points, long long cutoff, long long first, int field,
                         const REAL* RESTRICT spectral, REAL* RESTRICT plus, REAL* RESTRICT minus) {
  ELEMENTS(i, n) {
    const long long column = i / points, place = i % points, height = 2 * cutoff + 1;
    const long long k_y = place <= cutoff ? place : place - points;
    REAL a = 0, b = 0;  // w = (a + ib)ω̂
    ModePair here = {0, 0}, mirror = {0, 0};
    if (k_y >= -cutoff) {
      here = mode_at(spectral, column * height + (k_y < 0 ? k_y + height : k_y));
      mirror = mode_at(spectral, column * height + (k_y > 0 ? height - k_y : -k_y));
      const REAL kx = REAL(first + column), ky = REAL(k_y), square = kx * kx + ky * ky;
      a = square > 0 ? kx / square : REAL(0);
      b = square > 0 ? ky / square : REAL(0);
    }
    if (field) {
      put_mode(plus, i, here.x, here.y);
      put_mode(minus, i, mirror.x, -mirror.y);
    } else {
      put_mode(plus, i, a * here.x - b * here.y, a * here.y + b * here.x);
      put_mode(minus, i, b * mirror.y - a * mirror.x, a * mirror.y + b * mirror.x);
    }
  }
}

// w ← w²; size ← |w|² of each point.
KERNEL(square_velocity)(long long n, REAL* RESTRICT w, REAL* RESTRICT size) {
  ELEMENTS(i, n) {
    const ModePair p = mode_at(w, i);
    size[i] = p.x * p.x + p.y * p.y;
    put_mode(w, i, p.x * p.x - p.y * p.y, 2 * p.x * p.y);
  }
}

// One stage for each mode of this rank: plus, minus are the transforms of w²; `next` receives the next stage's state.
// decay: exp(-L dt/2) (columns, 2K+1) or null; filter: (K+1,) or null.
KERNEL(vorticity_stage)(long long n, int stage, double dt, long long points, long long cutoff, long long first,
                        const REAL* RESTRICT plus, const REAL* RESTRICT minus, REAL* RESTRICT state, REAL* RESTRICT sum,
                        REAL* RESTRICT next, const REAL* RESTRICT decay, const REAL* RESTRICT filter) {
  const REAL scale = REAL(1) / (REAL(points) * REAL(points)), step = REAL(dt);
  ELEMENTS(i, n) {
    const long long height = 2 * cutoff + 1, column = i / height, place = i % height, kx = first + column;
    const long long ky = place <= cutoff ? place : place - height, here = column * points + (ky < 0 ? ky + points : ky);
    const ModePair q = mode_at(plus, here);
    if (stage == 5) {
      put_mode(sum, i, scale * q.x, scale * q.y);
      continue;
    }
    const ModePair m = mode_at(kx > 0 ? minus : plus, column * points + (ky > 0 ? points - ky : -ky));
    REAL product = REAL(-0.5) * REAL(kx) * REAL(ky) * scale;
    REAL difference = REAL(0.25) * (REAL(kx) * REAL(kx) - REAL(ky) * REAL(ky)) * scale;
    if (filter) {
      const REAL f = filter[kx] * filter[ky < 0 ? -ky : ky];
      product *= f;
      difference *= f;
    }
    const REAL x = product * (q.x + m.x) + difference * (q.y + m.y), y = product * (q.y - m.y) - difference * (q.x - m.x);
    const REAL h = decay ? decay[i] : REAL(1);
    if (stage == 0) {
      const ModePair z = mode_at(state, i);
      put_mode(sum, i, h * h * (z.x + step / 6 * x), h * h * (z.y + step / 6 * y));
      put_mode(next, i, h * (z.x + step / 2 * x), h * (z.y + step / 2 * y));
    } else if (stage < 3) {
      const ModePair z = mode_at(state, i), total = mode_at(sum, i);
      put_mode(sum, i, total.x + step / 3 * h * x, total.y + step / 3 * h * y);
      if (stage == 1) put_mode(next, i, h * z.x + step / 2 * x, h * z.y + step / 2 * y);
      else put_mode(next, i, h * (h * z.x + step * x), h * (h * z.y + step * y));
    } else if (stage == 3) {
      const ModePair total = mode_at(sum, i);
      put_mode(state, i, total.x + step / 6 * x, total.y + step / 6 * y);
    } else {
      put_mode(sum, i, x, y);
    }
  }
}
