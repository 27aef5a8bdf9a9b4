// pair_told.h: what an engine tells: nearest atoms, counts, its list, a potential's curve.
#pragma once
#include "pair_step.h"
#ifndef HPC_CUDA

// The nearest pair with an atom of the cluster of four in which `slot` lies: rows (halo rows from n on) and distance.
HOST(pairs_nearest)(long long handle, long long slot, long long* rows_found, double* distance) {
  PairEngine& s = *(PairEngine*)handle;
  const long long block = slot / COLUMNS;
  double best = INFINITY;
  auto row_of = [&](long long k) {
    const Cluster& c = s.clusters[k / COLUMNS];
    return c.group ? s.n + (long long)s.halo_order[c.row + k % COLUMNS] : c.row + k % COLUMNS;
  };
  auto real_atom = [&](long long k) { return k % COLUMNS < s.clusters[k / COLUMNS].size; };
  for (Part& part : s.parts)
    for (auto& list : part.list)
      for (long long q = 0; q < list.entry_count; q++) {
        const PairEntry& e = list.entries[q];
        for (int k = 0; k < e.count; k++) {
          const long long j = e.base + list.clusters[e.first + k];
          if (e.i / 2 != block && j != block) continue;
          const unsigned bits = k < e.masked ? list.masks[e.mask + k] : 0xffffffffu;
          for (int p = 0; p < TILE; p++) {
            const long long a = (long long)e.i * ROWS + p / COLUMNS, b = j * COLUMNS + p % COLUMNS;
            if (!((bits >> p) & 1) || !real_atom(a) || !real_atom(b)) continue;
            const real *xa = s.x.data + a / COLUMNS * BLOCK + a % COLUMNS, *xb = s.x.data + j * BLOCK + p % COLUMNS;
            const double dx = xa[0] - xb[0] + e.x, dy = xa[COLUMNS] - xb[COLUMNS] + e.y, dz = xa[2 * COLUMNS] - xb[2 * COLUMNS] + e.z;
            const double r = sqrt(dx * dx + dy * dy + dz * dz);
            if (r < best || !(r == r)) best = r, rows_found[0] = row_of(a), rows_found[1] = row_of(b);
          }
        }
      }
  distance[0] = best;
  return best < INFINITY;
}
// counts: builds, prunings, entries, pairs of clusters in the list and in the pruned one, masked ones, blocks, bytes.
HOST(pairs_counts)(long long handle, long long* counts) {
  PairEngine& s = *(PairEngine*)handle;
  long long entries = 0, listed = 0, kept = 0, masked = 0, bytes = 0;
  for (Part& part : s.parts) {
    bytes += part.forces.room * sizeof(sum_type);
    for (auto& list : part.list) {
      entries += list.entry_count, listed += list.cluster_count, masked += list.mask_count;
      for (long long q = 0; q < list.entry_count; q++) kept += list.entries[q].kept;
      bytes += list.entries.room * sizeof(PairEntry) + (list.clusters.room + list.kept.room) * 2 + list.masks.room * 4;
    }
  }
  bytes += s.places.room + s.clusters.room * sizeof(Cluster) + s.extents.room * sizeof(Extent) + s.type.room * 4 +
           s.halo_order.room * 4 + s.halo_rows.room * 4;
  const long long all[] = {s.builds, s.prunings, entries, listed, kept, masked, s.blocks, bytes};
  memcpy(counts, all, sizeof all);
  return 0;
}
// The list for a device: sizes first (arrays null), then entries and arrays one after another, row_of and origin of each place.
HOST(pairs_export)(long long handle, PairEntry* entries, unsigned short* clusters, unsigned* masks, int* row_of, double* origin, int* type) {
  PairEngine& s = *(PairEngine*)handle;
  long long entry = 0, cluster = 0, mask = 0;
  for (Part& part : s.parts)
    for (auto& list : part.list) {
      for (long long q = 0; q < list.entry_count; q++) {
        PairEntry& e = entries[entry++] = list.entries[q];
        e.first += unsigned(cluster), e.mask += unsigned(mask);
      }
      if (list.cluster_count) memcpy(clusters + cluster, list.clusters.data, sizeof(short) * list.cluster_count);
      if (list.mask_count) memcpy(masks + mask, list.masks.data, sizeof(unsigned) * list.mask_count);
      cluster += list.cluster_count, mask += list.mask_count;
    }
  for (long long k = 0; k < s.blocks * COLUMNS; k++) {
    const Cluster& c = s.clusters[k / COLUMNS];
    const long long row = c.row + k % COLUMNS;
    row_of[k] = k % COLUMNS >= c.size ? -1 : c.group ? int(s.n + s.halo_order[row]) : int(row);
    if (TYPES) type[k] = s.type[k];
  }
  for (long long b = 0; b < s.blocks; b++) {
    double move[3] = {0, 0, 0};
    if (!FIXED) s.frame.shift(s.groups[s.clusters[b].group].image, move);
    for (int d = 0; d < 3; d++) origin[3 * b + d] = s.clusters[b].origin[d] - move[d];
  }
  return 0;
}
// Energy and -E'(r)/r of one pair of types at n squared distances, in double precision, without the cutoff.
HOST(pairs_curve)(long long n, const double* square, long long types, long long pair, const real* table, const real* data, double cutoff,
                  double first, double* energy, double* force) {
  double c[COEFFICIENTS];
  const long long size = types * types;
  for (int k = 0; k < COEFFICIENTS; k++) c[k] = table[k * size + pair];
  const Cutoff end = {real(cutoff * cutoff), real(cutoff), real(first * first), real(1 / (cutoff * cutoff - first * first))};
  for (long long i = 0; i < n; i++) shifted(square[i], c, data, end, energy[i], force[i]);
  return 0;
}
#endif
