// pic_told.h: what the tiles tell (rows, energies, moments), and what they are given, on the CPU.
#pragma once
#include "pic_rows.h"
#ifndef HPC_CUDA

static void deposit_charges(PicEngine& g, const Step& p) {
  constexpr int ROW = row_of(CHARGE);
  Scratch& w = g.scratch[0];
  for (int k = 0; k < int(g.tiles.size()); k++) {
    int box[3];
    box_of(g, g.tiles[k], box);
    w.clear_rows((long long)box[0] * box[1] * box[2] * ROW);
    each_bin(g, k, [&](PicTile& t, int b, const int*, const int* c) {
      vec sum[ROW];
      for (int v = 0; v < ROW; v++) sum[v] = vec{};
      for (int i = 0; i < t.count[b]; i += LANES_) {
        const unsigned live = first_lanes(t.count[b] - i);
        const real* x = t.data.data + t.start[b] + i;
        vec s[D], weight = blend(live, splat(1), vec{});
        for (int a = 0; a < D; a++) s[a] = load_lanes(x + (long long)a * t.capacity, live);
        if constexpr (WEIGHTED) weight = load_lanes(x + (long long)(D + 3) * t.capacity, live);
        deposit_point(s, weight, [&](int v, vec value) { sum[v] += value; });
      }
      long long row = c[0] + g.reach;
      for (int a = 1; a < D; a++) row = row * box[a] + c[a] + g.reach;
      for (int v = 0; v < ROW; v += LANES_) {
        real* r = w.rows.data + row * ROW + v;
        store_all(r, load_all(r) + sums_of(sum + v));
      }
    });
    add_rows<CHARGE>(g, g.tiles[k], w, p);
  }
}
// Σ w S (1, v, u_a v_b …) on nodes: values 0: density, 1-3: v, 4-9: m u_a v_b of xx, yy, zz, xy, xz, yz;  wanted: bit set.
static void deposit_moments(PicEngine& g, unsigned wanted, double* to, long long component) {
  const double c2 = 1 / (g.light_speed * g.light_speed), volume = g.spacing[0] * (D > 1 ? g.spacing[1] : 1) * (D > 2 ? g.spacing[2] : 1);
  for (int k = 0; k < int(g.tiles.size()); k++)
    each_bin(g, k, [&](PicTile& t, int b, const int*, const int* c) {
      int node[3];
      for (int a = 0; a < D; a++) node[a] = t.first[a] + c[a];
      const long long at = node_of(g, node);
      for (int i = t.start[b]; i < t.start[b] + t.count[b]; i++) {
        double s[D], u[3];
        for (int a = 0; a < D; a++) s[a] = t.field(a)[i];
        for (int a = 0; a < 3; a++) u[a] = t.field(D + a)[i];
        const double weight = (WEIGHTED ? double(t.field(FIELDS - 1)[i]) : g.weight) / volume;
        const double v = g.relativistic ? 1 / sqrt(1 + c2 * (u[0] * u[0] + u[1] * u[1] + u[2] * u[2])) : 1;
        const double each[10] = {1, u[0] * v, u[1] * v, u[2] * v, g.mass * u[0] * u[0] * v, g.mass * u[1] * u[1] * v,
                                 g.mass * u[2] * u[2] * v, g.mass * u[0] * u[1] * v, g.mass * u[0] * u[2] * v, g.mass * u[1] * u[2] * v};
        deposit_point(s, weight, [&](int n, double share) {
          long long place = at;
          for (int a = 0; a < D; a++) place += CHARGES.offset[n][a] * g.stride[a];
          for (int m = 0, row = 0; m < 10; m++)
            if (wanted >> m & 1) to[component * row++ + place] += share * each[m];
        });
      }
    });
}
// sums: energy, weight, Σ w u (3), Σ w v (3).
static void sum_particles(PicEngine& g, double* sums) {
  const double c2 = g.relativistic ? 1 / (g.light_speed * g.light_speed) : 0;
  const int n = int(g.tiles.size());
  std::vector<double> of(8ll * n);
#pragma omp parallel for schedule(dynamic)
  for (int k = 0; k < n; k++)
    each_bin(g, k, [&](PicTile& t, int b, const int*, const int*) {
      double *to = &of[8 * k], e = 0, w = 0, ux = 0, uy = 0, uz = 0, vx = 0, vy = 0, vz = 0;
      const real *x = t.field(D), *y = t.field(D + 1), *z = t.field(D + 2), *weights = t.field(FIELDS - 1);
      for (int i = t.start[b]; i < t.start[b] + t.count[b]; i++) {
        const double a = x[i], d = y[i], f = z[i], q = WEIGHTED ? double(weights[i]) : g.weight;
        const double u2 = a * a + d * d + f * f, gamma = sqrt(1 + c2 * u2), v = q / gamma;
        e += q * g.mass * u2 / (1 + gamma), w += q;
        ux += q * a, uy += q * d, uz += q * f, vx += v * a, vy += v * d, vz += v * f;
      }
      const double each[8] = {e, w, ux, uy, uz, vx, vy, vz};
      for (int m = 0; m < 8; m++) to[m] += each[m];
    });
  for (int k = 0; k < n; k++)
    for (int m = 0; m < 8; m++) sums[m] += of[8 * k + m];
}
// A particle of the whole grid into the list of the tile whose bin it is in, or of the rank.
static void deliver(PicEngine& g, const Record& r) {
  int k[3], direction = 0;
  bool mine = true;
  for (int a = 0; a < D; a++) {
    int c = r.bin[a] - g.start[a], d = 1;
    if (c < 0 || c >= g.count[a]) mine = false, d = c < 0 ? 0 : 2;
    else k[a] = tile_along(g, a, c);
    direction = 3 * direction + d;
  }
  if (mine) g.tiles[tile_index(g, k)].in.push_back(r);
  else {
    Record wrapped = r;
    for (int a = 0; a < D; a++)
      if (!g.wall[a][0] && !g.wall[a][1]) wrapped.bin[a] = (r.bin[a] + g.shape[a]) % g.shape[a];
    g.outgoing[direction].push_back(wrapped);
  }
}
#endif
