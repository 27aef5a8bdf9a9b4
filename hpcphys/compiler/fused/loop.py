"""The pass that joins native calls to a loop over steps, and the loop."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from hpcphys.compiler.fused.calls import (
    DRAWN,
    STEP,
    Action,
    NativeCall,
    Offer,
    Placed,
    is_offered,
    joined,
    offer_of,
)
from hpcphys.compiler.operations import Evaluate, Operation
from hpcphys.compiler.state import State
from hpcphys.kernels import backend as kernel_backend

if TYPE_CHECKING:
    from hpcphys.compiler.program import Program

FUNCTION, WORDS, EXPECTED, LEFT, STEP_WORD, BLOCK_WORD, DRAWS, DONE, NANOSECONDS, FIELDS = range(10)
"""Of a row of struct NativeCall in kernels/native_calls.h."""


def native_loop(operations: tuple[Operation, ...]) -> NativeLoop | None:
    """The loop for the operations of a step, or None if none of them offers native calls."""
    return NativeLoop(operations) if any(map(is_offered, operations)) else None


class NativeLoop:
    """Runs the longest stretches of operations that offer native calls in one call each, across steps.

    Where an operation offers none, or its call ended otherwise than expected (a list of neighbours no longer
    holds, two atoms overlap), Python does this one operation and the loop goes on behind it.  The numbers are
    those of the program operation by operation, bit for bit.
    """

    def __init__(self, operations: tuple[Operation, ...]):
        self.operations = operations
        self._dt: float | None = None
        self._offers: list[Offer | None] = []
        self._watched: dict[str, Any] = {}
        self._rows: list[Placed | None] = []
        self._operation: list[int] = []
        self._limited: set[int] = set()  # operations whose calls may be made so many times alone
        self._entry: dict[int, int] = {}
        self._table = np.zeros((0, FIELDS), np.int64)
        self._words: list[np.ndarray] = []
        self._from = np.zeros(4, np.int64)
        self._module: Any = None
        self._run: Any = None
        self._run_words = np.zeros(0, np.int64)

    def describe(self) -> str:
        """One line for `explain`."""
        others = [op.name for op in self.operations if not is_offered(op)]
        if not others:
            return "native loop: all operations, as many steps in a call as are asked for"
        native = ", ".join(dict.fromkeys(op.name for op in self.operations if is_offered(op)))
        return f"native loop: {native}; from Python: {', '.join(dict.fromkeys(others))}"

    def run(self, program: Program, steps: int, dt: float) -> None:
        """`steps` whole steps of the program, whose entry is valid."""
        at, state = 0, program.state
        state.blocks_drawn = 0
        while True:
            self._bind(state, dt)
            stopped = self._entry.get(at)
            if stopped is not None:
                passed, at = self._native(program, stopped, steps, dt)
                steps -= passed
            if steps == 0:
                return
            program.execute(self.operations[at], dt)
            if at in self._limited:
                self._dt = None  # what it offers counts from now on
            at += 1
            if at == len(self.operations):
                program.advance(dt)
                at, state.blocks_drawn = 0, 0
                steps -= 1
                if steps == 0:
                    return

    # -- calls for the arrays as they are --------------------------------------------------------------------

    def _bind(self, state: State, dt: float) -> None:
        """Addresses and numbers anew, where arrays have moved or an offer no longer stands."""
        stands = dt == self._dt and all(state.get(name) is array for name, array in self._watched.items())
        if stands and all(offer is None or offer.stands() for offer in self._offers):
            return
        self._dt = dt
        self._offers = [offer_of(op, state, dt) for op in self.operations]
        self._fill(state, self._stretches())

    def _stretches(self) -> Iterator[list[Placed] | int]:
        """Neighbouring native calls, and between them the numbers of operations that Python has to do."""
        stretch: list[Placed] = []
        first = 0  # of the operations that have nothing to do and go with the next call
        for index, offer in enumerate(self._offers):
            if offer is None or (not offer.calls and index == len(self._offers) - 1):
                yield stretch
                yield from range(first, index + 1)
                stretch, first = [], index + 1
            elif offer.calls:
                stretch.append(Placed(offer.calls[0], first, index, index, begins=True))
                stretch += [Placed(call, index, index, index, begins=False) for call in offer.calls[1:]]
                first = index + 1
        yield stretch

    def _fill(self, state: State, stretches: Iterable[list[Placed] | int]) -> None:
        """The table of calls; a row of zeros where Python has to do the operation."""
        rows: list[Placed | int] = []
        for stretch in stretches:
            rows += [stretch] if isinstance(stretch, int) else joined(stretch)
        self._rows = [None if isinstance(item, int) else item for item in rows]
        self._operation = [item if isinstance(item, int) else item.first for item in rows]
        self._table = np.zeros((len(rows), FIELDS), np.int64)
        self._words, self._entry, self._watched = [], {}, {}
        self._limited = set()
        for number, item in enumerate(self._rows):
            if item is None:
                continue
            if item.begins:
                self._entry[item.first] = number
            if isinstance(item.call, NativeCall):
                if item.call.at_most is not None:
                    self._limited.add(item.last)
                self._fill_row(self._table[number], item.call)
        # Called by words as well: between messages each microsecond counts.
        if self._module is None:
            self._module = kernel_backend("cpu").module("native_calls")
        given = (len(rows), self._table, 0, self._from)
        run, self._run_words = self._module.offered("run_calls", *given)
        self._run = ctypes.CFUNCTYPE(ctypes.c_longlong, ctypes.c_void_p)(run)
        names = {id(state[name]): name for name in state}
        for item in self._rows:
            for argument in (
                item.call.arguments if item is not None and isinstance(item.call, NativeCall) else ()
            ):
                if id(argument) in names:
                    self._watched[names[id(argument)]] = argument

    def _fill_row(self, row: np.ndarray, call: NativeCall) -> None:
        given = list(call.arguments)
        for field, filled in ((STEP_WORD, STEP), (BLOCK_WORD, DRAWN)):
            row[field] = next((k for k, argument in enumerate(given) if argument is filled), -1)
        plain = [0 if argument is STEP or argument is DRAWN else argument for argument in given]
        row[FUNCTION], words = call.module.offered(call.function, *plain)
        self._words.append(words)
        row[WORDS] = words.ctypes.data
        row[EXPECTED], row[DRAWS] = call.expected, call.draws
        row[LEFT] = -1 if call.at_most is None else max(call.at_most, 0)

    # -- a stretch of native calls ---------------------------------------------------------------------------

    def _native(self, program: Program, begin: int, steps: int, dt: float) -> tuple[int, int]:
        """Calls from row `begin` on, through at most `steps` ends of steps: how many were passed, and the
        operation at which the loop ended (0 after the last end)."""
        state, table, place = program.state, self._table, self._from
        place[:] = begin, state.step, state.blocks_drawn, 0
        table[:, DONE] = table[:, NANOSECONDS] = 0
        first = next(item.call for item in self._rows[begin:] if isinstance(item.call, NativeCall))
        first.module.use_threads()
        passed, found = self._stretch(steps)
        for item, count in zip(self._rows, table[:, DONE].tolist(), strict=True):
            for told in (
                item.call.done if item is not None and count and isinstance(item.call, NativeCall) else ()
            ):
                told(count)
        for _ in range(passed):
            program.advance(dt)
        state.blocks_drawn = int(place[2])
        row, unexpected = int(place[0]), bool(place[3])
        item = self._rows[row]
        at = item.stop if item is not None and unexpected else self._operation[row]
        self._mark(program, begin, passed, at)
        self._charge(program)
        if unexpected and isinstance(item.call, NativeCall) and item.call.failure is not None:
            found = item.call.failure()
        if isinstance(found, Exception):
            raise program.failed(self.operations[at], found)
        return passed, at

    def _stretch(self, steps: int) -> tuple[int, Exception | bool | None]:
        """Calls, and actions between them, through at most `steps` ends of steps: how many were passed, and
        what an action said that ended it."""
        place, table, rows, run, words = self._from, self._table, self._rows, self._run, self._run_words
        address, passed = words.ctypes.data, 0
        while True:
            words[2] = steps - passed
            passed += run(address)
            row = int(place[0])
            item = rows[row]
            if passed == steps or item is None or not isinstance(item.call, Action):
                return passed, None
            begun = time.perf_counter_ns()
            found = item.call.act()
            table[row, NANOSECONDS] += time.perf_counter_ns() - begun
            table[row, DONE] += 1
            if found is not None:
                return passed, found
            place[0] += 1
            if place[0] == len(rows):
                place[0] = place[2] = 0
                place[1] += 1
                passed += 1
                if passed == steps:
                    return passed, None

    def _mark(self, program: Program, begin: int, passed: int, at: int) -> None:
        """Which derived arrays are valid now: what the operations that were done have said, in order."""
        first, number = self._rows[begin].first, len(self.operations)
        done = passed * number + at - first
        for k in range(max(done - number, 0), done):
            op = self.operations[(first + k) % number]
            program.invalidate_dependents(op)
            if isinstance(op, Evaluate):
                program.state.mark_valid(op.writes)

    def _charge(self, program: Program) -> None:
        """Seconds of each call to the timer of its operation."""
        charge = getattr(program.timers, "charge", None)
        if charge is None:
            return
        for item, count, nanoseconds in zip(
            self._rows, self._table[:, DONE].tolist(), self._table[:, NANOSECONDS].tolist(), strict=True
        ):
            if item is not None and count:
                parts = self.operations[item.first : item.last + 1]
                seconds, calls = 1e-9 * nanoseconds, count if item.begins else 0
                waiting = seconds if isinstance(item.call, Action) else 0.0
                charge(" + ".join(op.name for op in parts), seconds, calls, waiting)
