// pic_tiles.h: the particles of one species on one block, in tiles of bins, on the CPU.
//
// A tile is one piece of memory, field after field (position from the bin's centre in cells, u, weight); the particles of a bin
// are contiguous and bins leave each other a few free slots.  Particles that leave a tile wait in its `out` lists, sorted by
// direction, until the tile they go to is swept next: nothing is searched, nothing locked, and the order of particles in a
// bin, thus every bit of the result, depends neither on threads nor on where in memory bins lie.
#pragma once
#include "pic_shapes.h"
#ifndef WEIGHTED
#define WEIGHTED 1
#endif
#ifndef TRACKED
#define TRACKED 0
#endif
#ifndef HPC_CUDA
#include "memory.h"

constexpr int FIELDS = D + 3 + WEIGHTED;
constexpr int DIRECTIONS = D == 1 ? 3 : D == 2 ? 9 : 27, HERE = DIRECTIONS / 2;
enum Wall { OPEN = 0, REFLECTING = 1, ABSORBING = 2 };  // OPEN: a neighbour, or the block itself around a periodic axis

struct Record {  // a particle between tiles, or ranks
  int bin[3];    // of the whole grid
  real field[FIELDS];
#if TRACKED
  long long id;
#endif
};

struct PicTile {
  int first[3] = {0, 0, 0}, extent[3] = {1, 1, 1}, bins = 0, held = 0, capacity = 0;
  bool walled = false, closed[3][2] = {};  // at a wall; through which faces nothing goes
  Buffer<real> data;  // FIELDS × capacity
  Buffer<long long> id;
  std::vector<int> start, count;  // of each bin
  std::vector<Record> in, out[2];
  int out_first[2][DIRECTIONS + 1] = {};
  real* field(int f) { return data.data + (long long)f * capacity; }
};

// Particles on their way within a sweep, field after field with LANES to spare.
template <int N> struct Crowd {
  Buffer<real> data;
  Buffer<int> place;
  Buffer<long long> id;
  int room = 0, n = 0;
  void make(int wanted) {
    n = 0;
    if (wanted + LANES_ <= room) return;
    room = wanted + wanted / 4 + 4 * LANES_;
    data.make((long long)N * room), place.make(room);
    if (TRACKED) id.make(room);
  }
  // Room for `more` beyond the n that are here and stay.
  void reserve(int more) {
    if (n + more + LANES_ <= room) return;
    Crowd larger_one;
    larger_one.make(n + more);
    for (int f = 0; f < N; f++) memcpy(larger_one.field(f), field(f), sizeof(real) * n);
    memcpy(larger_one.place.data, place.data, sizeof(int) * n);
    if (TRACKED) memcpy(larger_one.id.data, id.data, 8ll * n);
    std::swap(larger_one.data.data, data.data), std::swap(larger_one.data.room, data.room);
    std::swap(larger_one.place.data, place.data), std::swap(larger_one.place.room, place.room);
    std::swap(larger_one.id.data, id.data), std::swap(larger_one.id.room, id.room);
    room = larger_one.room;
  }
  real* field(int f) { return data.data + (long long)f * room; }
};

constexpr int PATH = D + 3 + 3 + WEIGHTED;  // a crosser: where it is, where it goes (missing axes: how far), u, weight
struct Scratch {
  Buffer<real> rows;  // what each bin of the tile and around it has deposited; zero between tiles
  Crowd<PATH> crossers;
  Crowd<FIELDS> arrivals;
  Buffer<real> spare;
  Buffer<long long> spare_id;
  std::vector<int> need, begin, order;
  std::vector<Record> leaving;
  std::vector<int> direction;
  double lost_energy[D][2] = {}, lost_weight[D][2] = {};
  long long lost[D][2] = {};
  void clear_rows(long long size) {
    if (size <= rows.room) return;
    rows.make(size);
    memset(rows.data, 0, sizeof(real) * rows.room);
  }
};

struct Fault {  // a particle that moves farther than it may
  int found = 0;
  double bin[3], s[3], u[3], displacement[3];
};

