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
from .keys import curve
from .local_tree import CLOSED, LocalTree

BOXES = 256  # most boxes that stand for a rank's groups
LANES = 32  # boxes are tested so many at a time, at most; so many have one box over them


class EssentialTree:
    """Joins a LocalTree with the top of the octree and with imports; `root` is where walks begin.

    groups: (g, 2) int32 rows of all groups of this rank, in order.
    """

    def __init__(self, tree: LocalTree, communicator: Communicator):
        self.tree, self.communicator, self.backend = tree, communicator, tree.backend
        self.root = 0
        self.is_open = False  # whether leaves of the top lead to their content
        self._root = np.dtype(
            [("node", tree.node), ("box", tree.real, 6), ("key", np.uint64, 2), ("rows", np.int64)]
        )
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
        mine = np.empty(len(records), self._root)
        mine["node"], mine["box"], mine["key"], mine["rows"] = records, boxes, tree.root_keys, rows
        told, counts = comm.allgather_rows(mine)
        self.total = len(told)
        self.first = np.concatenate(([0], np.cumsum(counts)))  # of each rank's roots, and the end
        if self.total == 0:
            self.groups = np.zeros((0, 2), np.int32)
            return
        self.records = np.ascontiguousarray(told["node"])
        self._top_nodes(told)
        self._place_top(told["box"])

    def _top_nodes(self, told: np.ndarray) -> None:
        """The top of the octree over the roots: top (t,) records, top_levels, leaf → root; and the groups
        among this rank's roots."""
        tree, rank, room = self.tree, self.communicator.rank, 2 * self.total
        hi, lo = np.ascontiguousarray(told["key"].T)
        first, shape, root = np.empty((3, room), np.int32)
        levels, runs, sizes = (
            np.empty(128, np.int64),
            np.empty((self.total, 2), np.int64),
            np.empty(3, np.int64),
        )
        begin, end = (int(row) for row in self.first[rank : rank + 2])
        curve().host(
            "join_roots", self.total, hi, lo, np.ascontiguousarray(told["rows"]), begin, end,
            tree.octree.group_size, tree.octree.sparse, first, shape, root, levels, runs, sizes,
        )  # fmt: skip
        top, generations, found = (int(size) for size in sizes)
        self.top = np.zeros(top, tree.node)
        self.top["first"], self.top["shape"] = first[:top], shape[:top]
        self.top_levels = levels[: generations + 1].tolist()
        self.leaf = np.flatnonzero(root[:top] >= 0)
        self.leaf_root = root[self.leaf]
        groups = [tree.groups]
        for at, number in runs[:found].tolist():
            if number:
                rows = tree.root_rows[at - begin : at - begin + number]
                groups.append(np.array([[rows[0, 0], rows[:, 1].sum()]], np.int32))
            else:
                groups.append(tree.rows_of_children(at - begin, self.records[at]))
        self.groups = np.concatenate(groups)
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
        self.top[self.leaf] = self._closed()[self.leaf_root]
        top_boxes: np.ndarray = np.zeros((top, 6), tree.real)
        top_boxes[self.leaf] = root_boxes[self.leaf_root]
        tree.nodes[base : base + top] = be.array(self.top.view(np.uint8).reshape(top, -1))
        tree.boxes[base : base + top] = be.array(top_boxes)
        tree.merge([base + level for level in self.top_levels])
        self.root, self.is_open = base, False

    def import_nodes(self, groups: Any, relative: bool, angle: float, epsilon: float) -> None:
        """Exchange essential trees for this rank's groups (records on the backend).  Collective."""
        comm, be, tree = self.communicator, self.backend, self.tree
        if comm.size == 1 or self.total == 0:
            return
        rank, base, top = comm.rank, tree.count, len(self.top)
        if self.is_open:
            self._set_leaves(self._closed())
        boxes = self._boxes(be.host(groups))
        criterion = (int(relative), angle, epsilon)
        opened = be.host(self._marked(boxes, np.array([self.root], np.int32), criterion, base + top)[base:])
        wanted = self.leaf_root[opened[self.leaf] != 0]
        wanted = np.sort(wanted[(wanted < self.first[rank]) | (wanted >= self.first[rank + 1])])
        bounds = np.searchsorted(wanted, self.first)
        asks = [np.zeros(0, np.uint8)] * comm.size
        for other in np.flatnonzero(np.diff(bounds)).tolist():
            roots = wanted[bounds[other] : bounds[other + 1]] - self.first[other]
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
        self._attach(wanted, bounds, replies)

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

    def _attach(self, wanted: np.ndarray, bounds: np.ndarray, replies: list[np.ndarray]) -> None:
        """Append imports behind the top, open the roots that were asked for, and this rank's own."""
        tree, be = self.tree, self.backend
        base, top, size = tree.count, len(self.top), tree.node.itemsize
        local_sources = int(tree.root_rows[:, 1].sum())
        opened = self._closed()
        rank = self.communicator.rank
        mine = slice(self.first[rank], self.first[rank + 1])
        opened[mine] = self.records[mine]
        sizes = [reply[:16].view(np.int64) if len(reply) else np.zeros(2, np.int64) for reply in replies]
        self.imported_nodes, self.imported_sources = (int(sum(pair[k] for pair in sizes)) for k in (0, 1))
        tree.reserve_nodes(base + top + self.imported_nodes)
        tree.reserve_sources(local_sources + self.imported_sources, local_sources)
        at_node, at_source = int(base + top), local_sources
        for other, reply in enumerate(replies):
            total, sources = (int(v) for v in sizes[other])
            if not total:
                continue
            part = reply[16 : 16 + total * size].view(tree.node)  # changed in place: replies can be large
            tree.module.host("shift_nodes", total, part, at_node, at_source)
            asked = wanted[bounds[other] : bounds[other + 1]]
            opened[asked] = part[: len(asked)]
            rows: np.ndarray = reply[16 + total * size :].view(tree.real).reshape(-1, 4)
            tree.nodes[at_node : at_node + total] = be.array(part.view(np.uint8).reshape(total, -1))
            tree.sources[at_source : at_source + sources] = be.array(rows)
            at_node += total
            at_source += sources
        self._set_leaves(opened)
        self.is_open = True

    def _closed(self) -> np.ndarray:
        """The roots' records without their content."""
        closed = self.records.copy()
        closed["shape"], closed["first"] = CLOSED, -1
        return closed

    def _boxes(self, groups: np.ndarray) -> np.ndarray:
        """At most `BOXES` boxes over runs of neighbouring groups, a little larger and stricter than they are.

        Returns (7, b) float64: x, y, z of the centres, half the sides, the reach; b is a multiple of `LANES`,
        the last box repeated to fill it.
        """
        number = min(len(groups), BOXES)
        boxes = np.empty((7, -(-number // LANES) * LANES))
        self.tree.module.host("cover_groups", len(groups), groups, number, boxes.shape[1], boxes)
        return boxes

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

    boxes: (7, b) as of `EssentialTree._boxes`.  Returns (7, c) with c a multiple of `LANES`, the last box
    repeated to fill it.
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
