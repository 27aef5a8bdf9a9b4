// vorticity_passes.h: the 2D vorticity equation on one rank's share of the grid, for the CPU, with FFTW.
//
// w = u + iv = (k_x + i k_y) ω̂/k² by one inverse complex transform, its square, one forward transform Q of it:
//     P̂ = (Q(k) + Q(-k)*)/2 of u²-v²,   R̂ = (Q(k) - Q(-k)*)/4i of uv,   N̂ = -k_x k_y P̂ + (k_x²-k_y²) R̂ = -(u·∇ω)^
// (Basdevant 1983).  Wavenumbers are counted in units of 2π/L: the unit drops out of N̂.
//
// Rows: [inverse over x, square, forward] of one line y after the other, in the first-level cache.  Columns: [forward over y,
// right-hand side, Runge-Kutta update, velocity of the next stage, inverse] of a block of k_x and its -k_x, in the second.
// Only the 2K+1 columns |k_x| <= K exist between them, in blocks [y][lane]: lanes k_x = first … first+width-1, then
// -k_x from -(first+width-1) up (without -0).  A rank's blocks for the lines of another rank are one contiguous window.
#pragma once
#include <fftw3.h>
#include <stdlib.h>
#include <algorithm>
#include <memory>
#include <vector>
#include "vorticity_columns.h"
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads() { return 1; }
static int omp_get_thread_num() { return 0; }
#endif

template <class T> struct fftw;
template <> struct fftw<double> {
  typedef fftw_plan plan;
  static plan make(int n, double* a, double* b, int sign, unsigned flags) {
    return fftw_plan_dft_1d(n, (fftw_complex*)a, (fftw_complex*)b, sign, flags);
  }
  static void run(plan p, double* a, double* b) { fftw_execute_dft(p, (fftw_complex*)a, (fftw_complex*)b); }
  static void destroy(plan p) { fftw_destroy_plan(p); }
  static int read(const char* path) { return fftw_import_wisdom_from_filename(path); }
  static int write(const char* path) { return fftw_export_wisdom_to_filename(path); }
};
template <> struct fftw<float> {
  typedef fftwf_plan plan;
  static plan make(int n, float* a, float* b, int sign, unsigned flags) {
    return fftwf_plan_dft_1d(n, (fftwf_complex*)a, (fftwf_complex*)b, sign, flags);
  }
  static void run(plan p, float* a, float* b) { fftwf_execute_dft(p, (fftwf_complex*)a, (fftwf_complex*)b); }
  static void destroy(plan p) { fftwf_destroy_plan(p); }
  static int read(const char* path) { return fftwf_import_wisdom_from_filename(path); }
  static int write(const char* path) { return fftwf_export_wisdom_to_filename(path); }
};

// Lines of complex numbers, aligned for every instruction set; strides differ from powers of two, which would share one
// place of the cache.
struct Lines {
  long long stride = 0;
  std::unique_ptr<REAL, decltype(&free)> memory{nullptr, &free};
  void make(int lines, int length) {
    const int unit = 64 / (2 * (int)sizeof(REAL));
    stride = (length + unit - 1) / unit * unit + 2 * unit;
    memory.reset((REAL*)aligned_alloc(64, sizeof(REAL) * 2 * stride * lines));
    memset(memory.get(), 0, sizeof(REAL) * 2 * stride * lines);
  }
  REAL* operator[](int line) const { return memory.get() + 2 * stride * line; }
};

// A block of columns of one rank: k_x = first … first+width-1; its first lane counted over the rank's blocks.
struct Block { int first, width, lanes, before; };

static std::vector<Block> blocks_of(int first, int last, int most) {
  std::vector<Block> blocks;
  int before = 0;
  for (int k = first; k < last; k += most) {
    const int width = std::min(most, last - k), lanes = 2 * width - (k == 0);
    blocks.push_back({k, width, lanes, before});
    before += lanes;
  }
  return blocks;
}

