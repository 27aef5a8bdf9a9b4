// split_operator_sweeps.h: a Strang step on the CPU as two sweeps over memory, transforms and flows fused in cache.
//
//   rows:     for each row of axis 0 (a plane in 3D): [inverse FFT of its axes] [kick] [forward FFT]
//   columns:  for each block of WIDTH columns of axis 0: copy in, FFT, drift, inverse FFT, copy back
//
// Between steps ψ is in momenta along the trailing axes and in positions along axis 0.  Over several ranks rows write
// straight into the windows that go to the others, columns read and write the windows that came: nothing is packed.
// Transforms are FFTW's, in both precisions, of one thread; threads share rows and blocks.
#pragma once
#include <fftw3.h>
#include <stdlib.h>
#include "prelude.h"

// FFTW's names in the precision of REAL.
template <class T> struct fftw_of;
template <> struct fftw_of<double> {
  typedef fftw_complex pair;
  typedef fftw_plan plan;
  static plan dft(int rank, const int* n, pair* in, pair* out, int sign, unsigned flags) { return fftw_plan_dft(rank, n, in, out, sign, flags); }
  static plan columns(int n, int width, pair* a, int sign, unsigned flags) {
    return fftw_plan_many_dft(1, &n, width, a, nullptr, width, 1, a, nullptr, width, 1, sign, flags);
  }
  static void execute(plan p, pair* in, pair* out) { fftw_execute_dft(p, in, out); }
  static void destroy(plan p) { fftw_destroy_plan(p); }
  static int to_file(const char* name) { return fftw_export_wisdom_to_filename(name); }
  static int from_file(const char* name) { return fftw_import_wisdom_from_filename(name); }
};
template <> struct fftw_of<float> {
  typedef fftwf_complex pair;
  typedef fftwf_plan plan;
  static plan dft(int rank, const int* n, pair* in, pair* out, int sign, unsigned flags) { return fftwf_plan_dft(rank, n, in, out, sign, flags); }
  static plan columns(int n, int width, pair* a, int sign, unsigned flags) {
    return fftwf_plan_many_dft(1, &n, width, a, nullptr, width, 1, a, nullptr, width, 1, sign, flags);
  }
  static void execute(plan p, pair* in, pair* out) { fftwf_execute_dft(p, in, out); }
  static void destroy(plan p) { fftwf_destroy_plan(p); }
  static int to_file(const char* name) { return fftwf_export_wisdom_to_filename(name); }
  static int from_file(const char* name) { return fftwf_import_wisdom_from_filename(name); }
};
typedef fftw_of<REAL> Transform;
typedef Transform::pair Pair;

// Memory of one thread, aligned, that grows and stays.
struct Scratch {
  void* memory = nullptr;
  size_t size = 0;
  Pair* of(long long pairs) {
    const size_t wanted = (size_t(pairs) * sizeof(Pair) + 4095) / 4096 * 4096;
    if (wanted > size) {
      free(memory);
      memory = aligned_alloc(4096, wanted);
      size = wanted;
    }
    return (Pair*)memory;
  }
  ~Scratch() { free(memory); }
};
static thread_local Scratch row_scratch, column_scratch;

