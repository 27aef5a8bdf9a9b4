// curve.h: rows in the order of the Hilbert curve: the work along it, cells around its cuts, rows that come from other ranks.
//
// Keys are pairs of words as hilbert.h makes them, 42 octree levels of three bits; here they are one number of 126 bits.
// `lo` may be absent: all second words are zero then.  A cut is the first key of the rank behind it.
#pragma once
#include "prelude.h"
typedef unsigned long long u64;

#ifndef HPC_CUDA
#include <algorithm>
#include <cmath>
#include <vector>
__extension__ typedef unsigned __int128 Key;
constexpr int WORD_BITS = 63, DEEPEST = 42;
constexpr u64 LOW_WORD = (u64(1) << WORD_BITS) - 1;

DEV Key key_of(u64 hi, u64 lo) { return Key(hi) << WORD_BITS | lo; }
DEV u64 first_word(Key key) { return u64(key >> WORD_BITS); }
DEV u64 second_word(Key key) { return u64(key) & LOW_WORD; }

// The first of the rows begin … end-1, ascending in their keys, whose key is not below the wanted one.
DEV long long row_of(const u64* hi, const u64* lo, long long begin, long long end, Key wanted) {
  const u64 high = first_word(wanted), low = second_word(wanted);
  const auto find = [&](const u64* word, long long from, long long to, u64 least) {
    long long length = to - from;
    while (length > 0) {  // without a jump that could be guessed wrong
      const long long half = (length + 1) / 2;
      from += word[from + half - 1] < least ? half : 0;
      length -= half;
    }
    return from;
  };
  const long long row = find(hi, begin, end, high);
  if (low == 0 || row == end || hi[row] != high) return row;
  const long long beyond = find(hi, row, end, high + 1);
  return lo ? find(lo, row, beyond, low) : beyond;
}

// The run of neighbouring children that child d of a cell belongs to: its first child, and the one after its last.
// Small children are joined from the left while they hold at most group_size together, exactly as split_cells does it; empty
// ones do not part them; a larger one stands alone, and so does each child of a cell with more than sparse·group_size.
struct Run { int start, stop; };
DEV void find_runs(const long long* count, long long group_size, long long sparse, Run* run) {
  long long all = 0, held = group_size + 1;  // no run is open
  for (int d = 0; d < 8; d++) all += count[d];
  const bool joinable = all <= sparse * group_size;
  int first = 0;
  for (int d = 0; d < 8; d++) {
    run[d] = Run{d, d + 1};
    if (count[d] == 0) continue;
    if (count[d] > group_size) {
      held = group_size + 1;
      continue;
    }
    const bool joins = joinable && held + count[d] <= group_size;
    if (!joins) first = d;
    held = joins ? held + count[d] : count[d];
    run[d].start = first;
    for (int e = first; e < d; e++)
      if (run[e].start == first && count[e] > 0) run[e].stop = d + 1;
  }
}

// Whether two neighbours are equal; no jump inside a block, so that the compiler can use vectors.
DEV bool any_tie(long long n, const u64* hi) {
  constexpr long long BLOCK = 1024;
  for (long long begin = 1; begin < n; begin += BLOCK) {
    int ties = 0;
    for (long long i = begin; i < std::min(n, begin + BLOCK); i++) ties |= hi[i] == hi[i - 1];
    if (ties) return true;
  }
  return false;
}

// The longest run of equal first words; 0 for no rows.
HOST(longest_tie)(long long n, const u64* hi) {
  if (!any_tie(n, hi)) return n > 0;
  long long longest = 1, begin = 0;
  for (long long i = 1; i < n; i++) {
    if (hi[i] != hi[i - 1]) begin = i;
    longest = std::max(longest, i + 1 - begin);
  }
  return longest;
}

// before[k] = Σ of the work, rounded to integers of at least 1, of the rows order[0…k-1]; (n + 1,).
// order: null for rows that lie in order;  work: null for 1 each.
HOST(work_along)(long long n, const unsigned* order, const float* work, long long* before) {
  long long sum = 0;
  for (long long k = 0; k < n; k++) {
    before[k] = sum;
    sum += work ? std::max(1LL, std::llrint(double(work[order ? order[k] : k]))) : 1;
  }
  before[n] = sum;
  return 0;
}

