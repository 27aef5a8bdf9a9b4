// prelude.h: the dialect in which every kernel is written once, for CUDA and for the CPU.
//
// Two loop forms:
//   KERNEL(name)(long long n, ...) { ELEMENTS(i, n) { ... } }        scalar body per element:
//       CUDA: one thread per element (grid stride).   CPU: an OpenMP loop, vectorised by the compiler where it can.
//   GROUP_KERNEL(name)(long long n, ...) { GROUPS(g, n) { ... } }    one work item per group, lanes inside:
//       CUDA: one block of LANES threads.             CPU: one OpenMP work item; lanes are vector lanes.
// HOST(name)(...) declares a function that exists on the CPU alone.  OFFERED(name) after a function lets native loops call it.
//
// Inside GROUPS:
//   COOPERATE(k, n)      the lanes share the iterations k = 0 … n-1
//   BARRIER              all lanes have reached this point (shared memory is ordered)
//   SHARED(T, name, n)   scratch memory of the group
//   LANE0                the next statement runs once
//   varying<T, V>        one T per lane; on the CPU V vector registers, on CUDA one scalar per thread
//   TARGET_BLOCKS(...)   see for_blocks: lanes run over the group's targets, block by block
//
// CUDA's branch is also what HPC_EMULATE compiles, to run CUDA's execution model on the CPU in tests.
#pragma once
// A compile-time count of vector registers, passed as an ordinary argument to generic lambdas.
template <int N> struct Count { static constexpr int value = N; };

#if defined(__CUDACC__) || defined(HPC_EMULATE)
#include "prelude_cuda.h"
#else
#include "prelude_cpu.h"
#endif

template <class T> struct alignas(4 * sizeof(T)) Four { T x, y, z, w; };

template <class T> DEV T smaller(T a, T b) { return a < b ? a : b; }
template <class T> DEV T larger(T a, T b) { return a > b ? a : b; }
