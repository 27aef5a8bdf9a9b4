"""External fields as expressions of position and time, added where particles feel them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .geometry import AXES, ELECTRIC, MAGNETIC, FieldGeometry

NAMES = tuple(f"{field}_{axis}" for field in "EB" for axis in AXES)


class ExternalFields:
    """E and B of sources outside the plasma: f(x, y, z, t) for some of E_x … B_z.

    geometry: of the fields (Maxwell.geometry, Poisson.geometry)
    expressions: {"B_z": "0.5*cos(0.1*t)", …}, texts in the grid's coordinates and t, or numbers
    origin: coordinates of node 0 [length];  parameters: numbers that texts may name
    definitions: named sub-expressions; each may use the ones before it

    Components without t are evaluated once.
    Raises ValueError for unknown names, ExpressionError for texts that are none, and ValueError that names
    the first point where a component is not finite.
    """

    def __init__(
        self,
        geometry: FieldGeometry,
        expressions: Mapping[str, Any],
        *,
        origin: Sequence[float] | None = None,
        parameters: Mapping[str, float] | None = None,
        definitions: Mapping[str, str] | None = None,
    ):
        unknown = [name for name in expressions if name not in NAMES]
        if unknown:
            raise ValueError(f"external fields {unknown} are unknown; allowed are {', '.join(NAMES)}")
        self._geometry = geometry
        self._origin = tuple(origin) if origin is not None else (0.0,) * geometry.axes
        self._parameters, self._definitions = dict(parameters or {}), dict(definitions or {})
        self._fixed: list[tuple[int, int, Any]] = []
        self._moving: list[tuple[int, int, Any]] = []
        for name, given in expressions.items():
            field, component = "EB".index(name[0]), AXES.index(name[2])
            function, moves = self._function(name, given)
            if moves:
                self._moving.append((field, component, function))
            else:
                self._fixed.append((field, component, geometry.backend.array(function(0.0), geometry.dtype)))
        self._total: list[Any] = [None, None]

    def _function(self, name: str, given: Any) -> tuple[Any, bool]:
        """(f(t) of this block's values, guards included; whether it depends on t)."""
        import sympy

        from hpcphys.compiler.expressions import TIME, Coordinates, parse

        geometry = self._geometry
        coordinates = Coordinates.declare(AXES[: geometry.axes])
        values = {key: sympy.Float(float(value)) for key, value in self._parameters.items()}
        if isinstance(given, str):
            expression = parse(
                given, coordinates, name=name, locals=values, where=self._definitions, time=True
            )
        else:
            expression = sympy.Float(float(given))
        places = (ELECTRIC if name[0] == "E" else MAGNETIC)[AXES.index(name[2])]
        along = geometry.coordinates(places, self._origin)
        mesh = np.meshgrid(*along, indexing="ij", sparse=True)
        compiled = sympy.lambdify(
            (*coordinates.symbols, TIME), expression, modules=["scipy", "numpy"], cse=True
        )

        def function(time: float) -> np.ndarray:
            with np.errstate(all="ignore"):
                found = np.broadcast_to(compiled(*mesh, time), geometry.blocks.local_shape)
            bad = np.argwhere(~np.isfinite(found))
            if len(bad):
                where = ", ".join(f"{AXES[a]} = {along[a][i]:g}" for a, i in enumerate(bad[0]))
                raise ValueError(
                    f"external field {name} is {found[tuple(bad[0])]:g} at {where}, t = {time:g}; it must be "
                    "finite on the whole grid and its guards"
                )
            return found

        return function, TIME in expression.free_symbols

    def total(self, E: Any, B: Any, time: float) -> tuple[Any, Any]:
        """(E + external E, B + external B) at a time, guards included: what particles feel.

        A field without external part is returned itself, the other in an array that is used again.
        """
        found = []
        for number, field in enumerate((E, B)):
            if all(of != number for of, _, _ in (*self._fixed, *self._moving)):
                found.append(field)
                continue
            if self._total[number] is None:
                self._total[number] = self._geometry.zeros()
            total = self._total[number]
            total[...] = field
            for of, component, values in self._fixed:
                if of == number:
                    total[component] += values
            for of, component, function in self._moving:
                if of == number:
                    total[component] += self._geometry.backend.array(function(time), self._geometry.dtype)
            found.append(total)
        return found[0], found[1]
