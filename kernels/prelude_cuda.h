// prelude_cuda.h: the dialect of prelude.h on CUDA (NVRTC, nvcc) and on the CPU emulation of CUDA's execution model.
#pragma once
#define HPC_CUDA 1
#ifdef HPC_EMULATE
#include "emulation/cuda.h"
#endif
#ifndef LANES
#define LANES 32  // one warp: BARRIER is a warp barrier and compaction a ballot
#endif
#ifndef MIN_BLOCKS
#define MIN_BLOCKS 8  // without it the compiler caps registers too low and spills
#endif
#define ELEMENT_THREADS 256
#define OFFERED(name)  // native loops run on the CPU
#define KERNEL(name) extern "C" __global__ void __launch_bounds__(ELEMENT_THREADS) name
#define GROUP_KERNEL(name) extern "C" __global__ void __launch_bounds__(LANES, MIN_BLOCKS) name
#define DEV static __device__ __forceinline__
#define RESTRICT __restrict__
#define ELEMENTS(i, n)                                                                            \
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < (n); i += (long long)gridDim.x * blockDim.x)
#define GROUPS(g, n) for (long long g = blockIdx.x; g < (n); g += gridDim.x)
#define COOPERATE(k, n) for (int k = threadIdx.x; k < (n); k += LANES)
#if LANES <= 32
#define BARRIER __syncwarp()
#else
#define BARRIER __syncthreads()
#endif
#define LANE0 if (threadIdx.x == 0)
#ifdef HPC_EMULATE
#define UNROLL(n)
#else
#define UNROLL(n) _Pragma("unroll")
#endif
#define SHARED(T, name, n) __shared__ T name[n]

#ifndef REAL
#define REAL float
#endif

template <class T, int V> using varying = T;

template <class T> DEV T select_less(T a, T b, T x, T y) { return a < b ? x : y; }
template <class T> DEV T select_equal(T a, T b, T x, T y) { return a == b ? x : y; }
template <class T> DEV bool any_less(T a, T b) { return a < b; }
DEV float square_root(float x) { return sqrtf(x); }
DEV double square_root(double x) { return sqrt(x); }
DEV float absolute(float x) { return fabsf(x); }
DEV double absolute(double x) { return fabs(x); }
#ifdef HPC_EMULATE  // no PTX: the plain functions
DEV float inverse_sqrt_seed(float x) { return 1.0f / sqrtf(x); }
DEV double inverse_sqrt_seed(double x) { return 1.0 / sqrt(x); }
#else  // one MUFU instruction, no denormal slow path
DEV float inverse_sqrt_seed(float x) {
  float y;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
DEV double inverse_sqrt_seed(double x) { return rsqrt(x); }
#endif

// Blocks of targets: on CUDA always one per thread.
template <int V, class T> DEV T load_block(const T* p) { return p[threadIdx.x]; }
template <class T> DEV void accumulate_block(double* p, T v) { p[threadIdx.x] += double(v); }
template <int MAX, class F> DEV void for_blocks(int count, F body) {
  for (int b = 0; b < count; b += LANES) body(Count<1>{}, b);
}

// ---- walks: one node per lane, masks are bools ----------------------------------------------------------------------
typedef bool lanes_mask;
typedef int varying_int;
DEV bool lanes_below(int m) { return (int)threadIdx.x < m; }
DEV bool any_lane(bool m) { return __any_sync(0xffffffffu, m); }
DEV bool lane_of(bool m, int lane) { return (__ballot_sync(0xffffffffu, m) >> lane) & 1; }
template <class T> DEV bool less(T a, T b) { return a < b; }
template <class T> DEV T where(bool m, T a, T b) { return m ? a : b; }
DEV int load_ids(const int* p, int m) { return p[(int)threadIdx.x < m ? threadIdx.x : 0]; }
template <class T> DEV T gather(const T* base, int id, int stride) { return base[(long long)id * stride]; }
DEV int gather_int(const int* base, int id, int stride) { return base[(long long)id * stride]; }
DEV REAL gather_difference(const double* base, int id, int stride, double origin) {
  return REAL(base[(long long)id * stride] - origin);
}
DEV REAL load_difference(const double* p, double origin) { return REAL(p[threadIdx.x] - origin); }
DEV bool positive(int a) { return a > 0; }
DEV bool negative(int a) { return a < 0; }
DEV int shift_right(int a, int s) { return a >> s; }
// The lanes with m append their value to list[n…]; returns the new length (same on every lane).
DEV int append(int* list, int n, bool m, int value) {
  const unsigned b = __ballot_sync(0xffffffffu, m);
  if (m) list[n + __popc(b & ((1u << threadIdx.x) - 1))] = value;
  return n + __popc(b);
}
// Exclusive prefix sum of `count` over the lanes with m; `total` receives the sum over them.
DEV int prefix_sum(bool m, int count, int& total) {
  const int c = m ? count : 0;
  int p = c;
  for (int o = 1; o < 32; o <<= 1) {
    const int q = __shfl_up_sync(0xffffffffu, p, o);
    if ((int)threadIdx.x >= o) p += q;
  }
  total = __shfl_sync(0xffffffffu, p, 31);
  return p - c;
}
// Every lane with m appends first … first+count-1.
DEV int append_ranges(int* list, int n, bool m, int first, int count) {
  int total;
  const int p = prefix_sum(m, count, total);
  if (m)
    for (int k = 0; k < count; k++) list[n + p + k] = first + k;
  return n + total;
}
// The lanes with m append their value and, beside it, the running sum of `count`; returns the new length, advances `total`.
DEV int append_sums(int* list, int* sums, int n, int& total, bool m, int value, int count) {
  int added;
  const int p = prefix_sum(m, count, added);
  const unsigned b = __ballot_sync(0xffffffffu, m);
  if (m) {
    const int at = n + __popc(b & ((1u << threadIdx.x) - 1));
    list[at] = value;
    sums[at] = total + p;
  }
  total += added;
  return n + __popc(b);
}
DEV void mark(unsigned char* flags, bool m, int id) {
  if (m) flags[id] = 1;  // every writer writes the same
}
// The sum over the lanes, on every lane, in one fixed order.
template <class T> DEV double sum_lanes(T v) {
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return double(v);
}

DEV int atomic_add(int* p, int v) { return atomicAdd(p, v); }
DEV int leading_zeros(unsigned long long x) { return __clzll((long long)x); }
