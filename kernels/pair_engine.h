// pair_engine.h: the host side of pair_field.h: one handle keeps clusters, lists and forces of this rank.
#pragma once
#include "pair_lists.h"
#ifndef HPC_CUDA

struct PairEngine {
  Frame frame;
  PairSetup setup;
  double cutoff, buffer, inner, spacing;  // inner: of the pruned list
  double allowed;                         // twice the displacement that ends a list: the buffer, or infinite
  Buffer<real> table, data;
  std::vector<Group> groups;
  Buffer<Cluster> clusters;
  Buffer<Extent> extents;
  Buffer<int> type;
  Buffer<unsigned> halo_order;
  Buffer<int> halo_rows;
  Buffer<char> places;            // of x, built and listed; while a list is made, what that takes
  struct { real* data; } x, built, listed;  // now; at the last build; when the inner list was pruned
  std::vector<Part> parts;
  std::vector<long long> excluded, partner, identity;
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
// Coordinates of a block; its empty places, which never move, are written with `empty` alone.
static void place_block(const PairEngine& s, long long b, const double* position, const unsigned* rows_of, real* x, bool empty) {
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
  for (int l = 0; l < c.size; l++)
    for (int d = 0; d < 3; d++)
      x[d * COLUMNS + l] = real(position[3 * (rows_of ? (long long)rows_of[c.row + l] : c.row + l) + d] + move[d]);
  if (empty)
    for (int l = c.size; l < COLUMNS; l++)
      for (int d = 0; d < 3; d++) x[d * COLUMNS + l] = far_place(s, b * COLUMNS + l, d);
}
// The largest displacement² of a block from where it was; infinite where one is not a number.
DEV real moved(const real* x, const real* from) {
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    const float *p = (const float*)x, *q = (const float*)from;
    const __m256 dx = _mm256_sub_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(q));
    const __m256 dy = _mm256_sub_ps(_mm256_loadu_ps(p + 8), _mm256_loadu_ps(q + 8));
    const __m256 dz = _mm256_sub_ps(_mm256_loadu_ps(p + 16), _mm256_loadu_ps(q + 16));
    const __m256 r2 = _mm256_fmadd_ps(dx, dx, _mm256_fmadd_ps(dy, dy, _mm256_mul_ps(dz, dz)));
    if (_mm256_cmp_ps_mask(r2, r2, _CMP_UNORD_Q)) return real(INFINITY);
    __m128 most = _mm_max_ps(_mm256_castps256_ps128(r2), _mm256_extractf128_ps(r2, 1));
    most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    return real(_mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most))));
  } else {
    const double *p = (const double*)x, *q = (const double*)from;
    const __m512d dx = _mm512_sub_pd(_mm512_loadu_pd(p), _mm512_loadu_pd(q));
    const __m512d dy = _mm512_sub_pd(_mm512_loadu_pd(p + 8), _mm512_loadu_pd(q + 8));
    const __m512d dz = _mm512_sub_pd(_mm512_loadu_pd(p + 16), _mm512_loadu_pd(q + 16));
    const __m512d r2 = _mm512_fmadd_pd(dx, dx, _mm512_fmadd_pd(dy, dy, _mm512_mul_pd(dz, dz)));
    return _mm512_cmp_pd_mask(r2, r2, _CMP_UNORD_Q) ? real(INFINITY) : real(_mm512_reduce_max_pd(r2));
  }
#endif
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
    place_block(s, b, position, rows_of, s.x.data + b * BLOCK, false);
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
  s->allowed = buffer;
  return (long long)s;
}
// Unchecked, a list is used as long as its owner says, however far atoms have moved: it may then miss pairs.
HOST(pairs_checked)(long long handle, long long checked) {
  PairEngine& s = *(PairEngine*)handle;
  s.allowed = checked ? s.buffer : INFINITY;
  return 0;
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
        entry_shift(f, s.clusters[e.i / 2], s.clusters[e.base], image, shift);
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
#endif
