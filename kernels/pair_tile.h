// pair_tile.h: 4 × 8 pairs of atoms at once: one pair per lane of a warp, or of a few vector registers on the CPU.
//
//   num        one value per pair: lane 8r + c is atom r of four (the rows) with atom c of eight (the columns)
//   rows(p), columns(p)     values of four, or of eight, atoms in all lanes they belong to
//   add_rows(f, v), subtract_columns(f, v, w)   the sums over the other index of v, or of v w, go to the atoms
//
// Coordinates lie in blocks of eight atoms: x of all, y of all, z of all.
#pragma once
#include "prelude.h"
typedef REAL real;
#define ROWS 4
#define COLUMNS 8
#define TILE 32
#define BLOCK (3 * COLUMNS)  // numbers of a block of coordinates or forces

#ifdef HPC_CUDA
static_assert(LANES == TILE, "one pair per lane");
typedef real num;
struct indices { int v; };
DEV num rows(const real* p) { return p[threadIdx.x / COLUMNS]; }
DEV num columns(const real* p) { return p[threadIdx.x % COLUMNS]; }
DEV indices table_rows(const int* row, const int* column, int types) {
  return {row[threadIdx.x / COLUMNS] * types + column[threadIdx.x % COLUMNS]};
}
DEV num entries_of(const real* table, int, indices at) { return table[at.v]; }
DEV num only(unsigned pairs, num v) { return (pairs >> threadIdx.x) & 1 ? v : real(0); }
template <class T> DEV T sum_over_rows(T v) {
  v += __shfl_xor_sync(0xffffffffu, v, 8);
  return v + __shfl_xor_sync(0xffffffffu, v, 16);
}
template <class T> DEV T sum_over_columns(T v) {
  for (int o = 1; o < COLUMNS; o <<= 1) v += __shfl_xor_sync(0xffffffffu, v, o);
  return v;
}
// Blocks of one launch share atoms: the order of these additions is the machine's.
DEV void add_rows(real* f, num v) {
  v = sum_over_columns(v);
  if (threadIdx.x % COLUMNS == 0) atomicAdd(f + threadIdx.x / COLUMNS, v);
}
DEV void subtract_columns(real* f, num v, num w) {
  v = sum_over_rows(v * w);
  if (threadIdx.x < COLUMNS) atomicAdd(f + threadIdx.x, -v);
}
DEV bool any_below(num a, real b) { return __any_sync(0xffffffffu, a < b); }
DEV double tile_sum(num v) {
  double s = double(v);
  for (int o = 1; o < TILE; o <<= 1) s += __shfl_xor_sync(0xffffffffu, s, o);
  return s;
}
#else
constexpr int TILE_REGISTERS = TILE / LANES_;
typedef varying<real, TILE_REGISTERS> num;
typedef num::vec vec;
typedef int indices_vec __attribute__((vector_size(LANES_ * 4)));
struct indices { indices_vec v[TILE_REGISTERS]; };
#define EACH_REGISTER(k) UNROLL(16) for (int k = 0; k < TILE_REGISTERS; k++)

DEV num rows(const real* p) {
  num r;
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    EACH_REGISTER(k) r.v[k] = (vec)_mm512_insertf32x8(_mm512_set1_ps(p[2 * k]), _mm256_set1_ps(p[2 * k + 1]), 1);
    return r;
  }
#endif
  EACH_REGISTER(k) {
    if constexpr (LANES_ <= COLUMNS) r.v[k] = p[k * LANES_ / COLUMNS] - vec{};
    else for (int l = 0; l < LANES_; l++) r.v[k][l] = p[(k * LANES_ + l) / COLUMNS];
  }
  return r;
}
DEV num columns(const real* p) {
  num r;
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    const vec both = (vec)_mm512_broadcast_f32x8(_mm256_loadu_ps((const float*)p));
    EACH_REGISTER(k) r.v[k] = both;
    return r;
  }
