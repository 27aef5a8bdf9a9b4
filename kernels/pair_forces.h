// pair_forces.h: forces, energy and virial of clusters of four atoms against clusters of eight, from lists of clusters.
//
// Coordinates lie in blocks of eight atoms (pair_tile.h), relative to the origin of the region they are in, so that single
// precision is enough in any box; an entry of the list holds the distance of two such origins, images included.
// Every pair is met once and serves both atoms.  FIXED: double arithmetic on exact differences and 64-bit fixed-point sums,
// which do not depend on the order of pairs, nor on ranks and threads.
#pragma once
#include "pair_potentials.h"
#ifndef FIXED
#define FIXED 0
#endif
#ifndef TYPES
#define TYPES 0  // 1: several types of atoms
#endif

// Four atoms and the clusters of eight that they meet at one shift: the list's numbers from `first` on, each a cluster
// counted from `base`: `masked` of them, with their bits from `mask` on, then the others.
struct PairEntry {
  unsigned first, mask;
  int i, base;
  unsigned short masked, count, kept;  // kept: after pruning
  unsigned short image;                // of the others: whole numbers of box vectors, `packed`
  real x, y, z;                        // added to coordinates of i
};
struct PairSetup {
  Cutoff cutoff;
  int types;
  double force_unit, total_unit;  // FIXED: one unit of the sums of forces, and of energies
};
#if FIXED
typedef long long sum_type, total_type;
#define LARGEST_TERM 1e16  // units of the largest force of one pair: some hundred of them fit in 64 bits
#else
typedef real sum_type;
typedef double total_type;
#endif
#ifdef HPC_CUDA
#define INLINED
#else
#define INLINED __attribute__((always_inline))
#endif

#if FIXED
// Force times 1/unit as whole numbers, then the sums over rows and columns.
#ifdef HPC_CUDA
DEV void spread(long long* rows_of_i, long long* columns_of_j, num f, double over) {
  long long q = llrint(double(f) * over);
  const long long c = sum_over_rows(q), r = sum_over_columns(q);
  if (threadIdx.x < COLUMNS) atomicAdd((unsigned long long*)columns_of_j + threadIdx.x, (unsigned long long)(-c));
  if (threadIdx.x % COLUMNS == 0) atomicAdd((unsigned long long*)rows_of_i + threadIdx.x / COLUMNS, (unsigned long long)r);
}
DEV long long whole_sum(num v, double over) {
  long long q = llrint(double(v) * over);
  for (int o = 1; o < TILE; o <<= 1) q += __shfl_xor_sync(0xffffffffu, q, o);
  return q;
}
#else
DEV void whole_numbers(num v, double over, long long* q) {
  EACH_REGISTER(k) for (int l = 0; l < LANES_; l++) q[k * LANES_ + l] = (long long)__builtin_rint(double(v.v[k][l]) * over);
}
DEV void spread(long long* rows_of_i, long long* columns_of_j, num f, double over) {
  alignas(64) long long q[TILE];
  whole_numbers(f, over, q);
  for (int r = 0; r < ROWS; r++) {
    long long s = 0;
    for (int c = 0; c < COLUMNS; c++) {
      s += q[r * COLUMNS + c];
      columns_of_j[c] -= q[r * COLUMNS + c];
    }
    rows_of_i[r] += s;
  }
}
DEV long long whole_sum(num v, double over) {
  alignas(64) long long q[TILE];
  whole_numbers(v, over, q);
  long long s = 0;
  for (int p = 0; p < TILE; p++) s += q[p];
  return s;
}
#endif
#endif

