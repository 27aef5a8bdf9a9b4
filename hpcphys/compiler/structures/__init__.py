"""Structures: how a gradient of H becomes a motion, dz/dt = L(z) grad H(z), and the check of what they claim.

One structure per geometry. Those of arrays (particles) are imported here; those that are stated as
expressions need SymPy and are imported when their name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hpcphys.compiler.structures.base import Arrays, Casimir, Structure, StructureError
from hpcphys.compiler.structures.canonical import CanonicalStructure
from hpcphys.compiler.structures.verification import verify_structure

if TYPE_CHECKING:
    from hpcphys.compiler.structures.lie_poisson import EuclideanStructure, RotationStructure
    from hpcphys.compiler.structures.poisson import (
        PoissonMatrix,
        PoissonStructure,
        SymbolicCanonical,
        product,
    )
    from hpcphys.compiler.structures.symbolic import SymbolicStructure

_MODULES = {
    "EuclideanStructure": "lie_poisson",
    "PoissonMatrix": "poisson",
    "PoissonStructure": "poisson",
    "RotationStructure": "lie_poisson",
    "SymbolicCanonical": "poisson",
    "SymbolicStructure": "symbolic",
    "product": "poisson",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "Arrays",
    "CanonicalStructure",
    "Casimir",
    "EuclideanStructure",
    "PoissonMatrix",
    "PoissonStructure",
    "RotationStructure",
    "Structure",
    "StructureError",
    "SymbolicCanonical",
    "SymbolicStructure",
    "product",
    "verify_structure",
]
