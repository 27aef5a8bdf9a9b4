"""The locally essential tree: what this rank's groups need of the other ranks' trees, and nothing else.

1. Every rank tells all others its roots: moments and boxes of a few dozen cells (`allgather`).
2. From them each rank builds the same top of the octree; walking it with the bounding boxes of runs of its
   own groups shows which roots of others must be opened.
3. It sends its boxes to the owners of those roots alone; each owner walks its tree with them and sends back
   what they would open: nodes, and the particles of opened leaves.
Nodes that arrive unopened are closed; a walk that wanted to open one would be counted as a failure.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .communicator import Communicator
from .local_tree import CLOSED, LocalTree, group_type

BOXES = 256  # most boxes that stand for a rank's groups
LANES = 32  # boxes are tested so many at a time, at most; so many have one box over them


class EssentialTree:
    """Joins a LocalTree with the top of the octree and with imports; `root` is where walks begin.

    groups: (g, 2) int32 rows of all groups of this rank, in order.
    """

    def __init__(self, tree: LocalTree, communicator: Communicator):
        self.tree, self.communicator, self.backend = tree, communicator, tree.backend
        self.root = 0
        self.imported_nodes = self.imported_sources = 0

    def join_top(self) -> None:
        """Build the top of the octree from all ranks' roots, and find the groups among the roots.
        Collective."""
        tree, comm = self.tree, self.communicator
        records, boxes = tree.root_records()
        rows = tree.root_rows[:, 1].astype(np.int64)
        if comm.size == 1:
            self.total = len(records)
            small = rows[(rows > 0) & (rows <= tree.octree.group_size)]
            self.groups = np.concatenate(
                (tree.groups, [[0, count] for count in small]) if len(small) else (tree.groups,)
            )
            self._sort_groups()
            self.imported_nodes = self.imported_sources = 0
            return
        told = comm.allgather((records, boxes, tree.root_keys, rows))
        self.owner = np.repeat(np.arange(comm.size), [len(t[0]) for t in told])
        self.index = np.concatenate([np.arange(len(t[0])) for t in told])
        self.records = np.concatenate([t[0] for t in told])
        root_boxes = np.concatenate([t[1] for t in told])
        keys = np.concatenate([t[2] for t in told])
        counts = np.concatenate([t[3] for t in told])
        self.total = len(self.records)
        if self.total == 0:
            self.groups = np.zeros((0, 2), np.int32)
            return
        self._split_top(keys)
        self._group_roots(counts)
        self._place_top(root_boxes)

    def _split_top(self, keys: np.ndarray) -> None:
        """Split the roots' keys into the top of the octree: top (t,) records, top_levels, leaf → root."""
        be, module = self.backend, self.tree.module
        capacity = 2 * self.total + 16
        nodes = be.zeros((capacity, self.tree.node.itemsize), np.uint8)
        ranges, unused = be.empty((capacity, 2), np.int32), be.empty((capacity, 2), np.int32)
        ranges[0] = be.array(np.array([0, self.total], np.int32))
        counters = be.array(np.array([1, 0], np.int32))
        hi, lo = be.array(keys[:, 0].copy()), be.array(keys[:, 1].copy())
        levels = [0, 1]
        while levels[-1] > levels[-2]:
            begin, end = levels[-2:]
            module.launch(
                "split_cells",
                end - begin,
                begin,
                hi,
                lo,
                ranges,
                nodes,
                unused,
                counters,
                capacity,
                1,
                self.total,
            )
            levels.append(int(be.host(counters)[0]))
        self.top_levels = levels[:-1]
        top = levels[-1]
        self.top = be.host(nodes[:top]).reshape(-1).view(self.tree.node).copy()
        self.top_ranges = be.host(ranges[:top]).copy()
        self.leaf = np.flatnonzero(self.top["shape"] >> 16 == 0)
        self.leaf_root = self.top_ranges[self.leaf, 0]

    def _group_roots(self, counts: np.ndarray) -> None:
        """Groups among the roots: runs of small neighbouring children of one top node, as split_cells makes
        them."""
        tree, size = self.tree, self.tree.octree.group_size
        mine = np.flatnonzero(self.owner == self.communicator.rank)
        small = mine[counts[mine] <= size]
        runs: list[list[int]] = []
        if len(small):
            leaf_of_root = np.empty(self.total, dtype=np.int64)
            leaf_of_root[self.leaf_root] = self.leaf
            parent = np.full(len(self.top), -1)
            inner = np.flatnonzero(self.top["shape"] >> 16 > 0)
            for generation in range(8):
                child = inner[self.top["shape"][inner] >> 16 > generation]
                parent[self.top["first"][child] + generation] = child
            above = parent[leaf_of_root[small]]
            place = leaf_of_root[small]
            # Particles below each top node: its roots are consecutive.
            before = np.concatenate(([0], np.cumsum(counts)))
            first_root, number = (
                self.top_ranges[above].T if len(self.top) > 1 else np.zeros((2, len(small)), np.int64)
            )
            full = before[first_root + number] - before[first_root] > tree.octree.sparse * size
            first_rows = tree.root_rows[self.index[small], 0]
            previous = None
            for up, at, row, count, root, thin in zip(
                above, place, first_rows, counts[small], small, full, strict=True
            ):
                if thin:
                    runs.extend(tree.rows_of_children(int(self.index[root]), self.records[root]).tolist())
                    previous = None
                    continue
                if previous == (up, at - 1) and up >= 0 and runs[-1][1] + count <= size:
                    runs[-1][1] += int(count)
                else:
                    runs.append([int(row), int(count)])
                previous = (up, at)
        self.groups = np.concatenate((tree.groups, np.array(runs, dtype=np.int32).reshape(-1, 2)))
        self._sort_groups()

    def _sort_groups(self) -> None:
        self.groups = np.ascontiguousarray(self.groups[np.argsort(self.groups[:, 0])].astype(np.int32))

    def _place_top(self, root_boxes: np.ndarray) -> None:
        """Put the top behind the local nodes, every root closed, and work out its moments."""
        tree, be = self.tree, self.backend
        base, top = tree.count, len(self.top)
        tree.reserve_nodes(base + top + 1024)
        inner = self.top["shape"] >> 16 > 0
        self.top["first"][inner] += base
        closed = self.records.copy()
        closed["shape"], closed["first"] = CLOSED, -1
        self.top[self.leaf] = closed[self.leaf_root]
        top_boxes: np.ndarray = np.zeros((top, 6), tree.real)
        top_boxes[self.leaf] = root_boxes[self.leaf_root]
        tree.nodes[base : base + top] = be.array(self.top.view(np.uint8).reshape(top, -1))
        tree.boxes[base : base + top] = be.array(top_boxes)
        tree.merge([base + level for level in self.top_levels])
        self.root = base

    def import_nodes(self, groups: Any, relative: bool, angle: float, epsilon: float) -> None:
        """Exchange essential trees for this rank's groups (records on the backend).  Collective."""
        comm, be, tree = self.communicator, self.backend, self.tree
        if comm.size == 1 or self.total == 0:
            return
        rank, base, top = comm.rank, tree.count, len(self.top)
        closed = self.records.copy()
        closed["first"], closed["shape"] = -1, CLOSED
        self._set_leaves(closed)
        boxes = covering_boxes(be.host(groups).reshape(-1).view(group_type(tree.real)))
        criterion = (int(relative), angle, epsilon)
        opened = be.host(self._marked(boxes, np.array([self.root], np.int32), criterion, base + top)[base:])
        wanted = self.leaf_root[opened[self.leaf] != 0]
        wanted = np.sort(wanted[self.owner[wanted] != rank])
        asks = [np.zeros(0, np.uint8)] * comm.size
        for other in np.unique(self.owner[wanted]):
            roots = self.index[wanted[self.owner[wanted] == other]].astype(np.int64)
            parts = (np.array([len(roots)]), roots, boxes.reshape(-1).view(np.int64))
            asks[other] = np.concatenate(parts).view(np.uint8)
        answers = [np.zeros(0, np.uint8)] * comm.size
        for other, ask in enumerate(comm.alltoallv(asks)):
            if len(ask):
                number = int(ask[:8].view(np.int64)[0])
                roots = ask[8 : 8 * (number + 1)].view(np.int64).astype(np.int32)
                others_boxes = ask[8 * (number + 1) :].view(np.float64).reshape(boxes.shape[0], -1)
                answers[other] = self._packed(roots, self._marked(others_boxes, roots, criterion, base))
        replies = comm.alltoallv(answers)
        self._attach(wanted, replies)

    def _marked(self, boxes: np.ndarray, roots: np.ndarray, criterion: tuple, nodes: int) -> Any:
        """(nodes,) uint8: 1 for each node that one of the boxes would open, walking down from the roots."""
        be, tree = self.backend, self.tree
        flags, covers = be.zeros(nodes, np.uint8), boxes_over(boxes)
        tree.module.launch(
            "mark_open",
            len(roots),
            be.array(roots),
            tree.nodes,
            be.array(boxes),
            boxes.shape[1],
            be.array(covers),
            boxes.shape[1] // LANES,
            covers.shape[1],
            *criterion,
            flags,
        )
        return flags

    def _packed(self, roots: np.ndarray, opened: Any) -> np.ndarray:
        """Two counts, then opened nodes below the roots and the particles of opened leaves: bytes."""
        be, tree = self.backend, self.tree
        opened = be.host(opened)
        number = int(np.count_nonzero(opened))
        nodes = np.empty((len(roots) + 8 * number, tree.node.itemsize), np.uint8)
        sources: np.ndarray = np.empty((tree.leaf_size * number, 4), tree.real)
        sizes = np.empty(2, np.int64)
        tree.module.host(
            "pack_open",
            roots,
            len(roots),
            be.host(tree.nodes),
            be.host(tree.sources),
            opened,
            nodes,
            sources,
            sizes,
        )
        particles = sources[: sizes[1]].reshape(-1)
        return np.concatenate((sizes.view(np.uint8), nodes[: sizes[0]].reshape(-1), particles.view(np.uint8)))

    def _attach(self, wanted: np.ndarray, replies: list[np.ndarray]) -> None:
        """Append imports behind the top, open the roots that were asked for, and this rank's own."""
        tree, be = self.tree, self.backend
        base, top, size = tree.count, len(self.top), tree.node.itemsize
        local_sources = int(tree.root_rows[:, 1].sum())
        opened = self.records.copy()
        opened["shape"], opened["first"] = CLOSED, -1
        mine = np.flatnonzero(self.owner == self.communicator.rank)
        opened[mine] = self.records[mine]
        sizes = [reply[:16].view(np.int64) if len(reply) else np.zeros(2, np.int64) for reply in replies]
        self.imported_nodes, self.imported_sources = (int(sum(pair[k] for pair in sizes)) for k in (0, 1))
        tree.reserve_nodes(base + top + self.imported_nodes)
        tree.reserve_sources(local_sources + self.imported_sources, local_sources)
        at_node, at_source = base + top, local_sources
        for other, reply in enumerate(replies):
            total, sources = (int(v) for v in sizes[other])
            if not total:
                continue
            part = reply[16 : 16 + total * size].view(tree.node)  # changed in place: replies can be large
            leaf = part["shape"] >> 16 == 0
            part["first"] += np.where(leaf, at_source, at_node).astype(np.int32)
            asked = wanted[self.owner[wanted] == other]
            opened[asked] = part[: len(asked)]
            rows: np.ndarray = reply[16 + total * size :].view(tree.real).reshape(-1, 4)
            tree.nodes[at_node : at_node + total] = be.array(part.view(np.uint8).reshape(total, -1))
            tree.sources[at_source : at_source + sources] = be.array(rows)
            at_node += total
            at_source += sources
        self._set_leaves(opened)

    def _set_leaves(self, records: np.ndarray) -> None:
        """Let the leaves of the top lead to where the records of the roots say."""
        base, top = self.tree.count, len(self.top)
        self.top["first"][self.leaf] = records["first"][self.leaf_root]
        self.top["shape"][self.leaf] = records["shape"][self.leaf_root]
        nodes = self.backend.host(self.tree.nodes[base : base + top]).reshape(-1).view(self.tree.node).copy()
        nodes["first"], nodes["shape"] = self.top["first"], self.top["shape"]
        self.tree.nodes[base : base + top] = self.backend.array(nodes.view(np.uint8).reshape(top, -1))


