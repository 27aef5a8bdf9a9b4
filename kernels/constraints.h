// constraints.h: rigid bonds of particles: SHAKE for positions, RATTLE for velocities, one molecule per lane.
//
// A molecule is a connected cluster of bonds; all molecules of a launch have one shape:
//   ATOMS, BONDS   their numbers;  PAIRS   the two atoms of each bond, counted within the molecule: 0,1, 0,2, ...
//
// With r_b = x_i - x_j of bond b = (i, j) and w_bc = sum of the signs with which atoms belong to both bonds, over their mass:
//   SHAKE   x_i -= 1/m_i sum_b ±l_b r0_b  with  |r_b|² = d_b²:  Newton,  sum_c 2 (r_b.r0_c) w_bc l_c = |r_b|² - d_b²
//   RATTLE  v_i -= 1/m_i sum_b ±k_b r_b   with  r_b.v_b = 0:    linear,  sum_c (r_b.r_c) w_bc k_c = r_b.v_b
// Up to MATRIX bonds the system is solved as a whole, and so is that of a CHAIN, whose bonds join each atom to the next; others
// bond after bond (Gauss and Seidel) until it is met.
// Sources: Ryckaert, Ciccotti & Berendsen (1977) J. Comput. Phys. 23, 327; Andersen (1983) J. Comput. Phys. 52, 24;
// Kräutler, van Gunsteren & Hünenberger (2001) J. Comput. Chem. 22, 501 (the matrix form); Bailey, Lowe & Sutton (2008) J. Comput. Phys. 227, 8949 (chains).
#pragma once
#include "md_gather.h"

#define MATRIX 8             // most bonds whose system is solved as a whole
#define SINGULAR 1e-9        // a pivot this small beside its diagonal: the bond depends on those before it
#define UNMET 1              // status: UNMET + bond, or REDUNDANT + bond
#define REDUNDANT 1000000

// Small molecules keep everything in registers; the loops of larger ones stay loops, for the compiler's sake.
#if BONDS <= 3
#define UNROLLED UNROLL(4)
#else
#define UNROLLED
#endif

DEV num gather_mass(const double* p, const int* rows, long long i, long long n, int atom) {
  return take_number(p, rows_beside(rows, i, n, ATOMS, atom), 1, 0);
}
DEV Vector gather_vector(const double* p, const int* rows, long long i, long long n, int atom) {
  return take(p, rows_beside(rows, i, n, ATOMS, atom));
}
// The vectors of an array (rows, 3) along the bonds: that of the first atom less that of the second.
DEV void gather_bonds(const double* p, const int* rows, long long i, long long n, const int* pair, Vector* r) {
  Vector x[ATOMS];
  UNROLLED for (int atom = 0; atom < ATOMS; atom++) x[atom] = gather_vector(p, rows, i, n, atom);
  UNROLLED for (int b = 0; b < BONDS; b++) r[b] = difference(x[pair[2 * b]], x[pair[2 * b + 1]]);
}
// The same of positions, nearest images.
DEV void gather_images(const double* p, const int* rows, long long i, long long n, const int* pair, const double* box, Vector* r) {
  gather_bonds(p, rows, i, n, pair, r);
  UNROLLED for (int b = 0; b < BONDS; b++) r[b] = nearest_image(r[b], box);
}

// w_bc: what bond c's impulse along itself does to the relative motion of bond b.
DEV num coupling(const int* pair, const num* inverse_mass, int b, int c) {
  num w = num(0.0);
  for (int s = 0; s < 2; s++)
    for (int t = 0; t < 2; t++)
      if (pair[2 * b + s] == pair[2 * c + t]) w = s == t ? w + inverse_mass[pair[2 * b + s]] : w - inverse_mass[pair[2 * b + s]];
  return w;
}
DEV bool coupled(const int* pair, int b, int c) {
  return pair[2 * b] == pair[2 * c] || pair[2 * b] == pair[2 * c + 1] || pair[2 * b + 1] == pair[2 * c] ||
         pair[2 * b + 1] == pair[2 * c + 1];
}

