"""Rules of a job of a plasma: everything that is wrong with it, or doubtful, before the first step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.run.kind import Broken
from hpcphys.run.plasmas.declaration import (
    AXES,
    ELECTROMAGNETIC,
    ORDERS,
    Declaration,
    Declaring,
    longest_step,
)
from hpcphys.run.plasmas.splitting_rules import splitting_rules
from hpcphys.run.time_rules import equal_steps
from hpcphys.run.wavefunctions.declaration import per_axis

NEUTRAL = 1e-3
"""Largest share of the charge that a periodic plasma may have left over without saying so."""

DEBYE = 3.0
"""Cells above so many Debye lengths heat a plasma until they resolve it, with linear shapes.
Source: Birdsall & Langdon (1985), section 8-13."""

PHASE = 0.5
"""ω_p dt above this is coarse; above 2 no leapfrog is stable."""

SPREAD = 5.0
"""Few particles are faster than the drift and so many thermal velocities."""


def step_of(tables: dict[str, Any]) -> float | None:
    """The length of a step that [time] cfl says; None where grid, units or solver do not say it."""
    from hpcphys.run.plasmas.job import Fields
    from hpcphys.run.plasmas.units import Units, constants_of

    grid, fields = tables.get("grid"), tables.get("fields") or Fields()
    if grid is None:
        return None
    try:
        low, high = (per_axis(getattr(grid, name), len(grid.cells)) for name in ("lower", "upper"))
        light_speed = constants_of(tables.get("units") or Units()).light_speed
    except ValueError:
        return None
    spacing = [(b - a) / n for a, b, n in zip(low, high, grid.cells, strict=True)]
    if min(spacing) <= 0.0:
        return None
    longest = longest_step(fields.solver, spacing, light_speed)
    return None if longest is None else tables["time"].cfl * longest * _share(tables["time"])


def broken_rules(tables: dict[str, Any], files_needed: bool = True) -> list[Broken]:
    """Path and text of every rule that the valid tables break; a rule whose table is missing is not tried."""
    broken = _steps(tables)
    reading = Declaring(tables)
    found = reading.declaration()
    broken += reading.problems
    if found is None:
        return broken
    solver = reading.fields.solver
    broken += _courant(tables, found, solver)
    broken += _sides(found, solver)
    broken += splitting_rules(tables, found, solver)
    broken += _given(found, tables, solver)
    if reading.particles.shape == "nearest" and reading.particles.gather == "energy":
        text = "'nearest' has no shape one order lower; use gather = \"momentum\", or the shape 'linear'"
        broken.append((("particles", "gather"), text))
    for name, table in (tables.get("species") or {}).items():
        broken += _species(name, table, files_needed)
    if not reading.problems:
        broken += _densities(tables, found, reading.fields)
    broken += _diagnostics(tables, found, solver)
    return broken


def warnings(job: Any, declaration: Declaration) -> list[str]:
    """What the grid and the steps do not resolve, with numbers."""
    found, points = [], declaration.centres(1 << 16)
    frequency, step = 0.0, job.time.step
    for name, species in declaration.species.items():
        if job.species[name].path is not None:
            continue
        density = float(np.max(species.density.function(*points)))
        square = density * species.charge**2 / (declaration.constants.permittivity * species.mass)
        frequency = math.hypot(frequency, math.sqrt(max(square, 0.0)))
        thermal = _thermal(species, points, declaration.constants.light_speed)
        if thermal > 0.0 and square > 0.0 and job.fields.solver != "none":
            debye = thermal / math.sqrt(square)
            widest = max(declaration.spacing)
            if widest > DEBYE * debye:
                found.append(
                    f"{name}: cells of {widest:.3g} are {widest / debye:.3g} Debye lengths of {debye:.3g}; "
                    f"the plasma heats itself until they resolve it: use cells below {DEBYE * debye:.3g}"
                )
        found += _crossing(name, species, thermal, points, job, declaration)
    if job.fields.solver != "none" and frequency * step > PHASE:
        found.append(
            f"a step of {step:.3g} is {frequency * step:.3g}/ω_p (ω_p = {frequency:.3g}); plasma waves "
            f"need steps below {PHASE / frequency:.3g}"
        )
    return found


def _thermal(species: Any, points: list[np.ndarray], light_speed: float) -> float:
    if species.temperature is not None:
        return light_speed * math.sqrt(float(np.min(species.temperature.function(*points))))
    return min(float(np.min(each.function(*points))) for each in species.thermal)


def _crossing(
    name: str, species: Any, thermal: float, points: list[np.ndarray], job: Any, declaration: Declaration
) -> Iterator[str]:
    """Particles that may cross more cells in a step than the guards allow."""
    if job.fields.solver in ELECTROMAGNETIC:
        return  # none is faster than light, which the stable step holds back
    from hpcphys.run.plasmas.assembly import guards_of

    reach = guards_of(job) - (2 if ORDERS[job.particles.shape] == 3 else 1)
    for axis, spacing in enumerate(declaration.spacing):
        drift = float(np.max(np.abs(species.drift[axis].function(*points))))
        cells = (drift + SPREAD * thermal) * job.time.step / spacing
        if cells > reach:
            yield (
                f"{name}: particles cross up to {cells:.3g} cells along {AXES[axis]} in a step, {reach} are "
                "allowed; the run will fail at the first that does: use a shorter step"
            )


def _steps(tables: dict[str, Any]) -> list[Broken]:
    time = tables.get("time")
    if time is None:
        return []
    broken = equal_steps(time)
    if time.cfl is not None and time.step is not None:
        broken.append((("time", "cfl"), "is given together with step; give one of them"))
    elif time.cfl is not None:
        broken = [each for each in broken if each[0] != ("time", "step")]
        solver = getattr(tables.get("fields"), "solver", "yee")
        if solver not in ELECTROMAGNETIC:
            text = f"fields of the solver '{solver}' set no limit to a step; give step"
            broken.append((("time", "cfl"), text))
    return broken


def _courant(tables: dict[str, Any], found: Declaration, solver: str) -> Iterator[Broken]:
    """Steps that the fields' leapfrog cannot take."""
    time = tables.get("time")
    longest = longest_step(solver, found.spacing, found.constants.light_speed)
    if time is None or time.step is None or longest is None or solver == "psatd":
        return
    longest *= _share(time)
    if time.step > longest * (1.0 + 1e-12):
        yield (
            ("time", "step"),
            f"found {time.step:g}; the solver '{solver}' is stable up to {longest:g} on these cells (Courant "
            f"number {_share(time):.3g}): use a shorter step, or cfl = 0.95",
        )


