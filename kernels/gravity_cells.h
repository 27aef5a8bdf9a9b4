// gravity_cells.h: the octree's nodes and how they are made: splitting sorted keys, moments of leaves, moments of parents.
//
// Coordinates are in the tree's own units: positions times `scale` (a power of two, so that nothing is rounded), masses
// times `mass_scale` (likewise).  A node's mass, radius and moments are `real`; its centre of mass is double.
#pragma once
#include "gravity_pairs.h"
#ifndef LEAF
#define LEAF 32  // most particles a leaf may hold
#endif
#ifndef SPARSE
#define SPARSE 64  // a small child of a node with more than SPARSE groups' particles is thinly spread: see split_cells
#endif
typedef REAL real;

struct Node {
  double x, y, z;           // centre of mass
  real mass, radius;        // radius: no particle is farther from the centre of mass
  real weight;              // Σ m r² / radius²: what the relative criterion weighs
  real xx, yy, xy, xz, yz;  // traceless quadrupole Σ m (3 rᵢrⱼ - r² δᵢⱼ); zz = -xx - yy
  int first;                // first child, or first source of a leaf
  int shape;                // children·2¹⁶ + number of sources of a leaf; children = 0: leaf, -1: closed (content elsewhere)
};
struct Range { int first, count; };                 // the particles of a node, in key order
struct Box { real lo[3], hi[3]; };                  // bounding box of a node's particles about its centre of mass

DEV int children_of(int shape) { return shape >> 16; }

// Splits the nodes begin … begin+n-1 whose range holds more than leaf_size particles: children are the non-empty octants
// below the longest common key prefix (so no node has a single child); equal keys are cut into equal runs.
// A node of more than group_size particles hands its small children out as groups: runs of neighbouring children of at
// most group_size particles together.  Small children of a very full node are thinly spread beside dense ones: one box
// around such a child would have to open half the tree, so its own children become groups, each alone.
// The shape of a root must be 0 on entry.
KERNEL(split_cells)(long long n, long long begin, const unsigned long long* RESTRICT hi, const unsigned long long* RESTRICT lo,
                    Range* range, Node* nodes, Range* groups, int* counters, long long capacity, long long leaf_size,
                    long long group_size) {
  ELEMENTS(k, n) {
    const long long i = begin + k;
    const int first = range[i].first, count = range[i].count;
    const bool thin = nodes[i].shape != 0;  // set by the parent
    nodes[i].first = first;
    nodes[i].shape = smaller(count, 0xffff);
    if (count <= leaf_size) {
      if (thin) groups[atomic_add(counters + 1, 1)] = Range{first, count};
      continue;
    }
    int bound[9];
    bound[0] = first;
    bound[8] = first + count;
    const int last = first + count - 1;
    const bool deep = hi[first] == hi[last];
    const unsigned long long* word = deep ? lo : hi;
    const unsigned long long difference = word ? word[first] ^ word[last] : 0;
    if (difference == 0) {
      for (int d = 1; d < 8; d++) bound[d] = first + int((long long)count * d / 8);
    } else {
      const int shift = 60 - 3 * ((leading_zeros(difference) - 1) / 3);
      for (int d = 0; d < 7; d++) {
        int a = bound[d], b = bound[8];
        while (a < b) {
          const int middle = a + (b - a) / 2;
          if (int((word[middle] >> shift) & 7) <= d) a = middle + 1; else b = middle;
        }
        bound[d + 1] = a;
      }
    }
    int children = 0;
    for (int d = 0; d < 8; d++) children += bound[d + 1] > bound[d];
    const int slot = atomic_add(counters, children);
    if (slot + children > capacity) continue;  // the caller sees the counter and comes back with more room
    nodes[i].first = slot;
    nodes[i].shape = children << 16;
    const bool full = count > SPARSE * group_size, gives_groups = count > group_size && !full;
    int c = slot, run = first, run_end = first;
    for (int d = 0; d < 8; d++) {
      const int size = bound[d + 1] - bound[d];
      if (size == 0) continue;
      range[c].first = bound[d];
      range[c].count = size;
      const bool fits = size <= group_size;
      nodes[c++].shape = full && fits;
      if (thin) groups[atomic_add(counters + 1, 1)] = Range{bound[d], size};
      if (!gives_groups) continue;
      if (!fits || bound[d + 1] - run > group_size) {
        if (run_end > run) groups[atomic_add(counters + 1, 1)] = Range{run, run_end - run};
        run = fits ? bound[d] : bound[d + 1];
      }
      run_end = bound[d + 1];
    }
    if (gives_groups && run_end > run) groups[atomic_add(counters + 1, 1)] = Range{run, run_end - run};
  }
}

// Q about a new origin at distance (dx, dy, dz) from the old one, the old one being the centre of mass; added to `q`.
DEV void add_quadrupole(double* q, double mass, double dx, double dy, double dz) {
  const double r2 = dx * dx + dy * dy + dz * dz;
  q[0] += mass * (3 * dx * dx - r2);
  q[1] += mass * (3 * dy * dy - r2);
  q[2] += mass * 3 * dx * dy;
  q[3] += mass * 3 * dx * dz;
  q[4] += mass * 3 * dy * dz;
  q[5] += mass * r2;
}

