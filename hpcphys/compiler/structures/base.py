"""What every structure is: dz/dt = L(z) grad H(z), its Casimirs, and a reversal of time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
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


class Verification(dict[str, float]):
    """Property of a structure -> its violation (0.0 where it is proved); `how` says how each was decided."""

    def __init__(self) -> None:
        super().__init__()
        self.how: dict[str, str] = {}

    def record(self, what: str, violation: float, how: str) -> None:
        """Note the violation of one property and how it was found."""
        self[what], self.how[what] = violation, how


class Structure(ABC):
    """A Poisson structure L(z).

    approximate: property of `verify_structure` ("jacobi", "casimir NAME") -> why it holds only in a limit;
        its violation is reported, and is no error
    """

    name: str
    equation: str
    casimirs: tuple[Casimir, ...] = ()
    approximate: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def bracket(self, z: Arrays, gradient: Arrays) -> dict[str, Any]:
        """dz/dt = L(z) grad H: the motion that the gradient (by array name) of a Hamiltonian generates."""

    @abstractmethod
    def reverse(self, state: State) -> None:
        """Reverse time in place: afterwards the motion retraces its path."""

    def pairing(self, a: Arrays, b: Arrays) -> float:
        """<a, b>, the real inner product in which gradients are meant: dH = <grad H, dz>."""
        return float(sum(np.vdot(a[name], b[name]) for name in a))

    def covector(self, z: Arrays, names: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
        """A random gradient at z, by array name: what `verify_structure` tries the bracket with."""
        return {name: rng.standard_normal(np.shape(z[name])) for name in names}

    def verify(self) -> Verification:
        """Verify by algebra what the structure claims; structures that are given by expressions can.

        Raises StructureError if a claim is false, or if the structure is not given by expressions.
        """
        raise StructureError(
            f"structure {self.name!r} is given by arrays, not expressions; verify it at a point: "
            "verify_structure(structure, z)"
        )
