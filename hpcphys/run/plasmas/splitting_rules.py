"""What a job must be for the Hamiltonian splitting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hpcphys.run.kind import Broken
from hpcphys.run.plasmas.declaration import Declaration


def splitting_rules(tables: dict[str, Any], found: Declaration, solver: str) -> Iterator[Broken]:
    """Every table that has no exact flows; a composition where there is nothing to compose."""
    time = tables.get("time")
    if time is None:
        return
    if time.integrator == "leapfrog":
        if time.composition != "strang":
            text = f"found {time.composition!r}; it is for integrator = 'hamiltonian_splitting'"
            yield (("time", "composition"), text)
        return
    with_splitting = "with integrator = 'hamiltonian_splitting'"
    if solver != "yee":
        yield (("fields", "solver"), f"found {solver!r}; {with_splitting} use 'yee'")
    if any(sides[0] != "periodic" for sides in (*found.field_sides, *found.particle_sides)):
        yield (("fields", "boundaries"), f"{with_splitting} all sides are periodic")
    fields, particles = tables.get("fields"), tables.get("particles")
    if getattr(fields, "filter_passes", 0):
        text = f"found {fields.filter_passes}; {with_splitting} currents are not filtered: use 0"
        yield (("fields", "filter_passes"), text)
    if getattr(particles, "shape", "") == "nearest":
        yield (("particles", "shape"), f"found 'nearest'; {with_splitting} use linear, quadratic or cubic")
    if getattr(particles, "gather", "energy") != "energy":
        yield (("particles", "gather"), f"found {particles.gather!r}; {with_splitting} use 'energy'")
    if getattr(particles, "relativistic", None):
        text = f"found true; {with_splitting} v = u: use false, or integrator = 'leapfrog'"
        yield (("particles", "relativistic"), text)
    for name in tables.get("lasers") or {}:
        yield (("lasers", name), f"{with_splitting} no current is driven from outside")
    for key, given in (("electric", found.external_electric), ("magnetic", found.external_magnetic)):
        if any(each.driven for each in given):
            yield (("external", key), f"depends on t; {with_splitting} external fields are constant")
