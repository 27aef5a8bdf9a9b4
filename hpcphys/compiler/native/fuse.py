"""The pass that fuses: operations that need no communication and know their flows become one kernel."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.native.kernel import code_of
from hpcphys.compiler.native.launch import NativeProgram
from hpcphys.compiler.operations import Operation
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.kernels import backend as kernel_backend


def fuse(
    operations: tuple[Operation, ...], system: PhysicalSystem, backend: Any, total: int
) -> NativeProgram | None:
    """The native program of the operations, or None if one of them has no flow in symbols.

    backend: kernel runtime, or None for the one that the state's arrays belong to
    """
    if any(code_of(operation) is None for operation in operations):
        return None
    if backend is None:
        array = next(iter(system.state[name] for name in system.state.names()), None)
        backend = kernel_backend("cuda" if type(array).__module__.startswith("cupy") else "cpu")
    fields = [field for field in system.fields if getattr(field, "code", None) is not None]
    derived = [variable for field in fields for variable in field.variables]
    if system.constraints is not None:
        derived += system.constraints.variables
    return NativeProgram(operations, system.coordinates, derived, system.parameters, fields, backend, total)
