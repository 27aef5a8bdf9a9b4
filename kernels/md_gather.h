// md_gather.h: vectors of atoms that lie in scattered rows, one molecule per lane.
//
// index_of_rows  where in an array (rows, 3) the atoms of the molecules of a pass stand
// take, put      their vectors;  take_number: a component of rows (n, stride);  nearest_image(r, box): r less box vectors
#pragma once
#include "batch.h"

struct Vector {
  num x, y, z;
};
DEV num dot(Vector a, Vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
DEV Vector difference(Vector a, Vector b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
// a + s b
DEV Vector moved(Vector a, num s, Vector b) { return {a.x + s * b.x, a.y + s * b.y, a.z + s * b.z}; }

#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
DEV num whole_of(num x) { return rint(x); }
#else
DEV num whole_of(num x) {
  bits n[REGISTERS];
  return nearest(x, n);
}
#endif
// box: absent for open space, or a_x, b_x, b_y, c_x, c_y, c_z and then 1/a_x, 1/b_y, 1/c_z, which are 0 along open axes.
DEV Vector nearest_image(Vector r, const double* box) {
  if (!box) return r;
  const num w = r.z * num(box[8]), u = (r.y - w * num(box[4])) * num(box[7]);
  const num s = (r.x - u * num(box[1]) - w * num(box[3])) * num(box[6]);
  const num k = whole_of(w), j = whole_of(u), h = whole_of(s);
  return {r.x - h * num(box[0]) - j * num(box[1]) - k * num(box[3]), r.y - j * num(box[2]) - k * num(box[4]), r.z - k * num(box[5])};
}

#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
typedef long long index_of_rows;
DEV index_of_rows rows_at(const int* rows, long long i, long long n, int atom) { return rows[atom * n + i]; }
DEV index_of_rows rows_beside(const int* rows, long long i, long long, int atoms, int atom) { return rows[i * atoms + atom]; }
DEV num take_number(const double* p, index_of_rows at, int stride, int c) { return p[at * stride + c]; }
DEV Vector take(const double* p, index_of_rows at) { return {p[3 * at], p[3 * at + 1], p[3 * at + 2]}; }
DEV void put(double* p, index_of_rows at, Vector v) {
  p[3 * at] = v.x;
  p[3 * at + 1] = v.y;
  p[3 * at + 2] = v.z;
}
DEV long long first_of(lanes, long long i, long long) { return i + 1; }
#else
struct index_of_rows {
  int row[SYSTEMS_PER_PASS];  // lanes beyond the last molecule repeat it and are not stored
  int count;
};
template <class At> DEV index_of_rows index_by(const int* rows, long long i, long long n, At at) {
  index_of_rows r;
  EACH_SYSTEM(k, l) r.row[k * LANES_OF_DOUBLES + l] = rows[at(row_of(i, n, k, l))];
  r.count = int(smaller((long long)SYSTEMS_PER_PASS, n - i));
  return r;
}
// rows: (atoms, n), or beside each other (n, atoms)
DEV index_of_rows rows_at(const int* rows, long long i, long long n, int atom) {
  return index_by(rows, i, n, [=](long long j) { return atom * n + j; });
}
DEV index_of_rows rows_beside(const int* rows, long long i, long long n, int atoms, int atom) {
  return index_by(rows, i, n, [=](long long j) { return j * atoms + atom; });
}
DEV num take_number(const double* p, const index_of_rows& at, int stride, int c) {
  num r;
  EACH_SYSTEM(k, l) r.v[k][l] = p[(long long)at.row[k * LANES_OF_DOUBLES + l] * stride + c];
  return r;
}
#if HPC_AVX512
// Eight rows of three by eight loads and a transposition: half the time of gathering each component.
DEV __m512d two_rows(const double* p, const int* row, int a, int b) {
  const __m256d low = _mm256_maskz_loadu_pd(7, p + 3ll * row[a]), high = _mm256_maskz_loadu_pd(7, p + 3ll * row[b]);
  return _mm512_insertf64x4(_mm512_castpd256_pd512(low), high, 1);
}
DEV Vector take(const double* p, const index_of_rows& at) {
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), third = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
  Vector r;
  EACH(k, REGISTERS) {
    const int* row = at.row + 8 * k;
    const __m512d a = two_rows(p, row, 0, 4), b = two_rows(p, row, 1, 5), c = two_rows(p, row, 2, 6), d = two_rows(p, row, 3, 7);
    const __m512d ab = _mm512_unpacklo_pd(a, b), cd = _mm512_unpacklo_pd(c, d);
    r.x.v[k] = (vec)_mm512_permutex2var_pd(ab, first, cd);
    r.y.v[k] = (vec)_mm512_permutex2var_pd(_mm512_unpackhi_pd(a, b), first, _mm512_unpackhi_pd(c, d));
    r.z.v[k] = (vec)_mm512_permutex2var_pd(ab, third, cd);
  }
  return r;
}
DEV void put_two_rows(double* p, const int* row, int left, int a, int b, __m512d v) {
  if (a < left) _mm256_mask_storeu_pd(p + 3ll * row[a], 7, _mm512_castpd512_pd256(v));
  if (b < left) _mm256_mask_storeu_pd(p + 3ll * row[b], 7, _mm512_extractf64x4_pd(v, 1));
}
DEV void put(double* p, const index_of_rows& at, Vector v) {
  EACH(k, REGISTERS) {
    const __m512d x = (__m512d)v.x.v[k], y = (__m512d)v.y.v[k], z = (__m512d)v.z.v[k];
    const __m512d even = _mm512_unpacklo_pd(x, y), odd = _mm512_unpackhi_pd(x, y);
    const int left = at.count - 8 * k;
    const int* row = at.row + 8 * k;
    put_two_rows(p, row, left, 0, 2, _mm512_permutex2var_pd(even, _mm512_setr_epi64(0, 1, 8, 8, 2, 3, 10, 10), z));
    put_two_rows(p, row, left, 4, 6, _mm512_permutex2var_pd(even, _mm512_setr_epi64(4, 5, 12, 12, 6, 7, 14, 14), z));
    put_two_rows(p, row, left, 1, 3, _mm512_permutex2var_pd(odd, _mm512_setr_epi64(0, 1, 9, 9, 2, 3, 11, 11), z));
    put_two_rows(p, row, left, 5, 7, _mm512_permutex2var_pd(odd, _mm512_setr_epi64(4, 5, 13, 13, 6, 7, 15, 15), z));
  }
}
#else
DEV Vector take(const double* p, const index_of_rows& at) {
  return {take_number(p, at, 3, 0), take_number(p, at, 3, 1), take_number(p, at, 3, 2)};
}
DEV void put(double* p, const index_of_rows& at, Vector v) {
  EACH_SYSTEM(k, l) if (k * LANES_OF_DOUBLES + l < at.count) {
    double* to = p + 3ll * at.row[k * LANES_OF_DOUBLES + l];
    to[0] = v.x.v[k][l];
    to[1] = v.y.v[k][l];
    to[2] = v.z.v[k][l];
  }
}
#endif
DEV long long first_of(lanes m, long long i, long long n) {
  long long found = 0;
  EACH_SYSTEM(k, l) if (!found && holds(m, k, l)) found = row_of(i, n, k, l) + 1;
  return found;
}
#endif
// p[row, c] += v for arrays (n, width) of the molecules themselves.
#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
#define APART DEV
#else
#define APART static __attribute__((noinline, unused))  // too long to stand in every place
#endif
APART num load_one(const double* p, long long i, long long n, int width, int c) { return load_system(p, i, n, width, c); }
APART void add_one(double* p, long long i, long long n, int width, int c, num v) {
  store_system(p, i, n, width, c, load_system(p, i, n, width, c) + v);
}
