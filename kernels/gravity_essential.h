// gravity_essential.h: what the groups of other ranks need of this rank's tree, and how it travels.
#pragma once
#include "gravity_opening.h"

// Which of LANES boxes from number b on see a node as far.  boxes: rows x, y, z, hx, hy, hz, reach of `count` numbers each.
DEV lanes_mask far_boxes(const double* boxes, long long count, long long b, const Node& node, Opening opening) {
  typedef varying<real, 1> F;
  const double* box = boxes + b;
  const F cx = absolute(load_difference(box, node.x)), cy = absolute(load_difference(box + count, node.y)),
          cz = absolute(load_difference(box + 2 * count, node.z));
  return is_far(cx, cy, cz, load_difference(box + 3 * count, 0), load_difference(box + 4 * count, 0),
                load_difference(box + 5 * count, 0), load_difference(box + 6 * count, 0), F(node.mass), F(node.radius), opening);
}

// Marks every node below the roots that one of the boxes (unions of groups of another rank) would open: the essential tree.
// boxes: as above, lanes are boxes, count a multiple of LANES;  covers: one box over each count/number of them, in order, in
// rows of `room` numbers: what it sees as far, all of its boxes do.
GROUP_KERNEL(mark_open)(long long n, const int* RESTRICT roots, const Node* RESTRICT nodes, const double* RESTRICT boxes,
                        long long count, const double* RESTRICT covers, long long number, long long room, long long relative,
                        double angle, double epsilon, unsigned char* open) {
#if SOFTENING == 2
  const double support = 2.8 * epsilon;
#else
  const double support = 0.0 * epsilon;
#endif
  const Opening opening = {int(relative), real(angle), real(0), real(0), real(support)};
  // Stricter by more than distances are rounded, so that no box opens what its cover did not.
  const Opening stricter = {int(relative), real(angle * (1 - 1e-5)), real(0), real(0), real(support * (1 + 1e-5))};
  const long long covered = number ? count / number : 0;
  GROUPS(r, n) {
    SHARED(int, stack, STACK);
    BARRIER;
    LANE0 stack[0] = roots[r];
    BARRIER;
    int waiting = 1;
    long long last = 0;  // where the last opening box was found: its neighbours are likely to open the next node too
    while (waiting) {
      const int id = stack[--waiting];
      const Node node = nodes[id];
      bool opens = false, first = true;
      for (long long k = 0; k < number && !opens; k += LANES) {
        const lanes_mask near = !far_boxes(covers, room, k, node, stricter) & lanes_below(int(number - k));
        if (!any_lane(near)) continue;
        if (first) opens = any_lane(!far_boxes(boxes, count, last, node, opening));
        first = false;
        for (int c = 0; c < LANES && k + c < number && !opens; c++) {
          if (!lane_of(near, c)) continue;
          for (long long b = (k + c) * covered; b < (k + c + 1) * covered && !opens; b += LANES) {
            opens = any_lane(!far_boxes(boxes, count, b, node, opening));
            if (opens) last = b;
          }
        }
      }
      BARRIER;  // all lanes have read the stack
      if (opens) {
        const int children = larger(children_of(node.shape), 0);
        LANE0 open[id] = 1;
        COOPERATE(c, children) stack[waiting + c] = node.first + c;
        waiting += children;
      }
      BARRIER;
    }
  }
}

#ifndef HPC_CUDA
#include <algorithm>
#include <vector>
// One box over each run of neighbouring groups, number of them, a little larger and stricter than they are.
// boxes: rows x, y, z, hx, hy, hz, reach of `room` numbers each, the last box repeated to fill them.
HOST(cover_groups)(long long n, const Group* groups, long long number, long long room, double* boxes) {
  for (long long b = 0; b < room; b++) {
    if (b >= number) {
      for (int k = 0; k < 7; k++) boxes[k * room + b] = boxes[k * room + number - 1];
      continue;
    }
    double lo[3] = {1e300, 1e300, 1e300}, hi[3] = {-1e300, -1e300, -1e300}, reach = 1e300;
    for (long long g = b * n / number; g < (b + 1) * n / number; g++) {
      const Group& group = groups[g];
      const double centre[3] = {group.x, group.y, group.z}, half[3] = {group.hx, group.hy, group.hz};
      for (int k = 0; k < 3; k++) {
        lo[k] = std::min(lo[k], centre[k] - half[k]);
        hi[k] = std::max(hi[k], centre[k] + half[k]);
      }
      reach = std::min(reach, double(group.reach));
    }
    for (int k = 0; k < 3; k++) {
      const double centre = 0.5 * (lo[k] + hi[k]);
      boxes[k * room + b] = centre;
      // The walk's rounding must never let a group open what its box did not.
      boxes[(3 + k) * room + b] = 0.5 * (hi[k] - lo[k]) * (1 + 1e-5) + (centre < 0 ? -centre : centre) * 1e-14;
    }
    boxes[6 * room + b] = reach * (1 - 1e-4);
  }
  return 0;
}

// Nodes of an essential tree where they come to lie: first children and first sources count from there.
HOST(shift_nodes)(long long n, Node* nodes, long long at_node, long long at_source) {
  for (long long i = 0; i < n; i++) nodes[i].first += int(children_of(nodes[i].shape) == 0 ? at_source : at_node);
  return 0;
}

// The essential tree as one message: opened nodes below the roots, generation by generation, and the sources of opened leaves.
// Node and source numbers in the copies count from the message's own start; unopened nodes are closed.
// sizes receives the numbers of nodes and sources; out_nodes and out_sources must have room (8 per opened node and the roots;
// LEAF per opened leaf).
HOST(pack_open)(const int* roots, long long n_roots, const Node* nodes, const PairSource<real>* sources, const unsigned char* open,
                Node* out_nodes, PairSource<real>* out_sources, long long* sizes) {
  std::vector<int> from(roots, roots + n_roots);
  long long packed = 0;
  for (size_t k = 0; k < from.size(); k++) {
    Node node = nodes[from[k]];
    const int children = children_of(node.shape), first = node.first;
    if (!open[from[k]]) {
      node.first = -1;
      node.shape = -(1 << 16);
    } else if (children > 0) {
      node.first = int(from.size());
      for (int c = 0; c < children; c++) from.push_back(first + c);
    } else {
      node.first = int(packed);
      for (int s = 0; s < node.shape; s++) out_sources[packed++] = sources[first + s];
    }
    out_nodes[k] = node;
  }
  sizes[0] = (long long)from.size();
  sizes[1] = packed;
  return 0;
}
#endif
