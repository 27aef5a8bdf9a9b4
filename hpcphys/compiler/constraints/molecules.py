"""Molecules: connected clusters of bonds, gathered by shape so that one kernel serves all of a shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Molecules:
    """All molecules of one shape.

    pairs: (bonds, 2) the atoms of each bond, counted within the molecule
    rows: (molecules, atoms) rows of the state;  bonds: (molecules, bonds) which declared bond each is
    """

    pairs: tuple[tuple[int, int], ...]
    rows: np.ndarray
    bonds: np.ndarray

    @property
    def count(self) -> int:
        """Number of molecules."""
        return len(self.rows)

    @property
    def defines(self) -> dict[str, int | str]:
        """What the kernels of the shape are compiled with."""
        flat = ",".join(str(atom) for pair in self.pairs for atom in pair)
        return {"ATOMS": self.rows.shape[1], "BONDS": len(self.pairs), "PAIRS": flat}


def molecules_of(pairs: np.ndarray) -> Iterator[Molecules]:
    """The connected clusters of bonds, by shape, in the order of their first bonds.

    pairs: (bonds, 2) rows.  Two molecules have one shape if their bonds, in the order in which they are
        declared, join the same atoms when these are numbered as they appear: equal molecules with equal lists
        of bonds.
    """
    atoms, appearance, local = np.unique(pairs, return_index=True, return_inverse=True)
    local = local.reshape(pairs.shape)
    graph = coo_array((np.ones(len(pairs)), (local[:, 0], local[:, 1])), shape=(len(atoms), len(atoms)))
    cluster = connected_components(graph, directed=False)[1]
    # Sorted by cluster, then by appearance: an atom's place in its molecule is its distance from the first.
    order = np.lexsort((appearance, cluster))
    first = np.searchsorted(cluster[order], np.arange(cluster.max() + 2))
    place = np.empty(len(atoms), dtype=np.int64)
    place[order] = np.arange(len(atoms)) - first[cluster[order]]
    shapes: dict[tuple[tuple[int, int], ...], tuple[list[np.ndarray], list[np.ndarray]]] = {}
    bond_order = np.argsort(cluster[local[:, 0]], kind="stable")
    starts = np.searchsorted(cluster[local[bond_order, 0]], np.arange(cluster.max() + 2))
    for index in range(cluster.max() + 1):
        bonds = bond_order[starts[index] : starts[index + 1]]
        key = tuple((int(i), int(j)) for i, j in place[local[bonds]])
        rows, members = shapes.setdefault(key, ([], []))
        rows.append(atoms[order[first[index] : first[index + 1]]])
        members.append(bonds)
    for key, (rows, members) in shapes.items():
        yield Molecules(key, np.array(rows, dtype=np.int32), np.array(members))
