// pic_paths.h: straight paths through bins, on the CPU: the part up to the first face, what bins receive, walls.
#pragma once
#include "pic_rows.h"
#ifndef HPC_CUDA

// A bin's extent: centre ± half, in cells; a bin around a wall's node is half a cell.
struct Limits { vec centre[D], half[D]; };
template <class T> DEV void limits_at(const PicEngine& g, const int* bin, T* centre, T* half, int stride) {
  for (int a = 0; a < D; a++) {
    const int low = EVEN && g.wall[a][0] && bin[a] == 0, high = EVEN && g.wall[a][1] && bin[a] == g.shape[a] - 1;
    centre[a * stride] = T(0.25) * (low - high), half[a * stride] = low | high ? T(0.25) : T(0.5);
  }
}
// Where the way from s to e first meets a face: m; crossing: through which axis; rest: the part of the way behind it.
struct Crossing {
  vec m[D], rest;
  unsigned axis[D], out;
};
DEV Crossing first_face(const vec* s, const vec* e, const Limits& lim, unsigned live) {
  Crossing x;
  unsigned over[D];
  vec part[D];
  x.out = 0, x.rest = vec{};
  UNROLL(3) for (int a = 0; a < D; a++) {
    part[a] = magnitude(e[a] - lim.centre[a]) - lim.half[a];
    over[a] = not_at_most(part[a], vec{}) & live;
    x.out |= over[a];
    x.m[a] = e[a], x.axis[a] = 0;
  }
  if (!x.out) return x;
  UNROLL(3) for (int a = 0; a < D; a++) {
    part[a] = blend(over[a], part[a] * reciprocal(magnitude(e[a] - s[a])), vec{});
    x.rest = greater(x.rest, part[a]);
  }
  unsigned left = x.out;
  UNROLL(3) for (int a = 0; a < D; a++) {
    x.axis[a] = equal_lanes(part[a], x.rest) & over[a] & left;
    left &= ~x.axis[a];
    const vec d = e[a] - s[a], low = lim.centre[a] - lim.half[a], high = lim.centre[a] + lim.half[a];
    x.m[a] = blend(x.out, lesser(greater(e[a] - x.rest * d, low), high), e[a]);
    x.m[a] = blend(x.axis[a], lim.centre[a] + with_sign(lim.half[a], d), x.m[a]);
  }
  return x;
}
// What the part s → m adds.  flow: displacements along missing axes of the part.
template <class F> DEV void deposit_part(const vec* s, const vec* e, const Crossing& x, vec weight, F add) {
  vec flow[3];
  UNROLL(3) for (int a = 0; a < 3; a++) flow[a] = weight * (a < D ? x.m[a] - s[a] : e[a] - e[a] * x.rest);
  deposit_path(s, x.m, flow, weight, add);
  if constexpr (ORDER == 0)
    for (int a = 0; a < D; a++) {
      const unsigned face = x.axis[a] & equal_lanes(magnitude(x.m[a]), splat(real(0.5)));
      const unsigned up = face & not_at_most(x.m[a], vec{});
      add(2 * a, blend(face & ~up, vec{} - weight, vec{}));
      add(2 * a + 1, blend(up, weight, vec{}));
    }
}
// Position, way and place seen from the bin behind the face.
DEV void step_over(const Crossing& x, vec* s, vec* e, whole_vec& place) {
  UNROLL(3) for (int a = 0; a < D; a++) {
    const unsigned up = x.axis[a] & not_at_most(e[a] - s[a], vec{}), down = x.axis[a] & ~up;
    const vec sigma = blend(up, splat(1), blend(down, splat(-1), vec{}));
    s[a] = x.m[a] - sigma;
    e[a] = e[a] - sigma;
    place = add_where(up, place, whole_vec{} + (1 << (SHIFT * a)));
    place = add_where(down, place, whole_vec{} - (1 << (SHIFT * a)));
  }
}
template <class C> DEV void keep_ids(C& to, int at, const long long* from, unsigned m) {
  for (; TRACKED && m; m &= m - 1) to.id[at++] = from[__builtin_ctz(m)];
}
static double energy_of(const PicEngine& g, const double* u, double weight) {
  const double c2 = g.light_speed * g.light_speed, u2 = u[0] * u[0] + u[1] * u[1] + u[2] * u[2];
  return weight * g.mass * (g.relativistic ? u2 / (1 + sqrt(1 + u2 / c2)) : 0.5 * u2);
}
// Crossers k that have come through a wall are turned back or taken out.  s: index of the first field of positions, e: of ends.
template <int MODE> static void meet_walls(PicEngine& g, const PicTile& t, Scratch& w) {
  Crowd<PATH>& q = w.crossers;
  int kept = 0;
  for (int k = 0; k < q.n; k++) {
    bool gone = false;
    for (int a = 0; a < D && !gone; a++)
      for (int side = 0; side < 2 && !gone; side++) {
        if (!g.wall[a][side]) continue;
        int bin[3];
        bin_at(g, t, q.place[k], bin);
        real &s = q.field(a)[k], &e = q.field(D + a)[k], &u = q.field(D + 3 + a)[k];
        const int last = side ? g.shape[a] - 1 : 0, beyond = side ? bin[a] - last : last - bin[a], sign = side ? 1 : -1;
        const real face = EVEN ? real(0) : real(0.5) * sign;  // the wall, seen from the last bin
        const real end = e + real(bin[a] - last);
        if (beyond <= 0 && (MODE == CURRENT || beyond < 0 || (end - face) * sign <= 0)) continue;
        if (g.wall[a][side] == ABSORBING) {
          const double v[3] = {q.field(D + 3)[k], q.field(D + 4)[k], q.field(D + 5)[k]};
          const double weight = WEIGHTED ? double(q.field(PATH - 1)[k]) : g.weight;
          w.lost[a][side]++, w.lost_weight[a][side] += weight, w.lost_energy[a][side] += energy_of(g, v, weight);
          gone = true;
          continue;
        }
        q.place[k] += (last - bin[a]) * (1 << (SHIFT * a));
        s = face, e = 2 * face - end, u = -u;
        if (MODE == CHARGE) {
          const real n = real(rint(e));
          q.place[k] += int(n) * (1 << (SHIFT * a)), e -= n;
        }
      }
    if (gone) continue;
    if (kept != k) {
      for (int f = 0; f < PATH; f++) q.field(f)[kept] = q.field(f)[k];
      q.place[kept] = q.place[k];
      if (TRACKED) q.id[kept] = q.id[k];
    }
    kept++;
  }
  q.n = kept;
}
#endif