#endif
  EACH_REGISTER(k) {
    if constexpr (LANES_ <= COLUMNS) memcpy(&r.v[k], p + k * LANES_ % COLUMNS, VECTOR_BYTES);
    else for (int l = 0; l < LANES_; l++) r.v[k][l] = p[l % COLUMNS];
  }
  return r;
}
// Places in a table (types, types) of the types of a row and of a column.
DEV indices table_rows(const int* row, const int* column, int types) {
  indices r;
  EACH_REGISTER(k)
    for (int l = 0; l < LANES_; l++) r.v[k][l] = row[(k * LANES_ + l) / COLUMNS] * types + column[(k * LANES_ + l) % COLUMNS];
  return r;
}
DEV num entries_of(const real* table, int size, indices at) {
  num r;
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    if (size <= 16) {
      const __m512 t = _mm512_maskz_loadu_ps(__mmask16((1u << size) - 1), (const float*)table);
      EACH_REGISTER(k) r.v[k] = (vec)_mm512_permutexvar_ps(_mm512_loadu_si512(&at.v[k]), t);
    } else {
      EACH_REGISTER(k) r.v[k] = (vec)_mm512_i32gather_ps(_mm512_loadu_si512(&at.v[k]), (const float*)table, 4);
    }
  } else {
    EACH_REGISTER(k) {
      __m256i places;
      memcpy(&places, &at.v[k], sizeof places);
      r.v[k] = (vec)_mm512_i32gather_pd(places, (const double*)table, 8);
    }
  }
  return r;
#endif
  EACH_REGISTER(k) for (int l = 0; l < LANES_; l++) r.v[k][l] = table[at.v[k][l]];
  return r;
}
// v for the pairs whose bit is set, 0 for the others.
DEV num only(unsigned pairs, num v) {
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    EACH_REGISTER(k) v.v[k] = (vec)_mm512_maskz_mov_ps(__mmask16(pairs >> (16 * k)), (__m512)v.v[k]);
  } else {
    EACH_REGISTER(k) v.v[k] = (vec)_mm512_maskz_mov_pd(__mmask8(pairs >> (8 * k)), (__m512d)v.v[k]);
  }
  return v;
#endif
  EACH_REGISTER(k) for (int l = 0; l < LANES_; l++) if (!((pairs >> (k * LANES_ + l)) & 1)) v.v[k][l] = 0;
  return v;
}
DEV void subtract_columns(real* f, num v, num w) {
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    const __m512 s = _mm512_fmadd_ps((__m512)v.v[1], (__m512)w.v[1], _mm512_mul_ps((__m512)v.v[0], (__m512)w.v[0]));
    const __m256 t = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
    _mm256_storeu_ps((float*)f, _mm256_sub_ps(_mm256_loadu_ps((const float*)f), t));
    return;
  }
#endif
  v = v * w;
  if constexpr (LANES_ <= COLUMNS) {
    constexpr int parts = COLUMNS / LANES_;
    UNROLL(4) for (int q = 0; q < parts; q++) {
      vec s = v.v[q], t;
      UNROLL(4) for (int r = 1; r < ROWS; r++) s += v.v[q + r * parts];
      memcpy(&t, f + q * LANES_, VECTOR_BYTES);
      t -= s;
      memcpy(f + q * LANES_, &t, VECTOR_BYTES);
    }
  } else {
    for (int c = 0; c < COLUMNS; c++)
      for (int r = 0; r < ROWS; r++) f[c] -= v.v[(r * COLUMNS + c) / LANES_][(r * COLUMNS + c) % LANES_];
  }
}
DEV void add_rows(real* f, num v) {
#if HPC_AVX512
  if constexpr (sizeof(real) == 4) {
    const __m512 a = (__m512)v.v[0], b = (__m512)v.v[1];
    // One row per quarter, then the sum within each quarter.
    __m512 s = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
    const __m128 t = _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, s));
    _mm_storeu_ps((float*)f, _mm_add_ps(_mm_loadu_ps((const float*)f), t));
    return;
  }
#endif
  for (int r = 0; r < ROWS; r++) {
    real s = 0;
    for (int c = 0; c < COLUMNS; c++) s += v.v[(r * COLUMNS + c) / LANES_][(r * COLUMNS + c) % LANES_];
    f[r] += s;
  }
}
DEV bool any_below(num a, real b) { return any_less(a, num(b)); }
DEV double tile_sum(num v) {
  vec t = v.v[0];
  EACH_REGISTER(k) if (k) t += v.v[k];
  double s = 0;
  for (int l = 0; l < LANES_; l++) s += double(t[l]);
  return s;
}
#endif