struct PicEngine {
  int shape[3] = {1, 1, 1}, start[3] = {0, 0, 0}, count[3] = {1, 1, 1}, guards = 0, reach = 1;  // bins
  long long stride[3] = {1, 1, 1}, component = 0;
  bool wraps[3] = {}, tops[3] = {};  // tops: this block has the last node of a walled axis
  int wall[3][2] = {};
  int tiles_along[3] = {1, 1, 1}, phase = 0;
  std::vector<PicTile> tiles;
  std::vector<Scratch> scratch;
  std::vector<Record> outgoing[DIRECTIONS];
  double spacing[3] = {1, 1, 1}, charge = 0, mass = 1, weight = 1, light_speed = 1;
  bool relativistic = true;
  Fault fault;
};

DEV long long bin_of(const PicTile& t, const int* c) {  // c: from the tile's own corner
  long long b = c[0];
  for (int a = 1; a < D; a++) b = b * t.extent[a] + c[a];
  return b;
}
// Node (array index) of the bin at c, counted from the block's first.
DEV long long node_of(const PicEngine& g, const int* c) {
  long long n = 0;
  for (int a = 0; a < D; a++) n += (c[a] + g.guards) * g.stride[a];
  return n;
}
static int tile_edge(const PicEngine& g, int a, int k) { return int((long long)g.count[a] * k / g.tiles_along[a]); }
// Which of the axis's tiles has bin c.
static int tile_along(const PicEngine& g, int a, int c) {
  int k = int((long long)c * g.tiles_along[a] / g.count[a]);
  while (c < tile_edge(g, a, k)) k--;
  while (c >= tile_edge(g, a, k + 1)) k++;
  return k;
}
static int tile_index(const PicEngine& g, const int* k) {
  int t = k[0];
  for (int a = 1; a < D; a++) t = t * g.tiles_along[a] + k[a];
  return t;
}
static void tile_place(const PicEngine& g, int t, int* k) {
  for (int a = D - 1; a >= 0; a--) k[a] = t % g.tiles_along[a], t /= g.tiles_along[a];
}
// The tile in direction d (0 … DIRECTIONS-1, base 3) of tile t, or -1 where the block ends.
static int neighbour(const PicEngine& g, int t, int d) {
  int k[3];
  tile_place(g, t, k);
  for (int a = D - 1; a >= 0; a--) {
    k[a] += d % 3 - 1, d /= 3;
    if (k[a] < 0 || k[a] >= g.tiles_along[a]) {
      if (!g.wraps[a]) return -1;
      k[a] = (k[a] + g.tiles_along[a]) % g.tiles_along[a];
    }
  }
  return tile_index(g, k);
}