struct Passes {
  int n, cutoff, ranks, rank, most;
  std::vector<int> rows;  // line bounds of the ranks
  std::vector<std::vector<Block>> blocks;  // of each rank
  std::vector<long long> arriving;  // first number of each rank's window in the rows' buffer
  fftw<REAL>::plan forward = nullptr, inverse = nullptr;
  struct Buffers { Lines block, lines; };
  std::vector<Buffers> buffers;  // of each thread

  ~Passes() {
    if (forward) fftw<REAL>::destroy(forward);
    if (inverse) fftw<REAL>::destroy(inverse);
  }
  int lines() const { return rows[rank + 1] - rows[rank]; }
  void prepare_threads() {
    const int wanted = omp_get_max_threads();
    for (int t = (int)buffers.size(); t < wanted; t++) {
      buffers.emplace_back();
      buffers.back().block.make(2 * most, n);
      buffers.back().lines.make(4, n);
    }
  }
};

// Lanes of a block between its buffer and its places in the windows of all ranks.
template <bool OUT> static void move_block(const Passes& s, const Block& b, const Lines& buffer, REAL* columns) {
  const long long lanes_of_rank = s.blocks[s.rank].empty() ? 0 : s.blocks[s.rank].back().before + s.blocks[s.rank].back().lanes;
  for (int r = 0; r < s.ranks; r++) {
    const int y = s.rows[r], count = s.rows[r + 1] - y;
    REAL* tile = columns + 2 * (lanes_of_rank * y + (long long)b.before * count);
    if constexpr (OUT) turn_over<false>(buffer[0] + 2 * y, buffer.stride, tile, b.lanes, b.lanes, count);
    else turn_over<true>(tile, b.lanes, buffer[0] + 2 * y, buffer.stride, count, b.lanes);
  }
}
// Line of the block's buffer that holds column k_x = first + l, or -k_x.
DEV int plus_line(const Block&, int l) { return l; }
DEV int minus_line(const Block& b, int l) { return b.first + l == 0 ? 0 : 2 * b.width - 1 - l; }

// n: points; bounds of lines and columns: (ranks + 1); most: columns in a block; thorough: plans are measured, not estimated.
// Returns a handle for the functions below, or 0 if FFTW finds no plan.
HOST(vorticity_make)(long long n, long long cutoff, long long ranks, long long rank, const long long* rows, const long long* columns,
                     long long most, long long thorough) {
  std::unique_ptr<Passes> s(new Passes);
  s->n = (int)n, s->cutoff = (int)cutoff, s->ranks = (int)ranks, s->rank = (int)rank, s->most = (int)most;
  s->rows.assign(rows, rows + ranks + 1);
  long long before = 0;
  for (int r = 0; r < ranks; r++) {
    s->blocks.push_back(blocks_of((int)columns[r], (int)columns[r + 1], s->most));
    s->arriving.push_back(before);
    if (!s->blocks[r].empty()) before += (long long)s->lines() * (s->blocks[r].back().before + s->blocks[r].back().lanes);
  }
  Lines scratch;
  scratch.make(2, s->n);
  const unsigned flags = thorough ? FFTW_MEASURE : FFTW_ESTIMATE;
  s->forward = fftw<REAL>::make(s->n, scratch[0], scratch[1], FFTW_FORWARD, flags);
  s->inverse = fftw<REAL>::make(s->n, scratch[0], scratch[1], FFTW_BACKWARD, flags);
  return s->forward && s->inverse ? (long long)s.release() : 0;
}
HOST(vorticity_free)(long long handle) {
  delete (Passes*)handle;
  return 0;
}
// Plans that FFTW has found: read from a file, or written to it.  Returns 1 if that was possible.
HOST(vorticity_read_plans)(const char* path) { return fftw<REAL>::read(path); }
HOST(vorticity_write_plans)(const char* path) { return fftw<REAL>::write(path); }

