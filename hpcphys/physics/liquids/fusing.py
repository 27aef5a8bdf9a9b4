"""The pass that moves a kick and the drift after it in one sweep over the memory."""

from __future__ import annotations

from hpcphys.compiler.operations import Flow, Operation
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.state import State
from hpcphys.physics.liquids.motion import Motion


def fused(operations: tuple[Operation, ...], motion: Motion) -> tuple[Operation, ...]:
    """Replace each plain kick that a plain drift follows by one flow of both, with the same numbers.

    Only flows of the motion's own kernels are joined: those of barostats and constraints stay.
    """
    joined: list[Operation] = []
    for op in operations:
        before = joined[-1] if joined else None
        if _is(before, motion.kick) and _is(op, motion.drift):
            joined[-1] = Flow(_both(before, op, motion), 1.0)
        else:
            joined.append(op)
    return tuple(joined)


def _is(op: Operation | None, flow: object) -> bool:
    return isinstance(op, Flow) and op.piece.flow == flow


def _both(kick: Operation, drift: Operation, motion: Motion) -> Piece:
    assert isinstance(kick, Flow)
    assert isinstance(drift, Flow)
    first, second = kick.coefficient, drift.coefficient

    def flow(state: State, dt: float) -> None:
        motion.kick_drift(state, first * dt, second * dt)

    return Piece(
        "kick+drift",
        f"{first:+.6g} dt of the kick, then {second:+.6g} dt of the drift",
        kick.reads | drift.reads,
        kick.writes | drift.writes,
        flow,
    )
