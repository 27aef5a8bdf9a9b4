// batch_scalar.h: batch.h with one system per pass: a thread on CUDA, a turn of the loop on the CPU.
#pragma once
typedef double num;
typedef bool lanes;
typedef long long codes;
#ifdef HPC_CUDA
#define SYSTEMS(i, n) ELEMENTS(i, n)
#define OUTLINE
DEV num inverse_square_root(num x) { return inverse_sqrt_seed(x); }
#else
#define SYSTEMS(i, n) for (long long i = 0; i < (n); i++)
#define OUTLINE __attribute__((noinline))
DEV num square_root(num x) { return sqrt(x); }
DEV num absolute(num x) { return fabs(x); }
DEV num inverse_square_root(num x) { return 1.0 / sqrt(x); }
#endif
DEV num inverse(num x) { return 1.0 / x; }
DEV num load_system(const double* p, long long i, long long, int width, int c) { return p[i * width + c]; }
DEV void store_system(double* p, long long i, long long, int width, int c, num v) { p[i * width + c] = v; }
DEV codes load_codes(const long long* p, long long i, long long) { return p[i]; }
DEV void store_codes(long long* p, long long i, long long, codes c) { p[i] = c; }
DEV void set_codes(codes& c, lanes m, long long code) { c = m ? code : c; }
DEV lanes are_zero(codes c) { return c == 0; }
DEV lanes all_systems() { return true; }
DEV bool any(lanes m) { return m; }
DEV num where(lanes m, num a, num b) { return m ? a : b; }
#if defined(HPC_CUDA) && !defined(HPC_EMULATE)
DEV num multiply_add(num a, num b, num c) { return fma(a, b, c); }
DEV num subtract_product(num a, num b, num c) { return fma(-a, b, c); }
#elif defined(FP_FAST_FMA)
DEV num multiply_add(num a, num b, num c) { return __builtin_fma(a, b, c); }
DEV num subtract_product(num a, num b, num c) { return __builtin_fma(-a, b, c); }
#else
DEV num multiply_add(num a, num b, num c) { return a * b + c; }
DEV num subtract_product(num a, num b, num c) { return c - a * b; }
#endif
