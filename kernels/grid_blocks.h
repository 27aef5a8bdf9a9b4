// grid_blocks.h: boxes of an array copied or added elsewhere: guards of a block to a message, from it, or across one block.
#pragma once
#include "prelude.h"

// A box of c × e0 × e1 runs of `width` numbers that follow each other in both arrays: where run r begins in each.
// box: e0, e1; then for the one array and for the other: its first number and its strides along c, e0 and e1.
DEV void run_of_box(const long long* box, long long r, long long* from, long long* to) {
  const long long i1 = r % box[1], q = r / box[1], i0 = q % box[0], c = q / box[0];
  *from = box[2] + c * box[3] + i0 * box[4] + i1 * box[5];
  *to = box[6] + c * box[7] + i0 * box[8] + i1 * box[9];
}
// body(a, b) for each number of a box: by threads on the GPU, where runs may be as short as the guards, by runs on the CPU.
template <class F> DEV void for_box(long long n, long long width, const long long* box, F body) {
#ifdef HPC_CUDA
  ELEMENTS(k, n) {
    long long a, b;
    run_of_box(box, k / width, &a, &b);
    body(a + k % width, b + k % width);
  }
#else
  // Runs are short along the last axis, two numbers perhaps: no division for each of them.
  const long long e1 = box[1], step_from = box[5], step_to = box[9];
  ELEMENTS(p, n / (width * e1)) {
    long long a, b;
    run_of_box(box, p * e1, &a, &b);
    if (width == 2) for (long long r = 0; r < e1; r++, a += step_from, b += step_to) body(a, b), body(a + 1, b + 1);
    else
      for (long long r = 0; r < e1; r++, a += step_from, b += step_to) {
        PRAGMA(GCC ivdep)
        for (long long i = 0; i < width; i++) body(a + i, b + i);
      }
  }
#endif
}

// to = from, and to += from, over the n numbers of a box.  The arrays may be one if the two boxes do not overlap.
KERNEL(copy_box)(long long n, const REAL* from, REAL* to, long long width, const long long* box) {
  for_box(n, width, box, [=](long long a, long long b) { to[b] = from[a]; });
}
KERNEL(add_box)(long long n, const REAL* from, REAL* to, long long width, const long long* box) {
  for_box(n, width, box, [=](long long a, long long b) { to[b] += from[a]; });
}
