// pair_clusters.h: atoms in columns along the third axis of the box, cut into clusters of eight neighbours, on the CPU.
//
// Rows at home form one group, halo rows one for each zone and image; a group's columns are sorted along the third axis.
// u = fractional coordinate times the box's perpendicular width: no two atoms are nearer than they are along any one axis
// of u, and in an orthogonal box u is the position itself.
#pragma once
#include "pair_forces.h"
#ifndef HPC_CUDA
#include "memory.h"

struct Frame {
  double vectors[9], inverse[9], origin[3], width[3];  // rows a, b, c; fractional = (x - origin)·inverse
  int wraps[3];                                        // images along this axis are made here
  bool orthogonal;

  void u(const double* x, const int* image, double* out) const {
    const double dx = x[0] - origin[0], dy = x[1] - origin[1], dz = x[2] - origin[2];
    for (int d = 0; d < 3; d++)
      out[d] = (dx * inverse[d] + dy * inverse[3 + d] + dz * inverse[6 + d] + (image ? image[d] : 0)) * width[d];
  }
  // The vector of a whole number of images: the same numbers whoever asks, and exactly the negative for the negative.
  void shift(const int* image, double* out) const {
    for (int d = 0; d < 3; d++) out[d] = image[0] * vectors[d] + image[1] * vectors[3 + d] + image[2] * vectors[6 + d];
  }
};

struct Extent { float low[3], high[3]; };  // in u, from the base of all groups
struct Cluster {
  double origin[3];
  long long region;  // clusters of one region have one origin
  long long row;     // of its first atom; of halo rows: its place in their order
  int size, group, column;
};

// The columns of one group: clusters first[c] … first[c+1]-1 of column c, atoms atom[c] … atom[c+1]-1 in sorted order.
struct Group {
  int zone = 0, image[3] = {0, 0, 0};
  long long begin = 0, rows = 0;     // its rows in the order of all groups
  long long cluster = 0, clusters = 0;
  int columns[2] = {1, 1};
  double low[3], side[3];            // grid of columns in u; side[2]: height of the bins of `near`
  int bins = 1;
  std::vector<long long> atom, first;
  std::vector<int> near;             // first cluster of a column, counted in it, that reaches into a bin or beyond
  std::vector<Extent> extent;        // of each column
  std::vector<float> low0, high0, low1, high1;  // of extents: the search reads several columns at once
};

// Rows of the group in order of columns and heights; fills grid, `atom`, and order[0 … rows-1].
static void sort_columns(Group& g, const Frame& frame, const double* position, const int* rows_of, unsigned* order) {
  const long long n = g.rows;
  static thread_local Buffer<float> height_of;
  static thread_local Buffer<unsigned> key_of, row_of, counted;
  const int* image = g.image;
  auto row = [&](long long k) { return rows_of ? (long long)rows_of[k] : k; };
  double low[3] = {1e300, 1e300, 1e300}, high[3] = {-1e300, -1e300, -1e300};
  double l0 = 1e300, l1 = 1e300, l2 = 1e300, h0 = -1e300, h1 = -1e300, h2 = -1e300;
#pragma omp parallel for schedule(static) reduction(min : l0, l1, l2) reduction(max : h0, h1, h2)
  for (long long k = 0; k < n; k++) {
    double u[3];
    frame.u(position + 3 * row(k), image, u);
    l0 = std::min(l0, u[0]), l1 = std::min(l1, u[1]), l2 = std::min(l2, u[2]);
    h0 = std::max(h0, u[0]), h1 = std::max(h1, u[1]), h2 = std::max(h2, u[2]);
  }
  low[0] = l0, low[1] = l1, low[2] = l2, high[0] = h0, high[1] = h1, high[2] = h2;
  double volume = 1;
  for (int d = 0; d < 3; d++) {
    g.low[d] = n ? low[d] : 0;
    volume *= n ? std::max(high[d] - low[d], 1e-6 * frame.width[d]) : 1;
  }
  const double side = n ? cbrt(volume * COLUMNS / n) : 1;
  for (int d = 0; d < 2; d++) {
    const double extent = n ? high[d] - low[d] : 0;
    g.columns[d] = (int)std::min(std::max(1.0, rint(extent / side)), std::max(1.0, n / 2.0));
    g.side[d] = std::max(extent / g.columns[d], 1e-300) * (1 + 1e-9);
  }
  const double tall = n ? std::max(high[2] - low[2], 1e-300) : 1;
  const long long columns = (long long)g.columns[0] * g.columns[1];
  const long long fine = std::max(1ll, std::min(n / columns + 1, 1ll << 20));
  const double per = fine / (tall * (1 + 1e-9));
  const long long keys = columns * fine;
  float* height = height_of.make(n);
  unsigned* key = key_of.make(n);
  unsigned* start = counted.make(keys + 1);
#pragma omp parallel for schedule(static)
  for (long long k = 0; k < n; k++) {
    double u[3];
    frame.u(position + 3 * row(k), image, u);
    const long long c0 = std::min((long long)((u[0] - g.low[0]) / g.side[0]), (long long)g.columns[0] - 1);
    const long long c1 = std::min((long long)((u[1] - g.low[1]) / g.side[1]), (long long)g.columns[1] - 1);
    const long long bin = std::min((long long)((u[2] - g.low[2]) * per), fine - 1);
    height[k] = float(u[2] - g.low[2]);
    key[k] = unsigned((c0 * g.columns[1] + c1) * fine + bin);
  }
  memset(start, 0, sizeof(unsigned) * (keys + 1));
  for (long long k = 0; k < n; k++) start[key[k] + 1]++;
  for (long long q = 0; q < keys; q++) start[q + 1] += start[q];
  unsigned* placed = row_of.make(n);
  for (long long k = 0; k < n; k++) placed[start[key[k]]++] = unsigned(k);  // start[q] is then the end of bin q
  g.atom.assign(columns + 1, 0);
  for (long long c = 0; c < columns; c++) g.atom[c + 1] = start[(c + 1) * fine - 1];
#pragma omp parallel for schedule(static)
  for (long long c = 0; c < columns; c++) {
    unsigned* from = placed + g.atom[c];
    unsigned* to = placed + g.atom[c + 1];
    auto lower = [&](unsigned a, unsigned b) { return height[a] < height[b] || (height[a] == height[b] && a < b); };
    // The bins have left little to do.
    bool crowded = false;
    for (unsigned* p = from; p < to && !crowded; p++) {
      const unsigned x = *p;
      unsigned* q = p;
      while (q > from && lower(x, q[-1])) {
        *q = q[-1];
        q--;
      }
      *q = x;
      crowded = p - q > 64;
    }
    if (crowded) std::sort(from, to, lower);
    for (unsigned* p = from; p < to; p++) order[p - placed] = unsigned(row(*p));
  }
}

