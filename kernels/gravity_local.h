// gravity_local.h: the field of distant cells about a group's centre, as one Taylor polynomial of fourth order.
//
// A cell that is far compared with the whole group need not be summed for each target: lanes are cells here, and
//   φ(v) = -[L + Lᵢvᵢ + Lᵢⱼvᵢvⱼ/2 + Lᵢⱼₖvᵢvⱼvₖ/6 + Lᵢⱼₖₗvᵢvⱼvₖvₗ/24],   L… = Σ cells (m + ½ Sₐᵦ ∂ₐ∂ᵦ) ∂… (1/ρ),
// with S the second moments and source plus target order at most 4 (a Cartesian multipole-to-local transformation;
// Warren & Salmon 1995, Comput. Phys. Commun. 87, 266; Dehnen 2002, J. Comput. Phys. 179, 27).
// Lengths are in units of the group's own size, so that ρ⁻⁹ stays within single precision at every scale.
// Symmetric tensors are stored as xx xy xz yy yz zz, xxx xxy xxz xyy xyz xzz yyy yyz yzz zzz, and so on.
#pragma once
#include "gravity_cells.h"

#define LOCAL_TERMS 35  // 1 + 3 + 6 + 10 + 15
constexpr int LOCAL_ORDER[5] = {0, 1, 4, 10, 20};  // where the terms of each order begin

// Component q of order n, with one more index x, y or z: which component of order n+1 that is.
struct TensorIndex {
  int next[10][3] = {{0, 1, 2}, {1, 3, 4}, {2, 4, 5}, {3, 6, 7}, {4, 7, 8}, {5, 8, 9}, {6, 10, 11}, {7, 11, 12}, {8, 12, 13}, {9, 13, 14}};
  int pair[6][6] = {{0, 1, 2, 3, 4, 5},  {1, 3, 4, 6, 7, 8},    {2, 4, 5, 7, 8, 9},
                    {3, 6, 7, 10, 11, 12}, {4, 7, 8, 11, 12, 13}, {5, 8, 9, 12, 13, 14}};
};

// Nodes, one per lane; their centres of mass about an origin.
struct NodeLanes {
  varying<real, 1> x, y, z, mass, radius, weight, xx, yy, xy, xz, yz;
  varying_int first, shape;
};
DEV NodeLanes load_nodes(const Node* nodes, varying_int id, double ox, double oy, double oz) {
#ifdef HPC_RECORDS
  if constexpr (sizeof(Node) == 64) {
    const record_words r = load_records(nodes, id);
    return NodeLanes{word_difference(r, 0, ox), word_difference(r, 1, oy), word_difference(r, 2, oz), word_real(r, 3, 0),
                     word_real(r, 3, 1), word_real(r, 4, 0), word_real(r, 4, 1), word_real(r, 5, 0), word_real(r, 5, 1),
                     word_real(r, 6, 0), word_real(r, 6, 1), word_int(r, 7, 0), word_int(r, 7, 1)};
  }
#endif
  constexpr int S = int(sizeof(Node) / sizeof(real)), D = int(sizeof(Node) / sizeof(double)), I = int(sizeof(Node) / sizeof(int));
  return NodeLanes{gather_difference(&nodes->x, id, D, ox), gather_difference(&nodes->y, id, D, oy),
                   gather_difference(&nodes->z, id, D, oz), gather(&nodes->mass, id, S), gather(&nodes->radius, id, S),
                   gather(&nodes->weight, id, S), gather(&nodes->xx, id, S), gather(&nodes->yy, id, S), gather(&nodes->xy, id, S),
                   gather(&nodes->xz, id, S), gather(&nodes->yz, id, S), gather_int(&nodes->first, id, I),
                   gather_int(&nodes->shape, id, I)};
}

// Derivatives of 1/ρ up to fourth order at (x, y, z); d[35].
template <class F> DEV void derivatives(F x, F y, F z, F epsilon2, F* d) {
  const F xx = x * x, yy = y * y, zz = z * z, r2 = xx + (yy + (zz + epsilon2));
  const F y0 = inverse_sqrt_seed(r2), g0 = over_root(F(1.0f), r2, y0), i2 = g0 * g0;
  const F g1 = F(0.0f) - g0 * i2, g2 = F(-3.0f) * (g1 * i2), g3 = F(-5.0f) * (g2 * i2), g4 = F(-7.0f) * (g3 * i2);
  const F xy = x * y, xz = x * z, yz = y * z, three = F(3.0f), six = F(6.0f);
  d[0] = g0;
  d[1] = x * g1; d[2] = y * g1; d[3] = z * g1;
  d[4] = xx * g2 + g1; d[5] = xy * g2; d[6] = xz * g2; d[7] = yy * g2 + g1; d[8] = yz * g2; d[9] = zz * g2 + g1;
  const F ax = xx * g3 + g2, ay = yy * g3 + g2, az = zz * g3 + g2, g22 = g2 + g2;
  d[10] = x * (ax + g22); d[11] = y * ax; d[12] = z * ax; d[13] = x * ay; d[14] = xy * (z * g3); d[15] = x * az;
  d[16] = y * (ay + g22); d[17] = z * ay; d[18] = y * az; d[19] = z * (az + g22);
  const F bx = xx * g4, by = yy * g4, bz = zz * g4, g33 = three * g3, g23 = three * g2;
  d[20] = xx * (bx + six * g3) + g23; d[21] = xy * (bx + g33); d[22] = xz * (bx + g33);
  d[23] = yy * (bx + g3) + ax; d[24] = yz * (bx + g3); d[25] = zz * (bx + g3) + ax;
  d[26] = xy * (by + g33); d[27] = xz * (by + g3); d[28] = xy * (bz + g3); d[29] = xz * (bz + g33);
  d[30] = yy * (by + six * g3) + g23; d[31] = yz * (by + g33); d[32] = zz * (by + g3) + ay; d[33] = yz * (bz + g33);
  d[34] = zz * (bz + six * g3) + g23;
}

