// pic_particles.h: the module of particle-in-cell engines: one per species and rank.
//
// Defines: REAL, DIMENSIONS (1-3), ORDER (0-3), WEIGHTED (a weight per particle), TRACKED (an id).
#pragma once
#include "pic_told.h"
#ifndef HPC_CUDA

// whole: shape, start, count (bins), local shape of the field arrays, tiles along the axes: 3 each; wraps 3, walls 3 × 2, guards, reach.
// number: spacing 3, charge, mass, weight, light speed, relativistic (1 or 0).
HOST(pic_new)(const long long* whole, const double* number) {
  PicEngine& g = *new PicEngine;
  for (int a = 0; a < D; a++) {
    g.shape[a] = int(whole[a]), g.start[a] = int(whole[3 + a]), g.count[a] = int(whole[6 + a]);
    g.tiles_along[a] = int(whole[12 + a]), g.wraps[a] = whole[15 + a] != 0;
    g.wall[a][0] = int(whole[18 + 2 * a]), g.wall[a][1] = int(whole[19 + 2 * a]);
  }
  g.component = 1;
  for (int a = D - 1; a >= 0; a--) g.stride[a] = g.component, g.component *= whole[9 + a];
  g.guards = int(whole[24]), g.reach = int(whole[25]);
  for (int a = 0; a < 3; a++) g.spacing[a] = number[a];
  g.charge = number[3], g.mass = number[4], g.weight = number[5], g.light_speed = number[6], g.relativistic = number[7] != 0;
  g.tiles.resize(g.tiles_along[0] * g.tiles_along[1] * g.tiles_along[2]);
  for (int k = 0; k < int(g.tiles.size()); k++) {
    PicTile& t = g.tiles[k];
    int at[3];
    tile_place(g, k, at);
    t.bins = 1;
    for (int a = 0; a < D; a++) {
      t.first[a] = tile_edge(g, a, at[a]), t.extent[a] = tile_edge(g, a, at[a] + 1) - t.first[a], t.bins *= t.extent[a];
      for (int side = 0; side < 2; side++) {
        t.closed[a][side] = g.wall[a][side] && (side ? g.start[a] + t.first[a] + t.extent[a] == g.shape[a] : g.start[a] + t.first[a] == 0);
        t.walled |= t.closed[a][side];
      }
    }
    t.start.assign(t.bins, 0), t.count.assign(t.bins, 0);
  }
  g.scratch.resize(omp_get_max_threads());
  return (long long)&g;
}
HOST(pic_free)(long long handle) {
  delete (PicEngine*)handle;
  return 0;
}
HOST(pic_record_bytes)() { return sizeof(Record); }

