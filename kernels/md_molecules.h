// md_molecules.h: what a barostat does to molecules: their centres of mass are moved, their shape is not.
//
// All molecules of a launch have as many atoms; rows (n, atoms) says where these stand.  Atoms of one molecule may lie on both
// sides of a periodic border: offsets from the first atom are nearest images (box as in md_gather.h: vectors, then inverses).
#pragma once
#include "prelude.h"

struct images {
  double x[3];      // offset from the first atom
  double whole[3];  // box vectors that were taken off
};
DEV images offset_of(const double* a, const double* first, const double* box) {
  images r = {{a[0] - first[0], a[1] - first[1], a[2] - first[2]}, {0, 0, 0}};
  if (!box) return r;
  const double w = r.x[2] * box[8], u = (r.x[1] - w * box[4]) * box[7], s = (r.x[0] - u * box[1] - w * box[3]) * box[6];
  const double h = rint(s), j = rint(u), k = rint(w);
  r.x[0] -= h * box[0] + j * box[1] + k * box[3];
  r.x[1] -= j * box[2] + k * box[4];
  r.x[2] -= k * box[5];
  r.whole[0] = h;
  r.whole[1] = j;
  r.whole[2] = k;
  return r;
}
// Σ w_i y_i / Σ w_i over the molecule's atoms, and Σ w_i.
DEV double mean_of(const int* row, long long atoms, const double* y, const double* mass, double* mean) {
  double total = 0, a = 0, b = 0, c = 0;
  for (long long k = 0; k < atoms; k++) {
    const double m = mass[row[k]];
    total += m;
    a += m * y[3ll * row[k]];
    b += m * y[3ll * row[k] + 1];
    c += m * y[3ll * row[k] + 2];
  }
  mean[0] = a / total;
  mean[1] = b / total;
  mean[2] = c / total;
  return total;
}
// The centre of mass, counted from the first atom.
DEV void centre_of(const int* row, long long atoms, const double* x, const double* mass, const double* box, double* centre) {
  double total = 0, sum[3] = {0, 0, 0};
  for (long long k = 0; k < atoms; k++) {
    const images r = offset_of(x + 3ll * row[k], x + 3ll * row[0], box);
    total += mass[row[k]];
    for (int c = 0; c < 3; c++) sum[c] += mass[row[k]] * r.x[c];
  }
  for (int c = 0; c < 3; c++) centre[c] = sum[c] / total;
}
DEV double row_times(const double* m, const double* y) { return m[0] * y[0] + m[1] * y[1] + m[2] * y[2]; }

// M V V of each molecule: xx yy zz yx zx zy.
KERNEL(centre_tensors)(long long n, long long atoms, const int* RESTRICT rows, const double* RESTRICT velocity,
                       const double* RESTRICT mass, double* RESTRICT tensors) {
  ELEMENTS(i, n) {
    double v[3];
    const double m = mean_of(rows + i * atoms, atoms, velocity, mass, v);
    double* t = tensors + 6 * i;
    t[0] = m * v[0] * v[0];
    t[1] = m * v[1] * v[1];
    t[2] = m * v[2] * v[2];
    t[3] = m * v[1] * v[0];
    t[4] = m * v[2] * v[0];
    t[5] = m * v[2] * v[1];
  }
}

// Σ (x_i - X) F_i of each molecule, (3, 3): not symmetric where forces turn the molecule.
template <class T>
DEV void internal_virial(const int* row, long long atoms, const double* x, const T* force, const double* mass, const double* box,
                         double* t) {
  double centre[3];
  centre_of(row, atoms, x, mass, box, centre);
  for (int c = 0; c < 9; c++) t[c] = 0;
  for (long long k = 0; k < atoms; k++) {
    const images r = offset_of(x + 3ll * row[k], x + 3ll * row[0], box);
    for (int a = 0; a < 3; a++)
      for (int b = 0; b < 3; b++) t[3 * a + b] += (r.x[a] - centre[a]) * double(force[3ll * row[k] + b]);
  }
}
KERNEL(internal_virials64)(long long n, long long atoms, const int* RESTRICT rows, const double* RESTRICT position,
                           const double* RESTRICT force, const double* RESTRICT mass, const double* RESTRICT box,
                           double* RESTRICT tensors) {
  ELEMENTS(i, n) internal_virial(rows + i * atoms, atoms, position, force, mass, box, tensors + 9 * i);
}
KERNEL(internal_virials32)(long long n, long long atoms, const int* RESTRICT rows, const double* RESTRICT position,
                           const float* RESTRICT force, const double* RESTRICT mass, const double* RESTRICT box,
                           double* RESTRICT tensors) {
  ELEMENTS(i, n) internal_virial(rows + i * atoms, atoms, position, force, mass, box, tensors + 9 * i);
}