// The smallest octree cell that a cut lies inside of: its first key, the shift of its children's numbers, and the child that
// begins at the cut, 1…7; 0 for a cut at an end of the curve.
struct Around { Key start; int shift, child; };
DEV Around around_cut(Key cut) {
  if (cut == 0 || cut >> (3 * DEEPEST)) return Around{0, 3 * (DEEPEST - 1), 0};
  int shift = 0;
  while (((cut >> shift) & 7) == 0) shift += 3;
  return Around{cut >> (shift + 3) << (shift + 3), shift, int((cut >> shift) & 7)};
}

// What all ranks must know of cuts to judge them, to be summed over the ranks: number of rows, their work, the work before
// each cut, and the numbers of rows in the eight children around each cut: (2 + 9·cuts,).
HOST(look_around)(long long n, const u64* hi, const u64* lo, const long long* before, long long cuts, const u64* cut_hi,
                  const u64* cut_lo, long long* told) {
  told[0] = n;
  told[1] = before[n];
  for (long long c = 0; c < cuts; c++) {
    const Key cut = key_of(cut_hi[c], cut_lo[c]);
    const Around around = around_cut(cut);
    long long bounds[9];
    for (int d = 0; d < 9; d++) bounds[d] = row_of(hi, lo, d ? bounds[d - 1] : 0, n, around.start + (Key(d) << around.shift));
    told[2 + c] = before[bounds[around.child]];
    for (int d = 0; d < 8; d++) told[2 + cuts + 8 * c + d] = bounds[d + 1] - bounds[d];
  }
  return 0;
}

// Whether cuts share the work, each to `allowed` of its wanted place, and go through no group: told as of look_around, summed.
// A cut goes through a group if the smallest cell around it is small enough for one, or if a run of that cell's children on
// both sides of the cut is one.
HOST(cuts_serve)(long long cuts, const u64* cut_hi, const u64* cut_lo, const long long* told, long long group_size,
                 long long sparse, long long allowed) {
  for (long long c = 0; c < cuts; c++) {
    const int child = around_cut(key_of(cut_hi[c], cut_lo[c])).child;
    const long long wanted = (long long)(Key(told[1]) * Key(c + 1) / Key(cuts + 1)), off = told[2 + c] - wanted;
    if (child == 0 || off > allowed || -off > allowed) return 0;
    const long long* count = told + 2 + cuts + 8 * c;
    long long all = 0;
    for (int d = 0; d < 8; d++) all += count[d];
    if (all <= group_size) return 0;
    Run run[8];
    find_runs(count, group_size, sparse, run);
    for (int d = 0; d < 8; d++)
      if (run[d].start < child && child < run[d].stop) return 0;
  }
  return 1;
}

// Opens the cells of `level` that start at the active cuts, each once, by `levels` levels: the numbers of this rank's rows in
// their 8^levels parts, then the work of each part, cell after cell.  cell[c]: which of them cut c is in.  Returns how many.
HOST(open_cells)(long long n, const u64* hi, const u64* lo, const long long* before, long long cuts, const u64* cut_hi,
                 const u64* cut_lo, const unsigned char* active, long long level, long long levels, int* cell,
                 long long* opened) {
  const long long parts = 1LL << 3 * levels;
  const int shift = 3 * int(DEEPEST - level - levels);
  long long cells = 0;
  Key last = 0;
  for (long long c = 0; c < cuts; c++) {
    if (!active[c]) continue;
    const Key start = key_of(cut_hi[c], cut_lo[c]);
    if (cells == 0 || start != last) {
      long long *number = opened + 2 * parts * cells, *work = number + parts;
      long long row = row_of(hi, lo, 0, n, start);
      const long long end = row_of(hi, lo, row, n, start + (Key(parts) << shift));
      for (long long p = 0; p < parts; p++) {
        const long long next = p + 1 < parts ? row_of(hi, lo, row, end, start + (Key(p + 1) << shift)) : end;
        number[p] = next - row;
        work[p] = before[next] - before[row];
        row = next;
      }
      last = start;
      cells++;
    }
    cell[c] = int(cells - 1);
  }
  return cells;
}

