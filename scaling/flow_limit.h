// flow_limit.h: what a right-hand side of the 2D vorticity equation costs this machine in bare loops, one thread.
//
// The recipe of the floor: four real transforms' work (Basdevant 1983), pruned to 2K+1 columns, rows in the first-level cache,
// columns side by side in blocks in the second, as FFTW's batches take them.  And the transforms alone, each on the same
// two lines of the first-level cache: no program that calls FFTW can be faster.
#pragma once
#include <fftw3.h>
#include <stdlib.h>
#include <algorithm>
#include "prelude.h"

template <class T> struct library;
template <> struct library<double> {
  typedef fftw_plan plan;
  typedef fftw_complex number;
  static plan make(int n, int lanes, double* a, double* b, int sign) {
    return fftw_plan_many_dft(1, &n, lanes, (number*)a, nullptr, lanes, 1, (number*)b, nullptr, lanes, 1, sign, FFTW_MEASURE);
  }
  static void run(plan p, double* a, double* b) { fftw_execute_dft(p, (number*)a, (number*)b); }
};
template <> struct library<float> {
  typedef fftwf_plan plan;
  typedef fftwf_complex number;
  static plan make(int n, int lanes, float* a, float* b, int sign) {
    return fftwf_plan_many_dft(1, &n, lanes, (number*)a, nullptr, lanes, 1, (number*)b, nullptr, lanes, 1, sign, FFTW_MEASURE);
  }
  static void run(plan p, float* a, float* b) { fftwf_execute_dft(p, (number*)a, (number*)b); }
};

struct Recipe {
  int n, cutoff, lanes;
  library<REAL>::plan row[2], columns[2], alone[2];
  REAL *line, *other, *block;
};
static REAL* numbers(long long count) {
  REAL* p = (REAL*)aligned_alloc(64, (2 * sizeof(REAL) * count + 63) / 64 * 64);
  memset(p, 0, 2 * sizeof(REAL) * count);
  return p;
}

// Plans for n points; `lanes` columns k_x and as many -k_x make a block.  Returns a handle that lives as long as the process.
HOST(recipe_make)(long long n, long long cutoff, long long lanes) {
  Recipe* r = new Recipe{(int)n, (int)cutoff, (int)lanes, {}, {}, {}, numbers(n), numbers(n), numbers(2 * n * lanes)};
  for (int way = 0; way < 2; way++) {
    const int sign = way ? FFTW_BACKWARD : FFTW_FORWARD;
    r->row[way] = library<REAL>::make(r->n, 1, r->line, r->line, sign);
    r->alone[way] = library<REAL>::make(r->n, 1, r->line, r->other, sign);
    r->columns[way] = library<REAL>::make(r->n, 2 * r->lanes, r->block, r->block, sign);
  }
  return (long long)r;
}

// All lines: copied in, inverse, squared, forward, copied back.  w: (n, 2K+1) complex.
HOST(recipe_rows)(long long handle, REAL* w) {
  const Recipe& r = *(Recipe*)handle;
  const int m = 2 * r.cutoff + 1, half = r.cutoff + 1;
  for (int y = 0; y < r.n; y++) {
    REAL *own = w + 2ll * y * m, *tail = r.line + 2 * (r.n - r.cutoff);
    memcpy(r.line, own, 2 * sizeof(REAL) * half);
    memset(r.line + 2 * half, 0, 2 * sizeof(REAL) * (r.n - m));
    memcpy(tail, own + 2 * half, 2 * sizeof(REAL) * r.cutoff);
    library<REAL>::run(r.row[1], r.line, r.line);
    for (int x = 0; x < r.n; x++) {
      const REAL u = r.line[2 * x], v = r.line[2 * x + 1];
      r.line[2 * x] = u * u - v * v;
      r.line[2 * x + 1] = 2 * u * v;
    }
    library<REAL>::run(r.row[0], r.line, r.line);
    memcpy(own, r.line, 2 * sizeof(REAL) * half);
    memcpy(own + 2 * half, tail, 2 * sizeof(REAL) * r.cutoff);
  }
  return 0;
}