def boxes_over(boxes: np.ndarray) -> np.ndarray:
    """One box over each `LANES` of the boxes in order: it sees as far only what all of them do.

    boxes: (7, b) as of `covering_boxes`.  Returns (7, c) with c a multiple of `LANES`, the last box repeated
    to fill it.
    """
    number = boxes.shape[1] // LANES
    if number == 0:
        return np.zeros((7, 0))
    runs = boxes.reshape(7, number, LANES)
    low, high = (runs[:3] - runs[3:6]).min(axis=2), (runs[:3] + runs[3:6]).max(axis=2)
    over = np.empty((7, -(-number // LANES) * LANES))
    over[:3, :number] = 0.5 * (low + high)
    # Rounding must not let a box open what the one over it did not.
    over[3:6, :number] = 0.5 * (high - low) * (1 + 1e-5) + np.abs(over[:3, :number]) * 1e-14
    over[6, :number] = runs[6].min(axis=1) * (1 - 1e-4)
    over[:, number:] = over[:, number - 1 : number]
    return over


def covering_boxes(groups: np.ndarray) -> np.ndarray:
    """At most `BOXES` boxes over runs of neighbouring groups, a little larger and stricter than they are.

    groups: (g,) records.  Returns (7, b) float64: x, y, z of the centres, half the sides, the reach; b is a
    multiple of `LANES`, the last box repeated to fill it.
    """
    if len(groups) == 0:
        return np.zeros((7, 0))
    number = min(len(groups), BOXES)
    starts = (np.arange(number) * len(groups)) // number
    low = np.minimum.reduceat(groups["centre"] - groups["half"], starts).T
    high = np.maximum.reduceat(groups["centre"] + groups["half"], starts).T
    boxes = np.empty((7, -(-number // LANES) * LANES))
    boxes[:3, :number] = 0.5 * (low + high)
    # The walk's rounding must never let a group open what its box did not.
    boxes[3:6, :number] = 0.5 * (high - low) * (1 + 1e-5) + np.abs(boxes[:3, :number]) * 1e-14
    boxes[6, :number] = np.minimum.reduceat(groups["reach"], starts) * (1 - 1e-4)
    boxes[:, number:] = boxes[:, number - 1 : number]
    return boxes
