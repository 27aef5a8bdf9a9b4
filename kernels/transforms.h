// transforms.h: FFTW in the precision of REAL, for loops on the CPU, and its measured plans to and from a file.
#pragma once
#include <fftw3.h>
#include "prelude.h"

template <class T> struct fftw;
template <> struct fftw<double> {
  typedef fftw_complex pair;
  typedef fftw_plan plan;
  static plan make(int rank, const int* n, pair* in, pair* out, int sign, unsigned flags) {
    return fftw_plan_dft(rank, n, in, out, sign, flags);
  }
  // `width` interleaved transforms of n numbers, in place.
  static plan columns(int n, int width, pair* a, int sign, unsigned flags) {
    return fftw_plan_many_dft(1, &n, width, a, nullptr, width, 1, a, nullptr, width, 1, sign, flags);
  }
  static void run(plan p, pair* in, pair* out) { fftw_execute_dft(p, in, out); }
  static void destroy(plan p) { fftw_destroy_plan(p); }
  static int read(const char* path) { return fftw_import_wisdom_from_filename(path); }
  static int write(const char* path) { return fftw_export_wisdom_to_filename(path); }
};
template <> struct fftw<float> {
  typedef fftwf_complex pair;
  typedef fftwf_plan plan;
  static plan make(int rank, const int* n, pair* in, pair* out, int sign, unsigned flags) {
    return fftwf_plan_dft(rank, n, in, out, sign, flags);
  }
  static plan columns(int n, int width, pair* a, int sign, unsigned flags) {
    return fftwf_plan_many_dft(1, &n, width, a, nullptr, width, 1, a, nullptr, width, 1, sign, flags);
  }
  static void run(plan p, pair* in, pair* out) { fftwf_execute_dft(p, in, out); }
  static void destroy(plan p) { fftwf_destroy_plan(p); }
  static int read(const char* path) { return fftwf_import_wisdom_from_filename(path); }
  static int write(const char* path) { return fftwf_export_wisdom_to_filename(path); }
};
typedef fftw<REAL> Transform;
typedef Transform::pair Pair;

// Plans that FFTW has found: read from a file, or written to it.  Returns 1 if that was possible.
HOST(read_plans)(const char* path) { return Transform::read(path); }
HOST(write_plans)(const char* path) { return Transform::write(path); }
