"""Rows on their way to the blocks they lie in, all arrays of a state, and the check that none is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..communicator import Communicator
from ..migrate import Moves
from .molecules import place_molecules, remember_whole
from .placing import fingerprint, placed

if TYPE_CHECKING:
    from .layout import Cells

NAMED = 10  # an error names so many rows of each rank at most
SEVERAL_BLOCKS, NOWHERE = 1, 2  # what the ranks agree on: the worst of any row


def exchanged(cells: Cells, state: Any, order: Callable[[Any], Any] | None) -> int:
    """See Cells.exchange."""
    be, comm = cells.backend, cells.communicator
    before = be.host(state["id"]).copy()
    if cells.molecules:
        destination = place_molecules(cells, state)
    else:
        image = state.get("image")
        destination = placed(cells, state["position"], image)
    leaving = be.host(be.xp.flatnonzero(destination != comm.rank))
    owners = be.host(destination[be.array(leaving)])
    near = np.zeros(comm.size, bool)
    near[list(cells.neighbours)] = True
    worst = NOWHERE if (owners < 0).any() else SEVERAL_BLOCKS if not near[owners].all() else 0
    worst = comm.agree(worst)
    if worst == NOWHERE:
        _refuse_nowhere(cells, state, leaving[owners < 0])
    order_of_ranks = np.argsort(owners, kind="stable")
    counts = np.bincount(owners, minlength=comm.size).astype(np.int64)
    arriving = (
        comm.alltoall_counts(counts) if worst else _counts_of_neighbours(comm, cells.neighbours, counts)
    )
    moves = Moves(comm, counts, arriving)
    if moves.any:
        del destination  # no more room than needed beside the arrays on their way
        _apply(cells, state, moves, Places.of(len(before), leaving[order_of_ranks], moves.arriving))
        _check_none_lost(cells, before, be.host(state["id"]))
    if cells.molecules:
        remember_whole(cells, state)
    if order is not None:
        permutation = be.array(order(state))
        for name in sorted(state.names()):
            state[name] = state[name][permutation]
    return moves.arriving


@dataclass(frozen=True)
class Places:
    """Where rows come to lie when some leave and others arrive, so that all others stay where they are.

    leaving: rows that leave, in the order of the ranks they go to; total: rows afterwards
    arrivals: the place of each arriving row; of what is left of the gaps, gaps[k] is filled by row last[k]
    """

    leaving: np.ndarray
    total: int
    arrivals: np.ndarray
    gaps: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, rows: int, leaving: np.ndarray, arriving: int) -> Places:
        """rows: before; arriving: number of rows that come."""
        total = rows - len(leaving) + arriving
        gaps = leaving[leaving < total]
        arrivals = np.concatenate((gaps[:arriving], np.arange(rows, total)))
        last = np.setdiff1d(np.arange(total, rows), leaving, assume_unique=True)
        return cls(leaving, total, arrivals, gaps[arriving:], last)


def _apply(cells: Cells, state: Any, moves: Moves, places: Places) -> None:
    """Send what leaves and put in what arrives, all arrays in one message to each rank if they are small."""
    be, names = cells.backend, sorted(state.names())
    together = [names] if moves.fits([state[name] for name in names]) else [[name] for name in names]
    leaving, arrivals = be.array(places.leaving), be.array(places.arrivals)
    gaps, last = be.array(places.gaps), be.array(places.last)
    for some in together:
        arrived = moves.arrivals_of([be.host(state[name][leaving]) for name in some])
        for name, rows in zip(some, arrived, strict=True):
            array = state[name]
            if len(array) != places.total:
                array = be.empty((places.total, *array.shape[1:]), array.dtype)
                kept = min(places.total, len(state[name]))
                array[:kept] = state[name][:kept]
            array[gaps] = state[name][last]
            array[arrivals] = be.array(rows)
            state[name] = array


def _counts_of_neighbours(comm: Communicator, neighbours: tuple[int, ...], counts: np.ndarray) -> np.ndarray:
    """(size,) rows that the neighbours have for this rank; nobody else has any, and nobody else is asked."""
    arriving = np.zeros(comm.size, np.int64)
    if comm.size == 1:
        return arriving
    started = time.perf_counter()
    requests = [comm.mpi.Irecv(arriving[rank : rank + 1], source=rank, tag=73) for rank in neighbours]
    requests += [comm.mpi.Isend(counts[rank : rank + 1], dest=rank, tag=73) for rank in neighbours]
    for request in requests:
        request.Wait()
    comm.count(8 * len(neighbours), len(neighbours), started)
    return arriving


def _refuse_nowhere(cells: Cells, state: Any, rows: np.ndarray) -> None:
    """Raise on all ranks, naming rows of any rank that no block can hold."""
    be, comm, some = cells.backend, cells.communicator, rows[:NAMED]
    mine = zip(be.host(state["id"])[some].tolist(), be.host(state["position"])[some].tolist(), strict=True)
    told = [pair for pairs in comm.allgather(list(mine)) for pair in pairs][:NAMED]
    names = "; ".join(f"id {identity} at {place}" for identity, place in told)
    raise FloatingPointError(
        f"{comm.allreduce(len(rows))} atoms lie at no place in the {cells.box.describe()}: {names}. "
        "Positions must be finite and within 10^9 boxes; a time step that is too long or atoms that overlap "
        "at the start are the usual causes"
    )


def _check_none_lost(cells: Cells, before: np.ndarray, after: np.ndarray) -> None:
    """Raise on all ranks unless the same ids are there as before the exchange; one sum over the ranks."""
    comm = cells.communicator
    told = comm.allreduce(
        np.array([len(before), fingerprint(cells, before), len(after), fingerprint(cells, after)], np.uint64)
    )
    if told[0] == told[2] and told[1] == told[3]:
        return
    # Each id is looked for on one rank, so that nobody has to know all.
    parts = [
        comm.alltoallv([ids[ids % comm.size == rank] for rank in range(comm.size)]) for ids in (before, after)
    ]
    was, now = (np.sort(np.concatenate(part)) for part in parts)
    lost = np.setdiff1d(was, now)
    names = [int(identity) for ids in comm.allgather(lost[:NAMED]) for identity in ids][:NAMED]
    raise RuntimeError(
        f"an exchange of rows began with {told[0]} atoms and ended with {told[2]}; lost are the ids "
        f"{', '.join(map(str, names)) or 'none, some came twice'}; please report this job as a defect"
    )
