"""Pairs within molecules that have no pair force."""

from __future__ import annotations

from typing import Any

import numpy as np

from hpcphys.run.liquids.declaration import pairs_within, types_in
from hpcphys.run.liquids.job import LiquidJob


def excluded_pairs(job: LiquidJob, state: Any, backend: Any, communicator: Any) -> np.ndarray | None:
    """(m, 2) ids of pairs without a force, of all molecules that are as the template says, on every rank;
    None where there are none.  Collective.

    state: id, molecule, type of this rank's atoms, whose molecules may still lie on several ranks: each is
    looked at by the rank (number of the molecule) mod (ranks).
    """
    if job.molecules is None:
        return None
    rows = np.stack(
        [backend.host(state[name]).astype(np.int64) for name in ("molecule", "id", "type")], axis=1
    )
    rows = rows[rows[:, 0] >= 0]
    home = rows[:, 0] % communicator.size
    rows = np.concatenate(communicator.alltoallv([rows[home == rank] for rank in range(communicator.size)]))
    within = pairs_within(job.molecules)
    mine = template_atoms(rows, types_in(job.molecules))
    pairs, _ = communicator.allgather_rows(mine[:, within].reshape(-1, 2))
    return pairs if len(pairs) else None


def template_atoms(rows: np.ndarray, types: list[int]) -> np.ndarray:
    """(molecules, atoms) ids, ascending, of the molecules whose atoms have these types in the order of their
    ids.  rows: (n, 3) molecule, id, type of whole molecules, in any order."""
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    first = np.flatnonzero(np.diff(rows[:, 0], prepend=rows[:1, 0] - 1))
    size = np.diff(np.append(first, len(rows)))
    places = first[size == len(types), None] + np.arange(len(types))
    fitting = (rows[places, 2] == np.array(types)).all(axis=1)
    return rows[places[fitting], 1]
