// pair_engine.h: the host side of pair_field.h: one handle keeps clusters, lists and forces of this rank.
#pragma once
#include "pair_lists.h"
#ifndef HPC_CUDA

struct PairEngine {
  Frame frame;
  PairSetup setup;
  double cutoff, buffer, inner, spacing;  // inner: of the pruned list
  Buffer<real> table, data;
  std::vector<Group> groups;
  Buffer<Cluster> clusters;
  Buffer<Extent> extents;
  Buffer<int> type;
  Buffer<unsigned> halo_order;
  Buffer<int> halo_rows;
  Buffer<real> x, built, listed;  // now; at the last build; when the inner list was pruned
  std::vector<Part> parts;
  std::vector<long long> excluded, partner, identity;
  Buffer<char> scratch;
  long long n = 0, halo = 0, blocks = 0, home_blocks = 0;
  double strained = 0;            // how far the box's vectors have moved since the build, all together
  double built_vectors[9];
  double built_displacement = 0;  // at the last pruning: atoms have gone no farther since the build than this + since then
  bool prune[2] = {true, true}, any_touched = false;
  long long builds = 0, prunings = 0;
  int failed = 0;
};

// An empty place lies farther from everything, its like included, than any shift of an entry.
DEV real far_place(const PairEngine& s, long long slot, int d) {
  const long long number = d == 0 ? slot % 4096 : d == 1 ? slot / 4096 % 4096 : slot / (4096 * 4096);
  return real(64.0 * s.setup.cutoff.r * double(1 + number));
}
static void place_block(const PairEngine& s, long long b, const double* position, const unsigned* rows_of, real* x) {
  const Cluster& c = s.clusters[b];
  double move[3] = {-c.origin[0], -c.origin[1], -c.origin[2]};
#if !FIXED
  if (c.group) {
    s.frame.shift(s.groups[c.group].image, move);
    for (int d = 0; d < 3; d++) move[d] -= c.origin[d];
  }
#endif
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    if (!rows_of && c.size == COLUMNS) {
      const double *p = position + 3 * c.row, m0 = move[0], m1 = move[1], m2 = move[2];
      const __m256 a = _mm512_cvtpd_ps(_mm512_add_pd(_mm512_loadu_pd(p), _mm512_setr_pd(m0, m1, m2, m0, m1, m2, m0, m1)));
      const __m256 q = _mm512_cvtpd_ps(_mm512_add_pd(_mm512_loadu_pd(p + 8), _mm512_setr_pd(m2, m0, m1, m2, m0, m1, m2, m0)));
      const __m256 r = _mm512_cvtpd_ps(_mm512_add_pd(_mm512_loadu_pd(p + 16), _mm512_setr_pd(m1, m2, m0, m1, m2, m0, m1, m2)));
      const __m512 first = _mm512_insertf32x8(_mm512_castps256_ps512(a), q, 1), last = _mm512_castps256_ps512(r);
      const __m512i at = _mm512_setr_epi32(0, 3, 6, 9, 12, 15, 18, 21, 0, 0, 0, 0, 0, 0, 0, 0);
      for (int d = 0; d < 3; d++)
        _mm256_storeu_ps((float*)x + d * COLUMNS,
                         _mm512_castps512_ps256(_mm512_permutex2var_ps(first, _mm512_add_epi32(at, _mm512_set1_epi32(d)), last)));
      return;
    }
  }
#endif
  for (int l = 0; l < COLUMNS; l++)
    for (int d = 0; d < 3; d++) {
      if (l >= c.size) x[d * COLUMNS + l] = far_place(s, b * COLUMNS + l, d);
      else x[d * COLUMNS + l] = real(position[3 * (rows_of ? (long long)rows_of[c.row + l] : c.row + l) + d] + move[d]);
    }
}
// The largest displacement² of a block from where it was.
DEV real moved(const real* x, const real* from) {
  real most = 0;
  for (int l = 0; l < COLUMNS; l++) {
    const real dx = x[l] - from[l], dy = x[COLUMNS + l] - from[COLUMNS + l], dz = x[2 * COLUMNS + l] - from[2 * COLUMNS + l];
    const real r2 = dx * dx + (dy * dy + dz * dz);
    most = r2 > most ? r2 : most;
    most = r2 == r2 ? most : real(INFINITY);
  }
  return most;
}
static double place(PairEngine& s, long long from, long long to, const double* position, bool halo) {
  real most = 0;
  const unsigned* rows_of = halo ? s.halo_order.data : nullptr;
#pragma omp parallel for schedule(static) reduction(max : most)
  for (long long b = from; b < to; b++) {
    place_block(s, b, position, rows_of, s.x.data + b * BLOCK);
    const real found = moved(s.x.data + b * BLOCK, s.listed.data + b * BLOCK);
    most = found > most ? found : most;
  }
  return sqrt(double(most)) * (1 + 1e-6);
}
static double moved_since_build(const PairEngine& s) {
  real most = 0;
#pragma omp parallel for schedule(static) reduction(max : most)
  for (long long b = 0; b < s.home_blocks; b++) {
    const real found = moved(s.x.data + b * BLOCK, s.built.data + b * BLOCK);
    most = found > most ? found : most;
  }
  return sqrt(double(most)) * (1 + 1e-6);
}

