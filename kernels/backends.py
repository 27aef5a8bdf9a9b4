"""Chooses where kernels run.  A backend is found by its class attribute `name`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from .errors import BackendUnavailable
from .sources import Define, ModuleSource, generated_source, module_source


class Module(ABC):
    """A compiled module: `launch` runs a kernel over n elements or groups, `host` calls a host function."""

    @abstractmethod
    def launch(self, name: str, n: int, *arguments: Any) -> None:
        """Run kernel `name` over n elements or groups.

        arguments: arrays of the backend (None for a null pointer), ints and floats, as the source declares
        them after `long long n`.  Returns when the CPU is done, or when the GPU has been given the work.
        Raises SignatureError when they do not fit the declaration.
        """

    @abstractmethod
    def host(self, name: str, *arguments: Any) -> int:
        """Call the host-only function `name` on NumPy arrays and return its long long."""


class Backend(ABC):
    """Where arrays live and kernels run: `xp` is the array namespace (NumPy or CuPy)."""

    name: ClassVar[str]
    xp: Any

    def __init__(self, threads: int | None = None, folders: Sequence[Path] = ()):
        if threads is not None and threads < 1:
            raise BackendUnavailable(
                f"threads = {threads}: must be at least 1, or absent for the machine's choice"
            )
        self.threads = threads
        self.folders = tuple(folders)
        self._modules: dict[tuple[Any, ...], Module] = {}

    def module(self, name: str, **defines: Define) -> Module:
        """The kernels of `<name>.h` compiled with `defines`; compiled once per process and once per machine.

        Raises KernelError for an unknown module, CompilerMissing, CompileFailed or CacheUnusable.
        """
        key = (name, *sorted(defines.items()))
        found = self._modules.get(key)
        if found is None:
            found = self._modules[key] = self._compiled(module_source(name, defines, self.folders))
        return found

    def generated(self, name: str, text: str, **defines: Define) -> Module:
        """The kernels of `text`, which the program has written itself, compiled with `defines`.

        name: for messages and the names of files in the cache.  Raises as `module` does.
        """
        key = (text, *sorted(defines.items()))
        found = self._modules.get(key)
        if found is None:
            source = generated_source(name, text, defines, self.folders)
            found = self._modules[key] = self._compiled(source)
        return found

    @abstractmethod
    def _compiled(self, source: ModuleSource) -> Module: ...

    def array(self, values: Any, dtype: Any = None) -> Any:
        """A contiguous array of this backend with the given values (copied to the device if there is one)."""
        return self.xp.ascontiguousarray(self.xp.asarray(values, dtype=dtype))

    def host(self, array: Any) -> np.ndarray:
        """The array as NumPy's, copied from the device if there is one."""
        return np.asarray(array)

    def zeros(self, shape: Any, dtype: Any = np.float64) -> Any:
        """An array of zeros on the device."""
        return self.xp.zeros(shape, dtype=dtype)

    def empty(self, shape: Any, dtype: Any = np.float64) -> Any:
        """An array without values on the device."""
        return self.xp.empty(shape, dtype=dtype)

    def synchronize(self) -> None:
        """Wait until every launch is done: on the CPU each one is when it returns."""
        return

    @abstractmethod
    def describe(self) -> str:
        """One line for logs: the backend, its device and its threads."""


def backend(
    name: str = "auto", threads: int | None = None, folders: Sequence[Path] = (), **options: Any
) -> Backend:
    """The backend called `name`: "cpu", "cuda", "emulated", or "auto" (a GPU if CuPy finds one).

    threads: OpenMP threads of CPU kernels; None leaves the choice to OMP_NUM_THREADS.
    folders: searched for module headers before the package's own.
    options: passed to the backend (the emulated one takes `sanitize` and `schedule`).
    Raises BackendUnavailable when the name is unknown or the machine lacks what it needs.
    """
    from . import backend_cpu, backend_cuda, backend_emulated

    known: dict[str, type[Backend]] = {
        found.name: found
        for found in (backend_cpu.CpuBackend, backend_cuda.CudaBackend, backend_emulated.EmulatedBackend)
    }
    if name == "auto":
        name = "cuda" if backend_cuda.unavailable() is None else "cpu"
    if name not in known:
        raise BackendUnavailable(
            f"backend '{name}' is unknown; choose one of auto, {', '.join(sorted(known))}"
        )
    return known[name](threads=threads, folders=folders, **options)