// Plans: 0 forward, 1 inverse of a row in place; 2 out of ψ into scratch (inverse), 3 back (forward); 4 forward, 5 inverse of
// `width` columns.  All are of aligned memory; flags may hold FFTW_UNALIGNED for rows that are not.
HOST(wave_plan)(long long n0, long long n1, long long n2, long long width, int effort, int unaligned, long long* plans) {
  static const unsigned efforts[] = {FFTW_ESTIMATE, FFTW_MEASURE, FFTW_PATIENT};
  const unsigned flags = efforts[effort], rows = flags | (unaligned ? FFTW_UNALIGNED : 0);
  const long long trailing = n1 * n2;
  Scratch first, second;
  Pair* a = first.of(larger(trailing, n0 * width));
  Pair* b = second.of(trailing);
  if (!a || !b) return 1;
  const int shape[2] = {int(n1), int(n2)};
  const int rank = n1 > 1 ? 2 : 1, *n = shape + (n1 > 1 ? 0 : 1);
  Transform::plan made[6] = {Transform::dft(rank, n, a, a, FFTW_FORWARD, rows), Transform::dft(rank, n, a, a, FFTW_BACKWARD, rows),
                             Transform::dft(rank, n, a, b, FFTW_BACKWARD, rows), Transform::dft(rank, n, b, a, FFTW_FORWARD, rows),
                             Transform::columns(int(n0), int(width), a, FFTW_FORWARD, flags),
                             Transform::columns(int(n0), int(width), a, FFTW_BACKWARD, flags)};
  for (int k = 0; k < 6; k++) {
    if (!made[k]) return 2;
    plans[k] = (long long)made[k];
  }
  return 0;
}
HOST(wave_forget)(const long long* plans) {
  for (int k = 0; k < 6; k++) Transform::destroy((Transform::plan)plans[k]);
  return 0;
}
// FFTW's wisdom to and from a file, so that every process of a machine makes the same plans; 0 where it failed.
HOST(wave_export_wisdom)(const char* name) { return Transform::to_file(name); }
HOST(wave_import_wisdom)(const char* name) { return Transform::from_file(name); }

// What a kick is made of, see wave_kick; `at` moves to another row.
struct Kick {
  const double* values;
  double duration;
  const double* slope;
  double gradient;
  const REAL* damping;
  double strength;
  const double* exposure;
  int imaginary;
  bool due;
  template <class T> static const T* moved(const T* p, long long n) { return p ? p + n : nullptr; }
  Kick at(long long n) const {
    Kick k = *this;
    k.values = moved(values, n), k.slope = moved(slope, n), k.damping = moved(damping, n), k.exposure = moved(exposure, n);
    return k;
  }
};
// wave_kick on n values, in pieces whose angles stay in the first cache: each loop is one that compilers vectorise.
static void kick_row(const Kick& k, Pair* row, long long n) {
  constexpr int PIECE = 256;
  double angle[PIECE];
  REAL cosine[PIECE], sine[PIECE];
  for (long long first = 0; first < n; first += PIECE) {
    const int m = int(smaller((long long)PIECE, n - first));
    REAL* RESTRICT psi = (REAL*)(row + first);
    if (k.values) for (int i = 0; i < m; i++) angle[i] = k.duration * k.values[first + i];
    else for (int i = 0; i < m; i++) angle[i] = 0;
    if (k.slope) for (int i = 0; i < m; i++) angle[i] -= k.gradient * k.slope[first + i];
    if (k.strength != 0) {
      for (int i = 0; i < m; i++) {
        const double density = double(psi[2 * i]) * psi[2 * i] + double(psi[2 * i + 1]) * psi[2 * i + 1];
        angle[i] += k.strength * density * (k.exposure ? k.exposure[first + i] : k.duration);
      }
    }
    if (k.imaginary) {
      for (int i = 0; i < m; i++) cosine[i] = REAL(1.0 / sqrt(1.0 + 2.0 * angle[i]));
      for (int i = 0; i < m; i++) sine[i] = 0;
    } else {
      PRAGMA(omp simd)
      for (int i = 0; i < m; i++) turn(angle[i], cosine[i], sine[i]);
    }
    if (k.damping) for (int i = 0; i < m; i++) cosine[i] *= k.damping[first + i], sine[i] *= k.damping[first + i];
    PRAGMA(omp simd)
    for (int i = 0; i < m; i++) {
      const REAL x = psi[2 * i], y = psi[2 * i + 1];
      psi[2 * i] = x * cosine[i] + y * sine[i];
      psi[2 * i + 1] = y * cosine[i] - x * sine[i];
    }
  }
}

