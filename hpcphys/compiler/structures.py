"""Structures: how a gradient of H becomes a motion, dz/dt = L(z) grad H(z), and the check of what they claim.

One structure per geometry. Here: the canonical one. Lie-Poisson, quantum (unitary) and dissipative
structures go beside it as modules of this package, each a subclass of `Structure` that `verify_structure`
accepts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.compiler.state import State

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Casimir:
    """A function C(z) with L(z) grad C = 0: conserved by every Hamiltonian of the structure.

    name: what it is called in diagnostics; gradient: z -> {name: dC/dz}
    """

    name: str
    gradient: Callable[[Arrays], Arrays]


class StructureError(ValueError):
    """A structure is not what it claims; the message names the property and the size of the violation."""


class Structure(ABC):
    """A Poisson structure L(z)."""

    name: str
    equation: str
    casimirs: tuple[Casimir, ...] = ()

    @abstractmethod
    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """dz/dt = L(z) grad H: the motion that the gradient (by array name) of a Hamiltonian generates."""

    @abstractmethod
    def reverse(self, state: State) -> None:
        """Reverse time in place: afterwards the motion retraces its path."""


class CanonicalStructure(Structure):
    """dq/dt = dH/dp, dp/dt = -dH/dq with p = m v; the state holds v.

    With H written in (q, v), dH/dp = (1/m) dH/dv, so that dq/dt = (1/m) dH/dv and dv/dt = -(1/m) dH/dq.
    pairs: (position, velocity) names [(n, d) rows]; mass: name of the (n,) masses. No Casimirs.
    Source: Hairer, Lubich & Wanner (2006), section VI.1.
    """

    name = "canonical"
    equation = "dq/dt = dH/dp,  dp/dt = -dH/dq,  p = m v"

    def __init__(self, pairs: Sequence[tuple[str, str]] = (("position", "velocity"),), mass: str = "mass"):
        self.pairs = tuple(pairs)
        self.mass = mass

    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        motion = {}
        for position, velocity in self.pairs:
            shape = (-1,) + (1,) * (gradient[position].ndim - 1)
            inverse_mass = 1.0 / z[self.mass].reshape(shape)
            motion[position] = inverse_mass * gradient[velocity]
            motion[velocity] = -inverse_mass * gradient[position]
        return motion

    def reverse(self, state: State) -> None:
        """v <- -v."""
        for _, velocity in self.pairs:
            state[velocity] *= -1.0


def _pairing(a: Arrays, b: Arrays) -> float:
    return float(sum(np.vdot(a[name], b[name]) for name in a))


def _shifted(z: Arrays, direction: Arrays, length: float) -> dict[str, Any]:
    return {name: z[name] + length * direction[name] if name in direction else z[name] for name in z}


def verify_structure(
    structure: Structure,
    z: Arrays,
    variables: Sequence[str],
    *,
    trials: int = 5,
    seed: int = 1,
    tolerance: float = 1e-6,
) -> dict[str, float]:
    """Verify at random covectors that a structure is a Poisson structure with the Casimirs that it declares.

    Antisymmetry: <a, L b> = -<b, L a>.  Jacobi, for the linear functions a.z, b.z, c.z with f_ab(z) = <a,
    L(z) b>: D f_ab [L c] + D f_bc [L a] + D f_ca [L b] = 0, by central differences.  Casimirs: L grad C = 0.

    z: a point, name -> numpy array; it should be a generic one (random)
    variables: the names that move; the other arrays of z are parameters such as masses
    tolerance: largest violation relative to the size of the terms
    Returns the largest relative violation of each property. Raises StructureError if one exceeds the
    tolerance.
    Source: Hairer, Lubich & Wanner (2006), section VII.2.
    """
    rng = np.random.default_rng(seed)
    scale = np.sqrt(sum(float(np.sum(np.square(z[name]))) for name in variables)) or 1.0
    violation = {"antisymmetry": 0.0, "jacobi": 0.0}

    def covector() -> dict[str, Any]:
        return {name: rng.standard_normal(np.shape(z[name])) for name in variables}

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
    for what, value in violation.items():
        if not value <= tolerance:
            raise StructureError(
                f"structure {structure.name!r} violates {what}: {value:.2e} relative, allowed "
                f"{tolerance:.1e}; correct its bracket or its Casimirs"
            )
    return violation
