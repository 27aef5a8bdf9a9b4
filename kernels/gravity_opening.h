// gravity_opening.h: when a node serves a whole box of targets as one source.
#pragma once
#include "gravity_groups.h"

#define STACK 1024  // nodes waiting to be tested

// The field of a cell of mass m and radius b at distance d, cut after its quadrupole, is wrong by at most
//   m/d² (4x³ - 3x⁴)/(1 - x)²,  x = b/d        (Salmon & Warren 1994, J. Comput. Phys. 111, 136, eq. 67, p = 2).
// The denominator matters where few near cells rule the error, as in a fractal: x³ alone is ten times too kind at x = 0.6.
// A third of the bound is compared with the reach: cells are seldom lumps at their rims, and their errors partly cancel.
// A local expansion is judged likewise, by local · m/d² x⁴/(1 - x)², with the group's size for b.
struct Opening {
  int relative;  // 0: geometric, radius < angle·d.  1: relative, a third of the bound < reach and radius < angle·d
  real angle;
  real smooth;     // local expansions: size of the group < smooth · distance of the cell from its centre
  real local;      // weight of a local expansion's error beside a cell's
  real clearance;  // spline softening: a cell must lie outside this distance altogether
};

// The opening criterion, for lanes of nodes or of boxes: c = |centre of mass - centre of the box|, h = half its sides.
template <class F>
DEV lanes_mask is_far(F cx, F cy, F cz, F hx, F hy, F hz, F reach, F mass, F radius, Opening opening) {
  const F zero = F(real(0)), dx = larger(cx - hx, zero), dy = larger(cy - hy, zero), dz = larger(cz - hz, zero);
  const F d2 = dx * dx + (dy * dy + dz * dz), d = square_root(d2);
  lanes_mask far = less(radius, F(opening.angle) * d) & less(radius + F(opening.clearance), d + F(real(1e-37)));
  if (opening.relative) {
    const F gap = d - radius, bound = F(real(4.0 / 3)) * mass * (radius * radius * radius) * (d - F(real(0.75)) * radius);
    far = far & less(bound, (reach * (gap * gap)) * (d2 * d2));
  }
  return far;
}
