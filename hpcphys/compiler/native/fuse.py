"""The pass that fuses: operations that need no communication and know their flows become one kernel."""

from __future__ import annotations

from typing import Any

from hpcphys.compiler.native.kernel import KernelText, Layout, code_of, kernel_text, layout_of
from hpcphys.compiler.native.launch import NativeProgram
from hpcphys.compiler.operations import Operation
from hpcphys.compiler.system import PhysicalSystem
from hpcphys.kernels import backend as kernel_backend


def native_text(operations: tuple[Operation, ...], system: PhysicalSystem) -> KernelText:
    """The generated kernels of operations that all have their flows in symbols.  See kernel.kernel_text."""
    return kernel_text(operations, _layout(system), _fields(system))


def _fields(system: PhysicalSystem) -> list[Any]:
    return [field for field in system.fields if getattr(field, "code", None) is not None]


def _layout(system: PhysicalSystem) -> Layout:
    derived = [variable for field in _fields(system) for variable in field.variables]
    if system.constraints is not None:
        derived += system.constraints.variables
    derived += system.carries
    return layout_of(system.coordinates, derived, system.parameters)


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
    text = native_text(operations, system)
    return NativeProgram(text, _layout(system), system.parameters, _fields(system), backend, total)
