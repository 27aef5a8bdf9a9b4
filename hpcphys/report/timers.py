"""One tree of timers for the whole program."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


class Node:
    """Seconds and calls of one named part, and its parts."""

    __slots__ = ("calls", "children", "seconds", "waiting")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waiting = 0.0
        self.calls = 0
        self.children: dict[str, Node] = {}


class Timers:
    """Where the time goes: `with timers.measure("kick"):` nests inside the measurements around it.

    communicator: its `seconds` attribute (time in communication, waiting included) is charged to the parts.
    """

    def __init__(self, communicator) -> None:
        self.communicator = communicator
        self.root = Node()
        self.started = time.perf_counter()
        self._stack = [self.root]

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Charge the time inside the `with` block to `name`, below the part that is being measured now."""
        parent = self._stack[-1]
        node = parent.children.get(name)
        if node is None:
            node = parent.children[name] = Node()
        self._stack.append(node)
        waited, began = self.communicator.seconds, time.perf_counter()
        try:
            yield
        finally:
            node.seconds += time.perf_counter() - began
            # The counters may have been reset inside the block: then only what came after is known.
            node.waiting += self.communicator.seconds - min(waited, self.communicator.seconds)
            node.calls += 1
            self._stack.pop()

    def charge(self, name: str, seconds: float, calls: int, waiting: float = 0.0) -> None:
        """Add what something else has measured to `name`, below the part that is being measured now."""
        node = self._stack[-1].children.setdefault(name, Node())
        node.seconds += seconds
        node.waiting += waiting
        node.calls += calls

    def seconds(self, *path: str) -> float:
        """This rank's seconds of one part; 0 if it was never measured."""
        node = self.root
        for name in path:
            if name not in node.children:
                return 0.0
            node = node.children[name]
        return node.seconds

    def report(self) -> dict:
        """The tree over all ranks; collective, equal on all ranks.

        For each part: seconds (mean over ranks), share (of the whole wall time), imbalance (slowest rank over
        mean), waiting (mean seconds in communication), calls (rank 0's), parts.  Rank 0's names are reported.
        """
        self.root.seconds = time.perf_counter() - self.started
        paths = self.communicator.bcast(_paths(self.root))
        nodes = [_find(self.root, path) for path in paths]
        local = np.array([[node.seconds, node.waiting] for node in nodes])
        mean = self.communicator.allreduce(local, "sum") / self.communicator.size
        slowest = self.communicator.allreduce(local, "max")
        calls = self.communicator.bcast([node.calls for node in nodes])
        whole = mean[0, 0]
        tree: dict = {}
        for path, (seconds, waiting), (longest, _), number in zip(paths, mean, slowest, calls, strict=True):
            entry = {
                "seconds": round(float(seconds), 6),
                "share": round(float(seconds / whole), 4),
                "imbalance": round(float(longest / seconds), 3) if seconds > 0 else 1.0,
                "waiting": round(float(waiting), 6),
                "calls": number,
            }
            holder = tree
            for name in path[:-1]:
                holder = holder["parts"][name]
            if path:
                holder.setdefault("parts", {})[path[-1]] = entry
            else:
                tree = entry
        return tree


def table(tree: dict, name: str = "whole run", depth: int = 0) -> list[str]:
    """Lines of text for the tree of `Timers.report`, slowest parts first."""
    label = "  " * depth + name
    lines = [
        f"{label:<32} {tree['seconds']:9.3f} s {100 * tree['share']:6.1f} %   "
        f"imbalance {tree['imbalance']:5.2f}   waiting {tree['waiting']:8.3f} s"
    ]
    for part, entry in sorted(tree.get("parts", {}).items(), key=lambda item: -item[1]["seconds"]):
        lines += table(entry, part, depth + 1)
    return lines


def _paths(node: Node, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, child in node.children.items():
        found += _paths(child, (*path, name))
    return found


def _find(node: Node, path: tuple[str, ...]) -> Node:
    for name in path:
        node = node.children.get(name) or Node()
    return node
