// field_grid.h: loops over the cells of a block with guards, three components of each field behind each other.
//
// A box of cells, as numbers: rows e0, e1 and their length; first cell; strides of the two outer axes of the loop; strides of x, y
// and z (0 where the grid has no such axis); cells of one component with guards; first global row indices along the outer axes.
#pragma once
#include "prelude.h"
#ifndef DIMENSIONS
#define DIMENSIONS 3
#endif

struct CellBox {
  long long e0, e1, width, first, s0, s1, x, y, z, size;
};
DEV CellBox cell_box(const long long* b) { return {b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9]}; }

// body(cell) for each of the n cells of a box.  On the CPU a row is one vector loop: no body may depend on an earlier cell's.
template <class F> DEV void for_cells(long long n, const CellBox& b, F body) {
#ifdef HPC_CUDA
  ELEMENTS(k, n) {
    const long long r = k / b.width;
    body(b.first + (r / b.e1) * b.s0 + (r % b.e1) * b.s1 + k % b.width);
  }
#else
  ELEMENTS(r, n / b.width) {
    const long long begin = b.first + (r / b.e1) * b.s0 + (r % b.e1) * b.s1;
    PRAGMA(GCC ivdep)
    for (long long i = begin; i < begin + b.width; i++) body(i);
  }
#endif
}
