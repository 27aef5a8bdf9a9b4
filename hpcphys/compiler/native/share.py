"""Finds what several sums, or several products, have in common, and makes it one value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations

from hpcphys.compiler.native.graph import Graph

LONGEST = 40
"""Sums and products of more parts than this are left as they are: their pairs would be too many to count."""

Parts = dict[int, list[int]]


def share(graph: Graph, results: Iterable[int]) -> None:
    """Replace the most common pairs of parts by nodes of their own, until no pair occurs twice.

    results: references that are wanted; only what they need is looked at.
    The values stay the same but for rounding: sums and products are associated in another order.
    """
    reached = needed(graph, results)
    for kind in ("product", "sum"):
        parts: Parts = {k: list(graph.nodes[k][1]) for k in reached if graph.nodes[k][0] == kind}
        while _round(graph, kind, parts):
            pass
        for k, left in parts.items():
            graph.nodes[k] = (kind, tuple(left))


def needed(graph: Graph, results: Iterable[int]) -> list[int]:
    """Nodes that the results are made of, each after its own arguments, in the order they are wanted in."""
    placed: set[int] = set()
    order: list[int] = []
    for reference in results:
        waiting = [abs(reference)]
        while waiting:
            k = waiting[-1]
            kind, arguments = graph.nodes[k]
            below = [] if k in placed or kind in ("name", "constant") else map(abs, arguments)
            missing = [a for a in below if a not in placed]
            if missing:
                waiting += reversed(missing)
                continue
            waiting.pop()
            if k not in placed:
                placed.add(k)
                order.append(k)
    return order


def _round(graph: Graph, kind: str, parts: Parts) -> bool:
    """One pass over the pairs that occur in more than one place, the most common first."""
    counts: Counter[tuple[int, int]] = Counter()
    holders: dict[tuple[int, int], list[int]] = defaultdict(list)
    for k, own in parts.items():
        if 2 <= len(own) <= LONGEST:
            for pair in {_pair(a, b) for a, b in combinations(own, 2)}:
                counts[pair] += 1
                holders[pair].append(k)
    changed = False
    common = [(pair, count) for pair, count in counts.items() if count > 1]
    for pair, _ in sorted(common, key=lambda found: (-found[1], found[0])):
        places = [k for k in holders[pair] if _count(parts[k], pair) and len(parts[k]) > 2]
        whole = [k for k in holders[pair] if len(parts[k]) == 2 and _count(parts[k], pair)]
        if len(places) + bool(whole) < 2 or not places:
            continue
        made = graph.sum(pair) if kind == "sum" else graph.product(pair)
        parts.setdefault(abs(made), list(graph.nodes[abs(made)][1]))
        for k in places:
            while len(parts[k]) > 2 and (sign := _count(parts[k], pair)):
                parts[k].remove(sign * pair[0])
                parts[k].remove(sign * pair[1])
                parts[k].append(sign * made)
                changed = True
    return changed


def _pair(a: int, b: int) -> tuple[int, int]:
    """The pair with its first sign positive: a - b and b - a are one pair."""
    a, b = sorted((a, b), key=lambda t: (abs(t), t))
    return (a, b) if a > 0 else (-a, -b)


def _count(own: list[int], pair: tuple[int, int]) -> int:
    """1 or -1 if the pair, or its negative, is among the parts; 0 if it is not."""
    first, second = pair
    if first == second:
        return next((s for s in (1, -1) if own.count(s * first) > 1), 0)
    return next((s for s in (1, -1) if s * first in own and s * second in own), 0)