#if BONDS <= MATRIX
// x of a x = y by elimination; `status` of molecules in m whose bonds depend on each other.
DEV void solve(num (&a)[BONDS][BONDS], num (&y)[BONDS], lanes m, codes& status) {
  num diagonal[BONDS];
  UNROLLED for (int b = 0; b < BONDS; b++) diagonal[b] = absolute(a[b][b]);
  UNROLLED for (int b = 0; b < BONDS; b++) {
    const lanes dependent = m & !(num(SINGULAR) * diagonal[b] < absolute(a[b][b]));
    if (any(dependent)) set_codes(status, dependent & are_zero(status), REDUNDANT + b);
    const num pivot = inverse(a[b][b]);
    UNROLLED for (int c = b + 1; c < BONDS; c++) {
      const num f = a[c][b] * pivot;
      UNROLLED for (int d = b + 1; d < BONDS; d++) a[c][d] = a[c][d] - f * a[b][d];
      y[c] = y[c] - f * y[b];
    }
  }
  UNROLLED for (int b = BONDS - 1; b >= 0; b--) {
    UNROLLED for (int c = b + 1; c < BONDS; c++) y[b] = y[b] - a[b][c] * y[c];
    y[b] = y[b] * inverse(a[b][b]);
  }
}
#endif

// One pass towards  residual_b - sum_c factor (r_b.along_c) w_bc x_c = 0;  `vector` are what the passes move:
// vector_b -= sum_c w_bc x_c along_c.  total += x.  Molecules outside `running` keep their values.
template <class Residual>
DEV void one_pass(const int* pair, const num* inverse_mass, const Vector* r, const Vector* along, Vector* vector, num factor,
                  Residual residual, num* total, lanes running, codes& status) {
#if BONDS <= MATRIX
  num a[BONDS][BONDS], x[BONDS];
  UNROLLED for (int b = 0; b < BONDS; b++) {
    x[b] = residual(b);
    UNROLLED for (int c = 0; c < BONDS; c++)
      a[b][c] = coupled(pair, b, c) ? factor * coupling(pair, inverse_mass, b, c) * dot(r[b], along[c]) : num(0.0);
  }
  solve(a, x, running, status);
  UNROLLED for (int c = 0; c < BONDS; c++) {
    x[c] = where(running, x[c], num(0.0));
    total[c] = total[c] + x[c];
    UNROLLED for (int b = 0; b < BONDS; b++)
      if (coupled(pair, b, c)) vector[b] = moved(vector[b], -(coupling(pair, inverse_mass, b, c) * x[c]), along[c]);
  }
#elif defined(CHAIN)
  // Bond b meets b-1 and b+1 alone: three diagonals, by elimination from the first bond to the last and back.
  num slope[BONDS], x[BONDS];
  for (int b = 0; b < BONDS; b++) {
    num diagonal = factor * coupling(pair, inverse_mass, b, b) * dot(r[b], along[b]), y = residual(b);
    if (b > 0) {
      const num below = factor * coupling(pair, inverse_mass, b, b - 1) * dot(r[b], along[b - 1]);
      diagonal = diagonal - below * slope[b - 1];
      y = y - below * x[b - 1];
    }
    const num pivot = inverse(diagonal);
    x[b] = y * pivot;
    slope[b] = b + 1 < BONDS ? pivot * (factor * coupling(pair, inverse_mass, b, b + 1) * dot(r[b], along[b + 1])) : num(0.0);
  }
  for (int b = BONDS - 2; b >= 0; b--) x[b] = x[b] - slope[b] * x[b + 1];
  for (int c = 0; c < BONDS; c++) {
    x[c] = where(running, x[c], num(0.0));
    total[c] = total[c] + x[c];
    for (int b = larger(c - 1, 0); b <= smaller(c + 1, BONDS - 1); b++)
      vector[b] = moved(vector[b], -(coupling(pair, inverse_mass, b, c) * x[c]), along[c]);
  }
#else
  for (int c = 0; c < BONDS; c++) {
    num x = residual(c) * inverse(factor * coupling(pair, inverse_mass, c, c) * dot(r[c], along[c]));
    x = where(running, x, num(0.0));
    total[c] = total[c] + x;
    for (int b = 0; b < BONDS; b++)
      if (coupled(pair, b, c)) vector[b] = moved(vector[b], -(coupling(pair, inverse_mass, b, c) * x), along[c]);
  }
#endif
}

