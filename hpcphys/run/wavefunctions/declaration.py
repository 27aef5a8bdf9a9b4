"""From the tables of a job to a wave equation in symbols, or to the list of everything wrong with them."""

from __future__ import annotations

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
from hpcphys.physics.schrodinger.grid import AXES, GridError, WaveGrid
from hpcphys.run.kind import Broken

ENERGY = sympy.Symbol("energy", real=True)
"""The variable of [exact] transmission."""

Path_ = tuple[str, ...]


@dataclass
class Declaration:
    """A wave equation in symbols, with numbers in the place of parameters.

    grid: of one rank that owns everything
    potential, absorber: expressions, absorber None where there is none;  stated: V with its parameters' names
    vector_potential: axis name -> expression of A
    initial: named expressions of [initial];  reference: the same of [observables.reference]
    exact_wave: (real, imaginary) of the exact wavefunction, or None
    expectations: column -> exact expression of t;  transmission: exact T of ENERGY, or None
    levels: exact energies
    """

    grid: WaveGrid
    potential: sympy.Expr
    stated: sympy.Expr
    absorber: sympy.Expr | None = None
    vector_potential: dict[str, sympy.Expr] = field(default_factory=dict)
    initial: dict[str, Any] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    exact_wave: tuple[sympy.Expr, sympy.Expr] | None = None
    expectations: dict[str, sympy.Expr] = field(default_factory=dict)
    transmission: sympy.Expr | None = None
    levels: list[float] = field(default_factory=list)

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes."""
        return AXES[: self.grid.dimension]

    @property
    def symbols(self) -> tuple[sympy.Symbol, ...]:
        """Symbols of the coordinates."""
        return Coordinates.declare(self.axes).symbols

    @property
    def is_driven(self) -> bool:
        """Whether the Hamiltonian depends on time."""
        return any(TIME in e.free_symbols for e in (self.potential, *self.vector_potential.values()))


def per_axis(given: Any, dimension: int) -> tuple[float, ...]:
    """One number for each axis.  Raises ValueError for a list of another length."""
    values = [given] * dimension if np.ndim(given) == 0 else list(given)
    if len(values) != dimension:
        raise ValueError(
            f"found {len(values)} numbers for {dimension} ax{'is' if dimension == 1 else 'es'}; give one "
            "number, or one for each axis"
        )
    return tuple(float(value) for value in values)


def numeric(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> Callable[..., np.ndarray]:
    """The expression as a function of arrays that broadcast, in double precision."""
    import scipy.special

    special = {"erf": scipy.special.erf, "erfc": scipy.special.erfc}
    function = sympy.lambdify(tuple(symbols), expression, modules=[special, "numpy"], cse=True)

    def value(*arguments: Any) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = np.asarray(function(*arguments), dtype=float)
        return np.broadcast_to(found, np.broadcast_shapes(*(np.shape(a) for a in arguments)))

    return value


class Declaring:
    """Reads the valid tables of a job; `problems` holds all that is wrong with them, by the key's path."""

    def __init__(self, tables: Mapping[str, Any]):
        self.tables = tables
        self.problems: list[Broken] = []
        self._definitions: dict[str, str] | None = None

    @contextmanager
    def at(self, *path: str) -> Iterator[None]:
        """Errors of expressions, grids and lengths of lists in the body become problems of this key."""
        try:
            yield
        except (ExpressionError, CoordinatesError, GridError, ValueError) as error:
            self.problems.append((path, str(error)))

    def declaration(self) -> Declaration | None:
        """The equation, or None where the grid or the potential leave none; see `problems`."""
        from hpcphys.run.wavefunctions.job import Wave

        wave = self.tables.get("wave") or Wave()
        grid = self._grid(wave)
        if grid is None or not self._parameters(wave, grid):
            return None
        stated = self._read(wave.potential, "wave", "potential", substituted=False)
        if stated is None:
            return None
        found = Declaration(grid, self._numbers(stated), stated)
        found.absorber = self._absorber(wave, grid)
        found.vector_potential = self._vector_potential(wave, grid)
        for name in ("initial", "reference"):
            table = self.tables.get("initial") if name == "initial" else self._observables("reference")
            if table is not None:
                path = ("initial",) if name == "initial" else ("observables", "reference")
                setattr(found, name, self._state(table, path, grid))
        self._exact(found)
        self._places(grid)
        return found

    def _observables(self, key: str) -> Any:
        return getattr(self.tables.get("observables"), key, None)

    def _grid(self, wave: Any) -> WaveGrid | None:
        table = self.tables.get("grid")
        if table is None:
            return None
        dimension, before = len(table.points), len(self.problems)
        corners = {}
        for name in ("lower", "upper"):
            with self.at("grid", name):
                corners[name] = per_axis(getattr(table, name), dimension)
        mass: tuple[float, ...] = ()
        with self.at("wave", "mass"):
            mass = per_axis(wave.mass, dimension)
        if len(self.problems) > before:
            return None
        for axis, low, high in zip(AXES, corners["lower"], corners["upper"], strict=False):
            if not low < high:
                text = f"found {high:g} for axis {axis}, not above lower = {low:g}"
                self.problems.append((("grid", "upper"), text))
        if len(self.problems) > before:
            return None
        with self.at("grid", "points"):
            return WaveGrid(
                tuple(table.points), corners["lower"], corners["upper"], mass, precision=wave.precision
            )
        return None

    def _parameters(self, wave: Any, grid: WaveGrid) -> bool:
        """Make the names of all expressions; whether they are valid."""
        before = len(self.problems)
        self._values: dict[sympy.Symbol, sympy.Expr] = {}
        parameters = []
        for name, value in wave.parameters.items():
            with self.at("wave", "parameters", name):
                parameters.append(Variable(name))
                self._values[parameters[-1].symbols[0]] = sympy.Float(value)
        if len(self.problems) > before:
            return False
        axes = tuple(map(Variable, AXES[: grid.dimension]))
        with self.at("wave", "parameters"):
            self._coordinates = Coordinates(axes, tuple(parameters))
            known: dict[str, str] = {}
            for name, text in wave.definitions.items():
                with self.at("wave", "definitions", name):
                    known[name] = text
                    parse("0", self._coordinates, name="definitions", where=known, time=True)
            self._definitions = known
        return len(self.problems) == before

    def _numbers(self, expression: sympy.Expr) -> sympy.Expr:
        return expression.subs(self._values)

    def _read(
        self, given: Any, *path: str, allowed: Sequence[str] | None = None, time: bool = True,
        substituted: bool = True, energy: bool = False,
    ) -> sympy.Expr | None:  # fmt: skip
        """The expression of a key; None, with a problem noted, where it is none.

        allowed: coordinates that it may hold; by default all;  time: whether it may hold t
        """
        if not isinstance(given, str):
            return sympy.Float(given)
        found = None
        with self.at(*path):
            extra = {"energy": ENERGY} if energy else {}
            found = parse(
                given, self._coordinates, name=path[-1], locals=extra, where=self._definitions, time=True
            )
        if found is None:
            return None
        coordinates = {v.symbols[0]: v.name for v in self._coordinates.variables}
        held = sorted(name for s, name in coordinates.items() if s in found.free_symbols)
        excess = [name for name in held if allowed is not None and name not in allowed]
        if TIME in found.free_symbols and not time:
            excess.append("t")
        if excess:
            whole = ", ".join((*(allowed if allowed is not None else coordinates.values()), "t" * time))
            text = f"depends on {', '.join(excess)}; allowed: {whole.rstrip(', ') or 'parameters alone'}"
            self.problems.append((path, text))
            return None
        return self._numbers(found) if substituted else found

    def _absorber(self, wave: Any, grid: WaveGrid) -> sympy.Expr | None:
        given = wave.absorber
        if given is None:
            return None
        if isinstance(given, str):
            return self._read(given, "wave", "absorber", time=False)
        total = sympy.Float(0.0)
        for axis, widths in given.items():
            with self.at("wave", "absorber", axis):
                index = axis_index(axis, grid)
                total += self._layers(widths, index, grid, wave)
        return total if total != 0 else None

    def _layers(self, widths: Sequence[float], axis: int, grid: WaveGrid, wave: Any) -> sympy.Expr:
        """Strength (depth/width)^power inside layers at both sides of an axis."""
        if len(widths) != 2:
            raise ValueError(f"found {len(widths)} widths; give two, of the lower and the upper side")
        if sum(widths) >= grid.lengths[axis]:
            raise ValueError(
                f"layers of {sum(widths):g} fill the box of {grid.lengths[axis]:g}; make them thinner"
            )
        x = self._coordinates.variables[axis].symbols[0]
        low, high = grid.lower[axis], grid.upper[axis]
        total = sympy.Float(0.0)
        for width, depth in zip(widths, (low + widths[0] - x, x - high + widths[1]), strict=True):
            if width > 0:
                total += wave.absorber_strength * sympy.Max(0, depth / width) ** wave.absorber_power
        return total

    def _vector_potential(self, wave: Any, grid: WaveGrid) -> dict[str, sympy.Expr]:
        given = wave.vector_potential
        if given is None:
            return {}
        if len(given) != grid.dimension:
            text = f"found {len(given)} components for {grid.dimension} axes; give one for each axis"
            self.problems.append((("wave", "vector_potential"), text))
            return {}
        found = {}
        for axis, text in zip(AXES, given, strict=False):
            read = self._read(text, "wave", "vector_potential")
            if read is not None and read != 0:
                found[axis] = read
        return found

    def _state(self, table: Any, path: Path_, grid: WaveGrid) -> dict[str, Any]:
        """The expressions and numbers of a table of an initial state."""
        found: dict[str, Any] = {}
        for key in ("centre", "width", "momentum"):
            if hasattr(table, key):
                with self.at(*path, key):
                    found[key] = per_axis(getattr(table, key), grid.dimension)
        for key in ("real", "imaginary"):
            if hasattr(table, key):
                found[key] = self._read(getattr(table, key), *path, key, time=False)
        if table.model == "product":
            if len(table.factors) != grid.dimension:
                text = f"found {len(table.factors)} factors for {grid.dimension} axes; give one for each axis"
                self.problems.append(((*path, "factors"), text))
            else:
                factors = [
                    self._read(text, *path, "factors", allowed=(axis,), time=False)
                    for axis, text in zip(AXES, table.factors, strict=False)
                ]
                found["factors"] = None if None in factors else factors
        if getattr(table, "potential", None) is not None:
            found["potential"] = self._read(table.potential, *path, "potential", time=False)
        return found

    def _exact(self, found: Declaration) -> None:
        table = self.tables.get("exact")
        if table is None:
            return
        if table.real is not None:
            parts = [self._read(getattr(table, key), "exact", key) for key in ("real", "imaginary")]
            if None not in parts:
                found.exact_wave = (parts[0], parts[1])
        for name, text in table.expectations.items():
            read = self._read(text, "exact", "expectations", name, allowed=())
            if read is not None:
                found.expectations[name] = read
        if table.transmission is not None:
            found.transmission = self._read(
                table.transmission, "exact", "transmission", allowed=(), time=False, energy=True
            )
        for text in table.levels:
            read = self._read(text, "exact", "levels", allowed=(), time=False)
            if read is not None:
                found.levels.append(float(read))

    def _places(self, grid: WaveGrid) -> None:
        """Planes and regions lie in the box."""
        for name, plane in (self._observables("planes") or {}).items():
            with self.at("observables", "planes", name):
                if len(plane) != 1:
                    raise ValueError("a plane is one axis with its place, as { x = 4.0 }")
                for axis, place in plane.items():
                    self._inside(place, axis, grid)
                    if place == grid.upper[axis_index(axis, grid)]:
                        raise ValueError(
                            f"found {axis} = {place:g}, the upper side, which is the lower one too"
                        )
        for name, region in (self._observables("regions") or {}).items():
            with self.at("observables", "regions", name):
                for axis, ends in region.items():
                    if len(ends) != 2 or not ends[0] < ends[1]:
                        raise ValueError(f"found {axis} = {ends}; give two ends, the lower first")
                    for end in ends:
                        self._inside(end, axis, grid)
        sweep = self.tables.get("transmission")
        if sweep is not None:
            with self.at("transmission", "beyond"):
                self._inside(sweep.beyond, sweep.axis, grid)
            low, high = sweep.energies
            if not low < high:
                text = f"found {low:g} to {high:g}; give the lowest energy first"
                self.problems.append((("transmission", "energies"), text))

    @staticmethod
    def _inside(place: float, axis: str, grid: WaveGrid) -> None:
        index = axis_index(axis, grid)
        if not grid.lower[index] <= place <= grid.upper[index]:
            raise ValueError(
                f"found {axis} = {place:g}, outside the box: {grid.lower[index]:g} to {grid.upper[index]:g}"
            )


def axis_index(axis: str, grid: WaveGrid) -> int:
    """0, 1, 2 for x, y, z.  Raises ValueError for an axis that the grid has not."""
    allowed = AXES[: grid.dimension]
    if axis not in allowed:
        raise ValueError(f"found the axis {axis!r}; the grid has {', '.join(allowed)}")
    return allowed.index(axis)
