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
#define SHARED(T, name, n) __shared__ T name[n]

template <class T, int V> using varying = T;
typedef bool lanes_mask;

DEV int lane() { return threadIdx.x; }
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
DEV bool any_lane(bool m) { return __any_sync(0xffffffffu, m); }
template <class T> DEV T select(bool m, T a, T b) { return m ? a : b; }
DEV int sum_count(bool m) { return __popc(__ballot_sync(0xffffffffu, m)); }
template <class T> DEV T load_lanes(const T* p) { return p[threadIdx.x]; }
template <class T> DEV void store_lanes(T* p, T v) { p[threadIdx.x] = v; }
template <class T> DEV void accumulate_lanes(double* p, T v) { p[threadIdx.x] += double(v); }
template <int V, class T> DEV T load_block(const T* p) { return p[threadIdx.x]; }
template <class T, int V> DEV T splat(T v) { return v; }

// The lanes whose bit is set append their value to list[n…]; returns the new length (same on every lane).
DEV int append(int* list, int n, bool m, int value) {
  const unsigned b = __ballot_sync(0xffffffffu, m);
  if (m) list[n + __popc(b & ((1u << threadIdx.x) - 1))] = value;
  return n + __popc(b);
}
// Exclusive prefix sum of `count` over the lanes with m; `total` receives the sum over them.
DEV int prefix_sum(bool m, int count, int& total) {
  int c = m ? count : 0, p = c;
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
// The sum over the lanes, on every lane, in one fixed order.
template <class T> DEV T sum_lanes(T v) {
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}
template <class T> DEV T smallest_lane(T v) {
  for (int o = 16; o; o >>= 1) {
    const T w = __shfl_xor_sync(0xffffffffu, v, o);
    v = w < v ? w : v;
  }
  return v;
}
template <class F> DEV void for_blocks(int count, F body);  // defined below: body(Count<1>{}, first target of the block)
DEV int atomic_add(int* p, int v) { return atomicAdd(p, v); }
DEV void atomic_or(int* p, int v) { atomicOr(p, v); }
DEV int leading_zeros(unsigned long long x) { return __clzll((long long)x); }