// Follows each active cut down `levels` levels, along the cells that hold the wanted share of the work, with what open_cells
// told, summed over the ranks.  A cut whose cell holds at most group_size rows takes the whole run that is a group, and is
// inactive then, as one whose cell holds too little work to matter.
// hi, lo, work_before, work, width, at_level of a cut: first key of its cell, the work before the cell and in it, how many
// neighbouring cells of its level go together.
HOST(follow_cuts)(long long cuts, long long level, long long levels, const int* cell, const long long* opened,
                  long long group_size, long long sparse, long long smallest, const long long* target, u64* hi, u64* lo,
                  long long* work_before, long long* work, int* width, int* at_level, unsigned char* active) {
  const long long parts = 1LL << 3 * levels;
  for (long long c = 0; c < cuts; c++) {
    if (!active[c]) continue;
    const long long* number = opened + 2 * parts * cell[c];
    Key key = key_of(hi[c], lo[c]);
    long long place = 0;
    for (int step = 1; step <= levels && active[c]; step++) {
      const long long span = 1LL << 3 * (levels - step);
      long long count[8], load[8], end[8], sum = work_before[c];
      for (int d = 0; d < 8; d++) {
        count[d] = load[d] = 0;
        for (long long p = (8 * place + d) * span; p < (8 * place + d + 1) * span; p++) {
          count[d] += number[p];
          load[d] += number[parts + p];
        }
        end[d] = sum += load[d];
      }
      int child = 0;
      while (end[child] <= target[c]) child++;  // the cell's own end is beyond the target
      const int shift = 3 * int(DEEPEST - level - step);
      int start = child, stop = child + 1;
      active[c] = count[child] > group_size && load[child] > smallest && level + step < DEEPEST;
      if (count[child] <= group_size) {
        Run run[8];
        find_runs(count, group_size, sparse, run);
        start = run[child].start;
        stop = run[child].stop;
      }
      work_before[c] = end[start] - load[start];
      work[c] = end[stop - 1] - work_before[c];
      width[c] = stop - start;
      at_level[c] = int(level + step);
      key += Key(start) << shift;
      place = 8 * place + child;
    }
    hi[c] = first_word(key);
    lo[c] = second_word(key);
  }
  return 0;
}

// Each cut at the start or the end of its cell or run of cells, whichever shares the work better.
HOST(nearest_ends)(long long cuts, const long long* target, const long long* work_before, const long long* work,
                   const int* width, const int* at_level, u64* hi, u64* lo) {
  for (long long c = 0; c < cuts; c++) {
    if (2 * (target[c] - work_before[c]) <= work[c]) continue;
    const Key key = key_of(hi[c], lo[c]) + (Key(width[c]) << 3 * (DEEPEST - at_level[c]));
    hi[c] = first_word(key);
    lo[c] = second_word(key);
  }
  return 0;
}

// Rows that stay (n, ascending in their keys) and rows that arrive (in any order) as one ascending sequence, equal keys in the
// order of their identity.
//   order[k]: the old row that is k-th among those that stay; identity: of old rows.
//   rows[i]: the old row that comes to place i, 0 for an arrival; places[a]: where the a-th arrival comes to.
HOST(merge_rows)(long long n, const u64* hi, const u64* lo, const unsigned* order, const long long* identity, long long arrivals,
                 const u64* arrived_hi, const u64* arrived_lo, const long long* arrived_identity, u64* merged_hi, u64* merged_lo,
                 unsigned* rows, long long* places) {
  const auto arrived = [&](unsigned a) { return key_of(arrived_hi[a], arrived_lo ? arrived_lo[a] : 0); };
  std::vector<unsigned> sorted(arrivals);
  for (long long a = 0; a < arrivals; a++) sorted[a] = unsigned(a);
  std::sort(sorted.begin(), sorted.end(), [&](unsigned a, unsigned b) { return arrived(a) < arrived(b); });
  long long k = 0;
  for (long long a = 0; a <= arrivals; a++) {  // the rows that stay before the next arrival, then the arrival
    const long long next = a < arrivals ? row_of(hi, lo, k, n, arrived(sorted[a])) : n, i = k + a;
    std::copy(hi + k, hi + next, merged_hi + i);
    if (merged_lo) std::copy(lo + k, lo + next, merged_lo + i);
    std::copy(order + k, order + next, rows + i);
    k = next;
    if (a == arrivals) break;
    merged_hi[k + a] = arrived_hi[sorted[a]];
    if (merged_lo) merged_lo[k + a] = arrived_lo[sorted[a]];
    rows[k + a] = 0;
    places[sorted[a]] = k + a;
  }
  if (!any_tie(n + arrivals, merged_hi)) return 0;
  struct Row { long long identity; bool comes; unsigned source; };
  std::vector<Row> run;
  long long a = 0;
  for (long long i = 0, end; i < n + arrivals; i = end) {
    end = i + 1;
    while (end < n + arrivals && merged_hi[end] == merged_hi[i] && (!merged_lo || merged_lo[end] == merged_lo[i])) end++;
    run.clear();
    for (long long j = i; j < end; j++) {
      const bool comes = a < arrivals && places[sorted[a]] == j;
      const unsigned source = comes ? sorted[a++] : rows[j];
      run.push_back(Row{comes ? arrived_identity[source] : identity[source], comes, source});
    }
    std::sort(run.begin(), run.end(), [](const Row& p, const Row& q) { return p.identity < q.identity; });
    for (long long j = i; j < end; j++) {
      const Row& row = run[j - i];
      rows[j] = row.comes ? 0 : row.source;
      if (row.comes) places[row.source] = j;
    }
  }
  return 0;
}

