"""Which work each atom causes, and when the planes between blocks are moved to share it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hpcphys.forces.pairs.field import PairForces

ATOM_WORK = 2.5
"""Of an atom besides its forces (integration, lists), in pairs of clusters.  In a Lennard-Jones liquid
forces within 2.5 σ take 0.58 of a step, with 3.7 pairs of clusters for each atom (scaling/pairs.py)."""

GAIN = 0.1
"""Planes are moved only if the slowest rank's work falls by more than this fraction of what it then is."""

PAUSE = 10
"""Lists made before planes that could not be bettered are looked at again."""


class Balance:
    """The planes between blocks, moved at builds of lists so that ranks have equal work.

    Work is counted: of each atom half of the pairs of clusters that its cluster is in (all of those with
    copies), shared by the cluster's atoms, and ATOM_WORK.  No clock is read: a run can be repeated.
    moved: how often planes have been moved;  next_look: the number of lists from which on they are looked at
    """

    def __init__(self, wanted: bool) -> None:
        self.wanted, self.moved, self.next_look = wanted, 0, 1

    def shared(self, field: PairForces, state: Any) -> bool:
        """Move the planes of field.cells if that gains enough; whether they were.  Collective.

        The field's list must be that of the state's rows.
        """
        if (
            not self.wanted
            or field.cells is None
            or field.communicator.size == 1
            or field.builds < self.next_look
        ):
            return False
        cells = field.cells.balanced(work_of_rows(field, state), state["position"], tolerance=GAIN, gain=GAIN)
        better = cells is not field.cells
        self.next_look = field.builds + (1 if better else PAUSE)
        self.moved += better
        field.cells = cells
        return better


def work_of_rows(field: PairForces, state: Any) -> np.ndarray:
    """(n,) what each row of the present list causes, in pairs of clusters per evaluation."""
    work = np.empty(state.count)
    field.host.host("pairs_work", field.handle, ATOM_WORK, work)
    return work


def imbalance(field: PairForces, state: Any) -> float:
    """Work of the rank with most of it over the mean, of the present list.  Collective."""
    own = float(work_of_rows(field, state).sum())
    most, total = field.communicator.allreduce(own, "max"), field.communicator.allreduce(own, "sum")
    return most * field.communicator.size / total if total > 0.0 else 1.0