// Where the trailing indices of a row lie in mixed representation over several ranks: rank r's columns bounds[r] … bounds[r+1]-1
// of local row i at windows + places[r] + i·width, this rank's own at own + i·width.
struct Windows {
  long long ranks, rank;
  const long long* bounds;
  const long long* places;
  Pair* windows;
  Pair* own;
  Pair* part(long long r, long long i) const {
    return (r == rank ? own : windows + places[r]) + i * (bounds[r + 1] - bounds[r]);
  }
  void gather(long long i, Pair* row) const {
    for (long long r = 0; r < ranks; r++) memcpy(row + bounds[r], part(r, i), (bounds[r + 1] - bounds[r]) * sizeof(Pair));
  }
  void scatter(long long i, const Pair* row) const {
    for (long long r = 0; r < ranks; r++) memcpy(part(r, i), row + bounds[r], (bounds[r + 1] - bounds[r]) * sizeof(Pair));
  }
};

// [inverse FFT] [kick] [forward FFT] of each of `rows` rows of `trailing` values.  inverse, forward: whether ψ comes, goes in
// mixed representation; due: whether there is a kick.  With windows the mixed one lies there, positions always in ψ.
HOST(wave_rows)(const long long* plans, long long rows, long long trailing, REAL* psi, int inverse, int forward, int due,
                const double* values, double duration, const double* slope, double gradient, const REAL* damping, double strength,
                const double* exposure, int imaginary, long long ranks, long long rank, const long long* bounds,
                const long long* places, REAL* windows, REAL* own) {
  const Transform::plan* plan = (const Transform::plan*)plans;
  const Kick kick = {values, duration, slope, gradient, damping, strength, exposure, imaginary, due != 0};
  const Windows mixed = {ranks, rank, bounds, places, (Pair*)windows, (Pair*)own};
  const bool apart = ranks > 1;                                           // the mixed representation lies elsewhere
  const bool small = trailing * (long long)sizeof(Pair) <= (1 << 17);     // a row is worth a copy into the cache
  PRAGMA(omp parallel for schedule(static))
  for (long long i = 0; i < rows; i++) {
    Pair* row = (Pair*)psi + i * trailing;
    Pair* work = row;
    if (apart) {
      work = row_scratch.of(trailing);
      if (inverse) {
        mixed.gather(i, work);
        if (!forward) memcpy(row, work, trailing * sizeof(Pair)), work = row;
        Transform::execute(plan[1], work, work);
      } else if (forward) {
        memcpy(work, row, trailing * sizeof(Pair));
      } else {
        work = row;
      }
    } else if (inverse && forward && small) {
      work = row_scratch.of(trailing);
      Transform::execute(plan[2], row, work);
    } else if (inverse) {
      Transform::execute(plan[1], row, row);
    }
    if (kick.due) kick_row(kick.at(i * trailing), work, trailing);
    if (!forward) continue;
    if (apart) Transform::execute(plan[0], work, work), mixed.scatter(i, work);
    else if (work != row) Transform::execute(plan[3], work, row);
    else Transform::execute(plan[0], row, row);
  }
  return 0;
}

