// vorticity_columns.h: the loops over k_y of one column k_x, and over x of one line; see vorticity_passes.h.
#pragma once
#include "vorticity_lanes.h"

constexpr int VELOCITY = 0, FIELD = 1;                       // what a column is filled with
constexpr int LAST_STAGE = 3, TENDENCY = 4, TRANSFORM = 5;  // what becomes of the transform

// Complex numbers of a register.
constexpr int PER_REGISTER = VECTOR_BYTES / (2 * (int)sizeof(REAL));

// The transforms of w² (plus: of column k_x, minus: of -k_x) on the way to the state and the next stage's velocity.
struct Column {
  int n, cutoff, k;
  double dt;
  const REAL *plus, *minus;
  REAL *state, *sum;
  const REAL *decay, *filter;
  REAL *next, *next_minus;
};

// Where k_y = j … j+P-1 and -j … -(j+P-1) stand in a column of the state (2K+1) and of a transform (n); the second turned.
template <class V> DEV V ahead(const REAL* p, int j) { return loaded<V>(p + 2 * j); }
template <class V> DEV V behind(const REAL* p, int end, int j) {
  return turned(loaded<V>(p + 2 * (end - j) - (parts_of<V>::count - 2)));
}
template <class V> DEV void store_ahead(REAL* p, int j, V v) { store(p + 2 * j, v); }
template <class V> DEV void store_behind(REAL* p, int end, int j, V v) {
  store(p + 2 * (end - j) - (parts_of<V>::count - 2), turned(v));
}

// w = (±k_x + i k_y) ω̂/k² (or ω̂) at ±k_x and k_y = ±j; ahead: ω̂(k_x, j), behind: ω̂(k_x, -j); ω̂(-k) = ω̂(k)*.
template <int WHAT, class V> DEV void velocities(int n, int k, int j, V at, V below, REAL* plus, REAL* minus) {
  const V conjugate = alternating<V>(REAL(1), REAL(-1));
  if constexpr (WHAT == FIELD) {
    store_ahead(plus, j, at);
    store_ahead(minus, j, below * conjugate);
    if (j > 0) {
      store_behind(plus, n, j, below);
      store_behind(minus, n, j, at * conjugate);
    }
    return;
  }
  const V ky = counting<V>() + REAL(j), kx = REAL(k) - V{}, square = kx * kx + ky * ky;
  const V inverse = j == 0 && k == 0 ? V{} : REAL(1) / square, a = kx * inverse, c = ky * inverse;
  const V times_i = -c * conjugate;  // i c z = (-c Im z, c Re z)
  store_ahead(plus, j, a * at + times_i * swapped(at));
  store_ahead(minus, j, times_i * swapped(below * conjugate) - a * (below * conjugate));
  if (j > 0) {
    store_behind(plus, n, j, a * below - times_i * swapped(below));
    store_behind(minus, n, j, -a * (at * conjugate) - times_i * swapped(at * conjugate));
  }
}

// N̂(k_x, k_y) from Q(k) and Q(-k): product = -k_x k_y/2n², difference = (k_x²-k_y²)/4n².
template <class V> DEV V tendency(V here, V opposite, V product, V difference) {
  const V conjugate = alternating<V>(REAL(1), REAL(-1));
  const V mirrored = opposite * conjugate;
  return product * (here + mirrored) + (difference * conjugate) * swapped(here - mirrored);
}

// What one stage makes of N̂; returns the state of the next stage.  h = exp(-L dt/2).
// z1 = h(z + dt/2 N1), z2 = h z + dt/2 N2, z3 = h² z + dt h N3, z ← h²(z + dt/6 N1) + dt/3 h(N2 + N3) + dt/6 N4.
template <int STAGE, bool DAMPED, class V> DEV V update(V rate, REAL dt, V h, const REAL* state, REAL* sum, REAL* written) {
  if constexpr (STAGE == 0) {
    const V z = loaded<V>(state), first = z + (dt / 6) * rate, middle = z + (dt / 2) * rate;
    store(sum, DAMPED ? h * (h * first) : first);
    return DAMPED ? h * middle : middle;
  } else if constexpr (STAGE == 1) {
    const V z = loaded<V>(state), whole = loaded<V>(sum), kick = (dt / 3) * rate;
    store(sum, whole + (DAMPED ? h * kick : kick));
    return (DAMPED ? h * z : z) + (dt / 2) * rate;
  } else if constexpr (STAGE == 2) {
    const V z = loaded<V>(state), whole = loaded<V>(sum), kick = DAMPED ? h * rate : rate;
    store(sum, whole + (dt / 3) * kick);
    return (DAMPED ? h * (h * z) : z) + dt * kick;
  } else if constexpr (STAGE == LAST_STAGE) {
    store(written, loaded<V>(sum) + (dt / 6) * rate);
  } else {
    store(sum, rate);
  }
  return V{};
}

