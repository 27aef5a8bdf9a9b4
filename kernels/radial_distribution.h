// radial_distribution.h: histogram of the distances between two blocks of atoms in a periodic box.
//
// Atoms are given by fractional coordinates, sorted by the cells of a grid over the whole box; cells of one (x, y) column
// follow each other, so that all cells within reach along z are one run of atoms, or two.
#pragma once
#include "prelude.h"

#define PIECE 64

DEV void count_one(unsigned long long* p) {
#ifdef HPC_CUDA
  atomicAdd(p, 1ull);
#else
  ++*p;
#endif
}

// counts (n, pairs, bins + 1): group g counts the distances of home atoms atoms·g/n … in its own histogram; the last bin of
// each takes what lies beyond.  Bin of r: ⌊r·per_length⌋.
// home, visitors: (3, atoms) fractional coordinates, type (atoms,);  start: first visitor of each cell;
// columns: (columns, 2) shifts along x and y within reach;  box: xx, yx, yy, zx, zy, zz;  pair: (types, types) histogram's number;
// own: visitors are the home atoms themselves, so that a pair counts once.
GROUP_KERNEL(count_distances)(long long n, long long atoms, const double* RESTRICT home, const int* RESTRICT home_type,
                              long long visitors, const double* RESTRICT visitor, const int* RESTRICT visitor_type,
                              const long long* RESTRICT start, long long nx, long long ny, long long nz, long long shifts,
                              const int* RESTRICT columns, long long reach_z, const double* RESTRICT box, double per_length,
                              long long bins, long long types, const int* RESTRICT pair, long long pairs, long long own,
                              unsigned long long* RESTRICT counts) {
  GROUPS(g, n) {
    SHARED(int, bin, PIECE);
    unsigned long long* histogram = counts + g * pairs * (bins + 1);
    const double xx = box[0], yx = box[1], yy = box[2], zx = box[3], zy = box[4], zz = box[5], outside = double(bins);
    for (long long i = atoms * g / n; i < atoms * (g + 1) / n; i++) {
      const double x = home[i], y = home[atoms + i], z = home[2 * atoms + i];
      const long long ix = smaller((long long)(x * nx), nx - 1), iy = smaller((long long)(y * ny), ny - 1),
                      iz = smaller((long long)(z * nz), nz - 1);
      const int* which = pair + home_type[i] * types;
      for (long long s = 0; s < shifts; s++) {
        const long long cx = (ix + columns[2 * s] + nx) % nx, cy = (iy + columns[2 * s + 1] + ny) % ny, base = (cx * ny + cy) * nz;
        const bool whole = 2 * reach_z + 1 >= nz;
        const long long low = whole ? 0 : iz - reach_z, high = whole ? nz : iz + reach_z + 1;
        // The part of the run inside the column, and the part that comes round its end.
        for (int part = 0; part < 2; part++) {
          long long from = part == 0 ? (low < 0 ? 0 : low) : (low < 0 ? low + nz : 0);
          long long to = part == 0 ? (high > nz ? nz : high) : (low < 0 ? nz : high - nz);
          if (from >= to) continue;
          from = start[base + from];
          to = start[base + to];
          if (own && from <= i) from = i + 1;
          for (long long b = from; b < to; b += PIECE) {
            const int m = int(smaller((long long)PIECE, to - b));
            const double *fx = visitor + b, *fy = fx + visitors, *fz = fy + visitors;
            COOPERATE(k, m) {
              double dx = fx[k] - x, dy = fy[k] - y, dz = fz[k] - z;
              dx -= rint(dx);
              dy -= rint(dy);
              dz -= rint(dz);
              const double rx = dx * xx + dy * yx + dz * zx, ry = dy * yy + dz * zy, rz = dz * zz;
              const double place = sqrt(rx * rx + ry * ry + rz * rz) * per_length;
              bin[k] = int(place < outside ? place : outside);
            }
            // Each lane counts what it has computed itself.
            COOPERATE(k, m) count_one(histogram + which[visitor_type[b + k]] * (bins + 1) + bin[k]);
          }
        }
      }
    }
  }
}