// ---- making one -----------------------------------------------------------------------------------------------------------
// first: r_1 of a smooth switch;  spacing: of the origins of regions.  Returns a handle.
HOST(pairs_new)(double cutoff, double first, double buffer, double inner, double spacing, long long types, double force_unit,
                double total_unit) {
  PairEngine* s = new PairEngine;
  s->setup.cutoff = {real(cutoff * cutoff), real(cutoff), real(first * first), real(1 / (cutoff * cutoff - first * first))};
  s->setup.types = int(types), s->setup.force_unit = force_unit, s->setup.total_unit = total_unit;
  s->cutoff = cutoff, s->buffer = buffer, s->inner = inner, s->spacing = FIXED ? 0 : spacing;
  return (long long)s;
}
HOST(pairs_free)(long long handle) {
  delete (PairEngine*)handle;
  return 0;
}
// box: vectors (9), inverse (9), origin (3), widths (3), 1 for axes whose images are made here (3).
// The list of a box that has changed since is kept: images move with it.
HOST(pairs_box)(long long handle, const double* box) {
  PairEngine& s = *(PairEngine*)handle;
  Frame& f = s.frame;
  memcpy(f.vectors, box, 72), memcpy(f.inverse, box + 9, 72), memcpy(f.origin, box + 18, 24), memcpy(f.width, box + 21, 24);
  for (int d = 0; d < 3; d++) f.wraps[d] = box[24 + d] != 0;
  f.orthogonal = f.vectors[3] == 0 && f.vectors[6] == 0 && f.vectors[7] == 0;
  s.strained = 0;
  if (!s.builds) return 0;
  for (int d = 0; d < 3; d++)
    s.strained += hypot(hypot(f.vectors[3 * d] - s.built_vectors[3 * d], f.vectors[3 * d + 1] - s.built_vectors[3 * d + 1]),
                        f.vectors[3 * d + 2] - s.built_vectors[3 * d + 2]);
  s.prune[0] = s.prune[1] = true;
  for (Part& part : s.parts)
    for (auto& list : part.list)
      for (long long q = 0; q < list.entry_count; q++) {
        PairEntry& e = list.entries[q];
        int image[3];
        double shift[3];
        unpacked(e.image, image);
        entry_shift(f, s.clusters[e.i / 2], s.clusters[list.clusters[e.first]], image, shift);
        e.x = real(shift[0]), e.y = real(shift[1]), e.z = real(shift[2]);
      }
  return 0;
}
// table: (COEFFICIENTS, types²);  data: of tables.
HOST(pairs_table)(long long handle, long long size, const real* table, long long data_size, const real* data) {
  PairEngine& s = *(PairEngine*)handle;
  memcpy(s.table.make(size), table, sizeof(real) * size);
  if (data_size) memcpy(s.data.make(data_size), data, sizeof(real) * data_size);
  return 0;
}
HOST(pairs_coefficients)() { return COEFFICIENTS; }