// x_i ← x_i + dt v_i + P (X - o) + Q V + what the images' box vectors change by.
// matrices: P and Q (3, 3);  frame: o, then the change of a_x, b_x, b_y, c_x, c_y, c_z.
KERNEL(move_centres)(long long n, long long atoms, const int* RESTRICT rows, double* RESTRICT position,
                     const double* RESTRICT velocity, const double* RESTRICT mass, double dt, const double* RESTRICT matrices,
                     const double* RESTRICT frame, const double* RESTRICT box) {
  ELEMENTS(i, n) {
    const int* row = rows + i * atoms;
    double centre[3], v[3], shift[3], first[3];
    centre_of(row, atoms, position, mass, box, centre);
    mean_of(row, atoms, velocity, mass, v);
    for (int c = 0; c < 3; c++) first[c] = position[3ll * row[0] + c];
    for (int c = 0; c < 3; c++) centre[c] += first[c] - frame[c];
    for (int c = 0; c < 3; c++) shift[c] = row_times(matrices + 3 * c, centre) + row_times(matrices + 9 + 3 * c, v);
    for (long long k = 0; k < atoms; k++) {
      double* x = position + 3ll * row[k];
      const images r = offset_of(x, first, box);
      for (int c = 0; c < 3; c++) x[c] += shift[c] + dt * velocity[3ll * row[k] + c];
      x[0] += r.whole[0] * frame[3] + r.whole[1] * frame[4] + r.whole[2] * frame[6];
      x[1] += r.whole[1] * frame[5] + r.whole[2] * frame[7];
      x[2] += r.whole[2] * frame[8];
    }
  }
}

// v_i ← v_i + dt F_i/m_i + P V + Q F/M with V, F, M of the molecule.
template <class T>
DEV void kick_molecule(const int* row, long long atoms, double* velocity, const T* force, const double* mass, double dt,
                       const double* matrices) {
  double v[3], f[3] = {0, 0, 0}, shift[3];
  const double m = mean_of(row, atoms, velocity, mass, v);
  for (long long k = 0; k < atoms; k++)
    for (int c = 0; c < 3; c++) f[c] += double(force[3ll * row[k] + c]) / m;
  for (int c = 0; c < 3; c++) shift[c] = row_times(matrices + 3 * c, v) + row_times(matrices + 9 + 3 * c, f);
  for (long long k = 0; k < atoms; k++)
    for (int c = 0; c < 3; c++) velocity[3ll * row[k] + c] += shift[c] + dt * double(force[3ll * row[k] + c]) / mass[row[k]];
}
KERNEL(kick_molecules64)(long long n, long long atoms, const int* RESTRICT rows, double* RESTRICT velocity,
                         const double* RESTRICT force, const double* RESTRICT mass, double dt, const double* RESTRICT matrices) {
  ELEMENTS(i, n) kick_molecule(rows + i * atoms, atoms, velocity, force, mass, dt, matrices);
}
KERNEL(kick_molecules32)(long long n, long long atoms, const int* RESTRICT rows, double* RESTRICT velocity,
                         const float* RESTRICT force, const double* RESTRICT mass, double dt, const double* RESTRICT matrices) {
  ELEMENTS(i, n) kick_molecule(rows + i * atoms, atoms, velocity, force, mass, dt, matrices);
}
