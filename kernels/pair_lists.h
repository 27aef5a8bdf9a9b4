// pair_lists.h: which clusters meet: lists of the clusters within reach of each other, on the CPU, one part per thread.
//
// Half of all pairs of clusters: within the home group a later block, or an image on the positive side; between two groups
// every pair of zones that this rank has to do (zone_i & zone_j = 0).
#pragma once
#include "pair_clusters.h"
#ifndef HPC_CUDA

// Blocks near one block of eight atoms, by region and image, while its entries are being made.
struct Finding {
  struct Bucket {
    long long region;
    int image[3], code, count;
    Buffer<int> blocks;
  };
  std::vector<Bucket> buckets;
  int used = 0;
  Buffer<unsigned short> second;     // hits of the second four atoms
  std::vector<int> masked[2];
  std::vector<unsigned> masks[2];
  std::vector<Extent> extent;        // of each group
};

// What one thread computes: entries with home atoms alone (0), and those with halo atoms (1).
struct Part {
  struct List {
    Buffer<PairEntry> entries;
    Buffer<unsigned short> clusters, kept;
    Buffer<unsigned> masks;
    long long entry_count = 0, cluster_count = 0, mask_count = 0, pruned = 0;
  } list[2];
  std::vector<unsigned char> touched;  // pages of blocks whose forces this part adds to
  Buffer<sum_type> forces;
  total_type totals[7];
  Finding finding;
};
constexpr int PAGE = 64;            // blocks per page
constexpr int SPAN = 65534;         // from the first cluster of an entry to its last: their number has 16 bits as well
constexpr long long MOST_LISTED = 4294967295ll;

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

DEV unsigned short packed(const int* image) {
  return (unsigned short)((image[0] + 16) << 10 | (image[1] + 16) << 5 | (image[2] + 16));
}
DEV void unpacked(int code, int* image) {
  image[0] = (code >> 10) - 16, image[1] = (code >> 5 & 31) - 16, image[2] = (code & 31) - 16;
}
// What is added to coordinates of cluster a, in its region, before those of b, in its own, are taken off.
static void entry_shift(const Frame& frame, const Cluster& a, const Cluster& b, const int* image, double* shift) {
  double move[3];
  frame.shift(image, move);
  for (int d = 0; d < 3; d++) shift[d] = a.origin[d] - b.origin[d] - move[d];
}

