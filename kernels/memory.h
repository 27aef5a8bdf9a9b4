// memory.h: memory of native engines on the CPU: aligned, in large pages where there are some, without values.
#pragma once
#include <stdlib.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#include <algorithm>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads() { return 1; }
static int omp_get_thread_num() { return 0; }
#endif

// Memory in large pages where there are some: neighbours lie all over it.
template <class T> static T* memory_for(long long n) {
  const long long page = 2 << 20, bytes = sizeof(T) * n, unit = bytes < 2 * page ? 64 : page;
  const long long whole = (bytes + unit - 1) / unit * unit;
  void* found = aligned_alloc(unit, whole);
#ifdef MADV_HUGEPAGE
  if (unit == page) madvise(found, whole, MADV_HUGEPAGE);
#endif
  return (T*)found;
}
// Memory without values, aligned for every instruction set; it grows and never shrinks.
template <class T> struct Buffer {
  T* data = nullptr;
  long long room = 0;
  Buffer() = default;
  Buffer(Buffer&& other) noexcept : data(other.data), room(other.room) { other.data = nullptr, other.room = 0; }
  Buffer(const Buffer&) = delete;
  ~Buffer() { free(data); }
  // Room for n; what was there is lost.
  T* make(long long n) {
    if (n > room) {
      free(data);
      room = n + n / 8 + 64;
      data = memory_for<T>(room);
    }
    return data;
  }
  // Room for n; the first `kept` stay.
  T* grow(long long n, long long kept) {
    if (n > room) {
      const long long wanted = n + n / 2 + 64;
      T* larger_one = memory_for<T>(wanted);
      if (kept) memcpy((void*)larger_one, data, sizeof(T) * kept);
      free(data);
      data = larger_one, room = wanted;
    }
    return data;
  }
  T& operator[](long long k) { return data[k]; }
  const T& operator[](long long k) const { return data[k]; }
};