// Clusters of the group from `cluster` on: counts alone.
static void cut_columns(Group& g, long long cluster) {
  const long long columns = (long long)g.columns[0] * g.columns[1];
  g.cluster = cluster;
  g.first.resize(columns + 1);
  for (long long c = 0; c < columns; c++) {
    g.first[c] = cluster;
    cluster += (g.atom[c + 1] - g.atom[c] + COLUMNS - 1) / COLUMNS;
  }
  g.first[columns] = cluster;
  g.clusters = cluster - g.cluster;
}

// The group's clusters: rows, extents, origins (spacing apart; none for spacing 0), and the search table of each column.
// rows_of: the sorted order of halo rows; home rows lie in it already.
static void fill_clusters(Group& g, int number, const Frame& frame, const double* position, const unsigned* rows_of,
                          const double* base, double spacing, Cluster* clusters, Extent* extents) {
  const long long columns = (long long)g.columns[0] * g.columns[1];
  g.extent.resize(columns);
  const double tall = g.clusters ? std::max(1e-300, g.side[2]) : 1;
  g.side[2] = tall;
  double shift[3];
  frame.shift(g.image, shift);
#pragma omp parallel for schedule(static)
  for (long long c = 0; c < columns; c++) {
    Extent& whole = g.extent[c];
    for (int d = 0; d < 3; d++) whole.low[d] = 1e30f, whole.high[d] = -1e30f;
    for (long long b = g.first[c]; b < g.first[c + 1]; b++) {
      Cluster& cluster = clusters[b];
      const long long at = g.atom[c] + (b - g.first[c]) * COLUMNS;
      cluster.row = g.begin + at;
      cluster.size = (int)std::min((long long)COLUMNS, g.atom[c + 1] - at);
      cluster.group = number, cluster.column = int(c);
      double low[3] = {1e300, 1e300, 1e300}, high[3] = {-1e300, -1e300, -1e300}, x_low[3], x_high[3];
      for (int l = 0; l < cluster.size; l++) {
        const double* x = position + 3 * (rows_of ? (long long)rows_of[at + l] : cluster.row + l);
        double u[3];
        frame.u(x, g.image, u);
        for (int d = 0; d < 3; d++) {
          low[d] = std::min(low[d], u[d]), high[d] = std::max(high[d], u[d]);
          x_low[d] = l ? std::min(x_low[d], x[d]) : x[d], x_high[d] = l ? std::max(x_high[d], x[d]) : x[d];
        }
      }
      Extent& e = extents[b];
      for (int d = 0; d < 3; d++) {
        const double rounding = 2e-7 * (fabs(low[d] - base[d]) + fabs(high[d] - base[d]));
        e.low[d] = float(low[d] - base[d] - rounding), e.high[d] = float(high[d] - base[d] + rounding);
        whole.low[d] = std::min(whole.low[d], e.low[d]), whole.high[d] = std::max(whole.high[d], e.high[d]);
      }
      long long region = number;
      for (int d = 0; d < 3; d++) {
        cluster.origin[d] = 0;
        if (spacing > 0) {
          const long long cell = llrint((0.5 * (x_low[d] + x_high[d]) + shift[d]) / spacing);
          cluster.origin[d] = cell * spacing;
          region = d ? region << 21 | (cell & 0x1fffff) : cell & 0x1fffff;
        }
      }
      cluster.region = region;
    }
  }
}

// near[c·bins + b]: the first cluster of column c whose upper end is above the lower edge of bin b.
static void index_columns(Group& g, const Extent* extents, float low, float high, double height) {
  const long long columns = (long long)g.columns[0] * g.columns[1];
  g.bins = (int)std::max(1.0, std::min(1e6, ceil((high - low) / height)));
  g.low[2] = low;
  g.side[2] = std::max((high - low) / (double)g.bins, 1e-300);
  g.near.resize(columns * g.bins);
  g.low0.resize(columns), g.high0.resize(columns), g.low1.resize(columns), g.high1.resize(columns);
#pragma omp parallel for schedule(static)
  for (long long c = 0; c < columns; c++) {
    long long k = g.first[c];
    const Extent& e = g.extent[c];
    g.low0[c] = e.low[0], g.high0[c] = e.high[0], g.low1[c] = e.low[1], g.high1[c] = e.high[1];
    for (int b = 0; b < g.bins; b++) {
      while (k < g.first[c + 1] && extents[k].high[2] < low + float(b * g.side[2])) k++;
      g.near[c * g.bins + b] = int(k - g.first[c]);
    }
  }
}
#endif
