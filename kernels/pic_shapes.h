// pic_shapes.h: the shapes of particles, and which values of a bin's neighbourhood one particle touches.
//
// A bin is a cell (odd ORDER) or the cell around a node (even ORDER): inside it every shape is one polynomial of the offset
// s from the bin's centre, in cells, -1/2 ≤ s ≤ 1/2.  Nodes i+FIRST … i+FIRST+ORDER carry S_n(s), the half-way points i+FIRST+1/2 …
// carry S_{n-1}(s) with the same s, and S_n' is the difference of S_{n-1}.
//   Source: Birdsall & Langdon (1985), chapter 8;  Hockney & Eastwood (1988), section 5-3.
#pragma once
#include "pic_lanes.h"
#ifndef DIMENSIONS
#define DIMENSIONS 3
#endif
#ifndef ORDER
#define ORDER 1
#endif
#ifndef DIRECT
#define DIRECT 0
#endif
constexpr int D = DIMENSIONS;
constexpr int FIRST = -(ORDER / 2);
constexpr bool EVEN = ORDER % 2 == 0;

template <int N, class T> DEV void shape(T s, T* S) {
  const T half = T{} + real(0.5);
  if constexpr (N == 0) S[0] = T{} + real(1);
  else if constexpr (N == 1) S[0] = half - s, S[1] = half + s;
  else if constexpr (N == 2) {
    const T a = half - s, b = half + s;
    S[0] = half * a * a, S[1] = real(0.75) - s * s, S[2] = half * b * b;
  } else {
    const T a = half - s, b = half + s, a2 = a * a, b2 = b * b;
    S[0] = real(1.0 / 6) * a * a2, S[3] = real(1.0 / 6) * b * b2;
    S[1] = real(2.0 / 3) - b2 + half * b * b2, S[2] = real(2.0 / 3) - a2 + half * a * a2;
  }
}

// The values that a path inside one bin adds to: component c, node offset o[a] from i+FIRST along each axis.
//   ORDER > 0: along its own axis c a current has ORDER half-way points, along the others ORDER+1 nodes.
//   ORDER = 0: charge jumps through the face by which a particle comes in: one value for each of the 2 D faces.
struct Touched {
  int count = 0;
  int component[160] = {}, offset[160][3] = {};
};
constexpr Touched touched_currents() {
  Touched t;
  if (ORDER == 0)
    for (int a = 0; a < D; a++)
      for (int side = 0; side < 2; side++) {
        t.component[t.count] = a;
        t.offset[t.count++][a] = side - 1;
      }
  for (int c = ORDER == 0 ? D : 0; c < 3; c++) {
    int n[3] = {1, 1, 1};
    for (int a = 0; a < D; a++) n[a] = a == c ? ORDER : ORDER + 1;
    for (int i = 0; i < n[0]; i++)
      for (int j = 0; j < n[1]; j++)
        for (int k = 0; k < n[2]; k++) {
          const int o[3] = {i, j, k};
          t.component[t.count] = c;
          for (int a = 0; a < D; a++) t.offset[t.count][a] = o[a] + FIRST;
          t.count++;
        }
  }
  return t;
}
constexpr Touched touched_charges() {
  Touched t;
  int n[3] = {1, 1, 1};
  for (int a = 0; a < D; a++) n[a] = ORDER + 1;
  for (int i = 0; i < n[0]; i++)
    for (int j = 0; j < n[1]; j++)
      for (int k = 0; k < n[2]; k++) {
        const int o[3] = {i, j, k};
        for (int a = 0; a < D; a++) t.offset[t.count][a] = o[a] + FIRST;
        t.count++;
      }
  return t;
}
// Of a path along one axis alone: its half-way points there, nodes along the others; as component 0.
constexpr Touched touched_passages(int axis) {
  Touched t;
  int n[3] = {1, 1, 1};
  for (int a = 0; a < D; a++) n[a] = a == axis ? ORDER : ORDER + 1;
  for (int i = 0; i < n[0]; i++)
    for (int j = 0; j < n[1]; j++)
      for (int k = 0; k < n[2]; k++) {
        const int o[3] = {i, j, k};
        for (int a = 0; a < D; a++) t.offset[t.count][a] = o[a] + FIRST;
        t.count++;
      }
  return t;
}
constexpr Touched CURRENTS = touched_currents(), CHARGES = touched_charges();
constexpr Touched PASSAGES[3] = {touched_passages(0), touched_passages(1), touched_passages(2)};

