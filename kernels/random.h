// random.h: random numbers that are a function of (seed; global system, step, draw), by Philox 4x32-10.
//
// Source: Salmon, Moraes, Dror & Shaw (2011), Proc. SC11, section 3.3.  hpcphys/compiler/flows/noise.py is the reference.
#pragma once
#define PHILOX_A_ 0xD2511F53u
#define PHILOX_B_ 0xCD9E8D57u
#if defined(HPC_CUDA) || defined(SCALAR_SYSTEMS)
typedef unsigned long long words;  // 32 bits of it are in use
DEV words wide_product(words a, unsigned b) { return (a & 0xffffffffu) * b; }
DEV num uniform_of(words low, words high) {  // 52 bits, in [1, 2)
  const words w = 0x3ff0000000000000ull | (low | high << 32) >> 12;
  num u;
  memcpy(&u, &w, sizeof(u));
  return u;
}
DEV words rows_from(long long row) { return (words)row; }
DEV void quarter_turns(num turns, num& s, num& c) {  // sin and cos of 2π turns, turns in [0, 1)
  const num whole = floor(4.0 * turns + 0.5), r = (4.0 * turns - whole) * 1.5707963267948966;
  const int q = (int)whole & 3;
  const num sine = sin(r), cosine = cos(r), first = q & 1 ? cosine : sine, second = q & 1 ? sine : cosine;
  s = q & 2 ? -first : first;
  c = (q + 1) & 2 ? -second : second;
}
#define EACH_WORD_
#define WORD_(x) x
#else
typedef unsigned long long words_of_register __attribute__((vector_size(VECTOR_BYTES)));
struct words { words_of_register v[REGISTERS]; };
DEV words_of_register wide_product(words_of_register a, unsigned b) {
#if HPC_AVX512
  return (words_of_register)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#elif HPC_AVX2
  return (words_of_register)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#else
  return (a & 0xffffffffu) * (unsigned long long)b;
#endif
}
DEV num uniform_of(const words& low, const words& high) {
  num u;
  EACH(k, REGISTERS) u.v[k] = (vec)(0x3ff0000000000000ull | (low.v[k] | high.v[k] << 32) >> 12);
  return u;
}
DEV words rows_from(long long row) {
  words r;
  EACH_SYSTEM(k, l) r.v[k][l] = row + k * LANES_OF_DOUBLES + l;
  return r;
}
DEV void quarter_turns(num turns, num& s, num& c) {
  bits n[REGISTERS];
  const num quarters = num(4.0) * turns, whole = nearest(quarters, n);
  sine_cosine_near_zero((quarters - whole) * num(1.5707963267948966), s, c);
  turn(n, s, c);
}
#define EACH_WORD_ EACH(k, REGISTERS)
#define WORD_(x) x.v[k]
#endif

// Words a, b, c, d become four random words of 32 bits.
DEV void philox(words& a, words& b, words& c, words& d, unsigned key_low, unsigned key_high) {
  for (int round = 0; round < 10; round++) {
    EACH_WORD_ {
      const auto first = wide_product(WORD_(a), PHILOX_A_), second = wide_product(WORD_(c), PHILOX_B_);
      WORD_(a) = (second >> 32) ^ WORD_(b) ^ key_low;
      WORD_(b) = second & 0xffffffffu;
      WORD_(c) = (first >> 32) ^ WORD_(d) ^ key_high;
      WORD_(d) = first & 0xffffffffu;
    }
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
}

// Two independent standard normal variates of each system, by Box & Muller (1958).  a: the systems' own numbers.
DEV void normal_pair_of(long long seed, words a, long long step, int block, num& x, num& y) {
  words b, c, d;
  EACH_WORD_ {
    WORD_(b) = WORD_(a) >> 32;
    WORD_(a) = WORD_(a) & 0xffffffffu;
    WORD_(c) = WORD_(a) * 0 + ((unsigned long long)step & 0xffffffffu);
    WORD_(d) = WORD_(a) * 0 + ((unsigned)block | (unsigned)((unsigned long long)step >> 32) << 16);
  }
  philox(a, b, c, d, (unsigned)seed, (unsigned)((unsigned long long)seed >> 32));
  const num radius = square_root(num(-2.0) * logarithm(num(2.0) - uniform_of(a, b)));
  quarter_turns(uniform_of(c, d) - num(1.0), y, x);
  x = radius * x;
  y = radius * y;
}
// The same for the systems row, row+1, …
DEV void normal_pair(long long seed, long long row, long long step, int block, num& x, num& y) {
  normal_pair_of(seed, rows_from(row), step, block, x, y);
}
