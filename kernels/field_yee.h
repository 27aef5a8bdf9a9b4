// field_yee.h: Maxwell's equations on Yee's grid, each update one sweep over all components.
//
// Yee (1966), IEEE Trans. Antennas Propag. 14, 302.  E_x at (i+½, j, k), B_x at (i, j+½, k+½), and so on; axes that the grid does
// not have do not stagger.
#pragma once
#include "field_grid.h"

// B -= dt ∇×E: x, y, z are dt/dx, dt/dy, dt/dz.
KERNEL(faraday)(long long n, const long long* box, const REAL* E, REAL* B, double x, double y, double z) {
  const CellBox b = cell_box(box);
  const REAL *ex = E, *ey = E + b.size, *ez = E + 2 * b.size;
  REAL *bx = B, *by = B + b.size, *bz = B + 2 * b.size;
  const REAL tx = REAL(x), ty = REAL(y), tz = REAL(z);
  for_cells(n, b, [=](long long i) {
    REAL dy = tx * (ez[i] - ez[i + b.x]), dz = tx * (ey[i + b.x] - ey[i]);
    if (DIMENSIONS > 1) dz -= ty * (ex[i + b.y] - ex[i]);
    if (DIMENSIONS > 2) dy += tz * (ex[i + b.z] - ex[i]);
    if (DIMENSIONS > 1) {
      REAL dx = ty * (ez[i + b.y] - ez[i]);
      if (DIMENSIONS > 2) dx -= tz * (ey[i + b.z] - ey[i]);
      bx[i] -= dx;
    }
    by[i] -= dy;
    bz[i] -= dz;
  });
}

// E += dt (c² ∇×B - J/ε0): x, y, z are c² dt/dx, …, current is dt/ε0.  J may be null.
template <bool CURRENT> DEV void ampere_sweep(long long n, const CellBox& b, const REAL* B, const REAL* J, REAL* E, REAL tx, REAL ty,
                                              REAL tz, REAL current) {
  const REAL *bx = B, *by = B + b.size, *bz = B + 2 * b.size;
  const REAL *jx = J, *jy = J + b.size, *jz = J + 2 * b.size;
  REAL *ex = E, *ey = E + b.size, *ez = E + 2 * b.size;
  for_cells(n, b, [=](long long i) {
    REAL dx = 0, dy = tx * (bz[i - b.x] - bz[i]), dz = tx * (by[i] - by[i - b.x]);
    if (DIMENSIONS > 1) {
      dx += ty * (bz[i] - bz[i - b.y]);
      dz -= ty * (bx[i] - bx[i - b.y]);
    }
    if (DIMENSIONS > 2) {
      dx -= tz * (by[i] - by[i - b.z]);
      dy += tz * (bx[i] - bx[i - b.z]);
    }
    if (CURRENT) dx -= current * jx[i], dy -= current * jy[i], dz -= current * jz[i];
    ex[i] += dx;
    ey[i] += dy;
    ez[i] += dz;
  });
}
KERNEL(ampere)(long long n, const long long* box, const REAL* B, const REAL* J, REAL* E, double x, double y, double z, double current) {
  const CellBox b = cell_box(box);
  if (J) ampere_sweep<true>(n, b, B, J, E, REAL(x), REAL(y), REAL(z), REAL(current));
  else ampere_sweep<false>(n, b, B, B, E, REAL(x), REAL(y), REAL(z), REAL(0));
}

// The difference of f along a, averaged over the neighbours along p and q: stencil holds the weights of the line itself, of its
// neighbours along p, along q, and of the corners.
DEV REAL averaged_difference(const REAL* f, long long i, long long a, long long p, long long q, const double* stencil) {
  const auto step = [=](long long at) { return f[at + a] - f[at]; };
  REAL sum = REAL(stencil[0]) * step(i);
  if (DIMENSIONS > 1) {
    sum += REAL(stencil[1]) * (step(i + p) + step(i - p));
    if (DIMENSIONS > 2) {
      sum += REAL(stencil[2]) * (step(i + q) + step(i - q));
      sum += REAL(stencil[3]) * (step(i + p + q) + step(i - p - q) + (step(i + p - q) + step(i - p + q)));
    }
  }
  return sum;
}

// B -= dt ∇*×E with averaged differences: stencils of x (over y and z), y (over x and z), z (over x and y), times dt/dx, ….
KERNEL(faraday_averaged)(long long n, const long long* box, const REAL* E, REAL* B, const double* stencils) {
  const CellBox b = cell_box(box);
  const REAL *ex = E, *ey = E + b.size, *ez = E + 2 * b.size;
  REAL *bx = B, *by = B + b.size, *bz = B + 2 * b.size;
  const double *sx = stencils, *sy = stencils + 4, *sz = stencils + 8;
  for_cells(n, b, [=](long long i) {
    REAL dy = -averaged_difference(ez, i, b.x, b.y, b.z, sx), dz = averaged_difference(ey, i, b.x, b.y, b.z, sx);
    if (DIMENSIONS > 1) {
      dz -= averaged_difference(ex, i, b.y, b.x, b.z, sy);
      REAL dx = averaged_difference(ez, i, b.y, b.x, b.z, sy);
      if (DIMENSIONS > 2) {
        dy += averaged_difference(ex, i, b.z, b.x, b.y, sz);
        dx -= averaged_difference(ey, i, b.z, b.x, b.y, sz);
      }
      bx[i] -= dx;
    }
    by[i] -= dy;
    bz[i] -= dz;
  });
}

// E = -δφ at the middles of edges: x, y, z are 1/dx, ….
KERNEL(minus_gradient)(long long n, const long long* box, const REAL* phi, REAL* E, double x, double y, double z) {
  const CellBox b = cell_box(box);
  for_cells(n, b, [=](long long i) {
    E[i] = REAL(x) * (phi[i] - phi[i + b.x]);
    E[i + b.size] = DIMENSIONS > 1 ? REAL(y) * (phi[i] - phi[i + b.y]) : REAL(0);
    E[i + 2 * b.size] = DIMENSIONS > 2 ? REAL(z) * (phi[i] - phi[i + b.z]) : REAL(0);
  });
}

// to = w from + (1 - w)/2 (neighbours): one pass of a filter along the axis with this stride, of all components.
KERNEL(filter_pass)(long long n, const long long* box, const REAL* from, REAL* to, double w, long long stride, int components) {
  const CellBox b = cell_box(box);
  const REAL middle = REAL(w), side = REAL(0.5 * (1 - w));
  for (int c = 0; c < components; c++) {
    const REAL* f = from + c * b.size;
    REAL* t = to + c * b.size;
    for_cells(n, b, [=](long long i) { t[i] = middle * f[i] + side * (f[i - stride] + f[i + stride]); });
  }
}