// All pairs of an entry with the first `count` clusters of `of`.  PRUNE: those with a pair nearer than √prune2 are written to
// `kept`, behind the masked ones.
// totals: energy, virial xx yy zz xy xz yz (Σ F_a x_b over pairs).  failed: FIXED, 1 + the cluster of four whose force is beyond
// the largest sum.  Returns how many were kept.
template <bool TOTALS, bool PRUNE>
DEV int entry_forces(const PairEntry& e, int count, const unsigned short* of, unsigned short* kept, const unsigned* masks, const int* type,
                     const real* table, const real* data, const PairSetup& setup, real prune2, const real* x, sum_type* f,
                     total_type* totals, int* failed) {
  const long long at = (long long)(e.i / 2) * BLOCK + e.i % 2 * ROWS;
#if FIXED
  const num xi = rows(x + at), yi = rows(x + at + COLUMNS), zi = rows(x + at + 2 * COLUMNS);
  const double over = 1 / setup.force_unit, over_total = 1 / setup.total_unit;
#else
  const num xi = rows(x + at) + num(e.x), yi = rows(x + at + COLUMNS) + num(e.y), zi = rows(x + at + 2 * COLUMNS) + num(e.z);
  num ax = num(real(0)), ay = ax, az = ax;
#endif
#if !FIXED
  num total[7];
  if (TOTALS) for (int k = 0; k < 7; k++) total[k] = num(real(0));
#endif
  num c[COEFFICIENTS];
#if !TYPES
  UNROLL(16) for (int k = 0; k < COEFFICIENTS; k++) c[k] = num(table[k]);
#endif
  const num zero = num(real(0)), cutoff2 = num(setup.cutoff.r2);
  int found = 0;
  auto tile = [&](unsigned short which, bool masked, unsigned pairs) INLINED {
    const int j = e.base + which;
    const real* xj = x + (long long)j * BLOCK;
#if FIXED
    const num dx = (xi - columns(xj)) + num(e.x), dy = (yi - columns(xj + COLUMNS)) + num(e.y),
              dz = (zi - columns(xj + 2 * COLUMNS)) + num(e.z);
#else
    const num dx = xi - columns(xj), dy = yi - columns(xj + COLUMNS), dz = zi - columns(xj + 2 * COLUMNS);
#endif
    const num s = multiply_add(dx, dx, multiply_add(dy, dy, dz * dz));
    if (PRUNE && !masked) {
      kept[e.masked + found] = which;
      found += any_below(s, prune2);
    }
#if TYPES
    const indices at_types = table_rows(type + (long long)(e.i / 2) * COLUMNS + e.i % 2 * ROWS, type + (long long)j * COLUMNS, setup.types);
    const int size = setup.types * setup.types;
    UNROLL(16) for (int k = 0; k < COEFFICIENTS; k++) c[k] = entries_of(table + k * size, size, at_types);
#endif
    num energy, force;
    shifted(s, c, data, setup.cutoff, energy, force);
    force = select_less(s, cutoff2, force, zero);
    if (masked) force = only(pairs, force);
#if FIXED
    const num fx = force * dx, fy = force * dy, fz = force * dz;
#endif
    if (TOTALS) {
      energy = select_less(s, cutoff2, energy, zero);
      if (masked) energy = only(pairs, energy);
#if FIXED
      const num terms[7] = {energy, fx * dx, fy * dy, fz * dz, fx * dy, fx * dz, fy * dz};
      for (int k = 0; k < 7; k++) {
        const long long q = whole_sum(terms[k], over_total);
        LANE0 totals[k] += q;
      }
#else
      total[0] += energy;
      const num fx = force * dx, fy = force * dy;
      total[1] = multiply_add(fx, dx, total[1]);
      total[2] = multiply_add(fy, dy, total[2]);
      total[3] = multiply_add(force * dz, dz, total[3]);
      total[4] = multiply_add(fx, dy, total[4]);
      total[5] = multiply_add(fx, dz, total[5]);
      total[6] = multiply_add(fy, dz, total[6]);
#endif
    }
    sum_type* fj = f + (long long)j * BLOCK;
#if FIXED
    // Also where it is no number: what it would be as a whole number is nobody's promise.
    const num size = absolute(fx) + absolute(fy) + absolute(fz), most = num(real(LARGEST_TERM * setup.force_unit));
    if (any_below(select_less(size, most, num(real(1)), zero), real(0.5))) LANE0 *failed = e.i + 1;
    spread(f + at, fj, fx, over);
    spread(f + at + COLUMNS, fj + COLUMNS, fy, over);
    spread(f + at + 2 * COLUMNS, fj + 2 * COLUMNS, fz, over);
#else
    ax = multiply_add(force, dx, ax);
    ay = multiply_add(force, dy, ay);
    az = multiply_add(force, dz, az);
    subtract_columns(fj, force, dx);
    subtract_columns(fj + COLUMNS, force, dy);
    subtract_columns(fj + 2 * COLUMNS, force, dz);
#endif
  };
  for (int k = 0; k < e.masked; k++) tile(of[k], true, masks[e.mask + k]);
  for (int k = e.masked; k < count; k++) tile(of[k], false, 0);
#if !FIXED
  add_rows(f + at, ax);
  add_rows(f + at + COLUMNS, ay);
  add_rows(f + at + 2 * COLUMNS, az);
  if (TOTALS)
    for (int k = 0; k < 7; k++) {
      const double s = tile_sum(total[k]);
      LANE0 totals[k] += s;
    }
#endif
  return e.masked + found;
}
