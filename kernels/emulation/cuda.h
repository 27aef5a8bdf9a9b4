// cuda.h: the part of CUDA C++ that kernels use, on the emulated machine.
//
// Not modelled: blocks that run at the same time, approximate mathematics, memory spaces.  Compile the kernels
// with -fsanitize=address to find accesses outside arrays (shared ones too) and with -fsanitize=thread to find
// accesses that no barrier orders; compile machine.cpp without either.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "machine.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#if defined(__SANITIZE_ADDRESS__)  // variables in a section of their own get no guard zones
#define __shared__ static
#else
#define __shared__ static __attribute__((section("hpcphys_shared")))
#endif

#define threadIdx (emulation::place.thread)
#define blockIdx (emulation::place.block)
#define blockDim (emulation::place.threads)
#define gridDim (emulation::place.blocks)
#define warpSize 32

#define __syncthreads() emulation::barrier(__LINE__)
#define __syncthreads_or(vote) emulation::barrier_or((vote) != 0, __LINE__)
#define __syncwarp(...) emulation::warp_barrier(emulation::mask_of(__VA_ARGS__), __LINE__)
#define __ballot_sync(mask, vote) emulation::ballot(mask, (vote) != 0, __LINE__)
#define __any_sync(mask, vote) (emulation::ballot(mask, (vote) != 0, __LINE__) != 0)
#define __all_sync(mask, vote) (emulation::ballot(mask, (vote) == 0, __LINE__) == 0)
#define __shfl_sync(mask, value, source) emulation::shuffle(mask, value, int(source) & 31, __LINE__)
#define __shfl_xor_sync(mask, value, bits) emulation::shuffle(mask, value, emulation::lane() ^ int(bits), __LINE__)
#define __shfl_up_sync(mask, value, by) emulation::shuffle(mask, value, emulation::lane() - int(by), __LINE__)
#define __shfl_down_sync(mask, value, by) emulation::shuffle(mask, value, emulation::lane() + int(by), __LINE__)
#define __threadfence() ((void)0)
#define __threadfence_block() ((void)0)

namespace emulation {

inline unsigned mask_of(unsigned mask = 0xffffffffu) { return mask; }

// The value that the thread in lane `source` passes; the own value where there is no such lane, as on CUDA.
template <class T> T shuffle(unsigned mask, T value, int source, int line) {
  static_assert(sizeof(T) <= 8, "CUDA shuffles values of up to 8 bytes");
  unsigned long long bits = 0;
  memcpy(&bits, &value, sizeof(T));
  bits = from_lane(mask, bits, source < 0 || source > 31 ? lane() : source, line);
  memcpy(&value, &bits, sizeof(T));
  return value;
}

// *address ← change(*address) in one step; returns the old value.  Atomic for the thread sanitizer's sake.
template <class T, class F> T atomically(T* address, F change) {
  T old, changed;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  do changed = change(old);
  while (!__atomic_compare_exchange(address, &old, &changed, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
  return old;
}

template <class T> struct same { typedef T type; };  // keeps the second argument out of deduction: it is converted

}  // namespace emulation

template <class T> T atomicAdd(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return T(old + v); });
}
template <class T> T atomicSub(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return T(old - v); });
}
template <class T> T atomicMin(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return v < old ? v : old; });
}
template <class T> T atomicMax(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return old < v ? v : old; });
}
template <class T> T atomicOr(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return T(old | v); });
}
template <class T> T atomicAnd(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return T(old & v); });
}
template <class T> T atomicExch(T* p, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T) { return v; });
}
template <class T>
T atomicCAS(T* p, typename emulation::same<T>::type expected, typename emulation::same<T>::type v) {
  return emulation::atomically(p, [=](T old) { return old == expected ? v : old; });
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
template <class T> T __ldg(const T* p) { return *p; }

#define EMULATED_MIN_MAX(T)                                  \
  inline T min(T a, T b) { return a < b ? a : b; }           \
  inline T max(T a, T b) { return a < b ? b : a; }
EMULATED_MIN_MAX(int)
EMULATED_MIN_MAX(unsigned)
EMULATED_MIN_MAX(long long)
EMULATED_MIN_MAX(unsigned long long)
EMULATED_MIN_MAX(float)
EMULATED_MIN_MAX(double)
#undef EMULATED_MIN_MAX
