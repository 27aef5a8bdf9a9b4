// gravity_tree.h: groups of neighbouring targets walk the octree together; lanes test nodes, then lanes are targets.
//
// A node serves as one source for a whole group when it is far enough from the group's bounding box (`far_nodes`).
// The walk fills two lists, of accepted cells and of leaves; a full list is evaluated and emptied, so memory is bounded.
#pragma once
#include "gravity_essential.h"
#include "gravity_local.h"

// What work is counted as, in pairs: of one source with a register of targets (a cell, the polynomial and the start of
// each register), and of what a group does once for all of its targets (finding and loading a pair's source, a cell, a
// distant cell; the walk itself).  Registers of 16 targets on every machine, so that all cut the curve alike.  Fitted to
// cycles of groups of Plummer, Hernquist and King models at tolerances of 0.01 to 0.03: single groups then deviate by 5 per
// cent, quarters of all by less than 1.
#define REGISTER_TARGETS 16
#define CELL_WORK 2.5f
#define REGISTER_WORK 105.0f
#define SOURCE_WORK 22.0f
#define FOUND_WORK 40.0f
#define WALK_WORK 2400.0f

#define STACK_RESERVE 512  // kept for a walk that opens one node at a time: 7 per level
#ifdef HPC_CUDA  // shared memory is scarce: one batch of leaves at a time
#define REGISTERS 1  // of nodes that are tested together
#define CELLS 64
#define PAIRS (LANES * LEAF)
#define LEAVES LANES
#else
#define REGISTERS 2  // one would wait for the last one's nodes to be on the stack
#define CELLS 512
#define PAIRS 2048
#define LEAVES PAIRS
#endif

// Which of the nodes (about the group's centre) may serve the whole group as one source; `distant`: those whose field is
// smooth over the group (their local expansion's error obeys the same criterion).
DEV lanes_mask far_nodes(const NodeLanes& node, const Group& group, Opening opening, lanes_mask& distant) {
  typedef varying<real, 1> F;
  const F cx = absolute(node.x), cy = absolute(node.y), cz = absolute(node.z), reach = F(group.reach);
  const F c2 = cx * cx + (cy * cy + cz * cz), size2 = F(group.hx * group.hx + (group.hy * group.hy + group.hz * group.hz));
  // In the group's units 15 ρ⁻⁷ must not underflow: beyond 10⁵ sizes a cell is summed as it is.
  distant = less(size2, F(opening.smooth * opening.smooth) * c2) & less(c2, F(real(1e10)) * size2);
  if (opening.relative) {
    const F gap = c2 * inverse_sqrt_seed(c2) - square_root(size2);
    distant = distant & less(F(opening.local) * node.mass * (size2 * size2), reach * (gap * gap) * (c2 * c2));
  }
  return is_far(cx, cy, cz, F(group.hx), F(group.hy), F(group.hz), reach, node.mass, node.radius, opening);
}

// How many of n waiting nodes are tested together.
DEV int batch(int n) {
  return n > STACK - STACK_RESERVE ? 1 : smaller(smaller(n, REGISTERS * LANES), 1 + (STACK - STACK_RESERVE - n) / 7);
}

template <bool POTENTIAL>
DEV void add_cells(const CellSource<real>* tile, int m, int count, const real* x, const real* y, const real* z, double* sum,
                   real epsilon2) {
  for_blocks<2>(count, [&](auto block, int b) {
    constexpr int V = decltype(block)::value;
    Field<real, V> f = {real(0), real(0), real(0), real(0), real(0)};
    const auto bx = load_block<V>(x + b), by = load_block<V>(y + b), bz = load_block<V>(z + b);
    for (int j = 0; j < m; j++) add_cell<POTENTIAL, V>(f, bx, by, bz, tile[j], epsilon2);
    accumulate_block(sum + b, f.x);
    accumulate_block(sum + GROUP + b, f.y);
    accumulate_block(sum + 2 * GROUP + b, f.z);
    if (POTENTIAL) accumulate_block(sum + 3 * GROUP + b, f.phi);
  });
}

