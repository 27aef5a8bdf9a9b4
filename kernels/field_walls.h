// field_walls.h: conducting walls: outer guards as mirror images, and what was deposited behind a wall folded back.
#pragma once
#include "field_grid.h"

// One component on one line normal to a face: places of the value nearest to the wall behind it and of its image in front, the way
// from one to the next (negative at an upper face), and how many there are.  The wall's own node is among the layers of upper guards.
struct Images {
  long long node, behind, front, in;
  int count;
  bool between;
};
// face: lines e0, e1; place of the wall's node on the first one; strides of the two directions in the face; stride into the grid;
// cells of a component.  staggered: bit c is set where component c lies between nodes; in front of node i of an upper face is then
// the value of cell i - 1.  k: component · lines + line.
DEV Images images_of(const long long* face, long long k, int staggered, int layers) {
  // Lines of a face are few enough for 32 bits, whose divisions spill no registers.
  const unsigned across = unsigned(face[1]), lines = unsigned(face[0]) * across, c = unsigned(k) / lines, r = unsigned(k) % lines;
  const long long in = face[5];
  const bool between = staggered >> c & 1;
  const long long node = face[2] + c * face[6] + (r / across) * face[3] + (r % across) * face[4];
  const long long upper = in < 0 ? in : 0, first = between ? node + upper : node + in;
  return {node, between ? first - in : node - in, first, in, between || in > 0 ? layers : layers - 1, between};
}

// Behind a perfect conductor values on the nodes of the normal axis are odd (and 0 on the wall), those between them even: so it is
// for the tangential E and normal B (odd), the normal E and tangential B (even).  n: components times lines.
KERNEL(mirror_face)(long long n, const long long* face, REAL* field, int staggered, int layers) {
  ELEMENTS(k, n) {
    const Images m = images_of(face, k, staggered, layers);
    for (int d = 0; d < m.count; d++) field[m.behind - d * m.in] = m.between ? field[m.front + d * m.in] : -field[m.front + d * m.in];
    if (!m.between) field[m.node] = 0;
  }
}

// What particles have deposited behind a conductor comes back from their images, of opposite charge: values on nodes -= those
// behind, and 0 on the wall; values between nodes += those behind.  What was behind is then 0.
KERNEL(fold_face)(long long n, const long long* face, REAL* field, int staggered, int layers) {
  ELEMENTS(k, n) {
    const Images m = images_of(face, k, staggered, layers);
    for (int d = 0; d < m.count; d++) {
      const REAL came = field[m.behind - d * m.in];
      field[m.front + d * m.in] += m.between ? came : -came;
      field[m.behind - d * m.in] = 0;
    }
    if (!m.between) field[m.node] = 0;
  }
}
