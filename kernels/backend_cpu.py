"""Kernels on this machine's cores: compiled by the system C++ compiler, vectorised, threaded with OpenMP."""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any

import numpy as np

from .backends import Backend, Module
from .build import module_unit, shared_library
from .call import NativeFunction
from .errors import SignatureError
from .signature import Signature, signatures
from .sources import ModuleSource

THREADS = """
#ifdef _OPENMP
#include <omp.h>
extern "C" long long hpcphys_threads(long long wanted) {
  if (wanted > 0) omp_set_num_threads((int)wanted);
  return omp_get_max_threads();
}
#else
extern "C" long long hpcphys_threads(long long) { return 1; }
#endif
"""

# A type that only the header knows is asked of the compiler: NumPy kind in the high bytes, size in the low.
TYPE_CODE = """
#include <type_traits>
template <class T> constexpr long long hpcphys_code() {
  const long long kind = std::is_floating_point<T>::value ? 'f'
                         : std::is_same<T, bool>::value   ? 'b'
                         : !std::is_integral<T>::value    ? 'V'
                         : std::is_signed<T>::value       ? 'i'
                                                          : 'u';
  return kind * 0x100000000LL + (long long)sizeof(T);
}
"""


class NativeModule(Module):
    """A module compiled for this CPU and loaded; shared by the cpu and the emulated backend."""

    def __init__(self, source: ModuleSource, library: ctypes.CDLL, declared: dict[str, Signature]):
        self.source = source
        self.library = library
        self.signatures = declared
        self._functions: dict[str, NativeFunction] = {}

    def codes(self, signature: Signature) -> tuple[str, ...]:
        """The NumPy code of each parameter, with the header's own types resolved to their sizes."""
        return tuple(p.code or self._own_type(p.ctype) for p in signature.parameters)

    def _own_type(self, ctype: str) -> str:
        ask = getattr(self.library, type_symbol(ctype))
        ask.restype = ctypes.c_longlong
        kind, size = divmod(ask(), 0x100000000)
        return f"{chr(kind)}{size}"

    def _declared(self, name: str, kinds: tuple[str, ...]) -> Signature:
        signature = self.signatures.get(name)
        if signature is None or signature.kind not in kinds:
            known = ", ".join(sorted(n for n, s in self.signatures.items() if s.kind in kinds)) or "none"
            what = "host function" if kinds == ("host",) else "kernel"
            raise SignatureError(f"module '{self.source.name}' has no {what} '{name}'; it has: {known}")
        return signature


class CpuModule(NativeModule):
    """`launch` calls the compiled loop directly; OpenMP shares it among the backend's threads."""

    def __init__(
        self, source: ModuleSource, library: ctypes.CDLL, declared: dict[str, Signature], threads: int | None
    ):
        super().__init__(source, library, declared)
        self._use_threads = library.hpcphys_threads
        self._use_threads.argtypes = [ctypes.c_longlong]
        self._use_threads.restype = ctypes.c_longlong
        self._threads = threads

    def launch(self, name: str, n: int, *arguments: Any) -> None:
        """Run kernel `name` over n elements or groups; see Module.launch."""
        function = self._functions.get(name) or self._function(name, ("elements", "groups"))
        self.use_threads()
        function(n, *arguments)

    def host(self, name: str, *arguments: Any) -> int:
        """Call host function `name`; see Module.host."""
        function = self._functions.get(name) or self._function(name, ("host",))
        self.use_threads()
        return function(*arguments)

    def use_threads(self) -> None:
        """What is called next from this thread, of any module, runs on as many threads as this one."""
        if self._threads is not None:
            self._use_threads(self._threads)

    def offered(self, name: str, *arguments: Any) -> tuple[int, np.ndarray]:
        """Address and arguments, as words, of a function that the header lets native loops call (OFFERED).

        arguments: as for `launch`, n first, or `host`; the arrays must live as long as the words are used.
        Raises SignatureError.
        """
        function = self._functions.get(name) or self._function(name, ("elements", "groups", "host"))
        try:
            address = ctypes.cast(self.library[f"{name}_offered"], ctypes.c_void_p).value
        except AttributeError:
            raise SignatureError(
                f"module '{self.source.name}' offers no '{name}' to native loops: OFFERED({name}) is missing"
            ) from None
        return address, function.words(arguments)

    @property
    def threads(self) -> int:
        """The threads that the next launch will use."""
        return self._use_threads(self._threads or 0)

    def _function(self, name: str, kinds: tuple[str, ...]) -> NativeFunction:
        signature = self._declared(name, kinds)
        try:
            entry = self.library[name]
        except AttributeError:
            raise SignatureError(
                f"module '{self.source.name}': '{name}' is declared, but this build has no such function"
            ) from None
        self._functions[name] = NativeFunction(entry, signature, self.codes(signature))
        return self._functions[name]


class CpuBackend(Backend):
    """NumPy arrays and kernels compiled for this machine's vector units."""

    name = "cpu"
    xp = np

    def _compiled(self, source: ModuleSource) -> CpuModule:
        declared = signatures(source)
        unit = module_unit(source, THREADS + type_queries(declared), source.rounding_flags)
        library = shared_library(source.name, [unit])
        return CpuModule(source, library, declared, self.threads)

    def describe(self) -> str:
        """One line for logs."""
        threads = self.threads or os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
        return f"cpu, {threads} thread(s) per rank"


def type_symbol(ctype: str) -> str:
    """The exported function that tells the kind and size of a type of the header."""
    return "hpcphys_type_" + re.sub(r"\W", "_", ctype)


def type_queries(declared: dict[str, Signature]) -> str:
    """C++ that exports the kind and size of every type that only the header knows."""
    own = {p.ctype for signature in declared.values() for p in signature.parameters if not p.code}
    if not own:
        return ""
    return TYPE_CODE + "".join(
        f'extern "C" long long {type_symbol(ctype)}() {{ return hpcphys_code<{ctype}>(); }}\n'
        for ctype in sorted(own)
    )
