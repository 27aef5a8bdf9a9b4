"""Kernels on an NVIDIA GPU: the same headers compiled by NVRTC through CuPy's RawModule."""

from __future__ import annotations

import hashlib
import importlib
import operator
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .backend_cpu import CpuBackend
from .backends import Backend, Module
from .errors import BackendUnavailable, CompileFailed, SignatureError
from .signature import Parameter, Signature, signatures
from .sources import ModuleSource

ELEMENT_THREADS = 256  # per block of a KERNEL
GROUP_THREADS = 32  # per block of a GROUP_KERNEL, unless the module is compiled with LANES
BLOCKS = 65535 * 16  # the loops are grid-strided: more blocks than this gain nothing
FLAGS = ("-std=c++17", "-default-device")  # generic lambdas carry no execution space


def unavailable() -> str | None:
    """Why kernels cannot run on a GPU here, or None if they can."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError as error:
        return f"CuPy is not installed ({error})"
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:  # CuPy raises its own classes, which cannot be named before it is imported
        return f"CuPy found no CUDA driver or device ({error})"
    return None if count > 0 else "CuPy found no CUDA device"


def with_lanes(source: ModuleSource) -> ModuleSource:
    """The source with LANES among its defines, so that header and launch agree on the size of a block."""
    if any(name == "LANES" for name, _ in source.defines):
        return source
    return replace(source, defines=(*source.defines, ("LANES", str(GROUP_THREADS))))


def block_threads(signature: Signature, source: ModuleSource) -> int:
    """Threads per block: 256 for element kernels, LANES for group kernels."""
    if signature.kind == "elements":
        return ELEMENT_THREADS
    return int(dict(source.defines)["LANES"])


def block_count(signature: Signature, source: ModuleSource, n: int) -> int:
    """Blocks of a launch over n elements or groups."""
    per_block = ELEMENT_THREADS if signature.kind == "elements" else 1
    return min(-(-n // per_block), BLOCKS)


def rounding_options(source: ModuleSource) -> tuple[str, ...]:
    """Generated text writes its fused operations out: the compiler makes no others."""
    return ("--fmad=false",) if source.generated else ()


class CudaModule(Module):
    """`launch` puts the kernel on CuPy's current stream."""

    def __init__(self, source: ModuleSource, cupy: Any, declared: dict[str, Signature], cpu: CpuBackend):
        self.source = source
        self._cpu = cpu
        self.signatures = {name: s for name, s in declared.items() if s.kind != "host"}
        self._cupy = cupy
        # CuPy's own disk cache knows only this text, not the headers behind it: the hash ties them to it.
        digest = hashlib.sha256(source.text.encode()).hexdigest()
        self._compiled = cupy.RawModule(
            code=f"// headers {digest}\n{source.unit}",
            options=(*FLAGS, *rounding_options(source), *source.include_flags, *source.define_flags),
            backend="nvrtc",
        )
        try:
            self._functions = {name: self._compiled.get_function(name) for name in self.signatures}
        except cupy.cuda.compiler.CompileException as error:
            raise CompileFailed(f"NVRTC could not build '{source.name}':\n{error}") from error

    def launch(self, name: str, n: int, *arguments: Any) -> None:
        """Run kernel `name` over n elements or groups; see Module.launch."""
        signature = self.signatures.get(name)
        if signature is None:
            known = ", ".join(sorted(self.signatures))
            raise SignatureError(f"module '{self.source.name}' has no kernel '{name}'; it has: {known}")
        if len(arguments) + 1 != len(signature.parameters):
            raise signature.arity_error(len(arguments) + 1)
        if n <= 0:
            return
        values = [np.int64(n)]
        for parameter, argument in zip(signature.parameters[1:], arguments, strict=True):
            values.append(self._value(name, parameter, argument))
        grid = (block_count(signature, self.source, n),)
        self._functions[name](grid, (block_threads(signature, self.source),), tuple(values))

    def host(self, name: str, *arguments: Any) -> int:
        """Call host function `name` on NumPy arrays, as the cpu backend compiles it."""
        # LANES belongs to the GPU build alone.
        defines = {key: value for key, value in self.source.defines if key != "LANES"}
        return self._cpu.module(self.source.name, **defines).host(name, *arguments)

    def _value(self, kernel: str, parameter: Parameter, argument: Any) -> Any:
        where = f"{kernel}: argument '{parameter.name}'"
        if not parameter.pointer:
            try:
                number = float(argument) if parameter.code[0] == "f" else operator.index(argument)
            except (TypeError, ValueError):
                raise SignatureError(
                    f"{where} expects a number ({parameter.ctype}), found {type(argument).__name__}"
                ) from None
            return np.dtype(parameter.code).type(number)
        if argument is None:
            return np.uint64(0)
        if not isinstance(argument, self._cupy.ndarray):
            raise SignatureError(
                f"{where} expects a CuPy array ({parameter.ctype}*) or None, found {type(argument).__name__}"
            )
        wrong = parameter.mismatch(argument.dtype, parameter.code)
        if wrong is not None:
            raise SignatureError(f"{where} {wrong}")
        if not argument.flags.c_contiguous:
            raise SignatureError(f"{where} must be contiguous; pass cupy.ascontiguousarray(...)")
        return argument


class CudaBackend(Backend):
    """CuPy arrays and kernels compiled for the current device."""

    name = "cuda"

    def __init__(self, threads: int | None = None, folders: Sequence[Path] = ()):
        super().__init__(threads, folders)
        reason = unavailable()
        if reason is not None:
            raise BackendUnavailable(
                f"backend 'cuda': {reason}. Install cupy-cuda12x or cupy-cuda13x to match the driver, "
                "or use backend 'cpu'."
            )
        self.xp = importlib.import_module("cupy")
        self.cpu = CpuBackend(threads, folders)

    def _compiled(self, source: ModuleSource) -> CudaModule:
        source = with_lanes(source)
        return CudaModule(source, self.xp, signatures(source), self.cpu)

    def host(self, array: Any) -> np.ndarray:
        """The array copied to the host."""
        return self.xp.asnumpy(array)

    def pinned(self, size: int, dtype: Any) -> np.ndarray:
        """A NumPy array in pinned host memory, which the device copies to and from at full speed."""
        return importlib.import_module("cupyx").empty_pinned((size,), dtype=dtype)

    def synchronize(self) -> None:
        """Wait until every launch on the current stream is done."""
        self.xp.cuda.get_current_stream().synchronize()

    def describe(self) -> str:
        """One line for logs."""
        device = self.xp.cuda.Device()
        properties = self.xp.cuda.runtime.getDeviceProperties(device.id)
        return f"cuda, device {device.id}: {properties['name'].decode()}, compute {device.compute_capability}"