template <bool POTENTIAL>
DEV void add_polynomial(const real* l, int count, const real* x, const real* y, const real* z, double* sum, real unit) {
  for_blocks<1>(count, [&](auto block, int b) {
    constexpr int V = decltype(block)::value;
    const varying<real, V> u = unit;
    const Field<real, V> f = local_field<POTENTIAL, V>(l, load_block<V>(x + b) * u, load_block<V>(y + b) * u, load_block<V>(z + b) * u);
    accumulate_block(sum + b, f.x * (u * u));
    accumulate_block(sum + GROUP + b, f.y * (u * u));
    accumulate_block(sum + 2 * GROUP + b, f.z * (u * u));
    if (POTENTIAL) accumulate_block(sum + 3 * GROUP + b, f.phi * u);
  });
}

// Acceleration (and potential, where asked for) of every target of every group, and the interactions it took.
//   out_acceleration = G·(mass unit)/(length unit)² in the tree's units, out_potential likewise.
//   failures counts closed nodes that a group wanted to open: the essential tree was incomplete.
GROUP_KERNEL(tree_forces)(long long n, const Group* RESTRICT groups, const Node* RESTRICT nodes,
                          const PairSource<real>* RESTRICT sources, long long root, const double* RESTRICT position,
                          const double* RESTRICT mass, long long relative, double angle, double smooth, double local,
                          double epsilon, double scale,
                          double mass_scale, double out_acceleration, double out_potential, real* RESTRICT acceleration,
                          real* RESTRICT potential, float* RESTRICT work, int* RESTRICT counts, int* RESTRICT failures) {
#if SOFTENING == 2
  const Softening softening = {0.0, 2.8 * epsilon};
#else
  const Softening softening = {epsilon * epsilon, 0.0};
#endif
  const Opening opening = {int(relative), real(angle), real(smooth), real(local), real(softening.support)};
  const real epsilon2 = real(softening.epsilon2), support = real(softening.support);
  GROUPS(g, n) {
    SHARED(int, stack, STACK + 16);
    SHARED(int, cells, CELLS + 16);
    SHARED(int, distant_cells, CELLS + 16);
    SHARED(int, leaves, LEAVES + 16);
    SHARED(int, offsets, LEAVES + 16);
    SHARED(CellSource<real>, cell_tile, CELLS);
    SHARED(PairSource<real>, pair_tile, PAIRS);
    SHARED(real, x, GROUP);
    SHARED(real, y, GROUP);
    SHARED(real, z, GROUP);
    SHARED(double, sum, 5 * GROUP);
    const Group group = groups[g];
    const int padded = (group.count + LANES - 1) / LANES * LANES;
    BARRIER;
    COOPERATE(k, padded) {
      const long long p = group.first + smaller(k, group.count - 1);
      x[k] = real(position[3 * p] * scale - group.x);
      y[k] = real(position[3 * p + 1] * scale - group.y);
      z[k] = real(position[3 * p + 2] * scale - group.z);
      for (int a = 0; a < 5; a++) sum[a * GROUP + k] = 0;
    }
    LANE0 stack[0] = int(root);
    BARRIER;
    const real size = larger(group.hx, larger(group.hy, group.hz)), unit = size > 0 ? 1 / size : real(1);
    varying<real, 1> polynomial[LOCAL_TERMS];
    for (int k = 0; k < LOCAL_TERMS; k++) polynomial[k] = real(0);
    int waiting = 1, n_distant = 0, all_distant = 0, n_cells = 0, n_leaves = 0, n_pairs = 0, all_cells = 0, all_pairs = 0;
    while (true) {
      const bool done = waiting == 0;
      while (n_distant >= LANES || (done && n_distant)) {
        const int m = smaller(n_distant, LANES);
        n_distant -= m;
        all_distant += m;
        add_local(polynomial, nodes, distant_cells + n_distant, m, group.x, group.y, group.z, unit, epsilon2);
      }
      if (n_cells > CELLS - REGISTERS * LANES || (done && n_cells)) {
        COOPERATE(k, n_cells) {
          const Node& c = nodes[cells[k]];
          cell_tile[k] = CellSource<real>{real(c.x - group.x), real(c.y - group.y), real(c.z - group.z), c.mass, c.xx, c.yy,
                                          -(c.xx + c.yy), c.xy, c.xz, c.yz, epsilon2 * c.weight * (c.radius * c.radius), real(0)};
        }
        BARRIER;
        if (potential) add_cells<true>(cell_tile, n_cells, group.count, x, y, z, sum, epsilon2);
        else add_cells<false>(cell_tile, n_cells, group.count, x, y, z, sum, epsilon2);
        all_cells += n_cells;
        n_cells = 0;
        BARRIER;
      }
      if (n_pairs > PAIRS - REGISTERS * LANES * LEAF || (done && n_pairs)) {
        COOPERATE(k, n_leaves) {
          const Node& c = nodes[leaves[k]];
          const real ox = real(c.x - group.x), oy = real(c.y - group.y), oz = real(c.z - group.z);
          const PairSource<real>* s = sources + c.first;
          const int size = c.shape, own = c.first - group.first;
          // The group's own particles take the targets' coordinates: a particle is at distance zero from itself.
          if (own >= 0 && own < group.count)
            for (int j = 0; j < size; j++) pair_tile[offsets[k] + j] = PairSource<real>{x[own + j], y[own + j], z[own + j], s[j].m};
          else
            shift_sources(s, pair_tile + offsets[k], size, ox, oy, oz);
        }
        BARRIER;
        if (potential) add_pairs<true, true>(pair_tile, n_pairs, group.count, x, y, z, sum, epsilon2, support);
        else add_pairs<false, true>(pair_tile, n_pairs, group.count, x, y, z, sum, epsilon2, support);
        all_pairs += n_pairs;
        n_leaves = n_pairs = 0;
        BARRIER;
      }
      if (done) break;
      const int m = batch(waiting);
      waiting -= m;
      const auto test = [&](auto registers) {
        constexpr int R = decltype(registers)::value;
        varying_int id[R], shape[R], first[R];
        lanes_mask active[R], far[R], distant[R];
        UNROLL(REGISTERS)
        for (int r = 0; r < R; r++) {
          active[r] = lanes_below(m - r * LANES);
          id[r] = load_ids(stack + waiting + r * LANES, m - r * LANES);
          const NodeLanes node = load_nodes(nodes, id[r], group.x, group.y, group.z);
          shape[r] = node.shape;
          first[r] = node.first;
          far[r] = far_nodes(node, group, opening, distant[r]);
        }
        BARRIER;  // all lanes have read the stack
        UNROLL(REGISTERS)
        for (int r = 0; r < R; r++) {
          const lanes_mask closed = negative(shape[r]), near = active[r] & !far[r], parent = positive(shift_right(shape[r], 16));
          n_distant = append(distant_cells, n_distant, active[r] & far[r] & distant[r], id[r]);
          n_cells = append(cells, n_cells, active[r] & ((far[r] & !distant[r]) | (closed & !far[r])), id[r]);
          n_leaves = append_sums(leaves, offsets, n_leaves, n_pairs, near & !(parent | closed), id[r], shape[r]);
          waiting = append_ranges(stack, waiting, near & parent, first[r], shift_right(shape[r], 16));
          if (any_lane(near & closed)) { LANE0 atomic_add(failures, 1); }
        }
      };
      if (REGISTERS > 1 && m > LANES) test(Count<REGISTERS>{});
      else test(Count<1>{});
      BARRIER;
    }
    if (all_distant) {
      SHARED(real, l, LOCAL_TERMS);
      for (int k = 0; k < LOCAL_TERMS; k++) {
        const double s = sum_lanes(polynomial[k]);
        LANE0 l[k] = real(s);
      }
      BARRIER;
      if (potential) add_polynomial<true>(l, group.count, x, y, z, sum, unit);
      else add_polynomial<false>(l, group.count, x, y, z, sum, unit);
      BARRIER;
    }
    const float each = float(all_pairs) + CELL_WORK * float(all_cells) + REGISTER_WORK;
    const float once = SOURCE_WORK * float(all_pairs) + FOUND_WORK * float(all_cells + all_distant) + WALK_WORK;
    const int targets = (group.count + REGISTER_TARGETS - 1) / REGISTER_TARGETS * REGISTER_TARGETS;
    const float all_work = (float(targets) * each + once) / float(group.count);
    COOPERATE(k, group.count) {
      const long long p = group.first + k;
      for (int a = 0; a < 3; a++) acceleration[3 * p + a] = real(out_acceleration * sum[a * GROUP + k]);
      if (potential) {
        const double coincident = sum[4 * GROUP + k] - double(real(mass[p] * mass_scale));
        potential[p] = real(out_potential * (sum[3 * GROUP + k] + coincident * central_potential(softening)));
      }
      work[p] = all_work;
    }
    LANE0 {
      counts[3 * g] = all_pairs;
      counts[3 * g + 1] = all_cells;
      counts[3 * g + 2] = all_distant;
    }
    BARRIER;
  }
}