static __attribute__((noinline)) Finding::Bucket& bucket_of(Finding& f, long long region, const int* image, int code) {
  for (int q = 0; q < f.used; q++)
    if (f.buckets[q].region == region && f.buckets[q].code == code) return f.buckets[q];
  if (f.used == (int)f.buckets.size()) f.buckets.emplace_back();
  Finding::Bucket& b = f.buckets[f.used++];
  b.region = region, b.code = code, b.count = 0;
  for (int d = 0; d < 3; d++) b.image[d] = image[d];
  return b;
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

// What the entries of one block at one shift have in common.
struct Shifted {
  long long i;
  int image[3];      // of the others
  bool same;         // the block's own region, in no image
  real shift[3];
  num x[2][3];       // both its fours, moved by the shift
};
// Entries of both fours with `n` blocks that 16 bits can number from the first on.
static void make_two(Finding& f, const Lists& s, const Shifted& a, const int* blocks, int n, Part& part, Part::List& list, bool excluding) {
  const real reach2 = real(s.reach * s.reach);
  const int base = blocks[0];
  auto near = [&](int j, bool* hit) INLINED {
    const real* xj = s.x + (long long)j * BLOCK;
    const num xc = columns(xj), yc = columns(xj + COLUMNS), zc = columns(xj + 2 * COLUMNS);
    UNROLL(2) for (int half = 0; half < 2; half++) {
      const num dx = a.x[half][0] - xc, dy = a.x[half][1] - yc, dz = a.x[half][2] - zc;
      hit[half] = any_below(multiply_add(dx, dx, multiply_add(dy, dy, dz * dz)), reach2);
    }
  };
  unsigned short* first = list.clusters.grow(list.cluster_count + 2 * n, list.cluster_count) + list.cluster_count;
  unsigned short* second = f.second.make(n);
  int count[2] = {0, 0}, begin = 0;
  for (int half = 0; half < 2; half++) f.masked[half].clear(), f.masks[half].clear();
  auto with_mask = [&](int j) {
    bool hit[2];
    near(j, hit);
    for (int half = 0; half < 2; half++) {
      if (!hit[half]) continue;
      const unsigned bits = permitted(s, a.i, half, j, j == a.i && a.same);
      if (bits) f.masked[half].push_back(j), f.masks[half].push_back(bits);
    }
  };
  // The block itself comes first of its bucket.
  if (base == a.i && a.same) with_mask(blocks[begin++]);
  if (excluding)
    for (int k = begin; k < n; k++)
      if (excludes(s, blocks[k])) with_mask(blocks[k]);
  const int masked[2] = {(int)f.masked[0].size(), (int)f.masked[1].size()};
  for (int m : f.masked[0]) first[count[0]++] = (unsigned short)(m - base);
  for (int m : f.masked[1]) second[count[1]++] = (unsigned short)(m - base);
  for (int k = begin; k < n; k++) {
    const int j = blocks[k];
    if (excluding && excludes(s, j)) continue;
    bool hit[2];
    near(j, hit);
    // About half of them are near: written in any case, for want of a branch that could be foretold.
    first[count[0]] = second[count[1]] = (unsigned short)(j - base);
    count[0] += hit[0], count[1] += hit[1];
    part.touched[j / PAGE] = 1;
  }
  memcpy(first + count[0], second, sizeof(short) * count[1]);
  for (int half = 0; half < 2; half++) {
    if (!count[half]) continue;
    PairEntry& e = list.entries.grow(list.entry_count + 1, list.entry_count)[list.entry_count];
    e.first = unsigned(list.cluster_count), e.mask = unsigned(list.mask_count), e.i = int(2 * a.i + half), e.base = base;
    e.masked = (unsigned short)masked[half], e.count = e.kept = (unsigned short)count[half], e.image = packed(a.image);
    e.x = a.shift[0], e.y = a.shift[1], e.z = a.shift[2];
    unsigned* mask = list.masks.grow(list.mask_count + masked[half], list.mask_count) + list.mask_count;
    for (unsigned m : f.masks[half]) *mask++ = m;
    for (int m : f.masked[half]) part.touched[m / PAGE] = 1;
    list.entry_count++, list.cluster_count += count[half], list.mask_count += masked[half];
  }
}

// Entries of block i, both its fours, with what is near in the buckets.
static void make_entries(Finding& f, const Lists& s, long long i, Part& part, Part::List& list, bool excluding) {
  part.touched[i / PAGE] |= f.used > 0;
  for (int q = 0; q < f.used; q++) {
    const Finding::Bucket& bucket = f.buckets[q];
    const int *blocks = bucket.blocks.data, *end = blocks + bucket.count;
    const Cluster &own = s.clusters[i], &other = s.clusters[blocks[0]];
    Shifted a = {i, {bucket.image[0], bucket.image[1], bucket.image[2]}, bucket.code == 13, {}, {}};
    // In exact differences the images of halo rows are part of the shift; else of their coordinates.
    if (FIXED)
      for (int d = 0; d < 3; d++) a.image[d] += (*s.groups)[other.group].image[d] - (*s.groups)[own.group].image[d];
    double shift[3];
    entry_shift(*s.frame, own, other, a.image, shift);
    for (int d = 0; d < 3; d++) a.shift[d] = real(shift[d]);
    UNROLL(2) for (int half = 0; half < 2; half++)
      UNROLL(3) for (int d = 0; d < 3; d++) a.x[half][d] = rows(s.x + i * BLOCK + d * COLUMNS + half * ROWS) + num(a.shift[d]);
    for (int n; blocks < end; blocks += n) {
      n = int((end[-1] - blocks[0] <= SPAN ? end : std::upper_bound(blocks, end, blocks[0] + SPAN)) - blocks);
      make_two(f, s, a, blocks, n, part, list, excluding);
    }
  }
  f.used = 0;
}

// Clusters of group h, moved by `image`, that are within reach of block i; those after `after` (a cluster) if it is not -1.
static void search(Finding& f, const Lists& s, long long i, const Group& h, const int* image, long long after) {
  const Extent& e = s.extents[i];
  const int code = (image[0] + 1) * 9 + (image[1] + 1) * 3 + image[2] + 1;
  const float reach = float(s.reach), reach2 = reach * reach;
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
  const int own = after < 0 ? -1 : s.clusters[after].column;
  if (own >= 0) from[0] = own / h.columns[1];
  const float bottom = float(h.low[2]), per = float(1 / h.side[2]), last_bin = float(h.bins - 1);
  const bool orthogonal = s.frame->orthogonal;
  Finding::Bucket* bucket = nullptr;
  long long region = -1;
  constexpr int AT_ONCE = 32;
  float lowest[AT_ONCE], highest[AT_ONCE];
  for (int c0 = from[0]; c0 <= to[0]; c0++) {
    const int begin = own >= 0 && c0 == from[0] ? own % h.columns[1] : from[1];
    for (int some = begin; some <= to[1]; some += AT_ONCE) {
      const int count = std::min(AT_ONCE, to[1] - some + 1);
      const long long first = (long long)c0 * h.columns[1] + some;
      const float *l0 = h.low0.data() + first, *h0 = h.high0.data() + first, *l1 = h.low1.data() + first, *h1 = h.high1.data() + first;
      for (int q = 0; q < count; q++) {  // heights within reach, in bins; none where lowest > highest
        const float a = l0[q] - high[0], b = low[0] - h0[q], g0 = a > b ? a : b, gap0 = g0 > 0 ? g0 : 0;
        const float d = l1[q] - high[1], e = low[1] - h1[q], g1 = d > e ? d : e, gap1 = g1 > 0 ? g1 : 0;
        const float both = orthogonal ? reach2 - gap0 * gap0 - gap1 * gap1 : reach2 - (gap0 > gap1 ? gap0 * gap0 : gap1 * gap1);
        const float rest = orthogonal ? sqrtf(both > 0 ? both : 0) * 1.000001f : reach;
        lowest[q] = both < 0 ? 1e30f : (low[2] - rest - bottom) * per - 1e-2f;
        highest[q] = both < 0 ? -1e30f : high[2] + rest;
      }
      for (int q = 0; q < count; q++) {
        if (lowest[q] > last_bin + 1) continue;
        const long long c = first + q, end = h.first[c + 1];
        const int bin = (int)(lowest[q] < 0 ? 0.0f : lowest[q] < last_bin ? lowest[q] : last_bin);
        const float up = highest[q];
        for (long long j = std::max(h.first[c] + h.near[c * h.bins + bin], after + 1); j < end && s.extents[j].low[2] <= up; j++) {
          if (s.clusters[j].region != region) {
            region = s.clusters[j].region;
            bucket = &bucket_of(f, region, image, code);
          }
          bucket->blocks.grow(bucket->count + 1, bucket->count)[bucket->count] = int(j);
          bucket->count++;
        }
      }
    }
  }
}

// Every image of group h that block i may reach; `half`: only those on the positive side, and later clusters in no image.
static void search_images(Finding& f, const Lists& s, long long i, const Group& h, const Extent& extent, bool same) {
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
          Finding::Bucket& b = bucket_of(f, s.clusters[i].region, image, 13);
          b.blocks.grow(1, 0)[0] = int(i);
          b.count = 1;
          after = i;
        }
        search(f, s, i, h, image, after);
      }
}

// The part's share of all blocks: blocks of every group, in order.
static void find_part(Part& part, const Lists& s, long long from, long long to, long long blocks) {
  Finding& finding = part.finding;
  part.touched.assign(blocks / PAGE + 1, 0);
  for (auto& list : part.list) list.entry_count = list.cluster_count = list.mask_count = 0, list.pruned = -1;
  const std::vector<Group>& groups = *s.groups;
  std::vector<Extent>& extent = finding.extent;
  extent.resize(groups.size());
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
        search_images(finding, s, i, groups[h], extent[h], h == g);
      }
      make_entries(finding, s, i, part, part.list[halo], excluding);
    }
  }
}
#endif