HOST(pic_deposit_charge)(long long handle, real* rho) {
  PicEngine& g = *(PicEngine*)handle;
  settle(g);
  Step p = step_of(g, nullptr, nullptr, rho, 1);
  p.scale[0] = real(p.scale[0] / g.spacing[0]);
  deposit_charges(g, p);
  return 0;
}
HOST(pic_moments)(long long handle, long long wanted, double* to) {
  PicEngine& g = *(PicEngine*)handle;
  settle(g);
  deposit_moments(g, unsigned(wanted), to, g.component);
  return 0;
}
HOST(pic_sums)(long long handle, double* sums) {
  PicEngine& g = *(PicEngine*)handle;
  settle(g);
  sum_particles(g, sums);
  return 0;
}
// Of the particle that would move too far: bin, offset (3), u (3), displacement in cells (3).
HOST(pic_fault)(long long handle, double* told) {
  const Fault& f = ((PicEngine*)handle)->fault;
  for (int a = 0; a < 3; a++)
    told[a] = f.bin[a], told[3 + a] = f.s[a], told[6 + a] = f.u[a], told[9 + a] = f.displacement[a];
  return 0;
}
// Particles here (those between tiles included), bytes held; per face: number, weight and energy absorbed.
HOST(pic_told)(long long handle, long long* whole, double* lost) {
  PicEngine& g = *(PicEngine*)handle;
  long long n = 0, bytes = 0;
  for (const PicTile& t : g.tiles) {
    n += t.held + (long long)t.in.size();
    for (int d = 0; d < DIRECTIONS; d++)
      if (d != HERE && neighbour(g, int(&t - g.tiles.data()), d) >= 0) n += t.out_first[g.phase][d + 1] - t.out_first[g.phase][d];
    bytes += t.data.room * sizeof(real) + t.id.room * 8 + t.bins * 8ll;
    bytes += (long long)(t.in.capacity() + t.out[0].capacity() + t.out[1].capacity()) * sizeof(Record);
  }
  long long shared = 0;
  for (const Scratch& w : g.scratch)
    shared += (w.rows.room + w.crossers.data.room + w.arrivals.data.room + w.spare.room) * sizeof(real);
  for (const auto& list : g.outgoing) bytes += (long long)list.capacity() * sizeof(Record);
  whole[0] = n, whole[1] = bytes + shared;
  for (int a = 0; a < D; a++)
    for (int side = 0; side < 2; side++) {
      whole[2 + 2 * a + side] = 0;
      for (const Scratch& w : g.scratch) {
        whole[2 + 2 * a + side] += w.lost[a][side];
        lost[2 * (2 * a + side)] += w.lost_weight[a][side], lost[2 * (2 * a + side) + 1] += w.lost_energy[a][side];
      }
    }
  return n;
}
// position: (n, D) in cells from the grid's corner.  Rows of bins that belong to other ranks wait for them.
HOST(pic_add)(long long handle, long long n, const double* position, const double* momentum, const double* weight, const long long* id) {
  PicEngine& g = *(PicEngine*)handle;
  settle(g);
  for (long long k = 0; k < n; k++) {
    Record r = {};
    for (int a = 0; a < D; a++) {
      const double x = position[k * D + a], bin = floor(EVEN ? x + 0.5 : x);
      r.bin[a] = int(bin), r.field[a] = real(EVEN ? x - bin : x - bin - 0.5);
    }
    for (int a = 0; a < 3; a++) r.field[D + a] = real(momentum[3 * k + a]);
    if (WEIGHTED) r.field[FIELDS - 1] = real(weight[k]);
#if TRACKED
    r.id = id[k];
#endif
    for (int a = 0; a < D; a++)
      if (g.wraps[a]) r.bin[a] = (r.bin[a] + g.shape[a]) % g.shape[a];
    deliver(g, r);
  }
  settle(g);
  return 0;
}
// Records waiting for the rank in each direction.
HOST(pic_outgoing)(long long handle, long long* sizes) {
  PicEngine& g = *(PicEngine*)handle;
  for (int d = 0; d < DIRECTIONS; d++) sizes[d] = (long long)g.outgoing[d].size();
  return 0;
}
HOST(pic_take)(long long handle, long long direction, unsigned char* to) {
  auto& list = ((PicEngine*)handle)->outgoing[direction];
  memcpy(to, list.data(), list.size() * sizeof(Record));
  list.clear();
  return 0;
}
// n records, in their order; returns how many do not belong to this block.
HOST(pic_give)(long long handle, long long n, const unsigned char* from) {
  PicEngine& g = *(PicEngine*)handle;
  long long wrong = 0;
  for (long long k = 0; k < n; k++) {
    Record r;
    memcpy((void*)&r, from + k * sizeof(Record), sizeof(Record));
    bool mine = true;
    for (int a = 0; a < D; a++) mine &= r.bin[a] >= g.start[a] && r.bin[a] < g.start[a] + g.count[a];
    if (mine) deliver(g, r);
    else wrong++;
  }
  return wrong;
}
HOST(pic_settle)(long long handle) {
  settle(*(PicEngine*)handle);
  return 0;
}
HOST(pic_tiles)(long long handle, long long* counts) {
  PicEngine& g = *(PicEngine*)handle;
  settle(g);
  for (size_t k = 0; k < g.tiles.size(); k++) counts[k] = g.tiles[k].held;
  return (long long)g.tiles.size();
}
HOST(pic_bins)(long long handle, long long* counts) {  // particles per bin of the block, last axis fastest
  PicEngine& g = *(PicEngine*)handle;
  settle(g);
  for (int k = 0; k < int(g.tiles.size()); k++)
    each_bin(g, k, [&](PicTile& t, int b, const int* bin, const int*) {
      long long at = bin[0] - g.start[0];
      for (int a = 1; a < D; a++) at = at * g.count[a] + bin[a] - g.start[a];
      counts[at] = t.count[b];
    });
  return 0;
}
// Rows of the tiles first … last-1, exactly: bin (n, D), fields (n, FIELDS) [offset, u, weight], id.
HOST(pic_rows)(long long handle, long long first, long long last, int* bins, real* fields, long long* id) {
  PicEngine& g = *(PicEngine*)handle;
  long long n = 0;
  for (int k = int(first); k < last; k++)
    each_bin(g, k, [&](PicTile& t, int b, const int* bin, const int*) {
      for (int i = t.start[b]; i < t.start[b] + t.count[b]; i++, n++) {
        for (int a = 0; a < D; a++) bins[n * D + a] = bin[a];
        for (int f = 0; f < FIELDS; f++) fields[n * FIELDS + f] = t.field(f)[i];
        if (TRACKED) id[n] = t.id[i];
      }
    });
  return n;
}
// The rows that pic_rows gave, into an empty engine.
HOST(pic_restore)(long long handle, long long n, const int* bins, const real* fields, const long long* id) {
  PicEngine& g = *(PicEngine*)handle;
  for (long long k = 0; k < n; k++) {
    Record r = {};
    for (int a = 0; a < D; a++) r.bin[a] = bins[k * D + a];
    for (int f = 0; f < FIELDS; f++) r.field[f] = fields[k * FIELDS + f];
#if TRACKED
    r.id = id[k];
#endif
    deliver(g, r);
  }
  settle(g);
  return 0;
}
#endif
