"""Compiles a module for this CPU at run time, once per source, flags, compiler and processor."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .cache import cached
from .compiler import processor, system_compiler
from .errors import CompileFailed, KernelError
from .libraries import Library, libraries_of, telling
from .sources import ModuleSource


@dataclass(frozen=True)
class Unit:
    """One translation unit: its text, the headers it depends on (for the key), and flags of its own."""

    text: str
    headers: str = ""
    flags: tuple[str, ...] = field(default=())


def shared_library(name: str, units: Sequence[Unit], flags: Sequence[str] = ()) -> ctypes.CDLL:
    """Compile and link `units` into one library, or take it from the cache, and load it.

    flags: added to the compiler's own for every unit and for the link.
    Raises CompilerMissing, CompileFailed, LibraryMissing, CacheUnusable, or KernelError when the library
    cannot be loaded.
    """
    compiler = system_compiler()
    libraries = libraries_of("\n".join(unit.text + unit.headers for unit in units))
    linked = [flag for library in libraries for flag in library.link_flags()]
    common = (*compiler.flags, *flags, *(flag for library in libraries for flag in library.compile_flags()))
    parts = [compiler.identity, processor(), *common, *linked]
    for unit in units:
        parts += [unit.text, unit.headers, *unit.flags]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def build(target: Path) -> None:
        folder = target.parent
        inputs = []
        for number, unit in enumerate(units):
            text = folder / f"{name}_{number}.cpp"
            text.write_text(unit.text, encoding="utf-8")
            if len(units) == 1:
                inputs += [*unit.flags, str(text)]
            else:
                made = text.with_suffix(".o")
                compiler.run([*common, *unit.flags, "-c", str(text), "-o", str(made)], folder, f"'{name}'")
                inputs.append(str(made))
        sanitizers = {flag for unit in units for flag in unit.flags if flag.startswith("-fsanitize=")}
        compiler.run(
            [*common, *sorted(sanitizers), "-shared", *inputs, *linked, "-o", str(target)],
            folder,
            f"'{name}'",
        )
        if not target.is_file():
            raise CompileFailed(f"the compiler reported success but wrote no library for '{name}'")

    path = _built(f"{name}-{key}.so", build, libraries)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise KernelError(
            f"the compiled kernels {path} cannot be loaded: {error}. If the folder is mounted noexec, "
            "set HPCPHYS_CACHE to one that is not."
        ) from error


def _built(file: str, build: Callable[[Path], None], libraries: tuple[Library, ...]) -> Path:
    """The file in the cache, built if it is not there yet; a library that is missing is named."""
    try:
        return cached(file, build)
    except CompileFailed as failure:
        raise telling(failure, libraries) from failure


def module_unit(source: ModuleSource, extra: str, flags: Sequence[str] = ()) -> Unit:
    """The translation unit of a module: its own text, then `extra` (entry points of the runtime)."""
    text = f"{source.unit}{extra}"
    return Unit(text, source.text, (*source.include_flags, *source.define_flags, *flags))
