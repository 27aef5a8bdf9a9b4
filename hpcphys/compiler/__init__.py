"""The compiler: state + structure + pieces + composition -> program."""

from __future__ import annotations

from hpcphys.compiler.adaptive import IntegratingSteps, SymmetricSteps
from hpcphys.compiler.compositions import Composition, composition, composition_names, nested, respa
from hpcphys.compiler.passes import CompileError
from hpcphys.compiler.pieces import Piece
from hpcphys.compiler.program import OperationError, Program, compile_structure
from hpcphys.compiler.state import State
from hpcphys.compiler.structures import CanonicalStructure, Structure, verify_structure
from hpcphys.compiler.system import PhysicalSystem

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
    "compile_structure",
    "composition",
    "composition_names",
    "nested",
    "respa",
    "verify_structure",
]
