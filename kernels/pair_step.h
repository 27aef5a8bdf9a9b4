// pair_step.h: forces of a step on the list there is, pruned where that is due; a step, and a rebuild, in one call.
#pragma once
#include "pair_build.h"
#ifndef HPC_CUDA

// Coordinates of home rows.  displacement[0]: how far any has moved since the build, or a bound below half the buffer.
// The list does not hold any more if that is beyond half the buffer, on any rank.
HOST(pairs_place)(long long handle, long long n, const double* position, double* displacement) {
  PairEngine& s = *(PairEngine*)handle;
  if (n != s.n || s.parts.empty()) {
    displacement[0] = INFINITY;
    return 0;
  }
  const double since = place(s, 0, s.home_blocks, position, false);
  const double half = 0.5 * s.strained;
  double found = s.built_displacement + since + half;
  if (2 * found > s.buffer) found = moved_since_build(s) + half;
  s.prune[0] = s.prune[0] || 2 * since > s.inner;
  displacement[0] = found;
  return 0;
}
OFFERED(pairs_place)
HOST(pairs_place_halo)(long long handle, const double* position) {
  PairEngine& s = *(PairEngine*)handle;
  const double since = place(s, s.home_blocks, s.blocks, position, true);
  s.prune[1] = s.prune[1] || 2 * since > s.inner;
  return 0;
}
OFFERED(pairs_place_halo)

template <bool TOTALS, bool PRUNE> static void list_forces(PairEngine& s, Part& part, Part::List& list, sum_type* f, int* failed) {
  SubnormalsFlushed flushed;
  const real within = real(s.cutoff + s.inner), prune2 = within * within;
  for (long long q = 0; q < list.entry_count; q++) {
    PairEntry& e = list.entries[q];
    unsigned short* kept = list.kept.data + e.first;
    const unsigned short* of = PRUNE ? list.clusters.data + e.first : kept;
    const int left = entry_forces<TOTALS, PRUNE>(e, PRUNE ? e.count : e.kept, of, kept, list.masks.data, s.type.data, s.table.data,
                                                 s.data.data, s.setup, prune2, s.x.data, f, part.totals, failed);
    if (PRUNE) e.kept = (unsigned short)left;
  }
}
// Forces of the pairs of home atoms (which = 0; begins a new sum), then of those with halo atoms (1).
HOST(pairs_forces)(long long handle, long long which, long long totals) {
  PairEngine& s = *(PairEngine*)handle;
  const int threads = (int)s.parts.size();
  // With totals always: one kernel less to compile.
  const bool prune = s.prune[which] = s.prune[which] || totals;
  s.prune[1] = s.prune[1] || s.prune[0];
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int t = 0; t < threads; t++) {
    Part& part = s.parts[t];
    sum_type* f = part.forces.make(s.blocks * BLOCK);
    if (which == 0) {
      for (size_t p = 0; p < part.touched.size(); p++)
        if (part.touched[p] || t == 0)
          memset(f + p * PAGE * BLOCK, 0, sizeof(sum_type) * BLOCK * std::max(0ll, std::min((long long)PAGE, s.blocks - (long long)p * PAGE)));
      for (auto& sum : part.totals) sum = 0;
    }
    Part::List& list = part.list[which];
    if (prune) {
      unsigned short* kept = list.kept.make(list.cluster_count);
      for (long long q = 0; q < list.entry_count; q++) {
        const PairEntry& e = list.entries[q];
        if (e.masked) memcpy(kept + e.first, list.clusters.data + e.first, sizeof(short) * e.masked);
      }
    }
    int failed = 0;
    if (totals) list_forces<true, true>(s, part, list, f, &failed);
    else if (prune) list_forces<false, true>(s, part, list, f, &failed);
    else list_forces<false, false>(s, part, list, f, &failed);
    if (failed) {
#pragma omp critical
      s.failed = failed;
    }
  }
  return 0;
}
OFFERED(pairs_forces)
// After all forces of a step: the inner list now belongs to the present coordinates.
static void pruned(PairEngine& s) {
  if (!s.prune[0] && !s.prune[1]) return;
  // Both lists are timed by one set of coordinates: one that was not pruned now is at the next step.
  const bool both = s.prune[0] && s.prune[1];
  if (!both) {
    s.prune[0] = s.prune[1] = true;
    return;
  }
  s.built_displacement = moved_since_build(s);
#pragma omp parallel for schedule(static)
  for (long long b = 0; b < s.blocks; b++) memcpy(s.listed.data + b * BLOCK, s.x.data + b * BLOCK, sizeof(real) * BLOCK);
  s.prune[0] = s.prune[1] = false;
  s.prunings++;
}
static void collect_block(const PairEngine& s, long long b, const unsigned* rows_of, const sum_type* f, real* force, real largest, long long& bad) {
  const Cluster& c = s.clusters[b];
#if !FIXED && HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    if (!rows_of && c.size == COLUMNS) {
      const __m512 xy = _mm512_loadu_ps((const float*)f), z = _mm512_castps256_ps512(_mm256_loadu_ps((const float*)f + 16));
      const __m512 r = _mm512_permutex2var_ps(xy, _mm512_setr_epi32(0, 8, 16, 1, 9, 17, 2, 10, 18, 3, 11, 19, 4, 12, 20, 5), z);
      const __m512 q = _mm512_permutex2var_ps(xy, _mm512_setr_epi32(13, 21, 6, 14, 22, 7, 15, 23, 13, 13, 13, 13, 13, 13, 13, 13), z);
      _mm512_storeu_ps((float*)force + 3 * c.row, r);
      _mm256_storeu_ps((float*)force + 3 * c.row + 16, _mm512_castps512_ps256(q));
      const __m512 most = _mm512_set1_ps((float)largest);
      if ((_mm512_cmp_ps_mask(_mm512_abs_ps(r), most, _CMP_LT_OQ) & _mm512_cmp_ps_mask(_mm512_abs_ps(q), most, _CMP_LT_OQ)) == 0xffff) return;
    }
  }
