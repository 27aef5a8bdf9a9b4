// pic_splitting.h: the flows of the parts of Vlasov's and Maxwell's Hamiltonian that move particles, each exact, v = u.
//
//   electric   du/dt = (q/m) E(x)
//   along i    dx_i/dt = u_i,  du/dt = (q/m) u_i e_i × B(x),  dE_i/dt = -J_i/ε0: the other two momenta turn by the integral of B
//              along the path, and the current is that of the path.  Both are integrals of shapes, which are polynomials in a bin.
//   Source: He, Qin, Sun, Xiao, Zhang & Liu (2015), Phys. Plasmas 22, 124503;  Kraus, Kormann, Morrison & Sonnendrücker (2017),
//           J. Plasma Phys. 83, 905830401, section 5.
// Defines: those of pic_particles.h.
#pragma once
#include "pic_sweep.h"
#ifndef HPC_CUDA
static_assert(ORDER > 0 && !MOMENTUM && !RELATIVISTIC, "a Galerkin gather and v = u");

// c: ∫ S_{n-1} ds from s to m for the half-way points of a bin, in cells: what nodes lose and win (S_n' is a difference of S_{n-1}).
template <class T> DEV void passage(T s, T m, T* c) {
  if constexpr (ORDER == 1) c[0] = m - s;
  else {
    T A[ORDER + 1], B[ORDER + 1];
    shape<ORDER>(s, A), shape<ORDER>(m, B);
    c[0] = A[0] - B[0];
    UNROLL(4) for (int i = 1; i < ORDER; i++) c[i] = c[i - 1] + (A[i] - B[i]);
  }
}
// The part of a path inside one bin, from s to m along axis I, and what it adds (weight × charge that has passed).  B: at the bin.
//   u_j -= turn ∫ B_k dx_i,  u_k += turn ∫ B_j dx_i,  (i, j, k) in cyclic order
template <int I, class T, class F> DEV void part_along(const PicEngine& g, const real* B, const T* s, T m, real turn, T weight, T* u, F add) {
  constexpr int J = (I + 1) % 3, K = (I + 2) % 3, P = ORDER + 1;
  T S[D][P], L[D][P];
  UNROLL(3) for (int a = 0; a < D; a++)
    if (a == I) passage(s[a], m, L[a]);
    else shape<ORDER>(s[a], S[a]), shape<ORDER - 1>(s[a], L[a]);
  const T bj = gathered<nodal_axes(3 + J)>(B + J * g.component, g.stride, S, L);
  const T bk = gathered<nodal_axes(3 + K)>(B + K * g.component, g.stride, S, L);
  u[J] = u[J] - turn * bk, u[K] = u[K] + turn * bj;
  constexpr int n0 = I == 0 ? ORDER : P, n1 = D < 2 ? 1 : I == 1 ? ORDER : P, n2 = D < 3 ? 1 : I == 2 ? ORDER : P;
  int n = 0;
  UNROLL(4) for (int i = 0; i < n0; i++) {
    const T x = weight * (I == 0 ? L : S)[0][i];
    if constexpr (D == 1) add(n++, x);
    else UNROLL(4) for (int j = 0; j < n1; j++) {
      const T y = x * (I == 1 ? L : S)[1][j];
      if constexpr (D == 2) add(n++, y);
      else UNROLL(4) for (int k = 0; k < n2; k++) add(n++, y * (I == 2 ? L : S)[2][k]);
    }
  }
}
static void found_fault(PicEngine& g, const int* bin, const vec* s, vec e, int axis, const vec* u, int lane) {
#pragma omp critical
  if (!g.fault.found) {
    g.fault.found = 1;
    for (int a = 0; a < D; a++) g.fault.bin[a] = bin[a], g.fault.s[a] = s[a][lane], g.fault.displacement[a] = a == axis ? e[lane] - s[a][lane] : 0;
    for (int a = 0; a < 3; a++) g.fault.u[a] = u[a][lane];
  }
}
DEV long long node_at(const PicEngine& g, const PicTile& t, const int* c) {
  int node[3];
  for (int a = 0; a < D; a++) node[a] = t.first[a] + c[a];
  return node_of(g, node);
}
// The tile's particles along I up to their ends or the first face; those that leave their bins go to w.arrivals, with their ends.
template <int I> static void carry_bins(PicEngine& g, int index, Scratch& w, const Step& p, real turn) {
  constexpr int ROW = row_of(PASSAGE + I);
  Crowd<FIELDS>& q = w.arrivals;
  q.make(g.tiles[index].held / 4);
  int left = 0;
  each_bin(g, index, [&](PicTile& t, int b, const int* bin, const int* c) {
    vec sum[ROW];
    UNROLL(16) for (int k = 0; k < ROW; k++) sum[k] = vec{};
    const real* B = p.B + node_at(g, t, c);
    int place = 0, to = t.start[b];
    for (int a = 0; a < D; a++) place |= (c[a] + g.reach) << (SHIFT * a);
    const int from = t.start[b], n = t.count[b];
    const long long F = t.capacity;
    q.reserve(n);
    for (int i = 0; i < n; i += LANES_) {
      const unsigned live = first_lanes(n - i);
      vec s[D], u[3], weight = blend(live, splat(1), vec{});
      real* x = t.data.data + from + i;
      UNROLL(3) for (int a = 0; a < D; a++) s[a] = load_lanes(x + a * F, live);
      UNROLL(3) for (int a = 0; a < 3; a++) u[a] = load_lanes(x + (D + a) * F, live);
      if constexpr (WEIGHTED) weight = load_lanes(x + (D + 3) * F, live);
      const vec e = s[I] + u[I] * p.move[I], half = splat(real(0.5));
      part_along<I>(g, B, s, lesser(greater(e, -half), half), turn, weight, u, [&](int k, vec v) { sum[k] += v; });
      unsigned out = not_at_most(magnitude(e), half) & live;
      if (out) {
        const unsigned far = not_at_most(magnitude(e - s[I]), splat(real(g.reach))) & out;
        if (far) found_fault(g, bin, s, e, I, u, __builtin_ctz(far));
        out &= ~far;
      }
      s[I] = e;
      if (out) {
        UNROLL(3) for (int a = 0; a < D; a++) store_all(q.field(a) + q.n, compressed(s[a], out));
        UNROLL(3) for (int a = 0; a < 3; a++) store_all(q.field(D + a) + q.n, compressed(u[a], out));
        if constexpr (WEIGHTED) store_all(q.field(D + 3) + q.n, compressed(weight, out));
        for (int l = 0; l < lanes_in(out); l++) q.place[q.n + l] = place;
        keep_ids(q, q.n, t.id.data + from + i, out);
        q.n += lanes_in(out);
      }
      const unsigned stay = live & ~out, full = first_lanes(lanes_in(stay));
      real* y = t.data.data + to;
      UNROLL(3) for (int a = 0; a < D; a++) store_lanes(y + a * F, out ? compressed(s[a], stay) : s[a], full);
      UNROLL(3) for (int a = 0; a < 3; a++) store_lanes(y + (D + a) * F, out ? compressed(u[a], stay) : u[a], full);
      if constexpr (WEIGHTED) store_lanes(y + (D + 3) * F, out ? compressed(weight, stay) : weight, full);
      keep_ids(t, to, t.id.data + from + i, stay);
      to += lanes_in(stay);
    }
    t.count[b] = to - from, left += n - t.count[b];
    add_bin_sums<ROW>(g, t, w, c, sum);
  });
  g.tiles[index].held -= left;
}
// Those in w.arrivals from the face of their bin to their end, bin by bin.
template <int I> static void finish_passages(PicEngine& g, PicTile& t, Scratch& w, const Step& p, real turn) {
  constexpr int ROW = row_of(PASSAGE + I);
  Crowd<FIELDS>& q = w.arrivals;
  int box[3];
  box_of(g, t, box);
  for (int k = 0; k < q.n; k++) {
    real s[D], u[3], e = q.field(I)[k];
    for (int a = 0; a < D; a++) s[a] = q.field(a)[k];
    for (int a = 0; a < 3; a++) u[a] = q.field(D + a)[k];
    const real weight = WEIGHTED ? q.field(FIELDS - 1)[k] : real(1);
    while (e < real(-0.5) || e > real(0.5)) {
      const int side = e > 0 ? 1 : -1;
      q.place[k] += side * (1 << (SHIFT * I)), e -= side;
      s[I] = real(-0.5) * side;
      int c[3];
      unpacked_place(q.place[k], c);
      long long row = c[0];
      for (int a = 1; a < D; a++) row = row * box[a] + c[a];
      for (int a = 0; a < D; a++) c[a] -= g.reach;
      real* r = w.rows.data + row * ROW;
      const real m = e < real(-0.5) ? real(-0.5) : e > real(0.5) ? real(0.5) : e;
      part_along<I>(g, p.B + node_at(g, t, c), s, m, turn, weight, u, [&](int n, real v) { r[n] += v; });
    }
    q.field(I)[k] = e;
    for (int a = 0; a < 3; a++) q.field(D + a)[k] = u[a];
  }
}
// An axis that the grid has not: particles stay where they are.
template <int I> static void turn_bins(PicEngine& g, int index, Scratch& w, const Step& p, real turn) {
  constexpr int ROW = row_of(CHARGE), J = (I + 1) % 3, K = (I + 2) % 3;
  each_bin(g, index, [&](PicTile& t, int b, const int*, const int* c) {
    vec sum[ROW];
    UNROLL(16) for (int k = 0; k < ROW; k++) sum[k] = vec{};
    const real* B = p.B + node_at(g, t, c);
    const long long F = t.capacity;
    for (int i = 0; i < t.count[b]; i += LANES_) {
      const unsigned live = first_lanes(t.count[b] - i);
      vec s[D], u[3], weight = blend(live, splat(1), vec{}), S[D][ORDER + 1], L[D][ORDER + 1];
      real* x = t.data.data + t.start[b] + i;
      UNROLL(3) for (int a = 0; a < D; a++) s[a] = load_lanes(x + a * F, live), shape<ORDER>(s[a], S[a]), shape<ORDER - 1>(s[a], L[a]);
      UNROLL(3) for (int a = 0; a < 3; a++) u[a] = load_lanes(x + (D + a) * F, live);
      if constexpr (WEIGHTED) weight = load_lanes(x + (D + 3) * F, live);
      const vec way = turn * (u[I] * p.move[I]);
      u[J] = u[J] - way * gathered<nodal_axes(3 + K)>(B + K * g.component, g.stride, S, L);
      u[K] = u[K] + way * gathered<nodal_axes(3 + J)>(B + J * g.component, g.stride, S, L);
      store_lanes(x + (D + J) * F, u[J], live), store_lanes(x + (D + K) * F, u[K], live);
      deposit_point(s, weight * (u[I] * p.move[I]), [&](int k, vec v) { sum[k] += v; });
    }
    add_bin_sums<ROW>(g, t, w, c, sum);
  });
}
// p.to: the component I of the current.
template <int I> static void flow_along(PicEngine& g, Step p) {
  constexpr int MODE = I < D ? PASSAGE + I : CHARGE, ROW = row_of(MODE);
  const real turn = real(g.charge / g.mass * (I < D ? g.spacing[I] : 1));
  p.scale[0] = p.scale[I];
  if (I >= D) settle(g);
  // Tiles of one colour touch no common value, as in pic_sweep.h.
  for (int colour = 0; colour < 1 << D; colour++) {
#pragma omp parallel for schedule(dynamic)
    for (int index = 0; index < int(g.tiles.size()); index++) {
      SubnormalsFlushed flushed;
      int k[3], of = 0, box[3];
      tile_place(g, index, k);
      for (int a = 0; a < D; a++) of |= (k[a] & 1) << a;
      if (of != colour) continue;
      PicTile& t = g.tiles[index];
      Scratch& w = g.scratch[omp_get_thread_num()];
      if constexpr (I < D) receive(g, index, w, g.phase);
      box_of(g, t, box);
      w.clear_rows((long long)box[0] * box[1] * box[2] * ROW);
      if constexpr (I < D) {
        carry_bins<I>(g, index, w, p, turn);
        finish_passages<I>(g, t, w, p, turn);
        hand_over(g, index, w);
      } else turn_bins<I>(g, index, w, p, turn);
      add_rows<MODE>(g, t, w, p);
    }
  }
  if (I < D) {
    g.phase = 1 - g.phase;
    collect_outgoing(g);
  }
}
// x_i(t) → x_i(t + dt), the other momenta, and the mean current along i, added to J (one component).  1: as pic_advance.
HOST(pic_along)(long long handle, int axis, const real* B, real* J, double dt) {
  PicEngine& g = *(PicEngine*)handle;
  more_threads(g);
  const Step p = step_of(g, B, B, J, dt);
  if (axis == 0) flow_along<0>(g, p);
  else if (axis == 1) flow_along<1>(g, p);
  else flow_along<2>(g, p);
  return g.fault.found;
}
// u(t) → u(t + dt) in E alone.
HOST(pic_electric)(long long handle, const real* E, double dt) {
  PicEngine& g = *(PicEngine*)handle;
  more_threads(g);
  settle(g);
  Step p = step_of(g, E, E, nullptr, dt);
  kick_all<false>(g, p);
  return 0;
}
#endif