def _share(time: Any) -> float:
    """The longest stable step in those of the leapfrog of the fields."""
    if time.integrator == "leapfrog":
        return 1.0
    from hpcphys.physics.plasma.splitting import stable_share

    return stable_share(time.composition)


def _sides(found: Declaration, solver: str) -> Iterator[Broken]:
    for axis, field, particle in zip(found.axes, found.field_sides, found.particle_sides, strict=True):
        if (field[0] == "periodic") != (particle[0] == "periodic"):
            yield (
                ("particles", "boundaries", axis),
                f"fields are {field[0]} along {axis}, particles {particle[0]}; both or neither are periodic",
            )
        if "absorbing" in field and solver != "yee":
            text = (
                f"absorbing layers are for the solver 'yee'; with '{solver}' they are not there or not stable"
            )
            yield (("fields", "boundaries", axis), text)
        if field[0] != "periodic" and solver == "psatd":
            yield (("fields", "boundaries", axis), "the solver 'psatd' is for periodic boxes; use 'yee'")


def _given(found: Declaration, tables: dict[str, Any], solver: str) -> Iterator[Broken]:
    """Initial and external fields, lasers."""
    if solver in ELECTROMAGNETIC:
        for name, table in (tables.get("lasers") or {}).items():
            axis = AXES.index(table.axis)
            if axis >= found.dimension:
                yield (("lasers", name, "axis"), f"the grid has no axis {table.axis}")
            elif not found.lower[axis] <= table.position <= found.upper[axis]:
                ends = f"{found.lower[axis]:g} to {found.upper[axis]:g}"
                yield (("lasers", name, "position"), f"found {table.position:g}, outside the box: {ends}")
            if table.polarisation == table.axis:
                yield (("lasers", name, "polarisation"), "E is across the axis along which the wave runs")
        return
    for name in tables.get("lasers") or {}:
        yield (("lasers", name), f"a laser needs Maxwell's equations, not the solver '{solver}'")
    for key, given in (("electric", found.electric), ("magnetic", found.magnetic)):
        if any(each.constant != 0.0 for each in given):
            text = f"is for Maxwell's equations, not the solver '{solver}'; use [external] for given fields"
            yield (("fields", key), text)
    if any(each.constant is None for each in found.external_magnetic):
        text = f"with the solver '{solver}' B is uniform and constant; give three numbers"
        yield (("external", "magnetic"), text)


