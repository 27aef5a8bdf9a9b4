// md_noise.h: friction and noise of many atoms; the random numbers belong to (seed; atom's id, step, draw).
//
// So a trajectory does not depend on who owns an atom, on ranks, threads or restarts.
#pragma once
#ifndef HPC_CUDA
#define REGISTERS 2
#endif
#include "batch.h"

#ifdef HPC_CUDA
DEV words ids_from(const long long* id, long long i, long long) { return (words)id[i]; }
#else
DEV words ids_from(const long long* id, long long i, long long n) {
  words r;
  EACH_SYSTEM(k, l) r.v[k][l] = id[row_of(i, n, k, l)];
  return r;
}
#endif

// v ← decay v + spread/√m ξ: the exact flow of dv = -γ v dt + √(2 γ kT/m) dW with decay = e^-γt, spread = √(kT (1 - e^-2γt)).
// Two blocks of random numbers per atom, of which three normal variates are used.
// heat: (n,) or absent: += the change of the atom's kinetic energy.
KERNEL(ornstein_uhlenbeck)(long long n, double* RESTRICT velocity, const double* RESTRICT mass, const long long* RESTRICT id,
                           long long seed, long long step, int block, double decay, double spread, double* RESTRICT heat) {
  SYSTEMS(i, n) {
    const words own = ids_from(id, i, n);
    num x[4];
    normal_pair_of(seed, own, step, block, x[0], x[1]);
    normal_pair_of(seed, own, step, block + 1, x[2], x[3]);
    const num m = load_system(mass, i, n, 1, 0);
    const num width = num(spread) * inverse_square_root(m);
#ifdef HPC_CUDA
    double before = 0, after = 0;
    for (int c = 0; c < 3; c++) {
      const double old = velocity[3 * i + c], v = decay * old + width * x[c];
      before += old * old;
      after += v * v;
      velocity[3 * i + c] = v;
    }
    if (heat) heat[i] += 0.5 * m * (after - before);
#else
    // Component by component in the lanes, then row by row: plain loops that the compiler turns into shuffles.
    alignas(64) double noise[3][SYSTEMS_PER_PASS];
    for (int c = 0; c < 3; c++) store_num(noise[c], width * x[c]);
    const int count = int(smaller((long long)SYSTEMS_PER_PASS, n - i));
    double* RESTRICT v = velocity + 3 * i;
    alignas(64) double change[SYSTEMS_PER_PASS];
    for (int j = 0; j < count; j++) {
      const double a = v[3 * j], b = v[3 * j + 1], c = v[3 * j + 2];
      const double d = decay * a + noise[0][j], e = decay * b + noise[1][j], f = decay * c + noise[2][j];
      change[j] = (d * d + e * e + f * f) - (a * a + b * b + c * c);
      v[3 * j] = d;
      v[3 * j + 1] = e;
      v[3 * j + 2] = f;
    }
    if (heat)
      for (int j = 0; j < count; j++) heat[i + j] += 0.5 * mass[i + j] * change[j];
#endif
  }
}
OFFERED(ornstein_uhlenbeck)
