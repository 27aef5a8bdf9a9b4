// gravity_direct.h: direct summation over all pairs, in the same groups as the tree, with the same pair physics.
//
// Sources come group by group, as small single-precision offsets from the group's double-precision centre; each group's
// sum is rounded once into double precision.  The order of groups is that of the Hilbert curve, whatever the ranks.
#pragma once
#include "gravity_groups.h"

// The particles of each group as sources about the group's centre.
KERNEL(group_sources)(long long n, const Group* RESTRICT groups, const double* RESTRICT position, const double* RESTRICT mass,
                      double scale, double mass_scale, PairSource<real>* RESTRICT sources) {
  ELEMENTS(g, n) {
    const Group& group = groups[g];
    for (long long p = group.first; p < group.first + (long long)group.count; p++)
      sources[p] = PairSource<real>{real(position[3 * p] * scale - group.x), real(position[3 * p + 1] * scale - group.y),
                                    real(position[3 * p + 2] * scale - group.z), real(mass[p] * mass_scale)};
  }
}

// own_sources: the source groups are the target groups.
// sums[5·i …] += the field of all source groups on target i: x, y, z, φ, and the mass at zero distance (scaled units).
GROUP_KERNEL(direct_sums)(long long n, const Group* RESTRICT targets, const PairSource<real>* RESTRICT own, long long source_groups,
                          const Group* RESTRICT from, const PairSource<real>* RESTRICT sources, double epsilon,
                          long long own_sources, long long with_potential, double* RESTRICT sums) {
#if SOFTENING == 2
  const real epsilon2 = real(0), support = real(2.8 * epsilon);
#else
  const real epsilon2 = real(epsilon * epsilon), support = real(0);
#endif
  GROUPS(g, n) {
    SHARED(PairSource<real>, tile, GROUP);
    SHARED(real, x, GROUP);
    SHARED(real, y, GROUP);
    SHARED(real, z, GROUP);
    SHARED(double, sum, 5 * GROUP);
    const Group group = targets[g];
    const int padded = (group.count + LANES - 1) / LANES * LANES;
    BARRIER;
    COOPERATE(k, padded) {
      const PairSource<real> s = own[group.first + smaller(k, group.count - 1)];
      x[k] = s.x;
      y[k] = s.y;
      z[k] = s.z;
      // Sums go on where the last rank's sources left them: one order of additions, whatever the ranks.
      for (int a = 0; a < 5; a++) sum[a * GROUP + k] = k < group.count ? sums[5 * (group.first + (long long)k) + a] : 0;
    }
    for (long long b = 0; b < source_groups; b++) {
      const Group& f = from[b];
      const real ox = real(f.x - group.x), oy = real(f.y - group.y), oz = real(f.z - group.z);
      const int m = f.count;
      BARRIER;
      COOPERATE(k, m) shift_sources(sources + f.first + k, tile + k, 1, ox, oy, oz);
      BARRIER;
      if (with_potential && own_sources && b == g) add_pairs<true, true>(tile, m, group.count, x, y, z, sum, epsilon2, support);
      else if (with_potential) add_pairs<true, false>(tile, m, group.count, x, y, z, sum, epsilon2, support);
      else add_pairs<false, false>(tile, m, group.count, x, y, z, sum, epsilon2, support);
    }
    BARRIER;
    COOPERATE(k, group.count) {
      for (int a = 0; a < 5; a++) sums[5 * (group.first + (long long)k) + a] = sum[a * GROUP + k];
    }
    BARRIER;
  }
}

// Sums in scaled units to accelerations and potentials.
KERNEL(direct_results)(long long n, const double* RESTRICT sums, const double* RESTRICT mass, double mass_scale, double epsilon,
                       double out_acceleration, double out_potential, real* RESTRICT acceleration, real* RESTRICT potential) {
#if SOFTENING == 2
  const Softening softening = {0.0, 2.8 * epsilon};
#else
  const Softening softening = {epsilon * epsilon, 0.0};
#endif
  ELEMENTS(i, n) {
    for (int a = 0; a < 3; a++) acceleration[3 * i + a] = real(out_acceleration * sums[5 * i + a]);
    if (potential) {
      const double coincident = sums[5 * i + 4] - double(real(mass[i] * mass_scale));
      potential[i] = real(out_potential * (sums[5 * i + 3] + coincident * central_potential(softening)));
    }
  }
}