// Current of the straight path s0 → s1 inside one bin, in cells: add(k, value) for every touched value.
//   flow[a] = weight × displacement of this path along a (missing axes in units of length);  weight: of the particle
//   W = M M' + Δ Δ'/12,  M = (S(s0)+S(s1))/2, Δ = S(s1)-S(s0):  Esirkepov (2001), eqs. 31 and 38; the path is straight, so that
//   the sum over the parts of a path split at faces has exactly the divergence of the change of charge.
// DIRECT: q v S_{n-1} S_n S_n at the middle of the part, whose divergence is that only to second order in the displacement.
template <class T, class F> DEV void deposit_path(const T* s0, const T* s1, const T* flow, T weight, F add) {
  if constexpr (ORDER == 0) {
    for (int c = D; c < 3; c++) add(2 * D + c - D, flow[c]);
  } else {
    constexpr int N = ORDER, P = ORDER + 1;
    T M[D][P], J[D][P], C[D][N], E[D][P];
    UNROLL(3) for (int a = 0; a < D; a++) {
      if constexpr (N == 1) {
        const T m = real(0.5) * (s0[a] + s1[a]);
        M[a][0] = real(0.5) - m, M[a][1] = real(0.5) + m;
        J[a][1] = s1[a] - s0[a], C[a][0] = flow[a];
      } else if constexpr (DIRECT) {
        const T m = real(0.5) * (s0[a] + s1[a]);
        shape<N>(m, M[a]), shape<N - 1>(m, C[a]);
        UNROLL(4) for (int i = 0; i < N; i++) C[a][i] = flow[a] * C[a][i];
      } else {
        T A[P], B[P];
        shape<N>(s0[a], A), shape<N>(s1[a], B);
        UNROLL(4) for (int i = 0; i < P; i++) M[a][i] = real(0.5) * (A[i] + B[i]), J[a][i] = B[i] - A[i];
        C[a][0] = -weight * J[a][0];
        UNROLL(4) for (int i = 1; i < N; i++) C[a][i] = C[a][i - 1] - weight * J[a][i];
        UNROLL(4) for (int i = 0; i < P; i++) E[a][i] = real(1.0 / 12) * J[a][i];
      }
    }
    int k = 0;
    const auto product = [&](int a, int i, int b, int j) {
      if constexpr (DIRECT) return M[a][i] * M[b][j];
      else if constexpr (N == 1) {
        const T d = real(1.0 / 12) * (J[a][1] * J[b][1]);
        return i == j ? M[a][i] * M[b][j] + d : M[a][i] * M[b][j] - d;
      } else return M[a][i] * M[b][j] + J[a][i] * E[b][j];
    };
    if constexpr (D == 1) {
      UNROLL(4) for (int i = 0; i < N; i++) add(k++, C[0][i]);
      UNROLL(4) for (int i = 0; i < P; i++) add(k++, flow[1] * M[0][i]);
      UNROLL(4) for (int i = 0; i < P; i++) add(k++, flow[2] * M[0][i]);
    } else if constexpr (D == 2) {
      UNROLL(4) for (int i = 0; i < N; i++) UNROLL(4) for (int j = 0; j < P; j++) add(k++, C[0][i] * M[1][j]);
      UNROLL(4) for (int i = 0; i < P; i++) UNROLL(4) for (int j = 0; j < N; j++) add(k++, M[0][i] * C[1][j]);
      UNROLL(4) for (int i = 0; i < P; i++) UNROLL(4) for (int j = 0; j < P; j++) add(k++, flow[2] * product(0, i, 1, j));
    } else {
      UNROLL(4) for (int j = 0; j < P; j++) UNROLL(4) for (int l = 0; l < P; l++) {
        const T W = product(1, j, 2, l);
        UNROLL(4) for (int i = 0; i < N; i++) add((i * P + j) * P + l, C[0][i] * W);
      }
      UNROLL(4) for (int i = 0; i < P; i++) UNROLL(4) for (int l = 0; l < P; l++) {
        const T W = product(0, i, 2, l);
        UNROLL(4) for (int j = 0; j < N; j++) add(N * P * P + (i * N + j) * P + l, C[1][j] * W);
      }
      UNROLL(4) for (int i = 0; i < P; i++) UNROLL(4) for (int j = 0; j < P; j++) {
        const T W = product(0, i, 1, j);
        UNROLL(4) for (int l = 0; l < N; l++) add(2 * N * P * P + (i * P + j) * N + l, C[2][l] * W);
      }
    }
  }
}
// add(k, weight·S S S) of a particle at s.
template <class T, class F> DEV void deposit_point(const T* s, T weight, F add) {
  constexpr int P = ORDER + 1;
  T S[D][P];
  UNROLL(3) for (int a = 0; a < D; a++) shape<ORDER>(s[a], S[a]);
  int k = 0;
  UNROLL(4) for (int i = 0; i < P; i++) {
    const T x = weight * S[0][i];
    if constexpr (D == 1) add(k++, x);
    else UNROLL(4) for (int j = 0; j < P; j++) {
      const T y = x * S[1][j];
      if constexpr (D == 2) add(k++, y);
      else UNROLL(4) for (int l = 0; l < P; l++) add(k++, y * S[2][l]);
    }
  }
}