// Impulse of each bond [mass/time, along r] and the virial's six sums xx yy zz xy xz yz [mass·length²/time], both added up, or absent.
DEV void record(long long i, long long n, const num* multiplier, const Vector* r, num scale, double* impulse, double* virial) {
  if (!impulse) return;
  num w[6];
  UNROLLED for (int c = 0; c < 6; c++) w[c] = num(0.0);
  UNROLLED for (int b = 0; b < BONDS; b++) {
    const num p = -(scale * multiplier[b]);
    add_one(impulse, i, n, BONDS, b, p);
    w[0] = w[0] + p * r[b].x * r[b].x;
    w[1] = w[1] + p * r[b].y * r[b].y;
    w[2] = w[2] + p * r[b].z * r[b].z;
    w[3] = w[3] + p * r[b].x * r[b].y;
    w[4] = w[4] + p * r[b].x * r[b].z;
    w[5] = w[5] + p * r[b].y * r[b].z;
  }
  UNROLLED for (int c = 0; c < 6; c++) add_one(virial, i, n, 6, c, w[c]);
}

// Each of two arrays (rows, 3) += its scale/m_i sum_b ±multiplier_b along_b; the first may be absent.
DEV void move_atoms(long long i, long long n, const int* pair, const num* inverse_mass, const num* multiplier, const Vector* along,
                    const int* rows, num scale_a, double* a, num scale_b, double* b) {
  Vector push[ATOMS];
  UNROLLED for (int atom = 0; atom < ATOMS; atom++) push[atom] = {num(0.0), num(0.0), num(0.0)};
  UNROLLED for (int c = 0; c < BONDS; c++) {
    push[pair[2 * c]] = moved(push[pair[2 * c]], multiplier[c], along[c]);
    push[pair[2 * c + 1]] = moved(push[pair[2 * c + 1]], -multiplier[c], along[c]);
  }
  UNROLLED for (int atom = 0; atom < ATOMS; atom++) {
    const index_of_rows at = rows_beside(rows, i, n, ATOMS, atom);
    if (a) put(a, at, moved(take(a, at), scale_a * inverse_mass[atom], push[atom]));
    put(b, at, moved(take(b, at), scale_b * inverse_mass[atom], push[atom]));
  }
}

