"""Native calls: what an operation offers so that a loop over steps needs no Python."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hpcphys.compiler.operations import Evaluate, Flow, Operation, Project
from hpcphys.compiler.state import State

STEP, DRAWN = object(), object()
"""Arguments that the loop fills in: the number of the step; blocks of random numbers that it has drawn."""


@dataclass(frozen=True)
class NativeCall:
    """A function of a compiled library that is an operation, or a part of one, with its arguments.

    module, function: a kernel or host function that its header offers (kernels/offered.h)
    arguments: as for module.launch (n first) or module.host; arrays of the state, or others that live as long
        as whoever offers them; STEP and DRAWN where the loop knows better
    expected: what it returns where all is well; at anything else the loop ends there, and Python does the
        whole operation, which must then be as if it had not begun
    failure: failure() is the error to raise instead, where the operation has failed; or None
    at_most: how many times it may be called before Python must do the operation once; None for always
    draws: blocks of random numbers that it takes from the step
    done: done(count) is told how often it went well, before Python looks at the state again
    joins: name of a function -> join(next) makes one call of this one and the next, where this one cannot end
        the loop
    """

    module: Any
    function: str
    arguments: tuple[Any, ...]
    expected: int = 0
    failure: Callable[[], Exception] | None = None
    at_most: int | None = None
    draws: int = 0
    done: tuple[Callable[[int], None], ...] = ()
    joins: Mapping[str, Callable[[NativeCall], NativeCall]] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """What Python does between the native calls of an operation: messages to other ranks.

    act: act() returns None to go on, True where Python is to do the whole operation instead, which must then
        be as if it had not begun, or an error to raise where it has failed; the same on all ranks
    It may not look at the time or the scalars of the state: they are brought up to date when the loop ends.
    """

    act: Callable[[], Exception | bool | None]


@dataclass(frozen=True)
class Offer:
    """What an operation offers for the present arrays, and a token of what else it depends on.

    calls: in order; all but the first return what is expected, or have a failure
    token: of everything but the arrays: as long as `current()` equals it, the calls stand
    """

    calls: tuple[NativeCall | Action, ...]
    token: Hashable = None
    current: Callable[[], Hashable] | None = None

    def stands(self) -> bool:
        """Whether the calls are still right, if no array has moved."""
        return self.current is None or self.current() == self.token


@dataclass(frozen=True)
class Placed:
    """A call and the operations that it does: first to last; `stop` is the one that may end the loop."""

    call: NativeCall | Action
    first: int
    stop: int
    last: int
    begins: bool  # at its first operation, rather than in the middle of one


def is_offered(op: Operation) -> bool:
    """Whether an operation may offer native calls (it may still have none for the state at hand)."""
    if isinstance(op, Flow):
        return op.piece.native is not None and not op.gradient
    if isinstance(op, Evaluate):
        return getattr(op.field, "native_offer", None) is not None
    return isinstance(op, Project) and getattr(op.constraints, "native_offer", None) is not None


def offer_of(op: Operation, state: State, dt: float) -> Offer | None:
    """What the operation offers for steps dt [time] of this state, or None."""
    if not is_offered(op):
        return None
    if isinstance(op, Flow):
        return op.piece.native(state, op.coefficient * dt)
    if isinstance(op, Evaluate):
        return op.field.native_offer(state)
    assert isinstance(op, Project)
    return op.constraints.native_offer(op.what, state, op.coefficient * dt)


def joined(placed: Sequence[Placed]) -> list[Placed]:
    """The calls with neighbours joined where the first knows how."""
    found: list[Placed] = []
    for item in placed:
        before = found[-1] if found else None
        if before is None or not item.begins or before.last != item.first - 1:
            found.append(item)
            continue
        first, second = before.call, item.call
        if (
            isinstance(first, NativeCall)
            and isinstance(second, NativeCall)
            and second.function in first.joins
        ):
            call = first.joins[second.function](second)
            call = replace(call, done=(*first.done, *second.done))
            found[-1] = Placed(call, before.first, item.stop, item.last, before.begins)
        else:
            found.append(item)
    return found
