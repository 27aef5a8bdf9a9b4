"""From the tables of a valid job to the objects that they name: potential, ensemble, templates, units."""

from __future__ import annotations

from math import radians
from typing import Any

import numpy as np

from hpcphys.run.liquids.job import OF_ENSEMBLE, LiquidJob


def potential_of(pairs: Any) -> Any:
    """The pair potential of a table [pairs].

    Raises ValueError for parameters that do not fit together, ExpressionError or CoordinatesError for an
    expression outside the grammar, DataFileError for a table that cannot be read.
    """
    from hpcphys.forces import pairs as potentials

    own = {"model", "cutoff", "buffer", "rebuild_every", "precision"}
    given = {name: value for name, value in pairs.model_dump().items() if name not in own}
    model = pairs.model
    if model == "expression":
        text, parameters = given.pop("expression"), given.pop("parameters")
        return potentials.Expression(text, parameters, **given)
    if model == "table":
        columns = tabulated(given.pop("path"))
        return potentials.Table(*columns, **given)
    if model == "soft_core":
        return potentials.SoftCore(given.pop("coupling"), **given)
    kinds = {
        "lennard_jones": potentials.LennardJones,
        "wca": potentials.WCA,
        "morse": potentials.Morse,
        "buckingham": potentials.Buckingham,
    }
    return kinds[model](**given)


def tabulated(path: str) -> np.ndarray:
    """(3, m) r, E and -dE/dr of a text file.  Raises DataFileError that names it."""
    from hpcphys.io.rows import DataFileError

    try:
        table = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as problem:
        raise DataFileError(f"{path}: cannot be read as a table of numbers: {problem}") from problem
    if table.shape[1] != 3:
        raise DataFileError(f"{path}: has {table.shape[1]} columns; three are needed: r, E and -dE/dr")
    return table.T


def ensemble_of(job: LiquidJob, step: int = 0) -> Any:
    """The ensemble of the job; with a ramp, at the bath's temperature of this step."""
    from hpcphys.physics import liquids

    given = job.ensemble
    if given.model == "nve":
        return liquids.Ensemble()
    temperature = bath_temperature(given, step, job.time.step)
    if given.model == "langevin":
        integrator = job.time.integrator
        splitting = "baoab" if integrator == OF_ENSEMBLE else integrator
        return liquids.Langevin(temperature, given.friction, splitting)
    if given.model == "nose_hoover_chain":
        return liquids.NoseHooverChain(temperature, given.period, length=given.length, groups=given.groups)
    if given.model == "mtk":
        return liquids.MartynaTobiasKlein(
            temperature, given.period, given.pressure, given.pressure_period, given.flexible, given.length
        )
    if given.model == "velocity_rescaling":
        return liquids.VelocityRescaling(temperature, given.period)
    if given.model == "berendsen" and given.pressure is None:
        return liquids.BerendsenThermostat(temperature, given.period)
    kinds = {
        "berendsen": (liquids.BerendsenBarostat, liquids.BerendsenThermostat),
        "cell_rescaling": (liquids.CellRescaling, liquids.VelocityRescaling),
    }
    barostat, thermostat = kinds[given.model]
    return barostat(
        given.pressure,
        given.pressure_period,
        given.compressibility,
        thermostat(temperature, given.period),
        given.every,
    )


RAMP_STEPS = 100
"""A bath's temperature changes every so many steps."""


def is_ramped(table: Any) -> bool:
    """Whether the bath's temperature changes while the run goes on."""
    return getattr(table, "ramp", None) is not None


def bath_temperature(table: Any, step: int, dt: float) -> Any:
    """T of the bath: between corners of the ramp, at the last multiple of RAMP_STEPS."""
    if not is_ramped(table):
        return table.temperature
    times, temperatures = zip(*table.ramp, strict=True)
    return float(np.interp(step // RAMP_STEPS * RAMP_STEPS * dt, times, temperatures))


def rigid_template(molecules: Any) -> Any:
    """The template of a table [molecules] for constraints.  Raises ConstraintError for impossible bonds."""
    from hpcphys.physics import liquids

    if molecules.model == "dumb_bell":
        return liquids.dumb_bell(molecules.types, molecules.length)
    if molecules.model == "three_site":
        return liquids.three_site(molecules.types, molecules.length, radians(molecules.angle))
    if molecules.model == "chain":
        return liquids.chain([molecules.type] * molecules.atoms, molecules.length)
    return liquids.Template(
        tuple(molecules.types), tuple(map(tuple, molecules.bonds)), tuple(molecules.lengths)
    )


def placed_template(molecules: Any, masses: list[float]) -> Any:
    """The template of a table [molecules] with coordinates, for the start.  masses: of the types."""
    from hpcphys.initial import liquids

    if molecules.model == "dumb_bell":
        return liquids.dumbbell(molecules.length, [masses[t] for t in molecules.types], molecules.types)
    if molecules.model == "three_site":
        apex, end = molecules.types[:2]
        return liquids.water(
            molecules.length, radians(molecules.angle), (masses[apex], masses[end]), (apex, end)
        )
    made = liquids.chain(molecules.atoms, molecules.length, radians(molecules.angle), masses[molecules.type])
    return liquids.Template(
        made.name, made.offsets, made.mass, np.full(molecules.atoms, molecules.type), made.bonds
    )


def types_in(molecules: Any) -> list[int]:
    """Types of a molecule's atoms."""
    return [molecules.type] * molecules.atoms if molecules.model == "chain" else molecules.types


def atoms_in(molecules: Any) -> int:
    """Atoms of a molecule."""
    return len(types_in(molecules))


def pairs_within(molecules: Any) -> np.ndarray:
    """(k, 2) pairs of a molecule's atoms without a pair force, counted from 0."""
    atoms = atoms_in(molecules)
    if molecules.exclude == "none":
        return np.zeros((0, 2), np.int64)
    if molecules.exclude == "molecule":
        return np.stack(np.triu_indices(atoms, 1), axis=1).astype(np.int64)
    return np.array(rigid_template(molecules).bonds, dtype=np.int64)


def types_of(job: LiquidJob) -> int:
    """Number of types of atoms."""
    return len(job.types.masses)