// Rounded so that it never shrinks.
DEV real upward(double x) { return real(x * (1 + 1e-6)); }

DEV void store_moments(Node& node, double mass, double x, double y, double z, const double* q, double radius) {
  node.x = x;
  node.y = y;
  node.z = z;
  node.mass = real(mass);
  node.radius = upward(radius);
  node.weight = node.radius > 0 ? real(q[5] / (double(node.radius) * double(node.radius))) : real(0);
  node.xx = real(q[0]);
  node.yy = real(q[1]);
  node.xy = real(q[2]);
  node.xz = real(q[3]);
  node.yz = real(q[4]);
}

// Leaves: centre of mass, quadrupole, radius, box; and their particles as sources about the centre of mass.
KERNEL(leaf_moments)(long long n, Node* RESTRICT nodes, Box* RESTRICT boxes, PairSource<real>* RESTRICT sources,
                     const double* RESTRICT position, const double* RESTRICT mass, double scale, double mass_scale) {
  ELEMENTS(i, n) {
    Node& node = nodes[i];
    if (children_of(node.shape) != 0) continue;
    const int first = node.first, end = first + node.shape;
    double m = 0, x = 0, y = 0, z = 0;
    for (int p = first; p < end; p++) {
      const double mp = mass[p] * mass_scale;
      m += mp;
      x += mp * position[3 * (long long)p];
      y += mp * position[3 * (long long)p + 1];
      z += mp * position[3 * (long long)p + 2];
    }
    const double s = scale / m;
    x *= s;
    y *= s;
    z *= s;
    double q[6] = {0, 0, 0, 0, 0, 0}, r2max = 0;
    real lo[3] = {real(1e30), real(1e30), real(1e30)}, hi[3] = {real(-1e30), real(-1e30), real(-1e30)};
    for (int p = first; p < end; p++) {
      const double dx = position[3 * (long long)p] * scale - x, dy = position[3 * (long long)p + 1] * scale - y,
                   dz = position[3 * (long long)p + 2] * scale - z;
      const double mp = mass[p] * mass_scale, r2 = dx * dx + dy * dy + dz * dz;
      sources[p] = PairSource<real>{real(dx), real(dy), real(dz), real(mp)};
      add_quadrupole(q, mp, dx, dy, dz);
      r2max = larger(r2max, r2);
      const real d[3] = {real(dx), real(dy), real(dz)};
      for (int k = 0; k < 3; k++) {
        lo[k] = smaller(lo[k], d[k]);
        hi[k] = larger(hi[k], d[k]);
      }
    }
    for (int k = 0; k < 3; k++) {
      boxes[i].lo[k] = lo[k];
      boxes[i].hi[k] = hi[k];
    }
    store_moments(node, m, x, y, z, q, sqrt(r2max));
  }
}

// Parents begin … begin+n-1 from their children.  The radius is the smaller of two bounds: farthest child plus its radius,
// farthest corner of the bounding box.
KERNEL(merge_moments)(long long n, long long begin, Node* nodes, Box* boxes) {
  ELEMENTS(k, n) {
    const long long i = begin + k;
    Node& node = nodes[i];
    const int children = children_of(node.shape);
    if (children <= 0) continue;
    double m = 0, x = 0, y = 0, z = 0;
    for (int c = node.first; c < node.first + children; c++) {
      const double mc = nodes[c].mass;
      m += mc;
      x += mc * nodes[c].x;
      y += mc * nodes[c].y;
      z += mc * nodes[c].z;
    }
    x /= m;
    y /= m;
    z /= m;
    double q[6] = {0, 0, 0, 0, 0, 0}, reach = 0, lo[3] = {1e300, 1e300, 1e300}, hi[3] = {-1e300, -1e300, -1e300};
    for (int c = node.first; c < node.first + children; c++) {
      const Node& child = nodes[c];
      const double d[3] = {child.x - x, child.y - y, child.z - z};
      add_quadrupole(q, child.mass, d[0], d[1], d[2]);
      q[0] += child.xx;
      q[1] += child.yy;
      q[2] += child.xy;
      q[3] += child.xz;
      q[4] += child.yz;
      q[5] += double(child.weight) * double(child.radius) * double(child.radius);
      reach = larger(reach, sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]) + double(child.radius));
      for (int a = 0; a < 3; a++) {
        lo[a] = smaller(lo[a], d[a] + double(boxes[c].lo[a]));
        hi[a] = larger(hi[a], d[a] + double(boxes[c].hi[a]));
      }
    }
    double corner = 0;
    for (int a = 0; a < 3; a++) {
      const double far = larger(-lo[a], hi[a]);
      corner += far * far;
      boxes[i].lo[a] = real(lo[a]);
      boxes[i].hi[a] = real(hi[a]);
    }
    store_moments(node, m, x, y, z, q, smaller(reach, sqrt(corner)));
  }
}
