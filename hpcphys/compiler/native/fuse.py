"""The pass that fuses: operations that need no communication and know their flows become one kernel."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.native.kernel import code_of
from hpcphys.compiler.native.native_program import NativeProgram
from hpcphys.compiler.operations import Operation
from hpcphys.compiler.system import PhysicalSystem


def fuse(
    operations: tuple[Operation, ...], system: PhysicalSystem, backend: Any, total: int
) -> NativeProgram | None:
    """The native program of the operations, or None if one of them has no flow in symbols."""
    if any(code_of(operation) is None for operation in operations):
        return None
    fields = [field for field in system.fields if getattr(field, "code", None) is not None]
    derived = [variable for field in fields for variable in field.variables]
    if system.constraints is not None:
        derived += system.constraints.variables
    return NativeProgram(operations, system.coordinates, derived, system.parameters, fields, backend, total)
