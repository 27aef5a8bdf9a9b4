"""Rules of a job that states a Hamiltonian, and everything that is wrong with its expressions."""

from __future__ import annotations

from typing import Any

from hpcphys.run.expressions.declaration import Declaration, Declaring
from hpcphys.run.expressions.job import IMPLICIT
from hpcphys.run.kind import Broken
from hpcphys.run.time_rules import equal_steps


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


def _limits(limits: Any, declaration: Declaration) -> list[Broken]:
    if limits.energy_error is None or declaration.is_conservative:
        return []
    text = f"the energy of this system is not conserved ({declaration.structure.name}); remove the limit"
    return [(("limits", "energy_error"), text)]
