// pair_bare.h: what the pair forces are compared with: a bare loop over the same list, and a loop of whole steps.
#pragma once
#include "pair_forces.h"

#if HPC_AVX512
// Lennard-Jones with ε = σ = 1 in single precision: no masks, no types, no ends, written for this one case alone.
HOST(bare_forces)(long long n, const PairEntry* entries, const unsigned short* clusters, const float* x, float* f, double cutoff) {
  SubnormalsFlushed flushed;
  const __m512 end = _mm512_set1_ps(float(cutoff * cutoff)), two = _mm512_set1_ps(2.0f), a = _mm512_set1_ps(48.0f), b = _mm512_set1_ps(24.0f);
  for (long long q = 0; q < n; q++) {
    const PairEntry& e = entries[q];
    const long long at = (long long)(e.i / 2) * BLOCK + e.i % 2 * ROWS;
    const float shift[3] = {float(e.x), float(e.y), float(e.z)};
    __m512 p[3][2], s[3][2];
    for (int d = 0; d < 3; d++)
      for (int k = 0; k < 2; k++) {
        const float* from = x + at + d * COLUMNS + 2 * k;
        p[d][k] = _mm512_insertf32x8(_mm512_set1_ps(from[0] + shift[d]), _mm256_set1_ps(from[1] + shift[d]), 1);
        s[d][k] = _mm512_setzero_ps();
      }
    for (int c = 0; c < e.count; c++) {
      const long long j = (long long)(e.base + clusters[e.first + c]) * BLOCK;
      const __m512 xj = _mm512_broadcast_f32x8(_mm256_loadu_ps(x + j)), yj = _mm512_broadcast_f32x8(_mm256_loadu_ps(x + j + 8)),
                   zj = _mm512_broadcast_f32x8(_mm256_loadu_ps(x + j + 16));
      __m512 tx = _mm512_setzero_ps(), ty = tx, tz = tx;
      UNROLL(2) for (int k = 0; k < 2; k++) {
        const __m512 dx = _mm512_sub_ps(p[0][k], xj), dy = _mm512_sub_ps(p[1][k], yj), dz = _mm512_sub_ps(p[2][k], zj);
        const __m512 r2 = _mm512_fmadd_ps(dx, dx, _mm512_fmadd_ps(dy, dy, _mm512_mul_ps(dz, dz)));
        const __m512 seed = _mm512_rcp14_ps(r2), u = _mm512_mul_ps(seed, _mm512_fnmadd_ps(r2, seed, two));
        const __m512 u3 = _mm512_mul_ps(_mm512_mul_ps(u, u), u);
        const __m512 g = _mm512_maskz_mul_ps(_mm512_cmp_ps_mask(r2, end, _CMP_LT_OQ), _mm512_mul_ps(u3, u), _mm512_fmsub_ps(u3, a, b));
        s[0][k] = _mm512_fmadd_ps(g, dx, s[0][k]), s[1][k] = _mm512_fmadd_ps(g, dy, s[1][k]), s[2][k] = _mm512_fmadd_ps(g, dz, s[2][k]);
        tx = _mm512_fmadd_ps(g, dx, tx), ty = _mm512_fmadd_ps(g, dy, ty), tz = _mm512_fmadd_ps(g, dz, tz);
      }
      const __m512 t[3] = {tx, ty, tz};
      for (int d = 0; d < 3; d++) {
        float* to = f + j + 8 * d;
        const __m256 both = _mm256_add_ps(_mm512_castps512_ps256(t[d]), _mm512_extractf32x8_ps(t[d], 1));
        _mm256_storeu_ps(to, _mm256_sub_ps(_mm256_loadu_ps(to), both));
      }
    }
    for (int d = 0; d < 3; d++) {  // one atom per quarter, then the sum of each quarter
      __m512 t = _mm512_add_ps(_mm512_shuffle_f32x4(s[d][0], s[d][1], 0x88), _mm512_shuffle_f32x4(s[d][0], s[d][1], 0xdd));
      t = _mm512_add_ps(t, _mm512_permute_ps(t, 0xb1));
      t = _mm512_add_ps(t, _mm512_permute_ps(t, 0x4e));
      float* to = f + at + d * COLUMNS;
      _mm_storeu_ps(to, _mm_add_ps(_mm_loadu_ps(to), _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, t))));
    }
  }
  return 0;
}
#endif

typedef long long (*Step)(long long, long long, const double*, void*, long long, void*, double*);
typedef long long (*Rebuild)(long long, long long, double*, int*, const int*, unsigned*, long long, const long long*, const long long*,
                             const long long*, long long, const long long*, const long long*);
// Leapfrog with unit masses: `steps` times v += dt·F, x += dt·v, forces, lists where they are due.  Returns the steps done.
HOST(whole_steps)(long long step, long long rebuild, long long handle, long long n, double* position, double* velocity, real* force,
                  int* image, const int* type, unsigned* order, long long arrays, const long long* addresses, const long long* bytes,
                  double dt, long long steps, double* displacement) {
  for (long long k = 0; k < steps; k++) {
#pragma omp parallel for schedule(static)
    for (long long i = 0; i < 3 * n; i++) {
      velocity[i] += dt * double(force[i]);
      position[i] += dt * velocity[i];
    }
    long long found = ((Step)step)(handle, n, position, force, 0, nullptr, displacement);
    if (found == -2) {
      ((Rebuild)rebuild)(handle, n, position, image, type, order, arrays, addresses, bytes, nullptr, 0, nullptr, nullptr);
      found = ((Step)step)(handle, n, position, force, 0, nullptr, displacement);
    }
    if (found != -1) return k;
  }
  return steps;
}
