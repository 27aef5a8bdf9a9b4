// pair_field.h: the field of pair forces: clusters, lists, pruning, evaluation; and the kernels of its GPU side.
//
// On the CPU a handle holds everything between calls, so that a loop of many steps can run without Python:
//   pairs_sort, pairs_build    a new list, when atoms have moved by half the buffer
//   pairs_place                coordinates of this step; tells whether the list still holds, and prunes what it is pruned for
//   pairs_forces, pairs_collect   the forces of home pairs, of pairs with halo atoms; then rows of forces
#pragma once
#include "pair_lists.h"

// ---- kernels for devices ------------------------------------------------------------------------------------------------
// Blocks of coordinates from rows: row_of[slot] is the row, or -1 for an empty place, which lies far from everything.
KERNEL(pair_place)(long long n, const int* RESTRICT row_of, const double* RESTRICT origin, const double* RESTRICT position,
                   double far, real* RESTRICT x) {
  ELEMENTS(k, n) {
    const long long block = k / COLUMNS, at = block * BLOCK + k % COLUMNS;
    const long long row = row_of[k], number[3] = {k % 4096, k / 4096 % 4096, k / (4096 * 4096)};
    for (int d = 0; d < 3; d++)
      x[at + d * COLUMNS] = row < 0 ? real(far * double(1 + number[d])) : real(position[3 * row + d] - origin[3 * block + d]);
  }
}
#ifdef HPC_CUDA
// One warp per entry.  sums: (blocks, 3, 8), zero before;  totals: 7 (energy, virial) or null.
GROUP_KERNEL(pair_forces)(long long n, const PairEntry* RESTRICT entries, const unsigned short* RESTRICT clusters, const unsigned* RESTRICT masks,
                          const int* RESTRICT type, const real* RESTRICT table, const real* RESTRICT data, double cutoff, double first,
                          int types, double force_unit, double total_unit, const real* RESTRICT x, void* RESTRICT sums,
                          void* RESTRICT totals, int* RESTRICT failed) {
  const PairSetup setup = {{real(cutoff * cutoff), real(cutoff), real(first * first), real(1 / (cutoff * cutoff - first * first))},
                           types, force_unit, total_unit};
  GROUPS(g, n) {
    const PairEntry e = entries[g];
    if (totals) {
      SHARED(total_type, own, 7);
      LANE0 for (int k = 0; k < 7; k++) own[k] = 0;
      BARRIER;
      entry_forces<true, false>(e, e.count, clusters + e.first, nullptr, masks, type, table, data, setup, real(0), x, (sum_type*)sums, own,
                                failed);
      BARRIER;
#if FIXED
      LANE0 for (int k = 0; k < 7; k++) atomicAdd((unsigned long long*)totals + k, (unsigned long long)own[k]);
#else
      LANE0 for (int k = 0; k < 7; k++) atomicAdd((double*)totals + k, own[k]);
#endif
      BARRIER;
    } else {
      entry_forces<false, false>(e, e.count, clusters + e.first, nullptr, masks, type, table, data, setup, real(0), x, (sum_type*)sums, nullptr,
                                 failed);
    }
  }
}
#endif
// Rows of forces from blocks; a force that is no number, or beyond `largest`, is counted in bad[0], its row in bad[1].
KERNEL(pair_collect)(long long n, const int* RESTRICT row_of, const void* RESTRICT sums, double unit, double largest, real* RESTRICT force,
                     int* RESTRICT bad) {
  ELEMENTS(k, n) {
    const long long at = k / COLUMNS * BLOCK + k % COLUMNS, row = row_of[k];
    if (row >= 0) {
      for (int d = 0; d < 3; d++) {
        const double f = double(((const sum_type*)sums)[at + d * COLUMNS]) * unit;
        force[3 * row + d] = real(f);
        if (!(f < largest && f > -largest)) {
          atomic_add(bad, 1);
          bad[1] = int(row);
        }
      }
    }
  }
}

#ifndef HPC_CUDA
#include "pair_told.h"
#endif