// What the columns hold when the rows are to be transformed: `what` is VELOCITY or FIELD of the spectral array.
HOST(vorticity_fill)(long long handle, long long what, const REAL* spectral, REAL* columns) {
  Passes& s = *(Passes*)handle;
  s.prepare_threads();
  const std::vector<Block>& own = s.blocks[s.rank];
  const int start = own.empty() ? 0 : own[0].first, height = 2 * s.cutoff + 1;
#pragma omp parallel for schedule(dynamic, 1)
  for (int i = 0; i < (int)own.size(); i++) {
    const Passes::Buffers& buffers = s.buffers[omp_get_thread_num()];
    const Block& b = own[i];
    for (int l = 0; l < b.width; l++) {
      const int k = b.first + l;
      const REAL* column = spectral + 2ll * (k - start) * height;
      REAL *plus = buffers.lines[0], *minus = buffers.lines[1];
      if (what == VELOCITY) fill_column<VELOCITY>(s.n, s.cutoff, k, column, plus, minus);
      else fill_column<FIELD>(s.n, s.cutoff, k, column, plus, minus);
      fftw<REAL>::run(s.inverse, plus, buffers.block[plus_line(b, l)]);
      if (k > 0) fftw<REAL>::run(s.inverse, minus, buffers.block[minus_line(b, l)]);
    }
    move_block<true>(s, b, buffers.block, columns);
  }
  return 0;
}

// One stage: forward transform, right-hand side, update, velocity of the next stage, inverse transform.
template <int STAGE, bool DAMPED, bool FILTERED>
static void columns_of(Passes& s, double dt, REAL* columns, REAL* state, REAL* sum, const REAL* decay, const REAL* filter) {
  const std::vector<Block>& own = s.blocks[s.rank];
  const int start = own.empty() ? 0 : own[0].first, height = 2 * s.cutoff + 1;
#pragma omp parallel for schedule(dynamic, 1)
  for (int i = 0; i < (int)own.size(); i++) {
    const Passes::Buffers& buffers = s.buffers[omp_get_thread_num()];
    const Block& b = own[i];
    move_block<false>(s, b, buffers.block, columns);
    for (int l = 0; l < b.width; l++) {
      const int k = b.first + l;
      const long long place = 2ll * (k - start) * height, half = 2ll * (k - start) * (s.cutoff + 1);
      REAL *plus = buffers.lines[0], *minus = k > 0 ? buffers.lines[1] : plus, *next = buffers.lines[2], *next_minus = buffers.lines[3];
      fftw<REAL>::run(s.forward, buffers.block[plus_line(b, l)], plus);
      if (k > 0) fftw<REAL>::run(s.forward, buffers.block[minus_line(b, l)], minus);
      update_column<STAGE, DAMPED, FILTERED>(
          {s.n, s.cutoff, k, dt, plus, minus, state + place, sum + place, decay + half, filter, next, next_minus});
      if (STAGE < LAST_STAGE) {
        fftw<REAL>::run(s.inverse, next, buffers.block[plus_line(b, l)]);
        if (k > 0) fftw<REAL>::run(s.inverse, next_minus, buffers.block[minus_line(b, l)]);
      }
    }
    if (STAGE < LAST_STAGE) move_block<true>(s, b, buffers.block, columns);
  }
}

// stage 0 … 3: one of the Runge-Kutta method; TENDENCY: N̂ into `sum`; TRANSFORM: the field's own transform into `sum`.
// decay: exp(-L dt/2) twice for each k_x of this rank and k_y = 0 … K, or null; filter: factors of N̂ for |k| = 0 … K, or null.
HOST(vorticity_columns)(long long handle, long long stage, double dt, REAL* columns, REAL* state, REAL* sum, const REAL* decay,
                        const REAL* filter) {
  Passes& s = *(Passes*)handle;
  s.prepare_threads();
  auto run = [&](auto number) {
    constexpr int STAGE = decltype(number)::value;
    if (decay && filter) columns_of<STAGE, true, true>(s, dt, columns, state, sum, decay, filter);
    else if (decay) columns_of<STAGE, true, false>(s, dt, columns, state, sum, decay, filter);
    else if (filter) columns_of<STAGE, false, true>(s, dt, columns, state, sum, decay, filter);
    else columns_of<STAGE, false, false>(s, dt, columns, state, sum, decay, filter);
  };
  switch (stage) {
    case 0: run(Count<0>{}); break;
    case 1: run(Count<1>{}); break;
    case 2: run(Count<2>{}); break;
    case 3: run(Count<3>{}); break;
    case TENDENCY: run(Count<TENDENCY>{}); break;
    case TRANSFORM: run(Count<TRANSFORM>{}); break;
    default: return 1;
  }
  return 0;
}

