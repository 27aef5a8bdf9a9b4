"""Time as a coordinate: H(z, t) moves with t' = 1, in the part of the splitting that does not hold t."""

from __future__ import annotations

from dataclasses import replace

import sympy

from hpcphys.compiler.expressions.coordinates import DT, TIME, Variable
from hpcphys.compiler.flows.sequence import Sequence
from hpcphys.compiler.flows.update import Update
from hpcphys.compiler.splitting.parts import Part


class Clock(Variable):
    """The variable t, whose name is reserved otherwise: a state array (systems,) with the time of each
    system."""

    def __post_init__(self) -> None:
        if (self.name, self.size) != (str(TIME), None):
            raise ValueError(f"the clock is named {TIME} and is a scalar; found {self}")


def with_clock(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The parts with t moved by the first that does not depend on it, or by one more part.

    In the extended phase space (z, t) the momentum of t adds to that part of H a term that commutes with it,
    so that every composition keeps its order.
    Source: Sanz-Serna & Calvo (1994), section 12.7; Hairer, Lubich & Wanner (2006), section V.3.
    """
    tick = Update.of({TIME: TIME + DT})
    for index, part in enumerate(parts):
        if TIME in part.code.writes:
            return parts
        # Implicit flows take the time in the middle of their step, so that the clock may follow them.
        whole = len(parts) == 1 and part.order is not None
        if whole or TIME not in part.hamiltonian.free_symbols:
            moved = replace(
                part, code=Sequence((part.code, tick)), equation=f"{part.equation},  d{TIME}/dt = 1"
            )
            return (*parts[:index], moved, *parts[index + 1 :])
    clock = Part(
        "clock",
        "shear",
        sympy.S.Zero,
        f"d{TIME}/dt = 1",
        tick,
        "moves the time by itself: every part holds it",
    )
    return (clock, *parts)
