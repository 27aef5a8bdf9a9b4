// gravity_groups.h: groups of neighbouring targets: their boxes, their pairs with a tile of sources, their net force.
#pragma once
#include "gravity_cells.h"

#define GROUP 256  // most targets of a group

struct Group {
  double x, y, z;   // centre of the bounding box of its particles
  real hx, hy, hz;  // half its sides
  real reach;       // relative criterion: tolerance times the smallest last acceleration, in the tree's units
  int first, count;
};

// Bounding boxes of groups of particles, and the smallest last acceleration in each.
KERNEL(group_boxes)(long long n, const Range* RESTRICT ranges, const double* RESTRICT position,
                    const real* RESTRICT acceleration, double scale, double reach_scale, double tolerance,
                    Group* RESTRICT groups) {
  ELEMENTS(g, n) {
    const long long first = ranges[g].first, end = first + ranges[g].count;
    double lo[3] = {1e300, 1e300, 1e300}, hi[3] = {-1e300, -1e300, -1e300};
    real smallest = real(1e30);
    for (long long p = first; p < end; p++) {
      for (int k = 0; k < 3; k++) {
        lo[k] = smaller(lo[k], position[3 * p + k]);
        hi[k] = larger(hi[k], position[3 * p + k]);
      }
      if (acceleration) {
        real a2 = 0;
        for (int k = 0; k < 3; k++) {
          const real a = real(acceleration[3 * p + k] * reach_scale);
          a2 += a * a;
        }
        smallest = smaller(smallest, a2);
      }
    }
    Group& group = groups[g];
    group.x = 0.5 * (lo[0] + hi[0]) * scale;
    group.y = 0.5 * (lo[1] + hi[1]) * scale;
    group.z = 0.5 * (lo[2] + hi[2]) * scale;
    group.hx = upward(0.5 * (hi[0] - lo[0]) * scale);
    group.hy = upward(0.5 * (hi[1] - lo[1]) * scale);
    group.hz = upward(0.5 * (hi[2] - lo[2]) * scale);
    group.reach = acceleration ? real(tolerance * sqrt(double(smallest))) : real(0);
    group.first = int(first);
    group.count = ranges[g].count;
  }
}

// Σ m a and Σ m |a| over each group: four sums.  A one-sided tree's net force is to be taken out.
KERNEL(group_forces)(long long n, const Group* RESTRICT groups, const double* RESTRICT mass, const real* RESTRICT acceleration,
                     double* RESTRICT force) {
  ELEMENTS(g, n) {
    double f[4] = {0, 0, 0, 0};
    for (long long p = groups[g].first; p < groups[g].first + (long long)groups[g].count; p++) {
      const double x = acceleration[3 * p], y = acceleration[3 * p + 1], z = acceleration[3 * p + 2];
      f[0] += mass[p] * x;
      f[1] += mass[p] * y;
      f[2] += mass[p] * z;
      f[3] += mass[p] * sqrt(x * x + y * y + z * z);
    }
    for (int k = 0; k < 4; k++) force[4 * g + k] = f[k];
  }
}

// a ← a - c |a|: with c = Σ m a / Σ m |a| the net force vanishes, and every force changes by the same small fraction of itself.
KERNEL(balance_forces)(long long n, real* RESTRICT acceleration, double cx, double cy, double cz) {
  ELEMENTS(i, n) {
    const double x = acceleration[3 * i], y = acceleration[3 * i + 1], z = acceleration[3 * i + 2];
    const double size = sqrt(x * x + y * y + z * z);
    acceleration[3 * i] = real(x - cx * size);
    acceleration[3 * i + 1] = real(y - cy * size);
    acceleration[3 * i + 2] = real(z - cz * size);
  }
}

// Sources about another origin, four numbers at a time.
DEV void shift_sources(const PairSource<real>* RESTRICT from, PairSource<real>* RESTRICT to, int count, real x, real y, real z) {
  const real shift[4] = {x, y, z, real(0)};
  for (int j = 0; j < count; j++) {
    const real* f = &from[j].x;
    real* t = &to[j].x;
    UNROLL(4)
    for (int a = 0; a < 4; a++) t[a] = f[a] + shift[a];
  }
}

// Sources 0 … m-1 of a tile on all targets of a group; each tile's sum is rounded once into the double-precision sums
// x, y, z, φ and the mass at zero distance, which lie GROUP apart.  OWN: targets may be among the sources.
template <bool POTENTIAL, bool OWN>
DEV void add_pairs(const PairSource<real>* tile, int m, int count, const real* x, const real* y, const real* z, double* sum,
                   real epsilon2, real support) {
  // With the potential, four registers of targets and their sums would not fit the machine's 32.
  for_blocks<POTENTIAL ? 2 : 4>(count, [&](auto block, int b) {
    constexpr int V = decltype(block)::value;
    Field<real, V> f = {real(0), real(0), real(0), real(0), real(0)};
    const auto bx = load_block<V>(x + b), by = load_block<V>(y + b), bz = load_block<V>(z + b);
    for (int j = 0; j < m; j++) add_pair<POTENTIAL, OWN, V>(f, bx, by, bz, tile[j], epsilon2, support);
    accumulate_block(sum + b, f.x);
    accumulate_block(sum + GROUP + b, f.y);
    accumulate_block(sum + 2 * GROUP + b, f.z);
    if (POTENTIAL) accumulate_block(sum + 3 * GROUP + b, f.phi);
    if (POTENTIAL && OWN) accumulate_block(sum + 4 * GROUP + b, f.coincident);
  });
}