// Positions onto their bonds along the bonds of `reference`; velocities change by the same impulses over dt.
// Without a reference: along the bonds before a drift, r - dt v.  box: see nearest_image.
KERNEL(shake)(long long n, const int* RESTRICT rows, const double* RESTRICT length, const double* RESTRICT mass,
              const double* RESTRICT reference, double* RESTRICT position, double* RESTRICT velocity, double dt, double tolerance,
              long long iterations, double* RESTRICT impulse, double* RESTRICT virial, long long* RESTRICT status,
              const double* RESTRICT box) {
  const int pair[2 * BONDS] = {PAIRS};
  SYSTEMS(i, n) {
    num inverse_mass[ATOMS], square[BONDS], total[BONDS];
    Vector r[BONDS], along[BONDS];
    UNROLLED for (int atom = 0; atom < ATOMS; atom++) inverse_mass[atom] = inverse(gather_mass(mass, rows, i, n, atom));
    gather_images(position, rows, i, n, pair, box, r);
    if (reference) gather_images(reference, rows, i, n, pair, box, along);
    else {
      gather_bonds(velocity, rows, i, n, pair, along);
      UNROLLED for (int b = 0; b < BONDS; b++) along[b] = moved(r[b], num(-dt), along[b]);
    }
    UNROLLED for (int b = 0; b < BONDS; b++) {
      const num d = load_one(length, i, n, BONDS, b);
      square[b] = d * d;
      total[b] = num(0.0);
    }
    codes found = load_codes(status, i, n);
    lanes running = all_systems();
    for (long long k = 0; k <= iterations; k++) {
      lanes unmet = !all_systems();
      UNROLLED for (int b = 0; b < BONDS; b++) {
        const lanes bond_unmet = running & !(absolute(dot(r[b], r[b]) - square[b]) <= num(2.0 * tolerance) * square[b]);
        if (k == iterations && any(bond_unmet)) set_codes(found, bond_unmet & are_zero(found), UNMET + b);
        unmet = unmet | bond_unmet;
      }
      running = unmet;
      if (!any(running) || k == iterations) break;
      one_pass(pair, inverse_mass, r, along, r, num(2.0), [&](int b) { return dot(r[b], r[b]) - square[b]; }, total, running, found);
    }
    const num rate = num(1.0 / dt);
    move_atoms(i, n, pair, inverse_mass, total, along, rows, num(-1.0), position, -rate, velocity);
    record(i, n, total, along, rate, impulse, virial);
    store_codes(status, i, n, found);
  }
}
OFFERED(shake)

// Relative velocities along the bonds to zero, by impulses along them.
KERNEL(rattle)(long long n, const int* RESTRICT rows, const double* RESTRICT length, const double* RESTRICT mass,
               const double* RESTRICT position, double* RESTRICT velocity, double tolerance, long long iterations,
               double* RESTRICT impulse, double* RESTRICT virial, long long* RESTRICT status, const double* RESTRICT box) {
  const int pair[2 * BONDS] = {PAIRS};
  SYSTEMS(i, n) {
    num inverse_mass[ATOMS], total[BONDS], allowed[BONDS], fastest = num(0.0);
    Vector r[BONDS], v[BONDS];
    UNROLLED for (int atom = 0; atom < ATOMS; atom++) {
      inverse_mass[atom] = inverse(gather_mass(mass, rows, i, n, atom));
      const Vector u = gather_vector(velocity, rows, i, n, atom);
      fastest = larger(fastest, dot(u, u));
    }
    fastest = square_root(fastest);
    gather_images(position, rows, i, n, pair, box, r);
    gather_bonds(velocity, rows, i, n, pair, v);
    UNROLLED for (int b = 0; b < BONDS; b++) {
      allowed[b] = num(tolerance) * load_one(length, i, n, BONDS, b) * fastest;
      total[b] = num(0.0);
    }
    codes found = load_codes(status, i, n);
    lanes running = all_systems();
    for (long long k = 0; k <= iterations; k++) {
      lanes unmet = !all_systems();
      UNROLLED for (int b = 0; b < BONDS; b++) {
        const lanes bond_unmet = running & !(absolute(dot(r[b], v[b])) <= allowed[b]);
        if (k == iterations && any(bond_unmet)) set_codes(found, bond_unmet & are_zero(found), UNMET + b);
        unmet = unmet | bond_unmet;
      }
      running = unmet;
      if (!any(running) || k == iterations) break;
      one_pass(pair, inverse_mass, r, r, v, num(1.0), [&](int b) { return dot(r[b], v[b]); }, total, running, found);
    }
    move_atoms(i, n, pair, inverse_mass, total, r, rows, num(0.0), (double*)nullptr, num(-1.0), velocity);
    record(i, n, total, r, num(1.0), impulse, virial);
    store_codes(status, i, n, found);
  }
}
OFFERED(rattle)