#endif
  for (int l = 0; l < c.size; l++) {
    const long long row = rows_of ? (long long)rows_of[c.row + l] : c.row + l;
    for (int d = 0; d < 3; d++) {
#if FIXED
      const real v = real(double(f[d * COLUMNS + l]) * s.setup.force_unit);
#else
      const real v = f[d * COLUMNS + l];
#endif
      force[3 * row + d] = v;
      if (!(v < largest && v > -largest)) bad = b * COLUMNS + l;
    }
  }
}
// Rows of forces: the sums over all parts, of one order for a number of threads.  halo_force may be null.
// totals: energy, virial xx yy zz xy xz yz (FIXED: in whole units, exact).  Returns -1, or the slot of an atom whose force is
// not a number.
HOST(pairs_collect)(long long handle, real* force, real* halo_force, void* totals) {
  PairEngine& s = *(PairEngine*)handle;
  const real largest = real(sizeof(real) == 4 ? 3e38 : 1e300);
  sum_type* sum = s.parts[0].forces.data;
  long long bad = -1;
#pragma omp parallel for schedule(static) reduction(max : bad)
  for (long long page = 0; page < (s.blocks + PAGE - 1) / PAGE; page++) {
    const long long from = page * PAGE, to = std::min(s.blocks, from + PAGE);
    for (size_t t = 1; t < s.parts.size(); t++)
      if (s.parts[t].touched[page])
        for (long long k = from * BLOCK; k < to * BLOCK; k++) sum[k] += s.parts[t].forces[k];
    for (long long b = from; b < to; b++) {
      if (b < s.home_blocks) collect_block(s, b, nullptr, sum + b * BLOCK, force, largest, bad);
      else if (halo_force) collect_block(s, b, s.halo_order.data, sum + b * BLOCK, halo_force, largest, bad);
    }
  }
  if (totals)
    for (int k = 0; k < 7; k++) {
      ((total_type*)totals)[k] = 0;
      for (auto& part : s.parts) ((total_type*)totals)[k] += part.totals[k];
    }
  if (s.failed) bad = (long long)(s.failed - 1) * ROWS;
  s.failed = 0;
  pruned(s);
  return bad;
}
// The same for loops that ask for overlaps later: bad[0] is what pairs_collect returns.
HOST(pairs_collect_told)(long long handle, real* force, real* halo_force, void* totals, long long* bad) {
  bad[0] = pairs_collect(handle, force, halo_force, totals);
  return 0;
}
OFFERED(pairs_collect_told)
HOST(pairs_entry_bytes)() { return sizeof(PairEntry); }
#if FIXED
// The sums of the last collection as whole numbers, of home rows and of halo rows.
HOST(pairs_whole)(long long handle, long long* force, long long* halo_force) {
  PairEngine& s = *(PairEngine*)handle;
  const sum_type* sum = s.parts[0].forces.data;
#pragma omp parallel for schedule(static)
  for (long long k = 0; k < s.blocks * COLUMNS; k++) {
    const Cluster& c = s.clusters[k / COLUMNS];
    if (k % COLUMNS >= c.size) continue;
    const long long row = c.row + k % COLUMNS;
    for (int d = 0; d < 3; d++) {
      const sum_type f = sum[k / COLUMNS * BLOCK + d * COLUMNS + k % COLUMNS];
      if (c.group) halo_force[3 * (long long)s.halo_order[row] + d] = f;
      else force[3 * row + d] = f;
    }
  }
  return 0;
}
#endif
// All of a step where one rank makes all images.  Returns -2 if the list does not hold any more (nothing is done),
// else as pairs_collect.
HOST(pairs_step)(long long handle, long long n, const double* position, real* force, long long with_totals, void* totals,
                 double* displacement) {
  PairEngine& s = *(PairEngine*)handle;
  pairs_place(handle, n, position, displacement);
  if (!(2 * displacement[0] <= s.allowed && displacement[0] < INFINITY)) return -2;
  pairs_forces(handle, 0, with_totals);
  return pairs_collect(handle, force, nullptr, with_totals ? totals : nullptr);
}
OFFERED(pairs_step)