def _species(name: str, table: Any, files_needed: bool) -> Iterator[Broken]:
    if table.temperature is not None and table.thermal_velocity != 0.0:
        yield (("species", name, "temperature"), "is given together with thermal_velocity; give one of them")
    if table.temperature is not None and table.layout == "quiet":
        text = "'quiet' is for thermal_velocity; with temperature use 'random' or 'gridded'"
        yield (("species", name, "layout"), text)
    if table.path is not None and files_needed and not Path(table.path).is_file():
        yield (("species", name, "path"), f"{table.path}: no such file")


def _densities(tables: dict[str, Any], found: Declaration, fields: Any) -> Iterator[Broken]:
    """Densities and temperatures that are negative or no number; a periodic box that is charged."""
    species = tables.get("species")
    if species is None:  # its own mistake is told
        return
    if not species:
        yield (("species",), "there is no species; add one, as [species.electrons]")
    points, charge, size, bad = found.centres(), 0.0, 0.0, False
    for name, given in found.species.items():
        functions = {"density": [given.density], "thermal_velocity": given.thermal}
        if given.temperature is not None:
            functions["temperature"] = [given.temperature]
        for key, stated in functions.items():
            for each in stated:
                values = each.function(*points)
                worst = int(np.argmin(np.where(np.isfinite(values), values, -np.inf)))
                if not values[worst] >= 0.0:
                    bad = True
                    place = ", ".join(f"{a} = {p[worst]:g}" for a, p in zip(found.axes, points, strict=True))
                    text = f"is {values[worst]:g} at {place}; it must be a number and not negative"
                    yield (("species", name, key), f"{text}: use max(0, ...)")
                    break
        if not bad:
            mean = float(np.mean(given.density.function(*points)))
            charge, size = charge + given.charge * mean, size + abs(given.charge) * mean
    files = any(table.path is not None for table in species.values())
    periodic, neutral = all(found.periodic), abs(charge) <= NEUTRAL * size
    if (
        periodic
        and not neutral
        and not bad
        and not files
        and fields.solver != "none"
        and not fields.background
    ):
        yield (
            ("fields", "background"),
            f"the plasma is periodic and not neutral: {charge / size:+.3g} of its charge is left over; add "
            "the other species, or background = true for a fixed uniform one",
        )


def _diagnostics(tables: dict[str, Any], found: Declaration, solver: str) -> Iterator[Broken]:
    table, species = tables.get("diagnostics"), tables.get("species")
    names = set()
    for mode in getattr(table, "modes", []):
        names.add(mode.name)
        if len(mode.index) != found.dimension:
            text = f"found {len(mode.index)} numbers for {found.dimension} axes in index; give one for each"
            yield (("diagnostics", "modes"), text)
        yield from _component(mode.field, "modes", solver)
    for line in getattr(table, "lines", []):
        yield from _component(line.field, "lines", solver)
        if line.axis not in found.axes:
            yield (("diagnostics", "lines"), f"the grid has no axis {line.axis}")
    for histogram in getattr(table, "phase_space", []):
        where = ("diagnostics", "phase_space")
        if species is not None and histogram.species not in species:
            yield (where, f"there is no species {histogram.species!r}; there are {', '.join(species)}")
        if len(histogram.bins) != len(histogram.axes):
            yield (
                where,
                f"found {len(histogram.bins)} bins for {len(histogram.axes)} axes; give one for each",
            )
        for axis in histogram.axes:
            if not axis.startswith("u") and axis not in found.axes:
                yield (where, f"the grid has no axis {axis}")
    for name, measure in (tables.get("measure") or {}).items():
        yield from _measure(name, measure, names, species)


def _component(component: str, key: str, solver: str) -> Iterator[Broken]:
    if component.startswith("B") and solver not in ELECTROMAGNETIC:
        yield (("diagnostics", key), f"there is no {component} with the solver '{solver}'")


def _measure(name: str, measure: Any, modes: set[str], species: dict[str, Any] | None) -> Iterator[Broken]:
    from hpcphys.run.plasmas.results import exact_values

    if measure.quantity == "gyration":
        if species is not None and measure.species not in species:
            text = f"found {measure.species!r}; give the name of a species: {', '.join(species)}"
            yield (("measure", name, "species"), text)
    elif measure.mode not in modes:
        known = ", ".join(sorted(modes)) or "none; add one to [diagnostics] modes"
        yield (("measure", name, "mode"), f"found {measure.mode!r}; modes are {known}")
    try:
        exact_values(measure)
    except (ValueError, ArithmeticError) as problem:
        yield (("measure", name, "arguments"), str(problem))