// A call of memcpy costs more than a block's few registers.
DEV void copy_lanes(REAL* to, const REAL* from, int count) {
  typedef typename complexes<REAL, PER_REGISTER>::type V;
  int i = 0;
  for (; i + PER_REGISTER <= count; i += PER_REGISTER) store(to + 2 * i, loaded<V>(from + 2 * i));
  for (; i < count; i++) to[2 * i] = from[2 * i], to[2 * i + 1] = from[2 * i + 1];
}
// Line y of this rank between its places in the windows of all ranks and one line of n numbers.
template <bool OUT> static void move_line(const Passes& s, int y, REAL* line, REAL* rows) {
  const int lines = s.lines();
  for (int r = 0; r < s.ranks; r++)
    for (const Block& b : s.blocks[r]) {
      REAL* tile = rows + 2 * (s.arriving[r] + (long long)b.before * lines + (long long)b.lanes * y);
      REAL *plus = line + 2 * b.first, *minus = line + 2 * (s.n - b.first - b.width + 1);
      const int others = b.lanes - b.width;
      if constexpr (OUT) {
        copy_lanes(tile, plus, b.width);
        copy_lanes(tile + 2 * b.width, minus, others);
      } else {
        copy_lanes(plus, tile, b.width);
        copy_lanes(minus, tile + 2 * b.width, others);
      }
    }
  if constexpr (!OUT) memset(line + 2 * (s.cutoff + 1), 0, 2 * sizeof(REAL) * (s.n - 2 * s.cutoff - 1));
}

// w ← w² on this rank's lines; largest[0] ← max |w|², NaN if one is NaN.
HOST(vorticity_square)(long long handle, REAL* rows, double* largest) {
  Passes& s = *(Passes*)handle;
  s.prepare_threads();
  double most = 0;
  int wrong = 0;
#pragma omp parallel for schedule(static) reduction(max : most) reduction(+ : wrong)
  for (int y = 0; y < s.lines(); y++) {
    const Passes::Buffers& buffers = s.buffers[omp_get_thread_num()];
    REAL *spectrum = buffers.lines[0], *line = buffers.lines[1];
    move_line<false>(s, y, spectrum, rows);
    fftw<REAL>::run(s.inverse, spectrum, line);
    const double size = square_line(s.n, line);
    most = std::max(most, size), wrong += size != size;
    fftw<REAL>::run(s.forward, line, spectrum);
    move_line<true>(s, y, spectrum, rows);
  }
  largest[0] = wrong ? NAN : most;
  return 0;
}

// Lines of real numbers (lines, n) from the windows of a FIELD, or their transform over x into the windows.
HOST(vorticity_lines_out)(long long handle, REAL* rows, REAL* values) {
  Passes& s = *(Passes*)handle;
  s.prepare_threads();
#pragma omp parallel for schedule(static)
  for (int y = 0; y < s.lines(); y++) {
    const Passes::Buffers& buffers = s.buffers[omp_get_thread_num()];
    REAL *spectrum = buffers.lines[0], *line = buffers.lines[1];
    move_line<false>(s, y, spectrum, rows);
    fftw<REAL>::run(s.inverse, spectrum, line);
    for (int x = 0; x < s.n; x++) values[(long long)y * s.n + x] = line[2 * x];
  }
  return 0;
}
HOST(vorticity_lines_in)(long long handle, REAL* rows, const REAL* values) {
  Passes& s = *(Passes*)handle;
  s.prepare_threads();
#pragma omp parallel for schedule(static)
  for (int y = 0; y < s.lines(); y++) {
    const Passes::Buffers& buffers = s.buffers[omp_get_thread_num()];
    REAL *line = buffers.lines[0], *spectrum = buffers.lines[1];
    for (int x = 0; x < s.n; x++) line[2 * x] = values[(long long)y * s.n + x], line[2 * x + 1] = 0;
    fftw<REAL>::run(s.forward, line, spectrum);
    move_line<true>(s, y, spectrum, rows);
  }
  return 0;
}
