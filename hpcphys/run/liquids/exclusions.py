"""Pairs within molecules that have no pair force."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.run.liquids.declaration import pairs_within, types_in


class MoleculeExclusions:
    """The pairs without a force within the molecules of this rank that are as the template says.

    All rows of a molecule live on one rank when a list is made, so each rank knows its own pairs and no
    others: memory follows the rank's atoms, and nothing is asked of anybody.
    """

    def __init__(self, molecules: Any, backend: Any):
        self._backend = backend
        self._within, self._types = pairs_within(molecules), types_in(molecules)
        self._rows: tuple[int, int] | None = None
        self._pairs = np.zeros((0, 2), np.int64)

    def __call__(self, state: Any) -> np.ndarray:
        """(m, 2) ids, found anew where the rank's rows have changed.

        state: id, molecule, type of this rank's atoms, in whole molecules
        """
        if len(self._within) == 0:
            return self._pairs
        identity = self._backend.host(state["id"]).astype(np.int64)
        rows = len(identity), _fingerprint(identity)
        if rows != self._rows:
            molecule, kind = (self._backend.host(state[name]) for name in ("molecule", "type"))
            known = np.stack((molecule.astype(np.int64), identity, kind.astype(np.int64)), axis=1)
            atoms = template_atoms(known[known[:, 0] >= 0], self._types)
            self._pairs, self._rows = atoms[:, self._within].reshape(-1, 2), rows
        return self._pairs


def _fingerprint(identity: np.ndarray) -> int:
    """A number of 64 bits that depends on which ids there are, not on their order.

    Source: Steele, Lea & Flood (2014), OOPSLA, "SplitMix": a round of its mixing.
    """
    with np.errstate(over="ignore"):
        mixed = identity.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(31)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
        return int(mixed.sum(dtype=np.uint64))


def template_atoms(rows: np.ndarray, types: list[int]) -> np.ndarray:
    """(molecules, atoms) ids, ascending, of the molecules whose atoms have these types in the order of their
    ids.  rows: (n, 3) molecule, id, type of whole molecules, in any order."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    first = np.flatnonzero(np.diff(rows[:, 0], prepend=rows[:1, 0] - 1))
    size = np.diff(np.append(first, len(rows)))
    places = first[size == len(types), None] + np.arange(len(types))
    fitting = (rows[places, 2] == np.array(types)).all(axis=1)
    return rows[places[fitting], 1]
