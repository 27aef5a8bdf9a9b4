"""Rules of a job that states a Hamiltonian, and everything that is wrong with its expressions."""

from __future__ import annotations

from typing import Any

from hpcphys.run.expressions.declaration import Declaration, Declaring
from hpcphys.run.expressions.job import IMPLICIT
from hpcphys.run.kind import Broken


def broken_rules(tables: dict[str, Any]) -> list[Broken]:
    """Path and text of every rule that the valid tables break; a rule whose table is missing is not tried."""
    broken = equal_steps(tables["time"]) if "time" in tables else []
    if "hamiltonian" not in tables:
        return broken
    reading = Declaring(tables)
    found = reading.declaration()
    broken += reading.problems
    if found is not None and "limits" in tables:
        broken += _limits(tables["limits"], found)
    if "time" in tables and tables["time"].integrator in IMPLICIT:
        given = tables["hamiltonian"].splitting
        if given not in ("auto", tables["time"].integrator):
            text = f"found {given!r} with integrator = {tables['time'].integrator!r}, which splits nothing"
            broken.append((("hamiltonian", "splitting"), text))
    return broken


def equal_steps(time: Any) -> list[Broken]:
    """Rules of a [time] table without adaptive steps."""
    broken: list[Broken] = []
    if (time.end is None) == (time.steps is None):
        found = "neither end nor steps is given" if time.end is None else "both end and steps are given"
        broken.append((("time", "end" if time.end is None else "steps"), f"{found}; give one of them"))
    if time.adaptive:
        broken.append((("time", "adaptive"), "is for kind = 'gravity'; here steps are equal"))
    if time.step is None:
        broken.append((("time", "step"), "is missing; give the length of a step"))
    if time.step and time.end and time.step > time.end:
        broken.append((("time", "step"), f"found {time.step}, longer than the whole run, end = {time.end}"))
    return broken


def _limits(limits: Any, declaration: Declaration) -> list[Broken]:
    if limits.energy_error is None or declaration.is_conservative:
        return []
    text = f"the energy of this system is not conserved ({declaration.structure.name}); remove the limit"
    return [(("limits", "energy_error"), text)]
