"""This rank's part of the octree: nodes over its own particles, built level by level from sorted keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cuts import Cuts
from .keys import DEEPEST, WORD_BITS
from .octree import Octree

CLOSED = -(1 << 16)  # the shape of a node whose content is elsewhere


def node_type(real: type) -> np.dtype:
    """The Node of kernels/gravity_cells.h as a NumPy record."""
    return np.dtype(
        [
            ("centre", "f8", 3),
            *((name, real) for name in ("mass", "radius", "weight")),
            ("quadrupole", real, 5),
            ("first", "i4"),
            ("shape", "i4"),
        ]
    )


def group_type(real: type) -> np.dtype:
    """The Group of kernels/gravity_tree.h as a NumPy record."""
    return np.dtype(
        [("centre", "f8", 3), ("half", real, 3), ("reach", real), ("first", "i4"), ("count", "i4")],
        align=True,
    )


def cells_between(begin: int, end: int) -> list[tuple[int, int]]:
    """The fewest octree cells that fill the keys [begin, end): (first key, level), ascending.

    Keys are 126-bit integers, level 0 is the whole curve.
    """
    cells = []
    while begin < end:
        size = begin & -begin if begin else 1 << (3 * DEEPEST)
        level = DEEPEST - (size.bit_length() - 1) // 3
        while begin + (1 << 3 * (DEEPEST - level)) > end:
            level += 1
        cells.append((begin, level))
        begin += 1 << 3 * (DEEPEST - level)
    return cells


class LocalTree:
    """Nodes, boxes and sources of this rank's particles; its roots are the coarsest cells inside its key
    range.

    nodes: `count` records in use, the roots first, children behind their parents, levels[k]:levels[k+1] the
    nodes of the k-th generation; more room behind, for the top of the tree and for nodes of other ranks.
    groups: (g, 2) int32 first row and number of rows of each group found below the roots.
    """

    def __init__(self, octree: Octree, module: Any, real: type, leaf_size: int):
        """module: the compiled kernels of gravity_tree; leaf_size: most particles of a leaf."""
        self.octree, self.module, self.real, self.leaf_size = octree, module, real, leaf_size
        self.backend = octree.backend
        self.node = node_type(real)
        self.capacity = 0
        self.nodes: Any = None
        self.boxes: Any = None
        self.sources: Any = None
        self.release()

    def build(self, position: Any, mass: Any, scale: float, mass_scale: float, import_guess: int) -> None:
        """Build from rows sorted by key.  position (n, 3), mass (n,): doubles, multiplied by the scales.

        import_guess: nodes and sources of other ranks to leave room for.
        """
        be, n = self.backend, len(position)
        self._find_roots(n)
        # Room that is never touched takes no memory; too little would be moved, and be there twice.
        self._reserve(max(self.capacity, 4 * n // self.leaf_size + n // 8 + 2048 + import_guess))
        while not self._split(n):
            self._reserve(2 * self.capacity)
        if len(self.sources) < n or len(self.sources) > 2 * (n + import_guess) + 4096:
            self.sources = be.empty((n + n // 8 + import_guess, 4), self.real)
        self.module.launch(
            "leaf_moments",
            self.count,
            self.nodes,
            self.boxes,
            self.sources,
            position,
            mass,
            scale,
            mass_scale,
        )
        self.merge(self.levels)

    @property
    def nbytes(self) -> int:
        """Bytes held by nodes, boxes and sources."""
        return int(self.nodes.nbytes + self.boxes.nbytes + self.sources.nbytes)

    def release(self) -> None:
        """Give the tree's memory back: an exchange of all rows needs it."""
        self.capacity = 0
        self.nodes = self.backend.empty((0, self.node.itemsize), np.uint8)
        self.boxes = self.backend.empty((0, 6), self.real)
        self.sources = self.backend.empty((0, 4), self.real)

    def merge(self, levels: list[int]) -> None:
        """Moments of parents from their children, last generation first.  levels: borders of the
        generations."""
        for begin, end in zip(levels[-2::-1], levels[:0:-1], strict=True):
            self.module.launch("merge_moments", end - begin, begin, self.nodes, self.boxes)

    def root_records(self) -> tuple[np.ndarray, np.ndarray]:
        """Records (r,) and boxes (r, 6) of the roots, on the host."""
        r = len(self.root_rows)
        nodes = self.backend.host(self.nodes[:r]).reshape(-1).view(self.node)
        return nodes.copy(), self.backend.host(self.boxes[:r]).copy()

    def rows_of_children(self, root: int, record: np.ndarray) -> np.ndarray:
        """(c, 2) first row and number of rows of a root's children, or of the root itself if it is a leaf."""
        children = int(record["shape"]) >> 16
        if children == 0:
            return self.root_rows[root : root + 1]
        first = int(record["first"])
        return self.backend.host(self._ranges[first : first + children])

    def reserve_nodes(self, wanted: int) -> None:
        """Room for `wanted` nodes, keeping those in use."""
        if wanted <= self.capacity:
            return
        nodes, boxes = self.nodes, self.boxes
        self._reserve(wanted + wanted // 4)
        self.nodes[: len(nodes)] = nodes
        self.boxes[: len(boxes)] = boxes

    def reserve_sources(self, wanted: int, used: int) -> None:
        """Room for `wanted` sources, keeping the first `used`."""
        if wanted <= len(self.sources):
            return
        old = self.sources
        self.sources = self.backend.empty((wanted + wanted // 8, 4), self.real)
        self.sources[:used] = old[:used]

    def _reserve(self, capacity: int) -> None:
        if capacity > self.capacity:
            be, self.capacity = self.backend, capacity
            self.nodes = be.empty((capacity, self.node.itemsize), np.uint8)
            self.boxes = be.empty((capacity, 6), self.real)

    def _find_roots(self, n: int) -> None:
        """root_rows (r, 2): first row and number of rows; root_keys (r, 2) uint64: first key of each root's
        cell."""
        cuts: Cuts = self.octree.cuts
        rank, size = self.octree.communicator.rank, self.octree.communicator.size
        if size == 1:
            self.root_rows = np.array([[0, n]] if n else np.zeros((0, 2)), dtype=np.int32)
            self.root_keys = np.zeros((len(self.root_rows), 2), dtype=np.uint64)
            return
        ends = (
            [0] + [(int(h) << WORD_BITS) | int(c) for h, c in zip(cuts.hi, cuts.lo, strict=True)] + [1 << 126]
        )
        cells = cells_between(ends[rank], ends[rank + 1])
        low_mask = (1 << WORD_BITS) - 1
        keys = np.array([(key >> WORD_BITS, key & low_mask) for key, _ in cells], dtype=np.uint64).reshape(
            -1, 2
        )
        starts = np.append(self.octree.rows_of_cells(keys[:, 0].copy(), keys[:, 1].copy()), n)
        counts = np.diff(starts)
        filled = counts > 0
        self.root_rows = np.stack((starts[:-1], counts), axis=1)[filled].astype(np.int32)
        self.root_keys = keys[filled]

    def _split(self, n: int) -> bool:
        """Split the roots down to leaves.  False if there was too little room."""
        be, roots = self.backend, len(self.root_rows)
        ranges, groups = be.empty((self.capacity, 2), np.int32), be.empty((self.capacity, 2), np.int32)
        ranges[:roots] = be.array(self.root_rows)
        self.nodes[:roots] = 0
        counters = be.array(np.array([roots, 0], dtype=np.int32))
        self.levels = [0, roots] if roots else [0]
        while len(self.levels) > 1:
            begin, end = self.levels[-2:]
            self.module.launch(
                "split_cells", end - begin, begin, self.octree.hi, self.octree.lo, ranges, self.nodes, groups,
                counters, self.capacity, self.leaf_size, self.octree.group_size,
            )  # fmt: skip
            total = int(be.host(counters)[0])
            if total > self.capacity:
                return False
            if total == end:
                break
            self.levels.append(total)
        self.count = self.levels[-1]
        self._ranges = ranges
        found = int(be.host(counters)[1])
        self.groups = be.host(groups[:found]).copy()
        return True
