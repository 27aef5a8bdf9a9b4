// pair_lists.h: which clusters meet: lists of the clusters within reach of each other, on the CPU, one part per thread.
//
// Half of all pairs of clusters: within the home group a later block, or an image on the positive side; between two groups
// every pair of zones that this rank has to do (zone_i & zone_j = 0).
#pragma once
#include "pair_clusters.h"
#ifndef HPC_CUDA

// What one thread computes: entries with home atoms alone (0), and those with halo atoms (1).
struct Part {
  struct List {
    Buffer<PairEntry> entries;
    Buffer<int> clusters, kept;
    Buffer<unsigned> masks;
    long long entry_count = 0, cluster_count = 0, mask_count = 0, pruned = 0;
  } list[2];
  std::vector<unsigned char> touched;  // pages of blocks whose forces this part adds to
  Buffer<sum_type> forces;
  total_type totals[7];
  long long dropped = 0;
};
constexpr int PAGE = 64;  // blocks per page

struct Lists {
  const Frame* frame;
  const std::vector<Group>* groups;
  const Cluster* clusters;
  const Extent* extents;
  const real* x;
  double reach;
  // Pairs of atoms that do not meet: partners of slot k are partner[excluded[k] … excluded[k+1]-1], by identity.
  const long long *excluded = nullptr, *partner = nullptr, *identity = nullptr;
};

// The entries of one block of eight atoms while they are being found: two clusters of four, several regions and images.
struct Finding {
  struct Open {
    long long region;
    int image, whole;
    num x[2][3];  // of each four atoms, moved by the entry's shift
    double shift[3];
    Buffer<int> clusters[2];
    long long count[2];
    std::vector<int> masked[2];
    std::vector<unsigned> masks[2];
  };
  std::vector<Open> open;
  int used = 0, last = 0;
};

DEV int packed(const int* image) { return (image[0] + 32) << 12 | (image[1] + 32) << 6 | (image[2] + 32); }
DEV void unpacked(int code, int* image) {
  image[0] = (code >> 12) - 32, image[1] = (code >> 6 & 63) - 32, image[2] = (code & 63) - 32;
}
// What is added to coordinates of cluster a, in its region, before those of b, in its own, are taken off.
static void entry_shift(const Frame& frame, const Cluster& a, const Cluster& b, const int* image, double* shift) {
  double move[3];
  frame.shift(image, move);
  for (int d = 0; d < 3; d++) shift[d] = a.origin[d] - b.origin[d] - move[d];
}

static __attribute__((noinline)) Finding::Open& opened(Finding& f, const Lists& s, long long i, long long j, const int* image, int code) {
  const long long region = s.clusters[j].region;
  for (f.last = 0; f.last < f.used; f.last++)
    if (f.open[f.last].region == region && f.open[f.last].image == code) return f.open[f.last];
  if (f.used == (int)f.open.size()) f.open.emplace_back();
  Finding::Open& o = f.open[f.used++];
  o.region = region, o.image = code;
  const Cluster &a = s.clusters[i], &b = s.clusters[j];
  int whole[3] = {image[0], image[1], image[2]};
  // In exact differences the images of halo rows are part of the shift; else of their coordinates.
  if (FIXED)
    for (int d = 0; d < 3; d++) whole[d] += (*s.groups)[b.group].image[d] - (*s.groups)[a.group].image[d];
  o.whole = packed(whole);
  entry_shift(*s.frame, a, b, whole, o.shift);
  for (int half = 0; half < 2; half++) {
    for (int d = 0; d < 3; d++) o.x[half][d] = rows(s.x + i * BLOCK + d * COLUMNS + half * ROWS) + num(real(o.shift[d]));
    o.count[half] = 0, o.masked[half].clear(), o.masks[half].clear();
  }
  return o;
}

// The pairs of four atoms and eight that may meet, as bits.
static unsigned permitted(const Lists& s, long long i, int half, long long j, bool own) {
  unsigned bits = 0xffffffffu;
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < COLUMNS; c++) {
      const long long a = i * COLUMNS + half * ROWS + r, b = j * COLUMNS + c;
      bool meet = !own || b > a;
      if (meet && s.excluded)
        for (long long q = s.excluded[a]; q < s.excluded[a + 1] && meet; q++) meet = s.partner[q] != s.identity[b];
      if (!meet) bits &= ~(1u << (r * COLUMNS + c));
    }
  return bits;
}
static bool excludes(const Lists& s, long long block) {
  return s.excluded && s.excluded[block * COLUMNS + COLUMNS] > s.excluded[block * COLUMNS];
}