// ---- a new list -----------------------------------------------------------------------------------------------------------
// Positions into the box along axes whose images are made here; image counts what was taken off.
HOST(pairs_wrap)(long long handle, long long n, double* position, int* image) {
  const Frame& f = ((PairEngine*)handle)->frame;
  long long lost = 0;
#pragma omp parallel for schedule(static) reduction(+ : lost)
  for (long long i = 0; i < n; i++) {
    double* x = position + 3 * i;
    bool gone = !(x[0] - x[0] == 0 && x[1] - x[1] == 0 && x[2] - x[2] == 0);
    for (int pass = 0; pass < 2; pass++) {
      double u[3];
      f.u(x, nullptr, u);
      for (int d = 0; d < 3; d++) {
        if (!f.wraps[d] || (u[d] >= 0 && u[d] < f.width[d])) continue;
        if (!(fabs(u[d]) < 1e6 * f.width[d])) {
          gone = true;
          continue;
        }
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
  sort_columns(s.groups[0], s.frame, position, nullptr, order);
  return 0;
}
// Rows of arrays, `bytes` each, in that order, in place.
HOST(pairs_rows)(long long handle, long long n, const unsigned* order, long long arrays, const long long* addresses,
                 const long long* bytes) {
  PairEngine& s = *(PairEngine*)handle;
  for (long long a = 0; a < arrays; a++) {
    char* to = (char*)addresses[a];
    const long long width = bytes[a];
    char* copy = s.scratch.make(n * width);
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
    sort_columns(g, s.frame, position, rows_of + g.begin, order + g.begin);
  }
}
// The list for rows in the order that pairs_sort gave.  type, halo arrays: may be null;  identity: (n + h), exclusions by it:
// partners of exclusion_of[k] are exclusion_with[k], sorted by exclusion_of.
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
  real* x = s.x.make(blocks * BLOCK);
  s.listed.make(blocks * BLOCK), s.built.make(blocks * BLOCK);
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
    place_block(s, b, b < s.home_blocks ? position : halo_position, b < s.home_blocks ? nullptr : s.halo_order.data, x + b * BLOCK);
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
  return 0;
}

// ---- a step ---------------------------------------------------------------------------------------------------------------
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
HOST(pairs_place_halo)(long long handle, const double* position) {
  PairEngine& s = *(PairEngine*)handle;
  const double since = place(s, s.home_blocks, s.blocks, position, true);
  s.prune[1] = s.prune[1] || 2 * since > s.inner;
  return 0;
}

template <bool TOTALS, bool PRUNE> static void list_forces(PairEngine& s, Part& part, Part::List& list, sum_type* f, int* failed) {
  SubnormalsFlushed flushed;
  const real within = real(s.cutoff + s.inner), prune2 = within * within;
  int* kept = list.kept.data;
  for (long long q = 0; q < list.entry_count; q++) {
    PairEntry& e = list.entries[q];
    const int left = entry_forces<TOTALS, PRUNE>(e, PRUNE ? e.count : e.kept, PRUNE ? list.clusters.data : kept, kept, list.masks.data,
                                                 s.type.data, s.table.data, s.data.data, s.setup, prune2, s.x.data, f, part.totals, failed);
    if (PRUNE) e.kept = left;
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
      int* kept = list.kept.make(list.cluster_count);
      for (long long q = 0; q < list.entry_count; q++)
        for (int k = 0; k < list.entries[q].masked; k++) kept[list.entries[q].first + k] = list.clusters[list.entries[q].first + k];
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
  if (!(2 * displacement[0] <= s.buffer)) return -2;
  pairs_forces(handle, 0, with_totals);
  return pairs_collect(handle, force, nullptr, with_totals ? totals : nullptr);
}

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

// ---- what went wrong, and counts ----------------------------------------------------------------------------------------------
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
          const long long j = list.clusters[e.first + k];
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
      bytes += list.entries.room * sizeof(PairEntry) + (list.clusters.room + list.kept.room + list.masks.room) * 4;
    }
  }
  bytes += (s.x.room + s.built.room + s.listed.room) * sizeof(real) + s.clusters.room * sizeof(Cluster) + s.extents.room * sizeof(Extent) +
           s.type.room * 4 + s.halo_order.room * 4 + s.halo_rows.room * 4 + s.scratch.room;
  const long long all[] = {s.builds, s.prunings, entries, listed, kept, masked, s.blocks, bytes};
  memcpy(counts, all, sizeof all);
  return 0;
}
// The list for a device: sizes first (arrays null), then entries and arrays one after another, row_of and origin of each place.
HOST(pairs_export)(long long handle, PairEntry* entries, int* clusters, unsigned* masks, int* row_of, double* origin, int* type) {
  PairEngine& s = *(PairEngine*)handle;
  long long entry = 0, cluster = 0, mask = 0;
  for (Part& part : s.parts)
    for (auto& list : part.list) {
      for (long long q = 0; q < list.entry_count; q++) {
        PairEntry& e = entries[entry++] = list.entries[q];
        e.first += cluster, e.mask += mask;
      }
      if (list.cluster_count) memcpy(clusters + cluster, list.clusters.data, sizeof(int) * list.cluster_count);
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