// The top of the octree over all ranks' roots (total ≥ 1 of them, ascending in their keys), as split_cells would make it of
// particles at these keys in leaves of one; and the groups among this rank's roots mine … mine_end-1.
//   count: particles of each root.  first, shape: as a Node's; root: that of a leaf, -1 of other nodes: (2·total,).
//   levels: where each generation of nodes begins, and the end: (128,).
//   runs: first root and number of roots of each group; number 0: the root's children are groups, each alone.
//   sizes receives the numbers of nodes, of generations and of runs.
HOST(join_roots)(long long total, const u64* hi, const u64* lo, const long long* count, long long mine, long long mine_end,
                 long long group_size, long long sparse, int* first, int* shape, int* root, long long* levels, long long* runs,
                 long long* sizes) {
  struct Stretch { long long begin, end; };  // the roots below a node
  std::vector<Stretch> nodes{{0, total}};
  long long generations = 0, found = 0;
  const auto is_small = [&](long long r) { return mine <= r && r < mine_end && count[r] <= group_size; };
  const auto add_run = [&](long long r, long long number) {
    runs[2 * found] = r;
    runs[2 * found++ + 1] = number;
  };
  if (total == 1 && is_small(0)) add_run(0, 1);
  for (size_t i = 0, end = 0; i < nodes.size(); i++) {
    if (i == end) {
      levels[generations++] = (long long)i;
      end = nodes.size();
    }
    const Stretch node = nodes[i];
    first[i] = int(node.begin);
    shape[i] = 1;
    root[i] = int(node.begin);
    if (node.end - node.begin == 1) continue;
    // Children are the octants below the longest common prefix of the keys.
    const Key least = key_of(hi[node.begin], lo[node.begin]), most = key_of(hi[node.end - 1], lo[node.end - 1]);
    int shift = 3 * (DEEPEST - 1);
    while ((least ^ most) >> shift == 0) shift -= 3;
    const int slot = int(nodes.size());
    long long held = 0, before = -2, run_count = 0;  // before: the last child that was small
    for (long long r = node.begin; r < node.end; r++) held += count[r];
    for (long long r = node.begin, next; r < node.end; r = next) {
      const Key octant = key_of(hi[r], lo[r]) >> shift;
      for (next = r + 1; next < node.end && key_of(hi[next], lo[next]) >> shift == octant;) next++;
      nodes.push_back(Stretch{r, next});
      if (next - r > 1 || !is_small(r)) continue;
      const bool thin = held > sparse * group_size, joins = !thin && before == r - 1 && run_count + count[r] <= group_size;
      if (joins) {
        runs[2 * found - 1]++;
        run_count += count[r];
      } else {
        add_run(r, thin ? 0 : 1);
        run_count = count[r];
      }
      before = thin ? -2 : r;
    }
    first[i] = slot;
    shape[i] = int(nodes.size() - slot) << 16;
    root[i] = -1;
  }
  levels[generations] = sizes[0] = (long long)nodes.size();
  sizes[1] = generations;
  sizes[2] = found;
  return 0;
}
#endif
