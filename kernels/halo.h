// halo.h: blocks of a box and their halos: who owns a row, which rows lie within reach of a block, packing and adding of copies.
//
// Boxes are lower triangular: x = origin + s·V with rows a = (ax, 0, 0), b = (bx, by, 0), c = (cx, cy, cz) of V.
#pragma once
#include "prelude.h"

// Fractional coordinates s = (x - origin)·V⁻¹.  frame: origin (3), then V⁻¹ as 00, 10, 20, 11, 21, 22.
DEV void fractional(const double* frame, double x, double y, double z, double* s) {
  x -= frame[0], y -= frame[1], z -= frame[2];
  s[0] = x * frame[3] + y * frame[4] + z * frame[5];
  s[1] = y * frame[6] + z * frame[7];
  s[2] = z * frame[8];
}

// The block along one axis whose planes enclose s; the first and the last one reach to infinity.
DEV int block_of(double s, const double* planes, int blocks) {
  int low = 0, high = blocks;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    if (s >= planes[middle]) low = middle;
    else high = middle;
  }
  return low;
}

// Wraps rows into the box along periodic axes (bits of `periodic`), counts the box vectors taken off in image (may be null)
// and finds the rank that owns each row; -1 for a position that is not finite or farther away than an image can count.
// frame: as above, then V as ax, bx, by, cx, cy, cz; planes: p0+1, p1+1 and p2+1 of them.
KERNEL(place_rows)(long long n, double* RESTRICT position, int* RESTRICT image, const double* RESTRICT frame, const double* RESTRICT planes,
                   int p0, int p1, int p2, int periodic, int* RESTRICT destination) {
  ELEMENTS(i, n) {
    double x = position[3 * i], y = position[3 * i + 1], z = position[3 * i + 2], s[3];
    int wrapped[3] = {0, 0, 0};
    bool lost = false, moved = false;
    fractional(frame, x, y, z, s);
    // Twice: a row just below 0 may be rounded to 1 when the box is added to it.
    for (int turn = 0; turn < 2; turn++) {
      double off[3];
      for (int d = 0; d < 3; d++) {
        off[d] = periodic >> d & 1 ? floor(s[d]) : 0.0;
        if (!(s[d] < 1e9 && s[d] > -1e9) && (periodic >> d & 1 || !(s[d] - s[d] == 0.0))) lost = true;
      }
      if (lost || (off[0] == 0 && off[1] == 0 && off[2] == 0)) break;
      x -= off[0] * frame[9] + off[1] * frame[10] + off[2] * frame[12];
      y -= off[1] * frame[11] + off[2] * frame[13];
      z -= off[2] * frame[14];
      for (int d = 0; d < 3; d++) wrapped[d] += int(off[d]);
      moved = true;
      fractional(frame, x, y, z, s);
    }
    if (lost) {
      destination[i] = -1;
      continue;
    }
    if (moved) {
      position[3 * i] = x, position[3 * i + 1] = y, position[3 * i + 2] = z;
      if (image)
        for (int d = 0; d < 3; d++) image[3 * i + d] += wrapped[d];
    }
    const int c0 = block_of(s[0], planes, p0), c1 = block_of(s[1], planes + p0 + 1, p1);
    destination[i] = (c0 * p1 + c1) * p2 + block_of(s[2], planes + p0 + p1 + 2, p2);
  }
}

// How far rows stick out of their block, for each run of `run` rows: (n, 6) most beyond the lower planes of three axes, then
// beyond the upper ones, in fractional coordinates, at least 0.  planes: lower (3), upper (3).
KERNEL(overhang)(long long n, long long rows, int run, const double* RESTRICT position, const double* RESTRICT frame,
                 const double* RESTRICT planes, double* RESTRICT most) {
  ELEMENTS(k, n) {
    double out[6] = {0, 0, 0, 0, 0, 0}, s[3];
    for (long long i = k * run; i < smaller((k + 1) * run, rows); i++) {
      fractional(frame, position[3 * i], position[3 * i + 1], position[3 * i + 2], s);
      for (int d = 0; d < 3; d++) {
        out[d] = larger(out[d], planes[d] - s[d]);
        out[3 + d] = larger(out[3 + d], s[d] - planes[3 + d]);
      }
    }
    for (int d = 0; d < 6; d++) most[6 * k + d] = out[d];
  }
}

// Square of the distance from a point to the cone {y : n_d·y ≤ 0 for the axes d in `beyond`}, from its heights h_d = n_d·r above
// the planes; n_d are unit vectors.  The distance is the largest of λ·h/|Σ λ_d n_d| over λ ≥ 0: the best of the axes' subsets whose
// own optimum λ = G⁻¹h is not negative.  gram: n_x·n_y, n_x·n_z, n_y·n_z, then the inverse of G as 00, 11, 22, 01, 02, 12.
DEV double distance2(const double* h, int beyond, const double* gram) {
  double best = 0;
  for (int d = 0; d < 3; d++)
    if (beyond >> d & 1 && h[d] > 0) best = larger(best, h[d] * h[d]);
  for (int k = 0; k < 3; k++) {
    const int a = k == 2 ? 1 : 0, b = k == 0 ? 1 : 2;
    if (!(beyond >> a & 1) || !(beyond >> b & 1)) continue;
    const double c = gram[k], la = h[a] - c * h[b], lb = h[b] - c * h[a];
    if (la >= 0 && lb >= 0) best = larger(best, (la * h[a] + lb * h[b]) / (1 - c * c));
  }
  if (beyond == 7) {
    const double* g = gram + 3;
    const double l0 = g[0] * h[0] + g[3] * h[1] + g[4] * h[2], l1 = g[3] * h[0] + g[1] * h[1] + g[5] * h[2],
                 l2 = g[4] * h[0] + g[5] * h[1] + g[2] * h[2];
    if (l0 >= 0 && l1 >= 0 && l2 >= 0) best = larger(best, l0 * h[0] + l1 * h[1] + l2 * h[2]);
  }
  return best;
}