// ---- memory of a tile ------------------------------------------------------------------------------------------------
// All bins moved so that each has its particles, `need` more, and an equal share of the rest; more memory where there is too little.
static void spread(PicTile& t, Scratch& w, const int* need) {
  long long total = 0;
  for (int b = 0; b < t.bins; b++) total += t.count[b] + (need ? need[b] : 0);
  const int before = t.capacity;
  int after = before;
  if (total > before) after = int(total + total / 24 + 2 * LANES_);
  const double share = double(after - total) / t.bins;
  std::vector<int> begin(t.bins);
  long long at = 0;
  for (int b = 0; b < t.bins; b++) {
    begin[b] = int(at + (long long)(share * b));
    at += t.count[b] + (need ? need[b] : 0);
  }
  real* to = w.spare.make((long long)FIELDS * after);
  for (int f = 0; f < FIELDS; f++)
    for (int b = 0; b < t.bins; b++)
      if (t.count[b]) memcpy(to + (long long)f * after + begin[b], t.field(f) + t.start[b], sizeof(real) * t.count[b]);
  if (after != before) {
    Buffer<real> fresh;
    fresh.data = memory_for<real>((long long)FIELDS * after), fresh.room = (long long)FIELDS * after;
    std::swap(fresh.data, t.data.data), std::swap(fresh.room, t.data.room);
    t.capacity = after;
  }
  memcpy(t.data.data, to, sizeof(real) * FIELDS * after);
  if (TRACKED) {
    long long* ids = w.spare_id.make(after);
    for (int b = 0; b < t.bins; b++)
      if (t.count[b]) memcpy(ids + begin[b], t.id.data + t.start[b], 8ll * t.count[b]);
    memcpy(t.id.make(after), ids, 8ll * after);
  }
  t.start = begin;
}
// Room for need[b] more particles in each bin b; bins are pushed aside, in their order.
static void make_room(PicTile& t, Scratch& w, const int* need) {
  w.begin.resize(t.bins);
  long long end = 0;
  bool pushed = false;
  for (int b = 0; b < t.bins; b++) {
    w.begin[b] = int(end > t.start[b] ? end : t.start[b]);
    pushed |= w.begin[b] != t.start[b];
    end = w.begin[b] + t.count[b] + need[b];
  }
  if (end > t.capacity) return spread(t, w, need);
  if (!pushed) return;
  for (int b = t.bins - 1; b >= 0; b--) {
    if (w.begin[b] == t.start[b]) continue;
    for (int f = 0; f < FIELDS; f++) memmove(t.field(f) + w.begin[b], t.field(f) + t.start[b], sizeof(real) * t.count[b]);
    if (TRACKED) memmove(t.id.data + w.begin[b], t.id.data + t.start[b], 8ll * t.count[b]);
    t.start[b] = w.begin[b];
  }
}
// The crowd's particles, whose places are bins of the tile, into their bins, in the crowd's order.
static void insert(PicTile& t, Scratch& w, Crowd<FIELDS>& crowd) {
  if (!crowd.n) return;
  w.need.assign(t.bins, 0);
  const int* place = crowd.place.data;
  for (int k = 0; k < crowd.n; k++) w.need[place[k]]++;
  make_room(t, w, w.need.data());
  real *from = crowd.data.data, *to = t.data.data;
  for (int k = 0; k < crowd.n; k++) {
    const int b = place[k], at = t.start[b] + t.count[b]++;
    UNROLL(8) for (int f = 0; f < FIELDS; f++) to[(long long)f * t.capacity + at] = from[(long long)f * crowd.room + k];
    if (TRACKED) t.id[at] = crowd.id[k];
  }
  t.held += crowd.n;
}
static void append(const PicEngine& g, const PicTile& t, const Record* records, int n, Crowd<FIELDS>& crowd) {
  for (int k = 0; k < n; k++) {
    int c[3];
    for (int a = 0; a < D; a++) c[a] = records[k].bin[a] - g.start[a] - t.first[a];
    crowd.place[crowd.n] = int(bin_of(t, c));
    for (int f = 0; f < FIELDS; f++) crowd.field(f)[crowd.n] = records[k].field[f];
#if TRACKED
    crowd.id[crowd.n] = records[k].id;
#endif
    crowd.n++;
  }
}
// What has come from neighbouring tiles in the last sweep, and from other ranks since, goes into its bins.
static void receive(PicEngine& g, int index, Scratch& w, int phase) {
  PicTile& t = g.tiles[index];
  int n = int(t.in.size());
  for (int d = 0; d < DIRECTIONS; d++) {
    const int from = d == HERE ? -1 : neighbour(g, index, DIRECTIONS - 1 - d);
    if (from >= 0) n += g.tiles[from].out_first[phase][d + 1] - g.tiles[from].out_first[phase][d];
  }
  if (!n) return;
  w.arrivals.make(n);
  for (int d = 0; d < DIRECTIONS; d++) {
    const int from = d == HERE ? -1 : neighbour(g, index, DIRECTIONS - 1 - d);
    if (from < 0) continue;
    const PicTile& s = g.tiles[from];
    append(g, t, s.out[phase].data() + s.out_first[phase][d], s.out_first[phase][d + 1] - s.out_first[phase][d], w.arrivals);
  }
  append(g, t, t.in.data(), int(t.in.size()), w.arrivals);
  t.in.clear();
  if (t.in.capacity() > 64 + size_t(t.held) / 64) t.in.shrink_to_fit();
  insert(t, w, w.arrivals);
}
// Afterwards every particle of the block is in its bin.
static void settle(PicEngine& g) {
#pragma omp parallel for schedule(dynamic)
  for (int t = 0; t < int(g.tiles.size()); t++) receive(g, t, g.scratch[omp_get_thread_num()], g.phase);
  for (PicTile& t : g.tiles) {
    t.out[g.phase].clear();
    memset(t.out_first[g.phase], 0, sizeof(t.out_first[g.phase]));
  }
}
// body(tile, bin, global bin coordinates), in order.
template <class F> static void each_bin(PicEngine& g, int tile, F body) {
  PicTile& t = g.tiles[tile];
  for (int b = 0; b < t.bins; b++) {
    int bin[3], c[3];
    for (int k = b, a = D - 1; a >= 0; a--) c[a] = k % t.extent[a], k /= t.extent[a], bin[a] = g.start[a] + t.first[a] + c[a];
    if (t.count[b]) body(t, b, bin, c);
  }
}
#endif
