// vorticity_lanes.h: complex numbers side by side in a vector register, and squares of them turned over, for the CPU.
#pragma once
#include "prelude.h"

#ifdef __clang__
#define SHUFFLED(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLED(a, b, ...) __builtin_shuffle(a, b, decltype(mask_of(a)){__VA_ARGS__})
#endif

// P complex numbers in one value: real and imaginary parts alternate.
template <class T, int P> struct complexes { typedef T type __attribute__((vector_size(2 * P * sizeof(T)))); };
template <int SIZE> struct integer_of;
template <> struct integer_of<4> { typedef int type; };
template <> struct integer_of<8> { typedef long long type; };
template <class V> struct parts_of { typedef decltype(V{}[0] + V{}[0]) real; enum { count = sizeof(V) / sizeof(real) }; };
template <class V> struct mask_type {
  typedef typename integer_of<sizeof(typename parts_of<V>::real)>::type type __attribute__((vector_size(sizeof(V))));
};
template <class V> static typename mask_type<V>::type mask_of(V);

template <class V, class T> DEV V loaded(const T* p) {
  V v;
  memcpy(&v, p, sizeof(V));
  return v;
}
template <class V, class T> DEV void store(T* p, V v) { memcpy(p, &v, sizeof(V)); }

// (a, b, c, …) of complex numbers becomes (…, c, b, a).
template <class V> DEV V turned(V v) {
  if constexpr (parts_of<V>::count == 16) return SHUFFLED(v, v, 14, 15, 12, 13, 10, 11, 8, 9, 6, 7, 4, 5, 2, 3, 0, 1);
  else if constexpr (parts_of<V>::count == 8) return SHUFFLED(v, v, 6, 7, 4, 5, 2, 3, 0, 1);
  else if constexpr (parts_of<V>::count == 4) return SHUFFLED(v, v, 2, 3, 0, 1);
  else return v;
}
// Real and imaginary parts change places.
template <class V> DEV V swapped(V v) {
  if constexpr (parts_of<V>::count == 16) return SHUFFLED(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  else if constexpr (parts_of<V>::count == 8) return SHUFFLED(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
  else if constexpr (parts_of<V>::count == 4) return SHUFFLED(v, v, 1, 0, 3, 2);
  else return SHUFFLED(v, v, 1, 0);
}
// (a, b, a, b, …): signs of real and imaginary parts.
template <class V, class T> DEV V alternating(T a, T b) {
  V v;
  EACH(k, parts_of<V>::count / 2) v[2 * k] = a, v[2 * k + 1] = b;
  return v;
}
// (0, 0, 1, 1, 2, 2, …)
template <class V> DEV V counting() {
  V v;
  EACH(k, parts_of<V>::count / 2) v[2 * k] = v[2 * k + 1] = k;
  return v;
}

// Four rows of four complex numbers become four columns.
DEV void turn_square(complexes<double, 4>::type* a) {
  typedef complexes<double, 4>::type V;
  const V p = SHUFFLED(a[0], a[1], 0, 1, 8, 9, 4, 5, 12, 13), q = SHUFFLED(a[0], a[1], 2, 3, 10, 11, 6, 7, 14, 15);
  const V r = SHUFFLED(a[2], a[3], 0, 1, 8, 9, 4, 5, 12, 13), s = SHUFFLED(a[2], a[3], 2, 3, 10, 11, 6, 7, 14, 15);
  a[0] = SHUFFLED(p, r, 0, 1, 2, 3, 8, 9, 10, 11);
  a[1] = SHUFFLED(q, s, 0, 1, 2, 3, 8, 9, 10, 11);
  a[2] = SHUFFLED(p, r, 4, 5, 6, 7, 12, 13, 14, 15);
  a[3] = SHUFFLED(q, s, 4, 5, 6, 7, 12, 13, 14, 15);
}
DEV void turn_square(complexes<float, 4>::type* a) {
  typedef complexes<double, 2>::type V;  // a complex number of two floats moves as one double
  V b[4];
  memcpy(b, a, sizeof(b));
  const V p = SHUFFLED(b[0], b[1], 0, 4, 2, 6), q = SHUFFLED(b[0], b[1], 1, 5, 3, 7);
  const V r = SHUFFLED(b[2], b[3], 0, 4, 2, 6), s = SHUFFLED(b[2], b[3], 1, 5, 3, 7);
  b[0] = SHUFFLED(p, r, 0, 1, 4, 5);
  b[1] = SHUFFLED(q, s, 0, 1, 4, 5);
  b[2] = SHUFFLED(p, r, 2, 3, 6, 7);
  b[3] = SHUFFLED(q, s, 2, 3, 6, 7);
  memcpy(a, b, sizeof(b));
}

// to[c][r] = from[r][c] for rows × columns complex numbers; from[r] begins at from + r·from_stride, to[c] at to + c·to_stride
// (strides in complex numbers).  ROWS_FIRST: `from` is read in the order of memory, else `to` is written in it.
template <bool ROWS_FIRST, class T>
DEV void turn_over(const T* from, long long from_stride, T* to, long long to_stride, int rows, int columns) {
  typedef typename complexes<T, 4>::type V;
  const int whole_rows = rows & ~3, whole_columns = columns & ~3;
  const int outer = ROWS_FIRST ? whole_rows : whole_columns, inner = ROWS_FIRST ? whole_columns : whole_rows;
  for (int o = 0; o < outer; o += 4)
    for (int i = 0; i < inner; i += 4) {
      const int r = ROWS_FIRST ? o : i, c = ROWS_FIRST ? i : o;
      V a[4];
      EACH(k, 4) a[k] = loaded<V>(from + 2 * ((r + k) * from_stride + c));
      turn_square(a);
      EACH(k, 4) store(to + 2 * ((c + k) * to_stride + r), a[k]);
    }
  for (int r = 0; r < rows; r++)
    for (int c = r < whole_rows ? whole_columns : 0; c < columns; c++)
      memcpy(to + 2 * (c * to_stride + r), from + 2 * (r * from_stride + c), 2 * sizeof(T));
}