// flags[i] = 1 if row i, shifted by whole boxes (shift, may be null) and beyond the axes in zone[i] (may be null) and `axis`, lies
// within reach of the block below the upper planes of a neighbour.
// shell: origin and V⁻¹ as in frame (9), fractional coordinate of the planes (3), widths of the box (3), reach², gram (9).
KERNEL(within_reach)(long long n, const double* RESTRICT position, const signed char* RESTRICT shift, const unsigned char* RESTRICT zone,
                     int axis, const double* RESTRICT shell, unsigned char* RESTRICT flags) {
  ELEMENTS(i, n) {
    double s[3], h[3];
    fractional(shell, position[3 * i], position[3 * i + 1], position[3 * i + 2], s);
    for (int d = 0; d < 3; d++) h[d] = (s[d] + (shift ? shift[3 * i + d] : 0) - shell[9 + d]) * shell[12 + d];
    flags[i] = distance2(h, (zone ? zone[i] : 0) | 1 << axis, shell + 16) <= shell[15];
  }
}

// Rows are numbered through: the rank's own `home` first, then those of its halo.
template <class T> DEV T* row_at(T* own, T* halo, int row, long long home, long long width) {
  return row < home ? own + row * width : halo + (row - home) * width;
}
template <class T> DEV void pack_row(const int* rows, long long home, const T* own, const T* halo, T* to, long long i, long long width) {
  const T* from = row_at(own, halo, rows[i], home, width);
  for (long long k = 0; k < width; k++) to[i * width + k] = from[k];
}
// to[i] = row rows[i] of width units of 8, 4 or 1 bytes, whatever they mean.
KERNEL(pack_rows8)(long long n, const int* RESTRICT rows, long long home, const unsigned long long* RESTRICT own,
                   const unsigned long long* RESTRICT halo, unsigned long long* RESTRICT to, long long width) {
  ELEMENTS(i, n) pack_row(rows, home, own, halo, to, i, width);
}
OFFERED(pack_rows8)
KERNEL(pack_rows4)(long long n, const int* RESTRICT rows, long long home, const unsigned* RESTRICT own, const unsigned* RESTRICT halo,
                   unsigned* RESTRICT to, long long width) {
  ELEMENTS(i, n) pack_row(rows, home, own, halo, to, i, width);
}
OFFERED(pack_rows4)
KERNEL(pack_rows1)(long long n, const int* RESTRICT rows, long long home, const unsigned char* RESTRICT own,
                   const unsigned char* RESTRICT halo, unsigned char* RESTRICT to, long long width) {
  ELEMENTS(i, n) pack_row(rows, home, own, halo, to, i, width);
}

// Row rows[i] += from[i].  No row occurs twice, so that nothing is added at the same time.
template <class T> DEV void add_row(const int* rows, long long home, const T* from, T* own, T* halo, long long i, long long width) {
  T* to = row_at(own, halo, rows[i], home, width);
  for (long long k = 0; k < width; k++) to[k] += from[i * width + k];
}
KERNEL(add_rows64)(long long n, const int* RESTRICT rows, long long home, const double* RESTRICT from, double* RESTRICT own,
                   double* RESTRICT halo, long long width) {
  ELEMENTS(i, n) add_row(rows, home, from, own, halo, i, width);
}
OFFERED(add_rows64)
KERNEL(add_rows32)(long long n, const int* RESTRICT rows, long long home, const float* RESTRICT from, float* RESTRICT own,
                   float* RESTRICT halo, long long width) {
  ELEMENTS(i, n) add_row(rows, home, from, own, halo, i, width);
}
OFFERED(add_rows32)
// Forces in fixed point, whose sum does not depend on the order.
KERNEL(add_rows_fixed)(long long n, const int* RESTRICT rows, long long home, const long long* RESTRICT from, long long* RESTRICT own,
                       long long* RESTRICT halo, long long width) {
  ELEMENTS(i, n) add_row(rows, home, from, own, halo, i, width);
}

#ifndef HPC_CUDA
// The finaliser of splitmix64 (Steele, Lea & Flood 2014, OOPSLA, 453).
DEV unsigned long long mixed_bits(long long number) {
  unsigned long long mixed = (unsigned long long)number + 0x9e3779b97f4a7c15ull;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9ull;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebull;
  return mixed ^ mixed >> 31;
}

// A number that depends on which ids there are, not on their order: the wrapping sum of their mixed bits.
HOST(fingerprint)(long long n, const long long* ids) {
  unsigned long long sum = 0;
  for (long long i = 0; i < n; i++) sum += mixed_bits(ids[i]);
  return (long long)sum;
}

// Numbers the molecules of n rows in the order in which they occur: part[i] is the row's, head[m] the row with the smallest id.
// A row with a negative number is a molecule by itself.  table: `size` entries of -1, a power of two above 2n.  Returns how many.
HOST(molecules_of_rows)(long long n, const long long* molecule, const long long* ids, long long size, int* table, int* part, int* head) {
  int found = 0;
  for (long long i = 0; i < n; i++) {
    int at = -1;
    if (molecule[i] >= 0) {
      unsigned long long h = mixed_bits(molecule[i]) & (size - 1);
      while (table[h] >= 0 && molecule[head[table[h]]] != molecule[i]) h = (h + 1) & (size - 1);
      at = table[h];
      if (at < 0) table[h] = found;
    }
    if (at < 0) head[at = found++] = int(i);
    else if (ids[i] < ids[head[at]]) head[at] = int(i);
    part[i] = at;
  }
  return found;
}
#endif