DEV void meet(Finding& f, const Lists& s, long long i, long long j, const int* image, int code, real reach2, bool excluding) {
  const bool known = f.last < f.used && f.open[f.last].region == s.clusters[j].region && f.open[f.last].image == code;
  Finding::Open& o = known ? f.open[f.last] : opened(f, s, i, j, image, code);
  const real* xj = s.x + j * BLOCK;
  const num x = columns(xj), y = columns(xj + COLUMNS), z = columns(xj + 2 * COLUMNS);
  const bool own = i == j && code == 13;
  const bool masked = own || (excluding && excludes(s, j));
  UNROLL(2) for (int half = 0; half < 2; half++) {
    const num dx = o.x[half][0] - x, dy = o.x[half][1] - y, dz = o.x[half][2] - z;
    bool near = any_below(multiply_add(dx, dx, multiply_add(dy, dy, dz * dz)), reach2);
    if (masked && near) {
      const unsigned bits = permitted(s, i, half, j, own);
      near = bits == 0xffffffffu;
      if (bits && !near) {
        o.masked[half].push_back(int(j));
        o.masks[half].push_back(bits);
      }
    }
    // Half of them are near: written in any case, for want of a branch that could be foretold.
    o.clusters[half].grow(o.count[half] + 1, o.count[half])[o.count[half]] = int(j);
    o.count[half] += near;
  }
}

static void close_entries(Finding& f, long long i, Part& part, Part::List& list) {
  auto touch = [&](int j) { part.touched[j / PAGE] = 1; };
  for (int half = 0; half < 2; half++)
    for (int q = 0; q < f.used; q++) {
      Finding::Open& o = f.open[q];
      const long long masked = o.masked[half].size(), count = masked + o.count[half];
      if (!count) continue;
      PairEntry& e = list.entries.grow(list.entry_count + 1, list.entry_count)[list.entry_count];
      e.first = list.cluster_count, e.mask = list.mask_count, e.i = int(2 * i + half), e.masked = int(masked);
      e.count = e.kept = int(count);
      e.x = real(o.shift[0]), e.y = real(o.shift[1]), e.z = real(o.shift[2]), e.w = 0, e.image = o.whole, e.pad = 0;
      int* to = list.clusters.grow(list.cluster_count + count, list.cluster_count) + list.cluster_count;
      unsigned* mask = list.masks.grow(list.mask_count + masked, list.mask_count) + list.mask_count;
      for (int j : o.masked[half]) touch(*to++ = j);
      for (long long k = 0; k < o.count[half]; k++) touch(*to++ = o.clusters[half][k]);
      for (unsigned m : o.masks[half]) *mask++ = m;
      list.entry_count++, list.cluster_count += count, list.mask_count += masked;
      touch(int(i));
    }
  f.used = f.last = 0;
}

