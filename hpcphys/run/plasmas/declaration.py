"""From the tables of a job to a plasma in numbers and functions, or to the list of all that is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions import (
    TIME,
    Coordinates,
    CoordinatesError,
    ExpressionError,
    Variable,
    parse,
)
from hpcphys.run.errors import JobError
from hpcphys.run.kind import Broken
from hpcphys.run.plasmas.units import Constants, constants_of
from hpcphys.run.units import UnitError
from hpcphys.run.wavefunctions.declaration import numeric, per_axis

AXES = ("x", "y", "z")
ORDERS = {"nearest": 0, "linear": 1, "quadratic": 2, "cubic": 3}
ELECTROMAGNETIC = ("yee", "cole_karkkainen_cowan", "psatd")

Function = Callable[..., np.ndarray]
Path_ = tuple[str, ...]


@dataclass(frozen=True)
class Stated:
    """A scalar function of x, y, z (and t) that a job states: its expression, and how to evaluate it.

    function(*coordinates): arrays that broadcast; with `driven`, the time behind them
    """

    expression: sympy.Expr
    function: Function

    @property
    def driven(self) -> bool:
        """Whether it depends on t."""
        return TIME in self.expression.free_symbols

    @property
    def constant(self) -> float | None:
        """Its value where it is one number."""
        return None if self.expression.free_symbols else float(self.expression)


@dataclass
class SpeciesDeclaration:
    """A species in numbers (charge and mass in units of the job) and functions."""

    charge: float
    mass: float
    per_cell: int
    density: Stated
    drift: list[Stated]
    thermal: list[Stated]
    temperature: Stated | None = None
    displacement: list[Stated] = field(default_factory=list)


@dataclass
class Declaration:
    """A plasma on a grid.

    field_sides, particle_sides: (lower, upper) of each axis
    electric, magnetic: at the start;  external_electric, external_magnetic: given, functions of t too
    """

    constants: Constants
    cells: tuple[int, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    field_sides: list[tuple[str, str]]
    particle_sides: list[tuple[str, str]]
    species: dict[str, SpeciesDeclaration] = field(default_factory=dict)
    electric: list[Stated] = field(default_factory=list)
    magnetic: list[Stated] = field(default_factory=list)
    external_electric: list[Stated] = field(default_factory=list)
    external_magnetic: list[Stated] = field(default_factory=list)

    @property
    def dimension(self) -> int:
        """Axes of the grid."""
        return len(self.cells)

    @property
    def axes(self) -> tuple[str, ...]:
        """Their names."""
        return AXES[: self.dimension]

    @property
    def lengths(self) -> tuple[float, ...]:
        """Of the box."""
        return tuple(high - low for low, high in zip(self.lower, self.upper, strict=True))

    @property
    def spacing(self) -> tuple[float, ...]:
        """Of the cells."""
        return tuple(length / n for length, n in zip(self.lengths, self.cells, strict=True))

    @property
    def periodic(self) -> tuple[bool, ...]:
        """For each axis."""
        return tuple(sides[0] == "periodic" for sides in self.field_sides)

    def centres(self, most: int = 1 << 20) -> list[np.ndarray]:
        """Coordinates of the middles of cells, thinned to about `most` of them, (n,) along each axis."""
        every = max(1, math.ceil((math.prod(self.cells) / most) ** (1.0 / self.dimension)))
        along = [
            low + (np.arange(0, n, every) + 0.5) * d
            for low, n, d in zip(self.lower, self.cells, self.spacing, strict=True)
        ]
        return [points.ravel() for points in np.meshgrid(*along, indexing="ij")]


class Declaring:
    """Reads the valid tables of a job; `problems` holds all that is wrong with them, by the key's path."""

    def __init__(self, tables: Mapping[str, Any]):
        self.tables = tables
        self.problems: list[Broken] = []

    @contextmanager
    def at(self, *path: str) -> Iterator[None]:
        """Errors of expressions, units and lengths of lists in the body become problems of this key."""
        try:
            yield
        except (ExpressionError, CoordinatesError, UnitError, ValueError) as error:
            self.problems.append((path, str(error)))

    def declaration(self) -> Declaration | None:
        """The plasma, or None where units, grid or sides leave none; see `problems`."""
        from hpcphys.run.plasmas.job import External, Fields, ParticleMethods
        from hpcphys.run.plasmas.units import Units

        self.fields = self.tables.get("fields") or Fields()
        self.particles = self.tables.get("particles") or ParticleMethods()
        external = self.tables.get("external") or External()
        with self.at("units", "length"):
            self.constants = constants_of(self.tables.get("units") or Units())
        box = self._box()
        if self.problems or box is None:
            return None
        self.axes = AXES[: len(box[0])]
        if not self._coordinates():
            return None
        sides = [self._sides(table, name) for table, name in
                 ((self.fields, "fields"), (self.particles, "particles"))]  # fmt: skip
        found = Declaration(self.constants, *box, sides[0], sides[1])
        found.electric = self._vector(self.fields.electric, "fields", "electric")
        found.magnetic = self._vector(self.fields.magnetic, "fields", "magnetic")
        found.external_electric = self._vector(external.electric, "external", "electric", time=True)
        found.external_magnetic = self._vector(external.magnetic, "external", "magnetic", time=True)
        for name, table in (self.tables.get("species") or {}).items():
            species = self._species(name, table, len(box[0]))
            if species is not None:
                found.species[name] = species
        return found

    def _box(self) -> tuple[Any, Any, Any] | None:
        grid = self.tables.get("grid")
        if grid is None:
            return None
        ends: dict[str, tuple[float, ...]] = {}
        for name in ("lower", "upper"):
            with self.at("grid", name):
                ends[name] = per_axis(getattr(grid, name), len(grid.cells))
        if len(ends) < 2:
            return None
        for low, high in zip(ends["lower"], ends["upper"], strict=True):
            if not low < high:
                text = f"found {high:g}, not above lower = {low:g}; a box needs some length"
                self.problems.append((("grid", "upper"), text))
                return None
        return tuple(grid.cells), ends["lower"], ends["upper"]

    def _coordinates(self) -> bool:
        known = self.particles.parameters
        with self.at("particles", "parameters"):
            variables = tuple(map(Variable, self.axes))
            self.coordinates = Coordinates(variables, tuple(map(Variable, known)))
            self.numbers = {Variable(name).symbols[0]: sympy.Float(value) for name, value in known.items()}
            return True
        return False

    def _sides(self, table: Any, name: str) -> list[tuple[str, str]]:
        """(lower, upper) of each axis."""
        found = []
        for axis in self.axes:
            given = table.boundaries.get(axis, "periodic")
            pair = [given] * 2 if isinstance(given, str) else list(given)
            if len(pair) != 2 or pair.count("periodic") == 1:
                text = f"found {given}; give one word, or two that are both periodic or both not"
                self.problems.append(((name, "boundaries", axis), text))
                pair = ["periodic"] * 2
            found.append((pair[0], pair[1]))
        for axis in table.boundaries:
            if axis not in self.axes:
                text = f"the grid has no axis {axis}; it has {', '.join(self.axes)}"
                self.problems.append(((name, "boundaries", axis), text))
        return found

    def stated(self, text: Any, *path: str, time: bool = False) -> Stated | None:
        """The function that an expression or a number states, or None with a problem."""
        with self.at(*path):
            expression = parse(
                str(text) if isinstance(text, str) else repr(float(text)),
                self.coordinates,
                name=path[-1],
                where=self.particles.definitions,
                time=time,
            ).xreplace(self.numbers)
            symbols = self.coordinates.symbols
            return Stated(expression, numeric(expression, (*symbols, TIME) if time else symbols))
        return None

    def _vector(self, given: Sequence[Any], *path: str, time: bool = False) -> list[Stated]:
        found = [self.stated(text, *path, time=time) for text in given]
        return [each for each in found if each is not None]

    def _species(self, name: str, table: Any, dimension: int) -> SpeciesDeclaration | None:
        before = len(self.problems)
        where = ("species", name)
        for key, needed in (("mass", True), ("per_cell", table.path is None)):
            if needed and getattr(table, key) is None:
                what = {
                    "mass": "of one real particle, in electron masses",
                    "per_cell": "macro-particles in a cell",
                }
                self.problems.append(((*where, key), f"is missing; a species needs it: {what[key]}"))
        thermal = table.thermal_velocity
        thermal = list(thermal) if isinstance(thermal, list) else [thermal] * 3
        if len(thermal) != 3:
            text = f"found {len(thermal)} numbers; give one, or three for u_x, u_y, u_z"
            self.problems.append(((*where, "thermal_velocity"), text))
        if table.displacement and len(table.displacement) != dimension:
            text = f"found {len(table.displacement)} components for {dimension} axes; give one for each"
            self.problems.append(((*where, "displacement"), text))
        density = self.stated(table.density, *where, "density")
        heat = None
        if table.temperature is not None:
            heat = self.stated(table.temperature, *where, "temperature")
        drift = self._vector(table.drift, *where, "drift")
        heats = self._vector(thermal, *where, "thermal_velocity")
        displaced = self._vector(table.displacement, *where, "displacement")
        if len(self.problems) > before or density is None:
            return None
        return SpeciesDeclaration(
            table.charge * self.constants.charge, table.mass * self.constants.mass, table.per_cell or 0,
            density, drift, heats, heat, displaced,
        )  # fmt: skip


def declaration_of(job: Any) -> Declaration:
    """The plasma of a job.  Raises JobError for one that is not valid."""
    reading = Declaring({name: getattr(job, name) for name in type(job).model_fields})
    found = reading.declaration()
    if found is None or reading.problems:
        raise JobError([f"{'.'.join(path)}: {text}" for path, text in reading.problems])
    return found


def longest_step(solver: str, spacing: Sequence[float], light_speed: float) -> float | None:
    """The longest stable step of a field solver; None where fields set no limit.

    Yee: 1/(c √(Σ 1/dx²)).  The stencil of Cole, Kärkkäinen and Cowan: min dx/c.
    Source: Taflove & Hagness (2005), eq. 4.54; Cowan et al. (2013) Phys. Rev. ST Accel. Beams 16, 041303.
    """
    if solver == "yee":
        return 1.0 / (light_speed * math.sqrt(sum(1.0 / d**2 for d in spacing)))
    if solver in ("cole_karkkainen_cowan", "psatd"):
        return min(spacing) / light_speed
    return None