// Adds the cells `ids` (m of them active) to the polynomial about the group's centre; `unit` = 1/(size of the group).
DEV void add_local(varying<real, 1>* local, const Node* nodes, const int* ids, int m, double cx, double cy, double cz, real unit,
                   real epsilon2) {
  typedef varying<real, 1> F;
  constexpr TensorIndex index;
  const NodeLanes node = load_nodes(nodes, load_ids(ids, m), cx, cy, cz);
  const lanes_mask active = lanes_below(m);
  const F u = F(unit), zero = F(real(0));
  F d[LOCAL_TERMS];
  derivatives(zero - node.x * u, zero - node.y * u, zero - node.z * u, F(epsilon2 * unit * unit), d);
  const F mass = where(active, node.mass, zero), radius = node.radius * u;
  const F u2 = where(active, u * u * F(real(1.0 / 6)), zero);  // ½ S = (Q + δ Σ m r²)/6
  const F trace = where(active, node.weight, zero) * (radius * radius) * F(real(1.0 / 6));
  const F qxx = node.xx * u2, qyy = node.yy * u2;
  F s[6];
  s[0] = qxx + trace;
  s[1] = node.xy * (u2 + u2);
  s[2] = node.xz * (u2 + u2);
  s[3] = qyy + trace;
  s[4] = node.yz * (u2 + u2);
  s[5] = trace - (qxx + qyy);
  for (int order = 0; order < 3; order++) {
    const int components = (order + 1) * (order + 2) / 2;
    UNROLL(6)
    for (int q = 0; q < components; q++) {
      F sum = mass * d[LOCAL_ORDER[order] + q];
      UNROLL(6)
      for (int p = 0; p < 6; p++) sum += s[p] * d[LOCAL_ORDER[order + 2] + index.pair[q][p]];
      local[LOCAL_ORDER[order] + q] += sum;
    }
  }
  UNROLL(25)
  for (int k = LOCAL_ORDER[3]; k < LOCAL_TERMS; k++) local[k] += mass * d[k];
}

// Field of the polynomial at a block of targets v (in the group's units): gradient, and φ where asked for.
template <bool POTENTIAL, int V> DEV Field<real, V> local_field(const real* l, varying<real, V> x, varying<real, V> y, varying<real, V> z) {
  typedef varying<real, V> F;
  constexpr TensorIndex index;
  F t3[10], t2[6];
  Field<real, V> f = {real(0), real(0), real(0), real(0), real(0)};
  const F third = F(real(1.0 / 3)), half = F(real(0.5)), x3 = x * third, y3 = y * third, z3 = z * third, x2 = x * half, y2 = y * half, z2 = z * half;
  UNROLL(10)
  for (int q = 0; q < 10; q++)
    t3[q] = F(l[10 + q]) + (x3 * F(l[20 + index.next[q][0]]) + (y3 * F(l[20 + index.next[q][1]]) + z3 * F(l[20 + index.next[q][2]])));
  UNROLL(6)
  for (int q = 0; q < 6; q++) t2[q] = F(l[4 + q]) + (x2 * t3[index.next[q][0]] + (y2 * t3[index.next[q][1]] + z2 * t3[index.next[q][2]]));
  f.x = F(l[1]) + (x * t2[0] + (y * t2[1] + z * t2[2]));
  f.y = F(l[2]) + (x * t2[1] + (y * t2[3] + z * t2[4]));
  f.z = F(l[3]) + (x * t2[2] + (y * t2[4] + z * t2[5]));
  if (POTENTIAL) {
    const F quarter = F(real(0.25)), x4 = x * quarter, y4 = y * quarter, z4 = z * quarter;
    UNROLL(10)
    for (int q = 0; q < 10; q++)
      t3[q] = F(l[10 + q]) + (x4 * F(l[20 + index.next[q][0]]) + (y4 * F(l[20 + index.next[q][1]]) + z4 * F(l[20 + index.next[q][2]])));
    UNROLL(6)
    for (int q = 0; q < 6; q++) t2[q] = F(l[4 + q]) + (x3 * t3[index.next[q][0]] + (y3 * t3[index.next[q][1]] + z3 * t3[index.next[q][2]]));
    const F gx = F(l[1]) + (x2 * t2[0] + (y2 * t2[1] + z2 * t2[2])), gy = F(l[2]) + (x2 * t2[1] + (y2 * t2[3] + z2 * t2[4])),
            gz = F(l[3]) + (x2 * t2[2] + (y2 * t2[4] + z2 * t2[5]));
    f.phi = F(real(0)) - (F(l[0]) + (x * gx + (y * gy + z * gz)));
  }
  return f;
}