// Clusters of group h, moved by `image`, that are within reach of block i; those after `after` (a cluster) if it is not -1.
static void search(Finding& f, const Lists& s, long long i, const Group& h, const int* image, long long after, bool excluding) {
  const Extent& e = s.extents[i];
  const int code = (image[0] + 1) * 9 + (image[1] + 1) * 3 + image[2] + 1;
  const float reach = float(s.reach);
  const real reach2 = real(s.reach * s.reach);
  float low[3], high[3];
  for (int d = 0; d < 3; d++) {
    const double move = image[d] * s.frame->width[d], slack = 2e-7 * fabs(move);
    low[d] = float(e.low[d] - move - slack), high[d] = float(e.high[d] - move + slack);
  }
  int from[2], to[2];
  for (int d = 0; d < 2; d++) {
    from[d] = (int)std::max(0.0, std::min(1e9, floor((low[d] - reach - h.low[d]) / h.side[d] - 1e-3)));
    to[d] = (int)std::min(h.columns[d] - 1.0, std::max(-1.0, floor((high[d] + reach - h.low[d]) / h.side[d] + 1e-3)));
  }
  auto gap = [](float l, float h, float other_l, float other_h) { return std::max(0.0f, std::max(other_l - h, l - other_h)); };
  const int own = after < 0 ? -1 : s.clusters[after].column;
  if (own >= 0) from[0] = own / h.columns[1];
  for (int c0 = from[0]; c0 <= to[0]; c0++) {
    for (int c1 = own >= 0 && c0 == from[0] ? own % h.columns[1] : from[1]; c1 <= to[1]; c1++) {
      const long long c = (long long)c0 * h.columns[1] + c1;
      long long first = h.first[c];
      const long long end = h.first[c + 1];
      if (end == first) continue;
      const Extent& w = h.extent[c];
      const float g0 = gap(low[0], high[0], w.low[0], w.high[0]), g1 = gap(low[1], high[1], w.low[1], w.high[1]);
      float rest = reach;
      if (s.frame->orthogonal) {
        const float left = reach * reach - g0 * g0 - g1 * g1;
        if (left < 0) continue;
        rest = sqrtf(left) * 1.000001f;
      } else if (g0 > reach || g1 > reach) {
        continue;
      }
      const float down = low[2] - rest, up = high[2] + rest;
      const int bin = (int)std::max(0.0, std::min(double(h.bins - 1), (down - h.low[2]) / h.side[2] - 1e-3));
      first = std::max(first + h.near[c * h.bins + bin], after + 1);
      for (long long j = first; j < end && s.extents[j].low[2] <= up; j++)
        meet(f, s, i, j, image, code, reach2, excluding);
    }
  }
}

// Every image of group h that block i may reach; `half`: only those on the positive side, and later clusters in no image.
static void search_images(Finding& f, const Lists& s, long long i, const Group& h, const Extent& extent, bool same, bool excluding) {
  int low[3], high[3];
  for (int d = 0; d < 3; d++) {
    low[d] = high[d] = 0;
    if (!s.frame->wraps[d]) continue;
    const double w = s.frame->width[d], r = s.reach * 1.00001;
    high[d] = s.extents[i].high[d] + r >= extent.low[d] + w;
    low[d] = -(s.extents[i].low[d] - r <= extent.high[d] - w);
  }
  int image[3];
  for (image[0] = low[0]; image[0] <= high[0]; image[0]++)
    for (image[1] = low[1]; image[1] <= high[1]; image[1]++)
      for (image[2] = low[2]; image[2] <= high[2]; image[2]++) {
        const int code = image[0] * 9 + image[1] * 3 + image[2];
        if (same && code < 0) continue;
        long long after = -1;
        if (same && code == 0) {
          meet(f, s, i, i, image, 13, real(s.reach * s.reach), excluding);
          after = i;
        }
        search(f, s, i, h, image, after, excluding);
      }
}

// The part's share of all blocks: blocks of every group, in order.
static void find_part(Part& part, const Lists& s, long long from, long long to, long long blocks) {
  static thread_local Finding finding;
  part.touched.assign(blocks / PAGE + 1, 0);
  for (auto& list : part.list) list.entry_count = list.cluster_count = list.mask_count = 0, list.pruned = -1;
  const std::vector<Group>& groups = *s.groups;
  std::vector<Extent> extent(groups.size());
  for (size_t g = 0; g < groups.size(); g++) {
    Extent& e = extent[g];
    for (int d = 0; d < 3; d++) e.low[d] = 1e30f, e.high[d] = -1e30f;
    for (const Extent& c : groups[g].extent)
      for (int d = 0; d < 3; d++) e.low[d] = std::min(e.low[d], c.low[d]), e.high[d] = std::max(e.high[d], c.high[d]);
  }
  for (long long i = from; i < to; i++) {
    const int g = s.clusters[i].group;
    const bool excluding = excludes(s, i);
    for (int halo = g ? 1 : 0; halo < 2; halo++) {
      for (int h = halo ? std::max(g, 1) : 0; h < (halo ? (int)groups.size() : 1); h++) {
        if ((groups[g].zone & groups[h].zone) || (h == g && g) || !groups[h].clusters) continue;
        search_images(finding, s, i, groups[h], extent[h], h == g, excluding);
      }
      close_entries(finding, i, part, part.list[halo]);
    }
  }
}
#endif
