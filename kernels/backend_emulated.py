"""Kernels on an emulated CUDA machine: the CUDA branch of each source, its threads run as fibers on one core.

For tests without a GPU: it stops at divergent barriers, wrong warp masks and deadlocks, fills shared memory
with NaN before each block, can draw the order of threads, and runs under the address and thread sanitizers.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .backend_cpu import CpuBackend, NativeModule, type_queries
from .backend_cuda import block_threads, with_lanes
from .backends import Backend
from .build import Unit, module_unit, shared_library
from .call import NativeFunction
from .errors import BackendUnavailable, EmulationError
from .signature import Signature, signatures
from .sources import FOLDER, ModuleSource

BLOCKS = 64  # so that tests of some thousand elements walk the grid-strided loops more than once
FLAGS = ("-O1", "-g", "-fno-omit-frame-pointer", "-DHPC_EMULATE")
SANITIZERS = {"address": "libasan", "thread": "libtsan"}

RUN = """
extern "C" char __start_hpcphys_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_hpcphys_shared[] __attribute__((weak, visibility("hidden")));
extern "C" const char* emulated_error() { return emulation::error(); }
template <class F>
long long emulated_run(const char* name, long long blocks, long long threads, long long schedule, F body) {
  return emulation::run(name, (unsigned)blocks, (unsigned)threads, (unsigned long long)schedule,
                        __start_hpcphys_shared, __stop_hpcphys_shared, [](void* f) { (*(F*)f)(); }, &body);
}
"""


class EmulatedModule(NativeModule):
    """`launch` runs the kernel block by block and raises EmulationError where a GPU would hang or err."""

    def __init__(
        self,
        source: ModuleSource,
        library: ctypes.CDLL,
        declared: dict[str, Signature],
        owner: EmulatedBackend,
    ):
        super().__init__(source, library, declared)
        self._owner = owner
        self._error = library.emulated_error
        self._error.restype = ctypes.c_char_p

    def launch(self, name: str, n: int, *arguments: Any) -> None:
        """Run kernel `name` over n elements or groups; see Module.launch.  Raises EmulationError."""
        function = self._functions.get(name)
        if function is None:
            signature = self._declared(name, ("elements", "groups"))
            entry = self.library[f"emulated_{name}"]
            function = NativeFunction(entry, signature, self.codes(signature), leading=3)
            self._functions[name] = function
        if n <= 0:
            return
        threads = block_threads(function.signature, self.source)
        groups = n if function.signature.kind == "groups" else -(-n // threads)
        if function(min(groups, BLOCKS), threads, self._owner.schedule, n, *arguments):
            raise EmulationError(self._error().decode())

    def host(self, name: str, *arguments: Any) -> int:
        """Call host function `name` as the cpu backend compiles it."""
        return self._owner.cpu.module(self.source.name, **dict(self.source.defines)).host(name, *arguments)


class EmulatedBackend(Backend):
    """NumPy arrays and the CUDA branch of the kernels.

    sanitize: None, "address" or "thread"; Python must then run with the sanitizer's library in LD_PRELOAD.
    schedule: 0 runs threads and blocks in order; another value draws their order from it.
    """

    name = "emulated"
    xp = np

    def __init__(
        self,
        threads: int | None = None,
        folders: Sequence[Path] = (),
        sanitize: str | None = None,
        schedule: int = 0,
    ):
        super().__init__(threads, folders)
        if sanitize is not None and sanitize not in SANITIZERS:
            raise BackendUnavailable(
                f"sanitize = {sanitize!r}: choose one of {', '.join(SANITIZERS)}, or None"
            )
        if sanitize is not None and SANITIZERS[sanitize] not in Path("/proc/self/maps").read_text(
            encoding="utf-8"
        ):
            library = SANITIZERS[sanitize]
            raise BackendUnavailable(
                f"the {sanitize} sanitizer is not loaded: start Python with "
                f"LD_PRELOAD=$(g++ -print-file-name={library}.so)"
            )
        self.sanitize = sanitize
        self.schedule = schedule
        self.cpu = CpuBackend(threads, folders)

    def _compiled(self, source: ModuleSource) -> EmulatedModule:
        source = with_lanes(source)
        declared = signatures(source)
        kernels = {name: s for name, s in declared.items() if s.kind != "host"}
        sanitize = (f"-fsanitize={self.sanitize}",) if self.sanitize else ()
        entries = RUN + "".join(_entry(signature) for signature in kernels.values()) + type_queries(kernels)
        machine = FOLDER / "emulation" / "machine.cpp"
        headers = "".join(path.read_text(encoding="utf-8") for path in sorted(machine.parent.glob("*.h")))
        units = [
            module_unit(source, entries, (*FLAGS, *source.rounding_flags, *sanitize)),
            Unit(machine.read_text(encoding="utf-8"), headers, ("-O2", f"-I{machine.parent}")),
        ]
        return EmulatedModule(source, shared_library(f"{source.name}_emulated", units), declared, self)

    def describe(self) -> str:
        """One line for logs."""
        return (
            f"emulated CUDA on one core{f', {self.sanitize} sanitizer' if self.sanitize else ''} (for tests)"
        )


def _entry(signature: Signature) -> str:
    """C++ that runs one kernel over an emulated grid."""
    # Numbered, because a parameter may have the name of the kernel.
    arguments = [f"{p.ctype}{'*' if p.pointer else ''} a{k}" for k, p in enumerate(signature.parameters)]
    passed = ", ".join(f"a{k}" for k in range(len(arguments)))
    declared = "long long blocks, long long threads, long long schedule, " + ", ".join(arguments)
    name = signature.name
    return (
        f'extern "C" long long emulated_{name}({declared}) {{\n'
        f'  return emulated_run("{name}", blocks, threads, schedule, [=] {{ {name}({passed}); }});\n}}\n'
    )
