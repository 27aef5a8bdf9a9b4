"""The check of flows: that each part moves by its own equation, as a group, and keeps the structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy

from hpcphys.compiler.expressions.coordinates import TIME
from hpcphys.compiler.splitting.parts import Part, Splitting
from hpcphys.compiler.splitting.thermostats import reversible_structure
from hpcphys.compiler.structures.dissipative import DissipativeStructure
from hpcphys.compiler.structures.generic import GenericStructure
from hpcphys.compiler.structures.nose_hoover import NoseHooverStructure
from hpcphys.compiler.structures.poisson import PoissonStructure
from hpcphys.compiler.structures.symbolic import SymbolicStructure

Point = dict[sympy.Symbol, Any]


class FlowError(ValueError):
    """A flow is not what it claims to be; the message names the part, the property and the violation."""


def verify_splitting(
    splitting: Splitting,
    structure: SymbolicStructure,
    point: Mapping[sympy.Symbol, float],
    *,
    dt: float = 0.1,
    tolerance: float = 1e-7,
) -> dict[str, dict[str, float]]:
    """Verify every part at a point, over the time dt, by numbers.

    equation: d/dt phi_t(z) = X(phi_t(z)), X the field of the part's H;  group: phi_t/3 phi_2t/3 = phi_t
    (exact flows) or phi_-t phi_t = 1 (symmetric ones);  structure: D J(z) D^T = J(phi_t(z)) with D the
    derivative of phi_t (exact flows over Poisson structures).  Derivatives by differences of fourth order.

    point: values of coordinates, parameters and the time;  tolerance: relative to the size of what is
    compared
    Returns part -> property -> violation. Raises FlowError if one exceeds the tolerance. Noise and
    thermostats are verified as far as they are flows of a vector field.
    Source: Hairer, Lubich & Wanner (2006), section VII.4 for Poisson maps.
    """
    found = {part.name: _violations(part, splitting, structure, dict(point), dt) for part in splitting.parts}
    for name, violations in found.items():
        for what, value in violations.items():
            if not value <= tolerance:
                raise FlowError(
                    f"the flow of part {name!r} violates {what}: {value:.1e} relative, allowed "
                    f"{tolerance:.1e}"
                )
    return found


def _violations(
    part: Part, splitting: Splitting, structure: SymbolicStructure, point: Point, dt: float
) -> dict[str, float]:
    def flow(z: Point, time: float) -> Point:
        known = dict(z)
        if splitting.forces is not None:
            known |= splitting.forces.apply(known, 0.0)
        return z | part.code.apply(known, time)

    if part.code.normals:
        return {}
    base = _base(part, structure)
    moved = [s for s in structure.coordinates.symbols if s in part.code.writes]
    start = np.array([float(point[s]) for s in moved])

    def after(z: Point, time: float) -> np.ndarray:
        image = flow(z, time)
        return np.array([float(image[s]) for s in moved])

    if part.order is not None:
        back = after(flow(point, dt), -dt)
        found = {"symmetry": _relative(back, start)}
        if part.poisson and isinstance(base, PoissonStructure):
            found["structure"] = _structure_violation(base, flow, point, flow(point, dt), dt)
        return found
    there = flow(point, dt)
    found = {"group": _relative(after(flow(point, dt / 3), 2 * dt / 3), after(point, dt))}
    if base is None:
        return found
    field = base.vector_field(part.hamiltonian)
    rate = np.array([_number(field.get(s, sympy.S.Zero), there) for s in moved])
    found["equation"] = _relative(_slope(lambda t: after(point, dt + t)), rate)
    if isinstance(base, PoissonStructure):
        found["structure"] = _structure_violation(base, flow, point, there, dt)
    return found


def _base(part: Part, structure: SymbolicStructure) -> SymbolicStructure | None:
    """The structure whose field the part's Hamiltonian generates; None for heat, which has its own field."""
    if not isinstance(structure, DissipativeStructure | NoseHooverStructure | GenericStructure):
        return structure
    return None if part.role == "O" or part.name == "thermostat" else reversible_structure(structure)


def _structure_violation(base: PoissonStructure, flow: Any, point: Point, there: Point, dt: float) -> float:
    """D J(z) D^T against J(phi(z)), over all coordinates of the structure."""
    symbols = base.coordinates.symbols

    def image(symbol: sympy.Symbol, length: float) -> np.ndarray:
        z = flow(point | {symbol: point[symbol] + length}, dt)
        return np.array([float(z[s]) for s in symbols])

    columns = [_slope(lambda h, s=symbol: image(s, h)) for symbol in symbols]
    derivative = np.array(columns).T
    before, after = np.zeros((2, len(symbols), len(symbols)))
    for (i, j), entry in base.entries.items():
        before[i, j], after[i, j] = _number(entry, point), _number(entry, there)
    return _relative(derivative @ before @ derivative.T, after)


def _slope(function: Any, length: float = 1e-3) -> np.ndarray:
    """Derivative at 0 by central differences of fourth order."""
    one, two = function(length) - function(-length), function(2 * length) - function(-2 * length)
    return (8 * one - two) / (12 * length)


def _number(expr: sympy.Expr, point: Point) -> float:
    held = {s: float(point.get(s, 0.0) if s == TIME else point[s]) for s in expr.free_symbols}
    return float(expr.xreplace({s: sympy.Float(v, 17) for s, v in held.items()}).evalf(17))


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max(initial=0.0) / max(np.abs(b).max(initial=0.0), 1e-300))
