"""Structures: how a gradient of H becomes a motion, dz/dt = L(z) grad H(z), and the check of what they claim.

One structure per geometry. Those of arrays (particles) are imported here; those that are stated as
expressions need SymPy and are imported when their name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hpcphys.compiler.structures.base import Arrays, Casimir, Structure, StructureError, Verification
from hpcphys.compiler.structures.canonical import CanonicalStructure
from hpcphys.compiler.structures.verification import verify_structure

if TYPE_CHECKING:
    from hpcphys.compiler.structures.contact import ContactStructure
    from hpcphys.compiler.structures.dissipative import (
        DissipativeStructure,
        FrictionStructure,
        LangevinStructure,
        OrnsteinUhlenbeckStructure,
    )
    from hpcphys.compiler.structures.generic import GenericStructure
    from hpcphys.compiler.structures.lie_poisson import EuclideanStructure, RotationStructure
    from hpcphys.compiler.structures.nose_hoover import NoseHooverStructure
    from hpcphys.compiler.structures.poisson import (
        PoissonMatrix,
        PoissonStructure,
        SymbolicCanonical,
        product,
    )
    from hpcphys.compiler.structures.quadratic import LotkaVolterraStructure, VortexStructure
    from hpcphys.compiler.structures.quantum import QuantumStructure
    from hpcphys.compiler.structures.registry import structure_named, structure_names, structure_options
    from hpcphys.compiler.structures.symbolic import SymbolicStructure
    from hpcphys.compiler.structures.vlasov_maxwell import VlasovMaxwellStructure
    from hpcphys.compiler.structures.vorticity import VorticityStructure

_MODULES = {
    "ContactStructure": "contact",
    "DissipativeStructure": "dissipative",
    "EuclideanStructure": "lie_poisson",
    "FrictionStructure": "dissipative",
    "GenericStructure": "generic",
    "LangevinStructure": "dissipative",
    "LotkaVolterraStructure": "quadratic",
    "NoseHooverStructure": "nose_hoover",
    "OrnsteinUhlenbeckStructure": "dissipative",
    "PoissonMatrix": "poisson",
    "PoissonStructure": "poisson",
    "QuantumStructure": "quantum",
    "RotationStructure": "lie_poisson",
    "SymbolicCanonical": "poisson",
    "SymbolicStructure": "symbolic",
    "VortexStructure": "quadratic",
    "VlasovMaxwellStructure": "vlasov_maxwell",
    "VorticityStructure": "vorticity",
    "product": "poisson",
    "structure_named": "registry",
    "structure_names": "registry",
    "structure_options": "registry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "Arrays",
    "CanonicalStructure",
    "Casimir",
    "ContactStructure",
    "DissipativeStructure",
    "EuclideanStructure",
    "FrictionStructure",
    "GenericStructure",
    "LangevinStructure",
    "LotkaVolterraStructure",
    "NoseHooverStructure",
    "OrnsteinUhlenbeckStructure",
    "PoissonMatrix",
    "PoissonStructure",
    "QuantumStructure",
    "RotationStructure",
    "Structure",
    "StructureError",
    "SymbolicCanonical",
    "SymbolicStructure",
    "Verification",
    "VlasovMaxwellStructure",
    "VortexStructure",
    "VorticityStructure",
    "product",
    "structure_named",
    "structure_names",
    "structure_options",
    "verify_structure",
]
