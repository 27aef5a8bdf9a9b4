"""What ends a run of a liquid: numbers that are none, energies and temperatures beyond the limits, forces
that no step can follow."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from hpcphys.compiler.program import OperationError
from hpcphys.run.bad_rows import first_bad_row
from hpcphys.run.errors import RunError

WRITTEN_BY = {"force": "the pair forces", "velocity": "kick or bath", "position": "drift"}
"""Arrays in the order in which a bad number spreads, and what writes each."""

AT_ONCE = 1 << 16
"""Atoms whose forces are looked at at a time, so that no array of all of them is made."""

NO_CHECKPOINT = "No checkpoint of this state is written"


def raise_not_finite(state: Any, backend: Any, communicator: Any) -> NoReturn:
    """Raise RunError on all ranks, naming the first array, rank and atom with a number that is none;
    collective."""
    bad = first_bad_row(state, WRITTEN_BY, backend, communicator)
    if bad is not None:
        raise RunError(
            f"the {bad.array} of atom {bad.identity} on rank {bad.rank} is {bad.values} after step "
            f"{state.step} at time {state.time:g}; it was written by {WRITTEN_BY[bad.array]}.  "
            f"{NO_CHECKPOINT}.  Use a shorter step, or minimise before the run"
        )
    raise RunError(f"velocities overflow after step {state.step} at time {state.time:g}.  {NO_CHECKPOINT}")


def raise_failed(error: OperationError, communicator: Any, at_start: bool) -> NoReturn:
    """Raise RunError for an operation that failed: with the same text on all ranks where all of them know of
    it (overlaps, lost atoms); where one rank alone does (a molecule's constraint), it ends the others."""
    text = f"before the first step: {error.__cause__}" if at_start else str(error)
    if isinstance(error.__cause__, FloatingPointError):
        texts = communicator.allgather(text)
        text = next((each for each in texts if "another rank" not in each), texts[0])
    raise RunError(f"{text}.  {NO_CHECKPOINT}".replace("..  ", ".  ")) from error


def check_first_forces(state: Any, step: float, cutoff: float, backend: Any, communicator: Any) -> None:
    """Raise RunError on all ranks if a force would take an atom farther than the cutoff in the first step:
    atoms overlap, or nearly so.  Collective."""
    force, mass = backend.host(state["force"]), backend.host(state["mass"])
    worst, own = -1, 0.0
    for first in range(0, len(force), AT_ONCE):
        some = force[first : first + AT_ONCE].astype(np.float64)
        with np.errstate(over="ignore"):
            moves = 0.5 * step * step * np.sqrt((some * some).sum(axis=1)) / mass[first : first + AT_ONCE]
        at = int(np.argmax(moves))
        if worst < 0 or moves[at] > own:
            worst, own = first + at, float(moves[at])
    identity = int(backend.host(state["id"])[worst]) if worst >= 0 else -1
    move, atom = max(communicator.allgather((own, identity)))
    if not move <= cutoff:
        raise RunError(
            f"the force on atom {atom} at step {state.step} would move it by {move:.3g} in one step, "
            f"farther than "
            f"the cutoff {cutoff:g}: it overlaps with another; let initial.minimise = 'fire' push single "
            f"atoms "
            "apart; begin with molecules at a lower density, or with turned = false"
        )


class Watch:
    """The conserved quantity against its start, and the limits.

    `memory` goes into checkpoints, so that a resumed run measures against the same start.
    """

    def __init__(self, limits: Any, memory: dict[str, float] | None = None) -> None:
        self.limits = limits
        self.memory: dict[str, float] = dict(memory or {})

    def first(self, conserved: float) -> float:
        """The conserved quantity at the start, which the first call says."""
        return self.memory.setdefault("conserved", conserved)

    def keep(self, row: dict[str, Any]) -> None:
        """Remember the largest drift."""
        largest = max(self.memory.get("largest_error", 0.0), abs(row["conserved_error"]))
        self.memory["largest_error"] = largest

    def check(self, row: dict[str, Any], step: int, time: float) -> None:
        """Raise RunError on all ranks beyond [limits]."""
        where = f"after step {step} at time {time:g}"
        for name in ("potential_energy", "kinetic_energy", "pressure"):
            if not np.isfinite(row[name]):
                raise RunError(
                    f"the {name.replace('_', ' ')} is {row[name]} {where}: atoms overlap; use a shorter "
                    f"step, "
                    f"or minimise before the run.  {NO_CHECKPOINT}"
                )
        limit, error = self.limits.energy_error, row["conserved_error"]
        if limit is not None and not abs(error) <= limit:
            raise RunError(
                f"the conserved quantity has drifted by {error:.3e} per atom {where}, beyond [limits] "
                f"energy_error = {limit:g}; use a shorter step or a smoother end of the potential "
                f"(shift = 'force').  {NO_CHECKPOINT}"
            )
        limit, found = self.limits.temperature, row["temperature"]
        if limit is not None and not found <= limit:
            raise RunError(
                f"the temperature is {found:.6g} {where}, beyond [limits] temperature = {limit:g}; let atoms "
                f"come to rest first (initial.minimise), or use a shorter step.  {NO_CHECKPOINT}"
            )
