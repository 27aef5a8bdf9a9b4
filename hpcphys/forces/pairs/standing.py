"""An evaluation on several ranks in parts: native calls, and between them what ranks tell each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from hpcphys.compiler.fused.calls import Action, NativeCall
from hpcphys.decomposition.cells.standing import StandingTransfer
from hpcphys.forces.pairs.errors import OverlapError


def halo_calls(steps: Any, state: Any, with_totals: bool) -> Iterator[NativeCall | Action]:
    """The evaluation of a field on the list and the halo that there are, with NativeSteps.evaluate's numbers:

    pack, send | place, agree on the list | pairs at home | receive | place the halo, its pairs, collect |
    send sums back, agree on overlaps | add

    The first message travels while home pairs are summed.  Packing follows whatever moved the atoms, and what
    moves them next follows the adding, without Python in between.
    """
    field, position, force = steps.field, state["position"], state["force"]
    handle, call, (halo_position, halo_force) = field.handle, partial(NativeCall, field.host), steps.copies
    there = StandingTransfer(field.halo, position, halo_position, backward=False)
    back = StandingTransfer(field.halo, force, halo_force, backward=True)
    bad = np.full(1, -1, np.int64)
    question = _Question(field, state, there, bad)
    left = field.evaluations_left()
    yield from _kernel(there, there.packing(0) if there.pulses else None)
    yield Action(question.start)
    placed = (handle, len(position), position, field._displacement)
    yield call("pairs_place", placed, at_most=left)
    yield Action(question.list_holds)
    yield call("pairs_forces", (handle, 0, int(with_totals)))
    yield Action(question.received)
    for k in range(1, there.pulses):
        yield from _kernel(there, there.packing(k))
        yield Action(partial(_exchanged, there, k))
    yield call("pairs_place_halo", (handle, halo_position))
    yield call("pairs_forces", (handle, 1, int(with_totals)))
    told = (partial(field.evaluated, state, with_totals=with_totals),)
    collected = (handle, force, halo_force, field._totals, bad)
    yield call("pairs_collect_told", collected, done=told)
    yield Action(question.no_overlap)
    for k in range(back.pulses):
        yield Action(partial(_exchanged, back, k))
        yield from _kernel(back, back.adding(k))


def _kernel(transfer: StandingTransfer, given: tuple[str, tuple[Any, ...]] | None) -> Iterator[NativeCall]:
    if given is not None:
        yield NativeCall(transfer.module(), *given)


def _exchanged(transfer: StandingTransfer, k: int) -> None:
    transfer.start(k)
    transfer.wait(k)


class _Question:
    """What the ranks ask each other in an evaluation: whether the list holds, whether atoms overlap."""

    def __init__(self, field: Any, state: Any, there: StandingTransfer, bad: np.ndarray):
        self._field, self._state, self._there, self._bad = field, state, there, bad

    def start(self) -> None:
        """The first message of positions."""
        if self._there.pulses:
            self._there.start(0)

    def list_holds(self) -> bool | None:
        """True, after the message has come, if the list does not hold any more, on any rank."""
        field = self._field
        field._displacement[0] = field.communicator.largest(field._displacement)
        if field.list_holds():
            return None
        self.received()
        return True

    def received(self) -> None:
        """The first message is there."""
        if self._there.pulses:
            self._there.wait(0)

    def no_overlap(self) -> Exception | None:
        """The error that all ranks raise if a force is not a number."""
        field, bad = self._field, int(self._bad[0])
        if field.communicator.largest(self._bad) < 0:
            return None
        if bad < 0:
            return OverlapError("atoms of another rank overlap")
        return field.overlap(self._state, bad)
