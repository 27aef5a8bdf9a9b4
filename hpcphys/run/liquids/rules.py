"""Rules between keys of a liquid's job, which no single key's type can state."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from hpcphys.compiler.compositions import composition_names
from hpcphys.run.kind import Broken
from hpcphys.run.liquids.declaration import potential_of, rigid_template, types_in
from hpcphys.run.liquids.job import OF_ENSEMBLE
from hpcphys.run.time_rules import equal_steps

ROLES = {
    "nve": ("A", "B"),
    "langevin": ("A", "B", "O"),
    "nose_hoover_chain": ("A", "B", "O"),
    "velocity_rescaling": ("A", "B", "O"),
    "berendsen": ("A", "B", "O"),
}
"""Ensemble -> roles of its pieces; those that are not here have a composition of their own."""


def broken_rules(tables: dict[str, Any], files_needed: bool = True) -> list[Broken]:
    """Path and text of every rule that the valid tables break; a rule whose table is missing is not tried."""
    broken: list[Broken] = []
    if "time" in tables:
        broken += equal_steps(tables["time"])
        broken += _integrator(tables["time"], tables.get("ensemble"))
    if "units" in tables:
        broken += _units(tables["units"])
    if "initial" in tables:
        broken += _initial(tables["initial"], tables.get("box"), tables.get("molecules"), files_needed)
    if "ensemble" in tables:
        broken += _ensemble(tables["ensemble"], tables.get("initial"), tables.get("types"))
    broken += _types(tables)
    if "molecules" in tables:
        broken += _molecules(tables)
    if "pairs" in tables:
        broken += _pairs(tables["pairs"], tables.get("types"), files_needed)
    if "observables" in tables:
        broken += _observables(tables)
    if "initial" in tables and "pairs" in tables and not broken:
        broken += _sizes(tables)
    return broken


def _integrator(time: Any, ensemble: Any) -> list[Broken]:
    model = "nve" if ensemble is None else ensemble.model
    name = time.integrator
    if name == OF_ENSEMBLE:
        return []
    roles = ROLES.get(model)
    if roles is None or (model == "berendsen" and ensemble.pressure is not None):
        text = f"found {name!r}; {model!r} brings its own composition: use 'ensemble', or remove the key"
        return [(("time", "integrator"), text)]
    allowed = composition_names(roles, gradient=False)
    # Bare compositions of drift and kick treat a bath as one more piece in a symmetric word; those named for
    # Langevin dynamics say where it stands.
    if name not in allowed:
        text = f"found {name!r}; for ensemble {model!r} use 'ensemble' or one of {', '.join(allowed)}"
        return [(("time", "integrator"), text)]
    return []


def _units(units: Any) -> list[Broken]:
    if units.system == "real":
        return []
    return [
        (("units", name), "is for system = 'real'; reduced units have no names: remove it")
        for name in ("length", "energy", "mass")
        if getattr(units, name) is not None
    ]


def _initial(initial: Any, box: Any, molecules: Any, files_needed: bool) -> list[Broken]:
    broken: list[Broken] = []
    stated = box is not None and box.lengths is not None
    if initial.temperature == 0:
        text = "found 0: velocities need a temperature > 0; leave the key out for atoms at rest"
        broken.append((("initial", "temperature"), text))
    if initial.model in ("lattice", "molecules"):
        count = "atoms" if initial.model == "lattice" else "molecules"
        if (initial.cells is None) == (getattr(initial, count) is None):
            found = "neither is given" if initial.cells is None else "both are given"
            broken.append((("initial", "cells"), f"cells or {count}: {found}; give one of them"))
        if stated:
            text = "is given, but the box follows from cells and density of the lattice; remove it"
            broken.append((("box", "lengths"), text))
    if initial.model != "file":
        broken += _density(initial, stated)
    if initial.model == "molecules" and (molecules is None or molecules.model == "rigid"):
        text = "needs a table [molecules] with model = 'dumb_bell', 'three_site' or 'chain'"
        broken.append((("initial", "model"), f"'molecules' {text}"))
    if molecules is not None and initial.model in ("lattice", "random"):
        text = (
            f"{initial.model!r} makes single atoms, and there is a table [molecules]; use 'molecules' "
            f"or 'file'"
        )
        broken.append((("initial", "model"), text))
    if molecules is not None and initial.minimise != "none":
        text = "molecules are rigid and are not minimised; remove it, or start from a lower density"
        broken.append((("initial", "minimise"), text))
    if initial.model == "file":
        if files_needed and not Path(initial.path).exists():
            broken.append((("initial", "path"), f"no such file: {initial.path}"))
        if stated:
            broken.append((("box", "lengths"), "is given, but the file has a box; remove it"))
    return broken


def _density(initial: Any, stated: bool) -> list[Broken]:
    """One of density, mass_density and, for a random packing, box.lengths.  stated: these are given"""
    random = initial.model == "random"
    given = [name for name in ("density", "mass_density") if getattr(initial, name) is not None]
    given += ["box.lengths"] if stated and random else []
    if len(given) == 1:
        return []
    names = "density, mass_density" + (", box.lengths" if random else "")
    found = f"{' and '.join(given)} are given" if given else "is missing"
    return [(("initial", "density"), f"{found}; give one of {names}")]


def _ensemble(ensemble: Any, initial: Any, types: Any) -> list[Broken]:
    broken: list[Broken] = []
    if ensemble.model == "berendsen":
        keys = ("pressure", "pressure_period", "compressibility")
        given = [key for key in keys if getattr(ensemble, key) is not None]
        if given and len(given) < len(keys):
            missing = [key for key in keys if key not in given]
            text = f"a barostat needs {', '.join(keys)}; missing: {', '.join(missing)}"
            broken.append((("ensemble", given[0]), text))
    groups = getattr(ensemble, "groups", None)
    if groups is not None:
        named = sorted(kind for group in groups for kind in group)
        wanted = list(range(1 if types is None else len(types.masses)))
        if named != wanted:
            text = f"found {groups}; every type of {wanted} belongs to one group, and to no other"
            broken.append((("ensemble", "groups"), text))
    ramp = getattr(ensemble, "ramp", None)
    if ramp is not None:
        times, temperatures = [corner[0] for corner in ramp], [corner[1] for corner in ramp]
        if len(ramp) < 2 or min(temperatures) <= 0 or any(b <= a for a, b in pairwise(times)):
            text = f"found {ramp}; two corners or more are needed, times ascending, temperatures > 0"
            broken.append((("ensemble", "ramp"), text))
    at_rest = initial is not None and initial.temperature is None and initial.model != "file"
    if at_rest and ensemble.model not in ("nve", "langevin"):
        text = (
            f"is missing: {ensemble.model} scales velocities, and atoms at rest have none to scale; give the "
            "temperature for which they are drawn"
        )
        broken.append((("initial", "temperature"), text))
    return broken


def _types(tables: dict[str, Any]) -> list[Broken]:
    types, initial = tables.get("types"), tables.get("initial")
    if types is None:
        return []
    broken: list[Broken] = []
    count = len(types.masses)
    if types.names and len(types.names) != count:
        text = f"found {len(types.names)} names for {count} masses; give one for each type, or none"
        broken.append((("types", "names"), text))
    if types.fractions is not None:
        if len(types.fractions) != count or abs(sum(types.fractions) - 1.0) > 1e-9:
            text = (
                f"found {types.fractions}; one share for each of the {count} types, with the sum 1, is needed"
            )
            broken.append((("types", "fractions"), text))
        if initial is not None and initial.model in ("file", "molecules"):
            text = f"types come from the {initial.model}; remove it"
            broken.append((("types", "fractions"), text))
    return broken


def _molecules(tables: dict[str, Any]) -> list[Broken]:
    molecules, types = tables["molecules"], tables.get("types")
    broken: list[Broken] = []
    kinds = types_in(molecules)
    count = 1 if types is None else len(types.masses)
    if max(kinds) >= count:
        text = f"an atom has type {max(kinds)}, and types.masses has {count}: give a mass for each type"
        broken.append((("molecules", "type" if molecules.model == "chain" else "types"), text))
    if molecules.model == "three_site" and molecules.types[1] != molecules.types[2]:
        text = f"found {molecules.types}; the two sites beside the apex have one type"
        broken.append((("molecules", "types"), text))
    try:
        rigid_template(molecules)
    except ValueError as problem:
        broken.append((("molecules", "bonds" if molecules.model == "rigid" else "model"), str(problem)))
    return broken


def _pairs(pairs: Any, types: Any, files_needed: bool) -> list[Broken]:
    if pairs.model == "table" and (not files_needed or not Path(pairs.path).exists()):
        return [(("pairs", "path"), f"no such file: {pairs.path}")] if files_needed else []
    key = "expression" if pairs.model == "expression" else "model"
    if pairs.cutoff is None:
        return [(("pairs", "sigma"), f"found {pairs.sigma}; every σ must be > 0")]
    try:
        potential = potential_of(pairs)
        potential.table(pairs.cutoff)
    except (ValueError, OSError) as problem:
        return [(("pairs", key), str(problem))]
    count = 1 if types is None else len(types.masses)
    if potential.types not in (1, count):
        text = f"has parameters for {potential.types} types; types.masses has {count}"
        return [(("pairs", key), text)]
    return []


def _observables(tables: dict[str, Any]) -> list[Broken]:
    seen, time, ensemble = tables["observables"], tables.get("time"), tables.get("ensemble")
    broken: list[Broken] = []
    for name in ("msd", "vacf"):
        table = getattr(seen, name)
        if table is not None and table.points % 2:
            broken.append((("observables", name, "points"), f"found {table.points}; use an even number"))
    if seen.msd is not None:
        first, last = seen.msd.fit_from, seen.msd.fit_to
        if first is not None and last is not None and first >= last:
            broken.append((("observables", "msd", "fit_from"), f"found {first}, not below fit_to = {last}"))
    neither = ensemble is not None and ensemble.model in ("cell_rescaling", "mtk", "berendsen")
    if seen.heat_capacity is not None and neither:
        text = f"is C_V of a canonical or microcanonical run; {ensemble.model!r} is neither: remove it"
        broken.append((("observables", "heat_capacity"), text))
    end = time.end or (time.steps * time.step if time.steps and time.step else None) if time else None
    if end is not None and seen.begin >= end:
        text = f"found {seen.begin}, but the run ends at {end:g}: nothing would be averaged"
        broken.append((("observables", "begin"), text))
    return broken


def _sizes(tables: dict[str, Any]) -> list[Broken]:
    """Box against cutoff and against what observables reach, where the job knows the box."""
    from hpcphys.forces.pairs.checks import checked_box
    from hpcphys.run.liquids.job import BoxTable, Types
    from hpcphys.run.liquids.start import atoms_stated, stated_box

    # Tables of a job whose other ones may not be valid.
    known = SimpleNamespace(
        initial=tables["initial"],
        pairs=tables["pairs"],
        box=tables.get("box", BoxTable()),
        molecules=tables.get("molecules"),
        types=tables.get("types", Types()),
    )

    try:
        box = stated_box(known)
        atoms = atoms_stated(known)
    except ValueError as problem:
        return [(("initial", "model"), str(problem))]
    if box is None:
        return []
    broken: list[Broken] = []
    try:
        checked_box(box, known.pairs.cutoff, known.pairs.buffer)
    except ValueError as problem:
        broken.append((("pairs", "cutoff"), f"{problem} ({atoms} atoms, {box.describe()})"))
    seen = tables.get("observables")
    half = 0.5 * float(np.min(box.widths))
    if seen is not None and seen.rdf is not None and (seen.rdf.largest or 0.0) > half:
        text = f"found {seen.rdf.largest}; the box allows distances up to {half:.6g}, half its smallest width"
        broken.append((("observables", "rdf", "largest"), text))
    periodic = all(box.periodic)
    if seen is not None and not periodic:
        for name in ("rdf", "structure_factor"):
            if getattr(seen, name) is not None:
                broken.append((("observables", name), "needs a box that is periodic along all axes"))
    return broken
