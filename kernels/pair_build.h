// pair_build.h: a new list: rows wrapped, sorted and moved, halos grouped, clusters and pairs of clusters found.
#pragma once
#include "pair_engine.h"
#ifndef HPC_CUDA

// Positions into the box along axes whose images are made here; image counts what was taken off.
HOST(pairs_wrap)(long long handle, long long n, double* position, int* image) {
  const Frame& f = ((PairEngine*)handle)->frame;
  long long lost = 0;
#pragma omp parallel for schedule(static) reduction(+ : lost)
  for (long long i = 0; i < n; i++) {
    double* x = position + 3 * i;
    bool gone = !(x[0] - x[0] == 0 && x[1] - x[1] == 0 && x[2] - x[2] == 0);
    bool inside = false;  // again where something was taken off: a row just below 0 may have been rounded to the width
    for (int pass = 0; pass < 2 && !inside; pass++) {
      inside = true;
      double u[3];
      f.u(x, nullptr, u);
      for (int d = 0; d < 3; d++) {
        if (!f.wraps[d] || (u[d] >= 0 && u[d] < f.width[d])) continue;
        if (!(fabs(u[d]) < 1e6 * f.width[d])) {
          gone = true;
          continue;
        }
        inside = false;
        const double q = floor(u[d] / f.width[d]);
        for (int a = 0; a < 3; a++) x[a] -= q * f.vectors[3 * d + a];
        if (image) image[3 * i + d] += int(q);
      }
    }
    lost += gone;
  }
  return lost;
}
// order[k]: the row that becomes row k.
HOST(pairs_sort)(long long handle, long long n, const double* position, unsigned* order) {
  PairEngine& s = *(PairEngine*)handle;
  s.groups.resize(1);
  s.groups[0] = Group();
  s.groups[0].rows = s.n = n;
  sort_columns(s.groups[0], s.frame, position, nullptr, order, s.places);
  return 0;
}
// Rows of arrays, `bytes` each, in that order, in place.
HOST(pairs_rows)(long long handle, long long n, const unsigned* order, long long arrays, const long long* addresses,
                 const long long* bytes) {
  PairEngine& s = *(PairEngine*)handle;
  for (long long a = 0; a < arrays; a++) {
    char* to = (char*)addresses[a];
    const long long width = bytes[a];
    char* copy = s.places.make(n * width);
    auto move = [&](auto count) {
      constexpr int words = decltype(count)::value;
#pragma omp parallel for schedule(static)
      for (long long i = 0; i < n; i++) {
        const int* from = (const int*)(to + (long long)order[i] * width);
        int* into = (int*)(copy + i * width);
        UNROLL(8) for (int k = 0; k < words; k++) into[k] = from[k];
      }
    };
    if (width == 4) move(Count<1>{});
    else if (width == 8) move(Count<2>{});
    else if (width == 12) move(Count<3>{});
    else if (width == 24) move(Count<6>{});
    else
      for (long long i = 0; i < n; i++) memcpy(copy + i * width, to + (long long)order[i] * width, width);
#pragma omp parallel for schedule(static)
    for (long long page = 0; page < (n * width + 65535) / 65536; page++)
      memcpy(to + page * 65536, copy + page * 65536, std::min(65536ll, n * width - page * 65536));
  }
  return 0;
}
// Halo rows by zone and image: one group for each.
static void group_halo(PairEngine& s, long long h, const double* position, const signed char* image, const unsigned char* zone) {
  std::vector<int> code(h);
  std::vector<long long> count(8 * 343 + 1);
  for (long long i = 0; i < h; i++) {
    int c = zone[i];
    for (int d = 0; d < 3; d++) c = 7 * c + std::max(0, std::min(6, image[3 * i + d] + 3));
    code[i] = c;
    count[c + 1]++;
  }
  for (size_t c = 1; c < count.size(); c++) count[c] += count[c - 1];
  std::vector<long long> begin(count.begin(), count.end() - 1);
  int* rows_of = s.halo_rows.make(h);
  std::vector<long long> next = begin;
  for (long long i = 0; i < h; i++) rows_of[next[code[i]]++] = int(i);
  unsigned* order = s.halo_order.make(h);
  for (int c = 0; c < 8 * 343; c++) {
    if (next[c] == begin[c]) continue;
    s.groups.emplace_back();
    Group& g = s.groups.back();
    g.zone = c / 343, g.image[0] = c / 49 % 7 - 3, g.image[1] = c / 7 % 7 - 3, g.image[2] = c % 7 - 3;
    g.begin = begin[c], g.rows = next[c] - begin[c];
    sort_columns(g, s.frame, position, rows_of + g.begin, order + g.begin, s.places);
  }
}
// The list for rows in the order that pairs_sort gave.  type, halo arrays: may be null;  identity: (n + h), exclusions by it:
// partners of exclusion_of[k] are exclusion_with[k], sorted by exclusion_of.  Returns 0; 1 for more blocks, 2 for more pairs of
// clusters, than can be numbered.
HOST(pairs_build)(long long handle, long long n, const double* position, const int* type, long long h, const double* halo_position,
                  const signed char* halo_image, const unsigned char* halo_zone, const int* halo_type, const long long* identity,
                  const long long* halo_identity, long long exclusions, const long long* exclusion_of, const long long* exclusion_with) {
  PairEngine& s = *(PairEngine*)handle;
  s.groups.resize(1);
  s.halo = h;
  if (h) group_halo(s, h, halo_position, halo_image, halo_zone);
  double base[3];
  for (int d = 0; d < 3; d++) base[d] = s.groups[0].rows ? s.groups[0].low[d] : s.groups.back().low[d];
  long long blocks = 0;
  for (Group& g : s.groups) {
    cut_columns(g, blocks);
    blocks += g.clusters;
  }
  if (blocks * COLUMNS > 2000000000ll) return 1;
  s.blocks = blocks, s.home_blocks = s.groups[0].clusters;
  s.clusters.make(blocks), s.extents.make(blocks);
  const double reach = s.cutoff + s.buffer;
  for (size_t q = 0; q < s.groups.size(); q++) {
    Group& g = s.groups[q];
    fill_clusters(g, int(q), s.frame, q ? halo_position : position, q ? s.halo_order.data + g.begin : nullptr, base, s.spacing,
                  s.clusters.data, s.extents.data);
    Extent whole = {{1e30f, 1e30f, 1e30f}, {-1e30f, -1e30f, -1e30f}};
    for (const Extent& e : g.extent) whole.low[2] = std::min(whole.low[2], e.low[2]), whole.high[2] = std::max(whole.high[2], e.high[2]);
    for (int d = 0; d < 2; d++) g.low[d] -= base[d];
    if (g.clusters) index_columns(g, s.extents.data, whole.low[2], whole.high[2], std::max(0.2 * reach, 1e-12));
  }
  real* x = s.x.data = (real*)s.places.make(3 * blocks * BLOCK * sizeof(real));
  s.listed.data = x + blocks * BLOCK, s.built.data = s.listed.data + blocks * BLOCK;
#if TYPES
  int* of = s.type.make(blocks * COLUMNS);
#pragma omp parallel for schedule(static)
  for (long long b = 0; b < blocks; b++)
    for (int l = 0; l < COLUMNS; l++) {
      const Cluster& c = s.clusters[b];
      const long long row = c.row + l;
      of[b * COLUMNS + l] = l >= c.size ? 0 : c.group ? halo_type[s.halo_order[row]] : type[row];
    }
#endif
#pragma omp parallel for schedule(static)
  for (long long b = 0; b < blocks; b++) {
    place_block(s, b, b < s.home_blocks ? position : halo_position, b < s.home_blocks ? nullptr : s.halo_order.data, x + b * BLOCK, true);
    memcpy(s.listed.data + b * BLOCK, x + b * BLOCK, sizeof(real) * BLOCK);
    memcpy(s.built.data + b * BLOCK, x + b * BLOCK, sizeof(real) * BLOCK);
  }
  Lists lists = {&s.frame, &s.groups, s.clusters.data, s.extents.data, x, reach * (1 + 2e-6)};
  if (exclusions) {
    s.excluded.assign(blocks * COLUMNS + 1, 0), s.identity.assign(blocks * COLUMNS, -1), s.partner.clear();
    for (long long k = 0; k < blocks * COLUMNS; k++) {
      const Cluster& c = s.clusters[k / COLUMNS];
      const long long row = c.row + k % COLUMNS;
      if (k % COLUMNS < c.size) {
        const long long who = s.identity[k] = c.group ? halo_identity[s.halo_order[row]] : identity[row];
        const long long* found = std::lower_bound(exclusion_of, exclusion_of + exclusions, who);
        for (; found < exclusion_of + exclusions && *found == who; found++) s.partner.push_back(exclusion_with[found - exclusion_of]);
      }
      s.excluded[k + 1] = (long long)s.partner.size();
    }
    lists.excluded = s.excluded.data(), lists.partner = s.partner.data(), lists.identity = s.identity.data();
  }
  const int threads = (int)std::max(1ll, std::min((long long)omp_get_max_threads(), blocks));
  s.parts.resize(threads);
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int t = 0; t < threads; t++) find_part(s.parts[t], lists, blocks * t / threads, blocks * (t + 1) / threads, blocks);
  s.built_displacement = s.strained = 0;
  memcpy(s.built_vectors, s.frame.vectors, 72);
  s.prune[0] = s.prune[1] = true;
  s.builds++;
  for (const Part& part : s.parts)
    for (auto& list : part.list)
      if (list.cluster_count > MOST_LISTED) return 2;
  return 0;
}
// work[row] of home rows: per_atom, and the row's share of the pairs of clusters that its own is in: half of each, but all of
// those with copies, whose owner does not know of them.
HOST(pairs_work)(long long handle, double per_atom, double* work) {
  const PairEngine& s = *(PairEngine*)handle;
  std::vector<long long> halves(s.blocks);
  for (const Part& part : s.parts)
    for (auto& list : part.list)
      for (long long q = 0; q < list.entry_count; q++) {
        const PairEntry& e = list.entries[q];
        const bool home = e.i / 2 < s.home_blocks;
        for (int k = 0; k < e.count; k++) {
          const long long j = e.base + list.clusters[e.first + k];
          const bool both = home && j < s.home_blocks;
          halves[e.i / 2] += both ? 1 : 2, halves[j] += both ? 1 : 2;
        }
      }
  for (long long b = 0; b < s.home_blocks; b++)
    for (int l = 0; l < s.clusters[b].size; l++) work[s.clusters[b].row + l] = per_atom + 0.5 * double(halves[b]) / s.clusters[b].size;
  return 0;
}
#endif
