// pic_rows.h: what the bins in and around a tile receive, one row of values per bin, and their way to the grid, on the CPU.
#pragma once
#include "pic_tiles.h"
#ifndef HPC_CUDA

enum Deposit { CURRENT, CHARGE, PASSAGE };  // PASSAGE + a: of paths along axis a alone
constexpr const Touched& touched_of(int deposit) {
  return deposit == CURRENT ? CURRENTS : deposit == CHARGE ? CHARGES : PASSAGES[deposit - PASSAGE];
}
constexpr int touched_by(int deposit) { return touched_of(deposit).count; }
constexpr int row_of(int deposit) { return (touched_by(deposit) + LANES_ - 1) / LANES_ * LANES_; }
constexpr int SHIFT = 10;  // bits of a coordinate in a place: x | y << 10 | z << 20, from the corner of the tile's surroundings

struct Step {
  const real *E, *B;
  real* to;                    // currents (3 components) or charges
  real kick, c2, move[3];      // q dt/2m, 1/c², dt/spacing (dt along missing axes)
  real still[3];               // (q dt/2m) B of a uniform magnetic field
  real scale[3];               // of what is deposited, by component
};
DEV void box_of(const PicEngine& g, const PicTile& t, int* box) {
  for (int a = 0; a < 3; a++) box[a] = a < D ? t.extent[a] + 2 * g.reach : 1;
}
DEV void unpacked_place(int place, int* c) {
  for (int a = 0; a < D; a++) c[a] = place >> (SHIFT * a) & ((1 << SHIFT) - 1);
}
// Global bin of a place around the tile; beyond walls it lies outside 0 … shape-1.
DEV void bin_at(const PicEngine& g, const PicTile& t, int place, int* bin) {
  unpacked_place(place, bin);
  for (int a = 0; a < D; a++) bin[a] += g.start[a] + t.first[a] - g.reach;
}

// rows[bin of place] += what each lane adds: values turned over, one row per lane.
template <int ROW> DEV void add_to_rows(real* rows, const int* box, whole_vec place, unsigned live, vec* value) {
  constexpr int mask = (1 << SHIFT) - 1;
  whole_vec at = place & mask;
  if (D > 1) at = at * box[1] + (place >> SHIFT & mask);
  if (D > 2) at = at * box[2] + (place >> (2 * SHIFT));
  alignas(64) int index[LANES_];
  memcpy(index, &at, sizeof(at));
  const int n = lanes_in(live);
  for (int v = 0; v < ROW; v += LANES_) {
    turn_over(value + v);
    for (int l = 0; l < n; l++) {
      real* row = rows + (long long)index[l] * ROW + v;
      store_all(row, load_all(row) + value[v + l]);
    }
  }
}
// What the bins in and around the tile have received, added to the grid; the rows are zero afterwards.
template <int MODE> static void add_rows(PicEngine& g, PicTile& t, Scratch& w, const Step& p) {
  constexpr int ROW = row_of(MODE), N = touched_by(MODE), last = D - 1;
  constexpr const Touched& touched = touched_of(MODE);
  int box[3];
  box_of(g, t, box);
  long long offset[N];
  for (int k = 0; k < N; k++) {
    offset[k] = touched.component[k] * g.component;
    for (int a = 0; a < D; a++) offset[k] += touched.offset[k][a] * g.stride[a];
  }
  // Bins behind walls have received nothing, and the arrays may end before them.
  int low[3], high[3];
  for (int a = 0; a < D; a++) low[a] = t.closed[a][0] ? g.reach : 0, high[a] = box[a] - (t.closed[a][1] ? g.reach : 0);
  long long columns = 1;
  for (int a = 0; a < last; a++) columns *= box[a];
  for (long long column = 0; column < columns; column++)
    for (int z = low[last]; z < high[last]; z += LANES_) {
      int c[3] = {};
      c[last] = z;
      long long rest = column;
      bool inside = true;
      for (int a = last - 1; a >= 0; a--) {
        c[a] = int(rest % box[a]), rest /= box[a];
        inside &= c[a] >= low[a] && c[a] < high[a];
      }
      if (!inside) break;
      int node[3];
      for (int a = 0; a < D; a++) node[a] = t.first[a] + c[a] - g.reach;
      real* to = p.to + node_of(g, node);
      const int m = smaller(high[last] - z, LANES_);
      const unsigned live = first_lanes(m);
      for (int v = 0; v < ROW; v += LANES_) {
        vec r[LANES_];
        real* row = w.rows.data + (column * box[last] + z) * ROW + v;
        UNROLL(16) for (int l = 0; l < LANES_; l++) {
          if (l < m) r[l] = load_all(row + l * ROW), store_all(row + l * ROW, vec{});
          else r[l] = vec{};
        }
        turn_over(r);
        for (int k = 0; k < LANES_ && v + k < N; k++) {
          real* j = to + offset[v + k];
          store_lanes(j, load_lanes(j, live) + p.scale[touched.component[v + k]] * r[k], live);
        }
      }
    }
}
DEV Step step_of(const PicEngine& g, const real* E, const real* B, real* to, double dt) {
  Step p = {};
  p.E = E, p.B = B, p.to = to;
  p.kick = real(0.5 * g.charge * dt / g.mass), p.c2 = real(1 / (g.light_speed * g.light_speed));
  double volume = 1;
  for (int a = 0; a < D; a++) volume *= g.spacing[a];
  const double each = g.charge * (WEIGHTED ? 1 : g.weight) / volume;
  for (int a = 0; a < 3; a++) {
    p.move[a] = real(dt / (a < D ? g.spacing[a] : 1));
    p.scale[a] = real(each * (a < D ? g.spacing[a] : 1) / dt);
  }
  return p;
}
static void more_threads(PicEngine& g) {
  if (int(g.scratch.size()) < omp_get_max_threads()) g.scratch.resize(omp_get_max_threads());
}
#endif
