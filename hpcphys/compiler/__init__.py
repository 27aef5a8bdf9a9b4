"""The compiler: state + structure + pieces + composition -> program."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hpcphys.compiler.adaptive import IntegratingSteps, SymmetricSteps
from hpcphys.compiler.compositions import Composition, composition, composition_names, nested, respa
from hpcphys.compiler.passes import CompileError
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.program import OperationError, Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure, Structure, verify_structure
from hpcphys.compiler.system import PhysicalSystem

# These need SymPy, which takes longer to import than all of the rest: they come when they are first asked
# for.
_MODULES = {
    "bracket": "hamiltonian",
    "conserved": "hamiltonian",
    "split": "splitting",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


__all__ = [
    "CanonicalStructure",
    "CompileError",
    "Composition",
    "IntegratingSteps",
    "OperationError",
    "PhysicalSystem",
    "Piece",
    "Program",
    "State",
    "Structure",
    "SymmetricSteps",
    "bracket",
    "compile_structure",
    "composition",
    "composition_names",
    "conserved",
    "nested",
    "respa",
    "split",
    "verify_structure",
]