DEV void times(Pair* a, REAL c, REAL s) {
  const REAL x = (*a)[0], y = (*a)[1];
  (*a)[0] = x * c - y * s;
  (*a)[1] = y * c + x * s;
}
// Pairs by the register: (x, y) times (c, s) is (x, y)·(c, c) + (y, x)·(-s, s).
typedef typename vector_of<REAL>::type Register;
constexpr int PAIRS = VECTOR_BYTES / int(sizeof(Pair));
DEV Register load(const void* p) {
  Register r;
  memcpy(&r, p, VECTOR_BYTES);
  return r;
}
DEV Register swapped(Register r) {
  Register t;
  UNROLL(16)
  for (int k = 0; k < LANES; k++) t[k] = r[k ^ 1];
  return t;
}
// n pairs of `to` ← those of `from` times the factors whose doubled parts are c and s; `to` has room for whole registers.
DEV void times_each(Pair* to, const Pair* from, const Pair* c, const Pair* s, long long n) {
  for (long long l = 0; l < n; l += PAIRS) {
    const Register v = load(from + l), r = v * load(c + l) + swapped(v) * load(s + l);
    memcpy(to + l, &r, VECTOR_BYTES);
  }
}
DEV void times_one(Pair* a, REAL cosine, REAL sine, long long n) {
  Register c, s;
  for (int k = 0; k < LANES; k++) c[k] = cosine, s[k] = k % 2 ? sine : -sine;
  for (long long l = 0; l < n; l += PAIRS) {
    const Register v = load(a + l), r = v * c + swapped(v) * s;
    memcpy(a + l, &r, VECTOR_BYTES);
  }
}
// FFT, factors t0(k0) t(column), inverse FFT along axis 0 of `count` columns, `width` of them at a time.  Row j of the columns
// lies at `own` for first ≤ j < last, else at `others` (rows in order, own ones left out); both have `stride` columns a row.
HOST(wave_columns)(const long long* plans, long long n0, long long count, long long width, long long stride, REAL* own, REAL* others,
                   long long first, long long last, const REAL* t0, const REAL* t) {
  const Transform::plan* plan = (const Transform::plan*)plans;
  const Pair *along = (const Pair*)t0, *across = (const Pair*)t;
  const long long blocks = (count + width - 1) / width, room = (width + PAIRS - 1) / PAIRS * PAIRS;
  PRAGMA(omp parallel for schedule(static))
  for (long long b = 0; b < blocks; b++) {
    const long long c0 = b * width, m = smaller(width, count - c0);
    Pair* work = column_scratch.of(n0 * width + 3 * room);
    Pair *cosine = work + n0 * width + room, *sine = cosine + room;
    for (long long l = 0; l < width; l++) {
      const REAL c = l < m ? across[c0 + l][0] : REAL(0), s = l < m ? across[c0 + l][1] : REAL(0);
      cosine[l][0] = cosine[l][1] = c, sine[l][0] = -s, sine[l][1] = s;
    }
    const auto line = [=](long long j) {
      const long long place = j < first ? j : j < last ? j - first : j - (last - first);
      return (Pair*)(j >= first && j < last ? own : others) + place * stride + c0;
    };
    // The factors of the columns commute with the transform along them: they come with the copy, which waits for memory.
    const bool whole = m == width && width % PAIRS == 0;
    for (long long j = 0; j < n0; j++) {
      Pair* a = work + j * width;
      if (whole) times_each(a, line(j), cosine, sine, width);
      else for (long long l = 0; l < width; l++) {
        const REAL x = l < m ? line(j)[l][0] : REAL(0), y = l < m ? line(j)[l][1] : REAL(0);
        a[l][0] = x * cosine[l][0] + y * sine[l][0];
        a[l][1] = y * cosine[l][1] + x * sine[l][1];
      }
    }
    Transform::execute(plan[4], work, work);
    if (whole) for (long long j = 0; j < n0; j++) times_one(work + j * width, along[j][0], along[j][1], width);
    else for (long long j = 0; j < n0; j++) {
      for (long long l = 0; l < width; l++) times(work + j * width + l, along[j][0], along[j][1]);
    }
    Transform::execute(plan[5], work, work);
    for (long long j = 0; j < n0; j++) memcpy(line(j), work + j * width, m * sizeof(Pair));
  }
  return 0;
}

// A grid of one axis: [kick], FFT, factors, inverse FFT of the n values of ψ, by the plans of one row.
HOST(wave_line)(const long long* plans, long long n, REAL* psi, int due, const double* values, double duration, const double* slope,
                double gradient, const REAL* damping, double strength, const double* exposure, int imaginary, const REAL* t0) {
  const Transform::plan* plan = (const Transform::plan*)plans;
  Pair *line = (Pair*)psi, *work = row_scratch.of(n);
  const Pair* factor = (const Pair*)t0;
  if (due) kick_row({values, duration, slope, gradient, damping, strength, exposure, imaginary, true}, line, n);
  memcpy(work, line, n * sizeof(Pair));
  Transform::execute(plan[0], work, work);
  for (long long j = 0; j < n; j++) times(work + j, factor[j][0], factor[j][1]);
  Transform::execute(plan[1], work, work);
  memcpy(line, work, n * sizeof(Pair));
  return 0;
}
