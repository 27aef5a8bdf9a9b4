// pic_floor.h: loops that no particle-in-cell step can beat: its memory traffic, and its arithmetic without bins or crossers.
#pragma once
#include "pic_gather.h"
#include "pic_push.h"

#ifndef HPC_CUDA
// Each of `fields` arrays of n values is read and written once.
HOST(pic_traffic)(long long n, long long fields, real* x) {
  for (long long f = 0; f < fields; f++)
    for (long long i = 0; i + LANES_ <= n; i += LANES_) store_all(x + f * n + i, load_all(x + f * n + i) * real(0.9999));
  return 0;
}
// Gather by linear forms, push, move and the deposit of whole paths, of `per_bin` particles (whole registers) in each of `bins` bins;
// positions are not changed, so that nothing ever crosses a face.  sums: 16 values of each bin.
HOST(pic_arithmetic)(long long bins, long long per_bin, const real* coefficients, real* x, real* sums) {
  const long long n = bins * per_bin;
  for (long long b = 0; b < bins; b++) {
    RowForms forms;
    memcpy(forms.c, coefficients, sizeof(forms.c));
    constexpr int ROW = (CURRENTS.count + LANES_ - 1) / LANES_ * LANES_;
    vec sum[ROW] = {};
    for (long long i = b * per_bin; i < (b + 1) * per_bin; i += LANES_) {
      vec s[D], e[3], u[3], E[3], B[3], flow[3];
      UNROLL(3) for (int a = 0; a < D; a++) s[a] = load_all(x + a * n + i);
      UNROLL(3) for (int a = 0; a < 3; a++) u[a] = load_all(x + (D + a) * n + i);
      gather_forms<true>(forms, int(b % LANES_), s, E, B);
      push(u, E, B, real(1));
      const vec ig = inverse_gamma(u, real(1));
      UNROLL(3) for (int a = 0; a < 3; a++) e[a] = a < D ? s[a] + (u[a] * ig) * real(1e-6) : (u[a] * ig) * real(1e-6);
      UNROLL(3) for (int a = 0; a < 3; a++) flow[a] = a < D ? e[a] - s[a] : e[a];
      deposit_path(s, e, flow, splat(1), [&](int k, vec v) { sum[k] += v; });
      UNROLL(3) for (int a = 0; a < D; a++) store_all(x + a * n + i, e[a]);
      UNROLL(3) for (int a = 0; a < 3; a++) store_all(x + (D + a) * n + i, u[a]);
    }
    for (int k = 0; k < ROW; k += LANES_) store_all(sums + (b * ROW + k) % 4096, sums_of(sum + k));
  }
  return 0;
}
#endif