template <int STAGE, bool DAMPED, bool FILTERED, class V> DEV void update_pair(const Column& c, int j) {
  const int height = 2 * c.cutoff + 1, size = parts_of<V>::count;
  const V scale = REAL(1) / (REAL(c.n) * REAL(c.n)) - V{};
  const V here = ahead<V>(c.plus, j), across = ahead<V>(c.minus, j);
  const V below = j > 0 ? behind<V>(c.plus, c.n, j) : here, across_below = j > 0 ? behind<V>(c.minus, c.n, j) : across;
  V rate, rate_below;
  if constexpr (STAGE == TRANSFORM) {
    rate = scale * here, rate_below = scale * below;
  } else {
    const V ky = counting<V>() + REAL(j), kx = REAL(c.k) - V{};
    V product = REAL(-0.5) * kx * ky * scale, difference = REAL(0.25) * (kx * kx - ky * ky) * scale;
    if constexpr (FILTERED) {
      V f;
      EACH(p, size / 2) f[2 * p] = f[2 * p + 1] = c.filter[j + p];
      product *= f * c.filter[c.k], difference *= f * c.filter[c.k];
    }
    rate = tendency(here, across_below, product, difference);
    rate_below = tendency(below, across, -product, difference);
  }
  const V h = DAMPED ? loaded<V>(c.decay + 2 * j) : V{};
  const REAL dt = REAL(c.dt);
  const V at = update<STAGE, DAMPED>(rate, dt, h, c.state + 2 * j, c.sum + 2 * j, c.state + 2 * j);
  V at_below = at;
  if (j > 0) {
    const long long place = 2ll * (height - j) - (size - 2);
    at_below = turned(
        update<STAGE, DAMPED>(turned(rate_below), dt, turned(h), c.state + place, c.sum + place, c.state + place));
  }
  if constexpr (STAGE < LAST_STAGE) velocities<VELOCITY>(c.n, c.k, j, at, at_below, c.next, c.next_minus);
}

// The columns of the block between K and n-K: zeros.
DEV void empty_middle(int n, int cutoff, REAL* line) {
  memset(line + 2 * (cutoff + 1), 0, 2 * sizeof(REAL) * (n - 2 * cutoff - 1));
}

// k_y = 0 by itself, then pairs ±k_y in whole registers, then the rest one by one.
template <int STAGE, bool DAMPED, bool FILTERED> static void update_column(const Column& c) {
  typedef typename complexes<REAL, PER_REGISTER>::type V;
  typedef typename complexes<REAL, 1>::type One;
  update_pair<STAGE, DAMPED, FILTERED, One>(c, 0);
  int j = 1;
  for (; j + PER_REGISTER <= c.cutoff + 1; j += PER_REGISTER) update_pair<STAGE, DAMPED, FILTERED, V>(c, j);
  for (; j <= c.cutoff; j++) update_pair<STAGE, DAMPED, FILTERED, One>(c, j);
  if constexpr (STAGE < LAST_STAGE) {
    empty_middle(c.n, c.cutoff, c.next);
    empty_middle(c.n, c.cutoff, c.next_minus);
  }
}

template <int WHAT> static void fill_column(int n, int cutoff, int k, const REAL* column, REAL* plus, REAL* minus) {
  typedef typename complexes<REAL, PER_REGISTER>::type V;
  typedef typename complexes<REAL, 1>::type One;
  const int height = 2 * cutoff + 1;
  velocities<WHAT, One>(n, k, 0, loaded<One>(column), loaded<One>(column), plus, minus);
  int j = 1;
  for (; j + PER_REGISTER <= cutoff + 1; j += PER_REGISTER)
    velocities<WHAT, V>(n, k, j, ahead<V>(column, j), behind<V>(column, height, j), plus, minus);
  for (; j <= cutoff; j++) velocities<WHAT, One>(n, k, j, ahead<One>(column, j), behind<One>(column, height, j), plus, minus);
  empty_middle(n, cutoff, plus);
  empty_middle(n, cutoff, minus);
}

// w ← w² = (u²-v²) + 2iuv for the registers from x on; `most`: the largest |w|² so far, NaN where there is one.
template <class V> DEV int square_registers(int n, int x, REAL* line, V& most) {
  const V imaginary = alternating<V>(REAL(0), REAL(1));
  constexpr int per = parts_of<V>::count / 2;
  for (; x + per <= n; x += per) {
    const V w = loaded<V>(line + 2 * x), other = swapped(w), size = w * w + other * other;
    most = size <= most ? most : size;
    store(line + 2 * x, imaginary != V{} ? w * (other + other) : w * w - other * other);
  }
  return x;
}
// w ← w² on a line; returns max |w|², NaN if one is NaN (which a transform gives to the whole line).
static inline double square_line(int n, REAL* line) {
  typedef typename complexes<REAL, PER_REGISTER>::type V;
  typedef typename complexes<REAL, 1>::type One;
  V most = V{};
  One last = One{};
  square_registers<One>(n, square_registers<V>(n, 0, line, most), line, last);
  double largest = double(last[0]);
  EACH(k, 2 * PER_REGISTER) largest = double(most[k]) <= largest ? largest : double(most[k]);
  return largest;
}