// A new list where one rank makes all images: wraps, sorts, and puts the rows of all arrays of the state (addresses, bytes per
// row) in order; position, image (or null) and type are among them.  order: room for n.  Returns how many atoms are lost.
HOST(pairs_rebuild)(long long handle, long long n, double* position, int* image, const int* type, unsigned* order, long long arrays,
                    const long long* addresses, const long long* bytes, const long long* identity, long long exclusions,
                    const long long* exclusion_of, const long long* exclusion_with) {
  const long long lost = pairs_wrap(handle, n, position, image);
  if (lost) return lost;
  pairs_sort(handle, n, position, order);
  pairs_rows(handle, n, order, arrays, addresses, bytes);
  return pairs_build(handle, n, position, type, 0, nullptr, nullptr, nullptr, nullptr, identity, nullptr, exclusions, exclusion_of,
                     exclusion_with);
}
// A step of native loops, with a new list where one is needed: pairs_step, and if that returns -2, pairs_rebuild and pairs_step.
// counts: evaluations since the last list but that for which it was made, lists, dangerous ones.  listed: the positions of the new
// list, or null.  Returns as pairs_step; -2 also where atoms are lost.
HOST(pairs_step_listing)(long long handle, long long n, double* position, real* force, long long with_totals, void* totals,
                         double* displacement, long long* counts, double* listed, int* image, const int* type, unsigned* order,
                         long long arrays, const long long* addresses, const long long* bytes, const long long* identity,
                         long long exclusions, const long long* exclusion_of, const long long* exclusion_with) {
  const long long found = pairs_step(handle, n, position, force, with_totals, totals, displacement);
  counts[0]++;
  if (found != -2) return found;
  if (pairs_rebuild(handle, n, position, image, type, order, arrays, addresses, bytes, identity, exclusions, exclusion_of, exclusion_with)) {
    counts[0]--;
    return -2;
  }
  counts[2] += counts[0] <= 1;
  counts[1]++;
  counts[0] = 0;
  if (listed) memcpy(listed, position, 3 * sizeof(double) * n);
  return pairs_step(handle, n, position, force, with_totals, totals, displacement);
}
OFFERED(pairs_step_listing)
#endif
