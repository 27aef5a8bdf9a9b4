// field_walls.h: conducting walls: outer guards as mirror images, and what was deposited behind a wall folded back.
#pragma once
#include "field_grid.h"

// face: where lines normal to a face begin and how they go: lines e0, e1; place of the wall's node on the first; strides of the two
// directions in the face; stride into the grid (negative at an upper face); cells of a component.
struct Face {
  long long e0, e1, first, s0, s1, in, size;
};
DEV Face face_of(const long long* f) { return {f[0], f[1], f[2], f[3], f[4], f[5], f[6]}; }

// Where the d-th value behind the wall and its image in front of it lie.  staggered: values lie half a cell off the nodes; on an
// upper face (in < 0) the value in front of node i is that of cell i - 1.
DEV void images(const Face& f, long long node, int d, int staggered, long long* behind, long long* front) {
  if (staggered) {
    const long long upper = f.in < 0 ? f.in : 0;
    *front = node + upper + d * f.in;
    *behind = node + upper - (d + 1) * f.in;
  } else {
    *front = node + (d + 1) * f.in;
    *behind = node - (d + 1) * f.in;
  }
}

// Behind a perfect conductor values on the nodes of the normal axis are odd (and 0 on the wall), those between them even: so it is
// for the tangential E and normal B (odd), the normal E and tangential B (even).
// staggered: bit c is set where component c lies between nodes; layers: of guards.
KERNEL(mirror_face)(long long n, const long long* face, REAL* field, int components, int staggered, int layers) {
  const Face f = face_of(face);
  ELEMENTS(r, n) {
    for (int c = 0; c < components; c++) {
      const long long node = f.first + c * f.size + (r / f.e1) * f.s0 + (r % f.e1) * f.s1;
      const int between = staggered >> c & 1;
      for (int d = 0; d < layers; d++) {
        long long behind, front;
        images(f, node, d, between, &behind, &front);
        // The wall's node is one of the layers of upper guards.
        if (between || f.in > 0 || d + 1 < layers) field[behind] = between ? field[front] : -field[front];
      }
      if (!between) field[node] = 0;
    }
  }
}

// What particles have deposited behind a conductor comes back from their images, of opposite charge: values on nodes -= those
// behind, and 0 on the wall; values between nodes += those behind.  What was behind is then 0.
KERNEL(fold_face)(long long n, const long long* face, REAL* field, int components, int staggered, int layers) {
  const Face f = face_of(face);
  ELEMENTS(r, n) {
    for (int c = 0; c < components; c++) {
      const long long node = f.first + c * f.size + (r / f.e1) * f.s0 + (r % f.e1) * f.s1;
      const int between = staggered >> c & 1;
      for (int d = 0; d < layers; d++) {
        long long behind, front;
        images(f, node, d, between, &behind, &front);
        if (!between && f.in < 0 && d + 1 == layers) continue;
        field[front] += between ? field[behind] : -field[behind];
        field[behind] = 0;
      }
      if (!between) field[node] = 0;
    }
  }
}
