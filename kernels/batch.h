// batch.h: independent small systems, one per lane; generated programs that move them are written in these words.
//
//   SYSTEMS(i, n) { ... }     one pass per system on CUDA, per block of systems on the CPU; `i` is the first of them
//   num, lanes                one double, one truth per system of the pass;  codes: one status per system
//   load_system, store_system a component of rows (n, width)
//   multiply_add(a, b, c)     a b + c,  subtract_product(a, b, c)  c - a b: rounded once where the machine can
//   where(m, a, b)            a for the systems in m, b for the others;  any(m): is there one?
//   OUTLINE { ... }           statements that the CPU compiles as a function of their own
//
// SCALAR_SYSTEMS on the CPU: one system per pass and plain doubles, for a single system, where latency is all.
// REGISTERS: vector registers per num; two hide the latency of what one would wait for.
#pragma once
#include "prelude.h"
#ifndef REGISTERS
#define REGISTERS 1
#endif

#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
#include "batch_scalar.h"
#else
#include "batch_lanes.h"
#endif
#include "elementary.h"
#include "random.h"

// The systems in m cannot go on: code (from 1) and step of their first failure, step << 16 | code.
DEV void fail(lanes m, int code, long long step, lanes& alive, codes& status) {
  const lanes failing = m & alive;
  if (any(failing)) set_codes(status, failing, step << 16 | code);
  alive = alive & !failing;
}
