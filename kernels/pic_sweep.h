// pic_sweep.h: one sweep over the tiles: gather, push, move, deposit; then the few that change their bin, on the CPU.
#pragma once
#include "pic_gather.h"
#include "pic_paths.h"
#include "pic_push.h"
#ifndef HPC_CUDA

// What a bin has summed in registers goes into its row of the tile's.
template <int ROW> DEV void add_bin_sums(const PicEngine& g, const PicTile& t, Scratch& w, const int* c, const vec* sum) {
  int box[3];
  box_of(g, t, box);
  long long row = c[0] + g.reach;
  for (int a = 1; a < D; a++) row = row * box[a] + c[a] + g.reach;
  for (int k = 0; k < ROW; k += LANES_) {
    real* r = w.rows.data + row * ROW + k;
    store_all(r, load_all(r) + sums_of(sum + k));
  }
}

// Everything of the bin's particles; those that leave it go to w.crossers, the others close up at `to`.
template <int MODE, bool MAGNETIC>
DEV int push_bin(PicEngine& g, PicTile& t, Scratch& w, const Step& p, const RowForms& forms, int lane, const int* c, int b, int to) {
  constexpr int ROW = row_of(MODE);
  vec sum[ROW];
  UNROLL(16) for (int k = 0; k < ROW; k++) sum[k] = vec{};
  Crowd<PATH>& q = w.crossers;
  const int from = t.start[b], n = t.count[b], begin = to;
  int bin[3], place = 0;
  for (int a = 0; a < D; a++) bin[a] = g.start[a] + t.first[a] + c[a], place |= (c[a] + g.reach) << (SHIFT * a);
  int node[3];
  for (int a = 0; a < D; a++) node[a] = t.first[a] + c[a];
  [[maybe_unused]] const long long at = node_of(g, node);
  real centre[D], half[D];
  limits_at(g, bin, centre, half, 1);
  Limits lim;
  UNROLL(3) for (int a = 0; a < D; a++) lim.centre[a] = EVEN ? splat(centre[a]) : vec{}, lim.half[a] = splat(EVEN ? half[a] : real(0.5));
  for (int i = 0; i < n; i += LANES_) {
    const unsigned live = first_lanes(n - i);
    vec s[D], e[3], u[3], E[3], B[3], weight;
    real* x = t.data.data + from + i;
    const long long F = t.capacity;
    UNROLL(3) for (int a = 0; a < D; a++) s[a] = load_lanes(x + a * F, live);
    UNROLL(3) for (int a = 0; a < 3; a++) u[a] = load_lanes(x + (D + a) * F, live);
    if constexpr (WEIGHTED) weight = load_lanes(x + (D + 3) * F, live);
    else weight = blend(live, splat(1), vec{});
    if constexpr (ORDER == 1) gather_forms<MAGNETIC>(forms, lane, s, E, B);
    else gather_stencil<MAGNETIC>(p.E + at, p.B + at, g.component, g.stride, s, p.kick, E, B);
    if constexpr (!MAGNETIC) UNROLL(3) for (int a = 0; a < 3; a++) B[a] = splat(p.still[a]);
    push(u, E, B, p.c2);
    const vec ig = inverse_gamma(u, p.c2);
    UNROLL(3) for (int a = 0; a < 3; a++) e[a] = a < D ? s[a] + (u[a] * ig) * p.move[a] : (u[a] * ig) * p.move[a];
    unsigned out = 0;
    Crossing x0;
    if constexpr (MODE == CURRENT) {
      x0 = first_face(s, e, lim, live);
      out = x0.out;
      deposit_part(s, e, x0, weight, [&](int k, vec v) { sum[k] += v; });
    } else {
      UNROLL(3) for (int a = 0; a < D; a++) out |= not_at_most(magnitude(e[a] - lim.centre[a]), lim.half[a]);
      out &= live;
      deposit_point(e, blend(out, vec{}, weight), [&](int k, vec v) { sum[k] += v; });
    }
    if (out) {
      unsigned far = 0;
      UNROLL(3) for (int a = 0; a < D; a++) far |= not_at_most(magnitude(e[a] - s[a]), splat(real(g.reach)));
      far &= out;
      if (__builtin_expect(far != 0, 0)) {
        const int l = __builtin_ctz(far);
#pragma omp critical
        if (!g.fault.found) {
          g.fault.found = 1;
          for (int a = 0; a < D; a++) g.fault.bin[a] = bin[a], g.fault.s[a] = s[a][l], g.fault.displacement[a] = e[a][l] - s[a][l];
          for (int a = 0; a < 3; a++) g.fault.u[a] = u[a][l];
        }
        out &= ~far;
      }
      vec S[D], end[3];
      whole_vec where = whole_vec{} + place;
      UNROLL(3) for (int a = 0; a < 3; a++) end[a] = e[a];
      UNROLL(3) for (int a = 0; a < D; a++) S[a] = s[a];
      if constexpr (MODE == CURRENT) {
        step_over(x0, S, end, where);
        UNROLL(3) for (int a = D; a < 3; a++) end[a] = e[a] * x0.rest;
      } else {
        UNROLL(3) for (int a = 0; a < D; a++) {
          const vec whole = nearest_whole(e[a]);
          end[a] = e[a] - whole;
          where += __builtin_convertvector(whole, whole_vec) * (1 << (SHIFT * a));
        }
      }
      UNROLL(3) for (int a = 0; a < D; a++) store_all(q.field(a) + q.n, compressed(S[a], out));
      UNROLL(3) for (int a = 0; a < 3; a++) store_all(q.field(D + a) + q.n, compressed(end[a], out));
      UNROLL(3) for (int a = 0; a < 3; a++) store_all(q.field(D + 3 + a) + q.n, compressed(u[a], out));
      if constexpr (WEIGHTED) store_all(q.field(D + 6) + q.n, compressed(weight, out));
      where = compressed(where, out);
      memcpy(q.place.data + q.n, &where, sizeof(where));
      keep_ids(q, q.n, t.id.data + from + i, out);
      q.n += lanes_in(out);
      const unsigned stay = live & ~out, full = first_lanes(lanes_in(stay));
      real* y = t.data.data + to;
      UNROLL(3) for (int a = 0; a < D; a++) store_lanes(y + a * F, compressed(e[a], stay), full);
      UNROLL(3) for (int a = 0; a < 3; a++) store_lanes(y + (D + a) * F, compressed(u[a], stay), full);
      if constexpr (WEIGHTED) store_lanes(y + (D + 3) * F, compressed(weight, stay), full);
      keep_ids(t, to, t.id.data + from + i, stay);
      to += lanes_in(stay);
    } else {
      real* y = t.data.data + to;
      UNROLL(3) for (int a = 0; a < D; a++) store_lanes(y + a * F, e[a], live);
      UNROLL(3) for (int a = 0; a < 3; a++) store_lanes(y + (D + a) * F, u[a], live);
      if constexpr (WEIGHTED) store_lanes(y + (D + 3) * F, weight, live);
      keep_ids(t, to, t.id.data + from + i, live);
      to += lanes_in(live);
    }
  }
  add_bin_sums<ROW>(g, t, w, c, sum);
  return to - begin;
}
template <int MODE, bool MAGNETIC> static void push_tile(PicEngine& g, PicTile& t, Scratch& w, const Step& p) {
  const int last = D - 1, along = t.extent[last];
  const double share = double(t.capacity - t.held) / t.bins;
  double slack = 0;
  int to = 0, c[3] = {}, held = 0;
  w.crossers.make(t.held / 4);
  RowForms forms;
  for (int b = 0; b < t.bins;) {
    for (int k = b, a = last; a >= 0; a--) c[a] = k % t.extent[a], k /= t.extent[a];
    const int m = smaller(along - c[last], LANES_);
    if constexpr (ORDER == 1) {
      int node[3];
      for (int a = 0; a < D; a++) node[a] = t.first[a] + c[a];
      const long long at = node_of(g, node);
      make_forms<MAGNETIC>(p.E + at, p.B + at, g.component, g.stride, p.kick, first_lanes(m), forms);
    }
    for (int k = 0; k < m; k++, b++, c[last]++) {
      if (!t.count[b]) {
        t.start[b] = smaller(t.start[b], to);
        to = t.start[b] + int(slack += share);
        slack -= int(slack);
        continue;
      }
      const int begin = smaller(t.start[b], to), before = t.count[b];
      w.crossers.reserve(before);
      const int stay = push_bin<MODE, MAGNETIC>(g, t, w, p, forms, k, c, b, begin);
      t.start[b] = begin, t.count[b] = stay, held += stay;
      slack += share;  // as many will come as have gone, or nearly
      to = begin + before + int(slack);
      slack -= int(slack);
    }
  }
  t.held = held;
}
// The paths of the crossers to their ends, bin by bin.
static void finish_paths(PicEngine& g, PicTile& t, Scratch& w) {
  constexpr int ROW = row_of(CURRENT);
  Crowd<PATH>& q = w.crossers;
  Crowd<FIELDS>& done = w.arrivals;
  done.make(q.n);
  int box[3];
  box_of(g, t, box);
  while (q.n) {
    if (t.walled) meet_walls<CURRENT>(g, t, w);
    int kept = 0;
    for (int i = 0; i < q.n; i += LANES_) {
      const unsigned live = first_lanes(q.n - i);
      vec s[D], e[3], u[3], weight, value[ROW];
      UNROLL(3) for (int a = 0; a < D; a++) s[a] = load_all(q.field(a) + i);
      UNROLL(3) for (int a = 0; a < 3; a++) e[a] = load_all(q.field(D + a) + i), u[a] = load_all(q.field(D + 3 + a) + i);
      if constexpr (WEIGHTED) weight = load_all(q.field(D + 6) + i);
      else weight = splat(1);
      whole_vec place = load_whole(q.place.data + i);
      Limits lim;
      UNROLL(3) for (int a = 0; a < D; a++) lim.centre[a] = vec{}, lim.half[a] = splat(real(0.5));
      if (EVEN && t.walled)
        for (int l = 0; l < smaller(q.n - i, LANES_); l++) {
          int bin[3];
          real centre[D], half[D];
          bin_at(g, t, place[l], bin);
          limits_at(g, bin, centre, half, 1);
          for (int a = 0; a < D; a++) lim.centre[a][l] = centre[a], lim.half[a][l] = half[a];
        }
      const Crossing x = first_face(s, e, lim, live);
      UNROLL(16) for (int k = touched_by(CURRENT); k < ROW; k++) value[k] = vec{};
      deposit_part(s, e, x, weight, [&](int k, vec v) { value[k] = v; });
      add_to_rows<ROW>(w.rows.data, box, place, live, value);
      const unsigned end = live & ~x.out;
      UNROLL(3) for (int a = 0; a < D; a++) store_all(done.field(a) + done.n, compressed(e[a], end));
      UNROLL(3) for (int a = 0; a < 3; a++) store_all(done.field(D + a) + done.n, compressed(u[a], end));
      if constexpr (WEIGHTED) store_all(done.field(D + 3) + done.n, compressed(weight, end));
      const whole_vec ended = compressed(place, end);
      memcpy(done.place.data + done.n, &ended, sizeof(ended));
      keep_ids(done, done.n, q.id.data + i, end);
      done.n += lanes_in(end);
      if (!x.out) continue;
      step_over(x, s, e, place);
      UNROLL(3) for (int a = D; a < 3; a++) e[a] = e[a] * x.rest;
      UNROLL(3) for (int a = 0; a < D; a++) store_all(q.field(a) + kept, compressed(s[a], x.out));
      UNROLL(3) for (int a = 0; a < 3; a++) store_all(q.field(D + a) + kept, compressed(e[a], x.out));
      UNROLL(3) for (int a = 0; a < 3; a++) store_all(q.field(D + 3 + a) + kept, compressed(u[a], x.out));
      if constexpr (WEIGHTED) store_all(q.field(D + 6) + kept, compressed(weight, x.out));
      place = compressed(place, x.out);
      memcpy(q.place.data + kept, &place, sizeof(place));
      keep_ids(q, kept, q.id.data + i, x.out);
      kept += lanes_in(x.out);
    }
    q.n = kept;
  }
}
// The crossers' charges where they have come to.
static void finish_charges(PicEngine& g, PicTile& t, Scratch& w) {
  constexpr int ROW = row_of(CHARGE);
  Crowd<PATH>& q = w.crossers;
  Crowd<FIELDS>& done = w.arrivals;
  if (t.walled) meet_walls<CHARGE>(g, t, w);
  done.make(q.n);
  int box[3];
  box_of(g, t, box);
  for (int i = 0; i < q.n; i += LANES_) {
    vec s[D], value[ROW], weight = splat(1);
    UNROLL(3) for (int a = 0; a < D; a++) s[a] = load_all(q.field(D + a) + i), store_all(done.field(a) + i, s[a]);
    UNROLL(3) for (int a = 0; a < 3; a++) store_all(done.field(D + a) + i, load_all(q.field(D + 3 + a) + i));
    if constexpr (WEIGHTED) store_all(done.field(D + 3) + i, weight = load_all(q.field(D + 6) + i));
    const whole_vec place = load_whole(q.place.data + i);
    memcpy(done.place.data + i, &place, sizeof(place));
    UNROLL(16) for (int k = touched_by(CHARGE); k < ROW; k++) value[k] = vec{};
    deposit_point(s, weight, [&](int k, vec v) { value[k] = v; });
    add_to_rows<ROW>(w.rows.data, box, place, first_lanes(q.n - i), value);
    if (TRACKED) memcpy(done.id.data + i, q.id.data + i, 8 * smaller(q.n - i, LANES_));
  }
  done.n = q.n;
}
// Arrivals inside the tile go into their bins; the others wait, by direction, for the tiles or ranks that they have come to.
static void hand_over(PicEngine& g, int index, Scratch& w) {
  PicTile& t = g.tiles[index];
  Crowd<FIELDS>& q = w.arrivals;
  const int phase = 1 - g.phase;
  int kept = 0, first[DIRECTIONS + 1] = {};
  w.leaving.clear(), w.direction.clear();
  for (int k = 0; k < q.n; k++) {
    int c[3], d = 0;
    unpacked_place(q.place[k], c);
    for (int a = 0; a < D; a++) c[a] -= g.reach, d = 3 * d + (c[a] < 0 ? 0 : c[a] >= t.extent[a] ? 2 : 1);
    if (d == HERE) {
      UNROLL(8) for (int f = 0; f < FIELDS; f++) q.field(f)[kept] = q.field(f)[k];
      q.place[kept] = int(bin_of(t, c));
      if (TRACKED) q.id[kept] = q.id[k];
      kept++;
      continue;
    }
    Record r = {};
    for (int a = 0; a < D; a++) {
      r.bin[a] = g.start[a] + t.first[a] + c[a];
      if (!g.wall[a][0] && !g.wall[a][1]) r.bin[a] = (r.bin[a] + g.shape[a]) % g.shape[a];
    }
    for (int f = 0; f < FIELDS; f++) r.field[f] = q.field(f)[k];
#if TRACKED
    r.id = q.id[k];
#endif
    w.leaving.push_back(r), w.direction.push_back(d);
    first[d + 1]++;
  }
  q.n = kept;
  insert(t, w, q);
  for (int d = 0; d < DIRECTIONS; d++) first[d + 1] += first[d];
  memcpy(t.out_first[phase], first, sizeof(first));
  t.out[phase].resize(w.leaving.size());
  for (size_t k = 0; k < w.leaving.size(); k++) t.out[phase][first[w.direction[k]]++] = w.leaving[k];
}
template <int MODE, bool MAGNETIC> static void sweep(PicEngine& g, const Step& p) {
  constexpr int ROW = row_of(MODE);
  const int n = int(g.tiles.size());
  // Tiles of one colour touch no common value: their sums meet in one order, however many threads there are.
  for (int colour = 0; colour < 1 << D; colour++) {
#pragma omp parallel for schedule(dynamic)
    for (int index = 0; index < n; index++) {
      SubnormalsFlushed flushed;
      int k[3], of = 0, box[3];
      tile_place(g, index, k);
      for (int a = 0; a < D; a++) of |= (k[a] & 1) << a;
      if (of != colour) continue;
      PicTile& t = g.tiles[index];
      Scratch& w = g.scratch[omp_get_thread_num()];
      receive(g, index, w, g.phase);
      box_of(g, t, box);
      w.clear_rows((long long)box[0] * box[1] * box[2] * ROW);
      push_tile<MODE, MAGNETIC>(g, t, w, p);
      if constexpr (MODE == CURRENT) finish_paths(g, t, w);
      else finish_charges(g, t, w);
      hand_over(g, index, w);
      add_rows<MODE>(g, t, w, p);
    }
  }
  g.phase = 1 - g.phase;
}
template <bool MAGNETIC> static void kick_all(PicEngine& g, const Step& p) {
#pragma omp parallel for schedule(dynamic)
  for (int k = 0; k < int(g.tiles.size()); k++)
    each_bin(g, k, [&](PicTile& t, int b, const int*, const int* c) {
      int node[3];
      for (int a = 0; a < D; a++) node[a] = t.first[a] + c[a];
      const long long at = node_of(g, node), F = t.capacity;
      RowForms forms;
      if constexpr (ORDER == 1) make_forms<MAGNETIC>(p.E + at, p.B + at, g.component, g.stride, p.kick, 1, forms);
      for (int i = 0; i < t.count[b]; i += LANES_) {
        const unsigned live = first_lanes(t.count[b] - i);
        real* x = t.data.data + t.start[b] + i;
        vec s[D], u[3], E[3], B[3];
        for (int a = 0; a < D; a++) s[a] = load_lanes(x + a * F, live);
        for (int a = 0; a < 3; a++) u[a] = load_lanes(x + (D + a) * F, live), B[a] = splat(p.still[a]);
        if constexpr (ORDER == 1) gather_forms<MAGNETIC>(forms, 0, s, E, B);
        else gather_stencil<MAGNETIC>(p.E + at, p.B + at, g.component, g.stride, s, p.kick, E, B);
        push(u, E, B, p.c2);
        for (int a = 0; a < 3; a++) store_lanes(x + (D + a) * F, u[a], live);
      }
    });
}
// What has left the block in the last sweep, by the direction of the neighbouring rank.
static void collect_outgoing(PicEngine& g) {
  for (int index = 0; index < int(g.tiles.size()); index++) {
    PicTile& t = g.tiles[index];
    int k[3];
    tile_place(g, index, k);
    for (int d = 0; d < DIRECTIONS; d++) {
      if (d == HERE || neighbour(g, index, d) >= 0) continue;
      int to = 0;
      for (int a = 0, unit = DIRECTIONS / 3; a < D; a++, unit /= 3) {
        const int step = d / unit % 3 - 1, at = k[a] + step;
        to = 3 * to + 1 + ((at < 0 || at >= g.tiles_along[a]) && !g.wraps[a] ? step : 0);
      }
      const int* first = t.out_first[g.phase];
      auto& list = t.out[g.phase];
      g.outgoing[to].insert(g.outgoing[to].end(), list.begin() + first[d], list.begin() + first[d + 1]);
    }
  }
}
#endif
