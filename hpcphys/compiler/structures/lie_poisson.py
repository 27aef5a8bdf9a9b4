"""Lie-Poisson structures: J(z) is linear in z, with the structure constants of a Lie algebra."""

from __future__ import annotations

from collections.abc import Sequence

import sympy

from hpcphys.compiler.expressions.coordinates import Coordinates, Variable
from hpcphys.compiler.structures.base import StructureError
from hpcphys.compiler.structures.poisson import PoissonStructure


def cross_matrix(vector: Sequence[sympy.Expr]) -> sympy.Matrix:
    """The matrix of  w -> v x w."""
    x, y, z = vector
    return sympy.Matrix([[0, -z, y], [z, 0, -x], [-y, x, 0]])


def _vectors(
    coordinates: Coordinates, names: Sequence[str], structure: str
) -> list[tuple[sympy.Symbol, ...]]:
    """The symbols of the named vectors of 3, which must be all the variables."""
    found = {variable.name: variable for variable in coordinates.variables}
    if sorted(found) != sorted(names) or any(variable.size != 3 for variable in found.values()):
        wanted = ", ".join(f"{name}[3]" for name in names)
        declared = ", ".join(map(str, coordinates.variables))
        raise StructureError(f"structure {structure!r} moves {wanted}; the variables are {declared}")
    return [found[name].symbols for name in names]


class RotationStructure(PoissonStructure):
    """so(3): dm/dt = m x grad H for an angular momentum m in the body's frame.  Casimir m.m.

    coordinates: by default the vector m[3]
    Source: Marsden & Ratiu (1999), section 1.2; Hairer, Lubich & Wanner (2006), section VII.5.
    """

    def __init__(self, coordinates: Coordinates | None = None, momentum: str | None = None):
        coordinates = coordinates or Coordinates((Variable(momentum or "m", 3),))
        momentum = momentum or coordinates.variables[0].name
        (m,) = _vectors(coordinates, [momentum], "so3")
        super().__init__(
            "so3",
            f"d{momentum}/dt = {momentum} x dH/d{momentum}",
            coordinates,
            cross_matrix(m),
            casimirs={f"{momentum}.{momentum}": sympy.Add(*(x**2 for x in m))},
            reversal={x: -x for x in m},
        )


class EuclideanStructure(PoissonStructure):
    """e(3), the dual of se(3), and so(3) with any number of vectors a, b, ... that are fixed in space.

    dm/dt = m x dH/dm + a x dH/da + b x dH/db + ...,   da/dt = a x dH/dm, ...

    A heavy top has one vector (the vertical seen from the body), a body in a field of any orientation all
    three rows of its rotation matrix. Casimirs: all products a.a, a.b, ...; with one vector m.a as well.
    Time reverses by m -> -m.
    coordinates: by default m[3], gamma[3];  momentum, vectors: names, by default in the order of declaration
    Source: Marsden, Ratiu & Weinstein (1984) Trans. AMS 281, 147 (semidirect products);
    Holmes & Marsden (1983) Indiana Univ. Math. J. 32, 273 (heavy top).
    """

    def __init__(
        self,
        coordinates: Coordinates | None = None,
        momentum: str | None = None,
        vectors: Sequence[str] | None = None,
    ):
        coordinates = coordinates or Coordinates((Variable("m", 3), Variable("gamma", 3)))
        names = [variable.name for variable in coordinates.variables]
        momentum = momentum or names[0]
        vectors = list(vectors) if vectors is not None else [name for name in names if name != momentum]
        if not vectors:
            raise StructureError("structure 'se3' needs a vector besides the momentum: m[3], gamma[3]")
        _vectors(coordinates, [momentum, *vectors], "se3")
        symbols = {variable.name: variable.symbols for variable in coordinates.variables}
        blocks = [[self._block(a, b, momentum, symbols) for b in names] for a in names]
        dots = [(a, b) for i, a in enumerate(vectors) for b in vectors[i:]]
        if len(vectors) == 1:
            dots.append((momentum, vectors[0]))
        force = "".join(f" + {a} x dH/d{a}" for a in vectors)
        super().__init__(
            "se3",
            f"d{momentum}/dt = {momentum} x dH/d{momentum}{force},  "
            + ",  ".join(f"d{a}/dt = {a} x dH/d{momentum}" for a in vectors),
            coordinates,
            sympy.Matrix(sympy.BlockMatrix(blocks)),
            casimirs={
                f"{a}.{b}": sympy.Add(*(x * y for x, y in zip(symbols[a], symbols[b], strict=True)))
                for a, b in dots
            },
            reversal={x: -x for x in symbols[momentum]},
        )

    @staticmethod
    def _block(a: str, b: str, momentum: str, symbols: dict[str, tuple[sympy.Symbol, ...]]) -> sympy.Matrix:
        if momentum not in (a, b):
            return sympy.zeros(3, 3)
        return cross_matrix(symbols[b if a == momentum else a])