// All columns: gathered, forward, N̂ and a Runge-Kutta update, velocity, inverse, scattered.
// state, sum: (blocks, 2K+1, lanes) complex; decay: one real number for each of these.
HOST(recipe_columns)(long long handle, double dt, REAL* w, const REAL* state, REAL* sum, const REAL* decay) {
  const Recipe& r = *(Recipe*)handle;
  const int m = 2 * r.cutoff + 1, lanes = r.lanes, blocks = (r.cutoff + lanes) / lanes;
  const REAL scale = REAL(1) / (REAL(r.n) * REAL(r.n)), step = REAL(dt);
  for (int b = 0; b < blocks; b++) {
    const int first = b * lanes, count = std::min(lanes, r.cutoff + 1 - first), skipped = first == 0;
    for (int y = 0; y < r.n; y++) {
      const REAL* from = w + 2ll * y * m;
      REAL* to = r.block + 4ll * y * lanes;
      memcpy(to, from + 2 * first, 2 * sizeof(REAL) * count);
      for (int l = skipped; l < count; l++) memcpy(to + 2 * (lanes + l), from + 2 * (m - first - l), 2 * sizeof(REAL));
    }
    library<REAL>::run(r.columns[0], r.block, r.block);
    for (int j = 0; j <= r.cutoff; j++) {
      // both signs of k_y at once: where one is read the other is written
      const int rows[2] = {j, j ? r.n - j : 0}, heights[2] = {j, j ? m - j : 0};
      for (int s = 0; s < (j ? 2 : 1); s++) {
        REAL *q = r.block + 4ll * rows[s] * lanes, *mirror = r.block + 4ll * rows[1 - s] * lanes + 2 * lanes;
        const long long place = ((long long)b * m + heights[s]) * lanes;
        const REAL *z = state + 2 * place, *h = decay + place, ky = REAL(s ? -j : j);
        REAL* total = sum + 2 * place;
        for (int l = 0; l < lanes; l++) {
          const REAL kx = REAL(first + l), k2 = kx * kx + ky * ky, inverse = k2 > 0 ? REAL(1) / k2 : REAL(0);
          const REAL c = REAL(-0.5) * kx * ky * scale, d = REAL(0.25) * (kx * kx - ky * ky) * scale;
          const REAL qr = q[2 * l], qi = q[2 * l + 1], mr = mirror[2 * l], mi = -mirror[2 * l + 1];
          const REAL x = c * (qr + mr) + d * (qi - mi), y = c * (qi + mi) - d * (qr - mr);
          total[2 * l] += h[l] * step / 3 * x;
          total[2 * l + 1] += h[l] * step / 3 * y;
          const REAL nx = h[l] * z[2 * l] + step / 2 * x, ny = h[l] * z[2 * l + 1] + step / 2 * y;
          const REAL a = kx * inverse, e = ky * inverse;
          q[2 * l] = a * nx - e * ny;
          q[2 * l + 1] = a * ny + e * nx;
          mirror[2 * l] = -a * nx - e * ny;
          mirror[2 * l + 1] = a * ny - e * nx;
        }
      }
    }
    memset(r.block + 4ll * (r.cutoff + 1) * lanes, 0, 4 * sizeof(REAL) * (long long)lanes * (r.n - m));
    library<REAL>::run(r.columns[1], r.block, r.block);
    for (int y = 0; y < r.n; y++) {
      REAL* to = w + 2ll * y * m;
      const REAL* from = r.block + 4ll * y * lanes;
      memcpy(to + 2 * first, from, 2 * sizeof(REAL) * count);
      for (int l = skipped; l < count; l++) memcpy(to + 2 * (m - first - l), from + 2 * (lanes + l), 2 * sizeof(REAL));
    }
  }
  return 0;
}

// The transforms of a right-hand side and nothing else.
HOST(recipe_transforms)(long long handle) {
  const Recipe& r = *(Recipe*)handle;
  for (int i = 0; i < r.n + 2 * r.cutoff + 1; i++)
    for (int way = 0; way < 2; way++) library<REAL>::run(r.alone[way], r.line, r.other);
  return 0;
}
