// md_settle.h: rigid three-site molecules: an apex A and two equal atoms B, C: water.
//
// SETTLE: the solution of SHAKE in closed form.  Source: Miyamoto & Kollman (1992) J. Comput. Chem. 13, 952, appendix.
// The velocities' linear system is the same for all molecules, as their shape is: its inverse is given.
#pragma once
#ifndef HPC_CUDA
#define REGISTERS 2
#endif
#include "md_gather.h"

struct triangle {
  Vector b, c;  // B - A and C - A, nearest images
};
DEV triangle triangle_of(Vector a, Vector b, Vector c, const double* box) {
  return {nearest_image(difference(b, a), box), nearest_image(difference(c, a), box)};
}
DEV Vector scaled(num s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
DEV Vector sum(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
DEV Vector cross(Vector a, Vector b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
DEV Vector unit(Vector a) { return scaled(inverse_square_root(dot(a, a)), a); }
// √x for x > 0: faster than the machine's own root
DEV num root(num x) { return x * inverse_square_root(x); }
DEV num cosine_from(num s) { return root(num(1.0) - s * s); }

// Positions after a drift over dt from positions on the constraints, x - dt v, onto the constraints; velocities by the same
// impulses.  shape: m_A, m_B, r_A, r_B, r_C (distances of A and of the line BC from the centre of mass, half of BC).
// rows: (3, n), the rows of A, B, C.  virial: (n, 6) += sum x ⊗ impulse, or absent.  failed: one of the molecules that could not
// be settled, counted from 1.
KERNEL(settle)(long long n, const int* RESTRICT rows, const double* RESTRICT shape, double* RESTRICT position,
               double* RESTRICT velocity, double dt, const double* RESTRICT box, double* RESTRICT virial,
               long long* RESTRICT failed) {
  const num light = num(shape[1]), ra = num(shape[2]), rb = num(shape[3]), rc = num(shape[4]);
  const num share = num(shape[1] / (shape[0] + 2.0 * shape[1]));
  SYSTEMS(i, n) {
    const index_of_rows ia = rows_at(rows, i, n, 0), ib = rows_at(rows, i, n, 1), ic = rows_at(rows, i, n, 2);
    const Vector xa = take(position, ia), xb = take(position, ib), xc = take(position, ic);
    const Vector va = take(velocity, ia), vb = take(velocity, ib), vc = take(velocity, ic);
    const triangle now = triangle_of(xa, xb, xc, box);
    const num h = num(dt);
    const Vector b0 = moved(now.b, -h, difference(vb, va)), c0 = moved(now.c, -h, difference(vc, va));
    // Relative to the centre of mass, which is at share (b + c) from A.
    const Vector a1 = scaled(-share, sum(now.b, now.c)), b1 = sum(now.b, a1), c1 = sum(now.c, a1);
    // Axes: Z normal to the old plane, X and Y so that A lies in the plane X = 0.
    const Vector z = unit(cross(b0, c0)), x = unit(cross(a1, z)), y = cross(z, x);
    const num b0x = dot(x, b0), b0y = dot(y, b0), c0x = dot(x, c0), c0y = dot(y, c0);
    const num a1z = dot(z, a1), b1x = dot(x, b1), b1y = dot(y, b1), b1z = dot(z, b1);
    const num c1x = dot(x, c1), c1y = dot(y, c1), c1z = dot(z, c1);
    const num sin_phi = a1z * num(1.0 / shape[2]), left = num(1.0) - sin_phi * sin_phi;
    const num per_cos = inverse_square_root(left), cos_phi = left * per_cos;
    const num sin_psi = (b1z - c1z) * num(0.5 / shape[4]) * per_cos, cos_psi = cosine_from(sin_psi);
    const num a2y = ra * cos_phi, b2x = -(rc * cos_psi);
    const num middle = -(rb * cos_phi), lean = rc * sin_psi * sin_phi, low = -(rb * sin_phi), rise = rc * sin_psi * cos_phi;
    const num b2y = middle - lean, c2y = middle + lean;
    const num alpha = b2x * (b0x - c0x) + b0y * b2y + c0y * c2y, beta = b2x * (c0y - b0y) + b0x * b2y + c0x * c2y;
    const num gamma = b0x * b1y - b1x * b0y + c0x * c1y - c1x * c0y, square = alpha * alpha + beta * beta;
    const num sin_theta = (alpha * gamma - beta * root(square - gamma * gamma)) * inverse(square);
    const num cos_theta = cosine_from(sin_theta);
    const num a3x = -(a2y * sin_theta), a3y = a2y * cos_theta;
    const num b3x = b2x * cos_theta - b2y * sin_theta, b3y = b2x * sin_theta + b2y * cos_theta, b3z = low + rise;
    const num c3x = -(b2x * cos_theta) - c2y * sin_theta, c3y = c2y * cos_theta - b2x * sin_theta, c3z = low - rise;
    const Vector a3 = moved(moved(scaled(a3x, x), a3y, y), a1z, z), b3 = moved(moved(scaled(b3x, x), b3y, y), b3z, z);
    const Vector c3 = moved(moved(scaled(c3x, x), c3y, y), c3z, z);
    const Vector da = difference(a3, a1), db = difference(b3, b1), dc = difference(c3, c1);
    const lanes lost = !(sin_theta == sin_theta) | !(cos_theta == cos_theta);
    if (any(lost)) *failed = first_of(lost, i, n);
    const num rate = num(1.0 / dt);
    put(position, ia, sum(xa, da));
    put(position, ib, sum(xb, db));
    put(position, ic, sum(xc, dc));
    put(velocity, ia, moved(va, rate, da));
    put(velocity, ib, moved(vb, rate, db));
    put(velocity, ic, moved(vc, rate, dc));
    if (virial) {
      const num m = light * rate;
      add_one(virial, i, n, 6, 0, m * (b0.x * db.x + c0.x * dc.x));
      add_one(virial, i, n, 6, 1, m * (b0.y * db.y + c0.y * dc.y));
      add_one(virial, i, n, 6, 2, m * (b0.z * db.z + c0.z * dc.z));
      add_one(virial, i, n, 6, 3, m * (b0.x * db.y + c0.x * dc.y));
      add_one(virial, i, n, 6, 4, m * (b0.x * db.z + c0.x * dc.z));
      add_one(virial, i, n, 6, 5, m * (b0.y * db.z + c0.y * dc.z));
    }
  }
}
OFFERED(settle)

// Velocities along the three bonds AB, AC, BC to zero.  inverse: (3, 3) of (r_b.r_c) w_bc, the bonds in that order.
KERNEL(settle_velocities)(long long n, const int* RESTRICT rows, const double* RESTRICT shape, const double* RESTRICT inverse_matrix,
                          const double* RESTRICT position, double* RESTRICT velocity, const double* RESTRICT box,
                          double* RESTRICT virial) {
  const num per_a = num(1.0 / shape[0]), per_b = num(1.0 / shape[1]);
  SYSTEMS(i, n) {
    const index_of_rows ia = rows_at(rows, i, n, 0), ib = rows_at(rows, i, n, 1), ic = rows_at(rows, i, n, 2);
    const triangle r = triangle_of(take(position, ia), take(position, ib), take(position, ic), box);
    const Vector va = take(velocity, ia), vb = take(velocity, ib), vc = take(velocity, ic), bc = difference(r.c, r.b);
    const num g[3] = {dot(r.b, difference(vb, va)), dot(r.c, difference(vc, va)), dot(bc, difference(vc, vb))};
    num k[3];
    UNROLL(3)
    for (int a = 0; a < 3; a++)
      k[a] = num(inverse_matrix[3 * a]) * g[0] + num(inverse_matrix[3 * a + 1]) * g[1] + num(inverse_matrix[3 * a + 2]) * g[2];
    const Vector ab = scaled(k[0], r.b), ac = scaled(k[1], r.c), across = scaled(k[2], bc);
    put(velocity, ia, moved(va, per_a, sum(ab, ac)));
    put(velocity, ib, moved(vb, per_b, difference(across, ab)));
    put(velocity, ic, moved(vc, -per_b, sum(ac, across)));
    if (virial) {
      add_one(virial, i, n, 6, 0, -(k[0] * r.b.x * r.b.x + k[1] * r.c.x * r.c.x + k[2] * bc.x * bc.x));
      add_one(virial, i, n, 6, 1, -(k[0] * r.b.y * r.b.y + k[1] * r.c.y * r.c.y + k[2] * bc.y * bc.y));
      add_one(virial, i, n, 6, 2, -(k[0] * r.b.z * r.b.z + k[1] * r.c.z * r.c.z + k[2] * bc.z * bc.z));
      add_one(virial, i, n, 6, 3, -(k[0] * r.b.x * r.b.y + k[1] * r.c.x * r.c.y + k[2] * bc.x * bc.y));
      add_one(virial, i, n, 6, 4, -(k[0] * r.b.x * r.b.z + k[1] * r.c.x * r.c.z + k[2] * bc.x * bc.z));
      add_one(virial, i, n, 6, 5, -(k[0] * r.b.y * r.b.z + k[1] * r.c.y * r.c.z + k[2] * bc.y * bc.z));
    }
  }
}
OFFERED(settle_velocities)
