"""The check of what a structure claims: by algebra where it is given by expressions, else by numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hpcphys.compiler.structures.base import Arrays, Structure, StructureError, Verification


def _pairing(a: Arrays, b: Arrays) -> float:
    return float(sum(np.vdot(a[name], b[name]).real for name in a))


def _shifted(z: Arrays, direction: Arrays, length: float) -> dict[str, Any]:
    return {name: z[name] + length * direction[name] if name in direction else z[name] for name in z}


def verify_structure(
    structure: Structure,
    z: Arrays | None = None,
    variables: Sequence[str] | None = None,
    *,
    trials: int = 5,
    seed: int = 1,
    tolerance: float = 1e-6,
) -> Verification:
    """Verify that a structure is what it claims to be.

    Without a point z, by algebra: only for structures that are given by expressions, see their `verify`.
    With z, at random covectors, that it is a Poisson structure with the Casimirs that it declares:

    Antisymmetry: <a, L b> = -<b, L a>.  Jacobi, for the linear functions a.z, b.z, c.z with f_ab(z) = <a,
    L(z) b>: D f_ab [L c] + D f_bc [L a] + D f_ca [L b] = 0, by central differences.  Casimirs: L grad C = 0.

    z: a point, name -> numpy array; it should be a generic one (random). A complex array is a pair of real
        ones: <a, b> is the real part of the product
    variables: the names that move (all arrays by default); the others are parameters such as masses
    tolerance: largest violation relative to the size of the terms
    Returns the largest relative violation of each property, and in `how` the way it was found. Raises
    StructureError if one exceeds the tolerance, or if z is missing for a structure of arrays.
    Source: Hairer, Lubich & Wanner (2006), section VII.2.
    """
    if z is None:
        return structure.verify()
    variables = tuple(z) if variables is None else variables
    rng = np.random.default_rng(seed)
    scale = np.sqrt(sum(float(np.sum(np.abs(z[name]) ** 2)) for name in variables)) or 1.0
    violation = {"antisymmetry": 0.0, "jacobi": 0.0}

    def covector() -> dict[str, Any]:
        return {name: normal(np.shape(z[name]), np.iscomplexobj(z[name])) for name in variables}

    def normal(shape: tuple[int, ...], pairs: bool) -> Any:
        values = rng.standard_normal(shape)
        return values + 1j * rng.standard_normal(shape) if pairs else values

    def size(a: Arrays) -> float:
        return np.sqrt(_pairing(a, a))

    def derivative(a: Arrays, b: Arrays, direction: Arrays) -> float:
        # A central difference over a length of about the cube root of the rounding error.
        length = 1e-5 * scale / max(size(direction), 1e-300)
        ahead, behind = _shifted(z, direction, length), _shifted(z, direction, -length)
        return (_pairing(a, structure.bracket(ahead, b)) - _pairing(a, structure.bracket(behind, b))) / (
            2 * length
        )

    for _ in range(trials):
        a, b, c = covector(), covector(), covector()
        la, lb, lc = (structure.bracket(z, x) for x in (a, b, c))
        strength = size(a) * size(lb) + size(b) * size(la) + 1e-300
        antisymmetry = abs(_pairing(a, lb) + _pairing(b, la)) / strength
        terms = [derivative(a, b, lc), derivative(b, c, la), derivative(c, a, lb)]
        jacobi = abs(sum(terms)) / max(size(a) * size(lb) * size(lc) / scale, 1e-300)
        violation["antisymmetry"] = max(violation["antisymmetry"], antisymmetry)
        violation["jacobi"] = max(violation["jacobi"], jacobi)
    for casimir in structure.casimirs:
        gradient = casimir.gradient(z)
        moved = structure.bracket(z, gradient)
        reference = size(structure.bracket(z, covector())) * size(gradient)
        violation[f"casimir {casimir.name}"] = size(moved) * np.sqrt(len(variables)) / max(reference, 1e-300)
    found = Verification()
    for what, value in violation.items():
        found.record(what, value, f"by numbers at {trials} random covectors")
        if not value <= tolerance:
            raise StructureError(
                f"structure {structure.name!r} violates {what}: {value:.2e} relative, allowed "
                f"{tolerance:.1e}; correct its bracket or its Casimirs"
            )
    return found
