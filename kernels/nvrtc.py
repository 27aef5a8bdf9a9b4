"""Compiles every kernel to GPU machine code without a GPU or a driver, and reports registers and spills.

`python -m hpcphys.kernels.nvrtc` prints the table, `--table FILE` writes it.  Needs NVRTC alone: the PyPI
package nvidia-cuda-nvrtc (or nvidia-cuda-nvrtc-cu12), or a CUDA toolkit.  Counts differ between its releases.
"""

from __future__ import annotations

import argparse
import ctypes
import ctypes.util
import functools
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .backend_cuda import FLAGS, rounding_options, with_lanes
from .catalogue import variants
from .errors import BackendUnavailable, CompileFailed
from .signature import signatures
from .sources import ModuleSource, module_source

ARCHITECTURES = ("sm_80", "sm_90")
ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


@dataclass(frozen=True)
class Resources:
    """What one kernel takes: registers per thread, and bytes of stack, of spills and of shared memory."""

    module: str
    defines: str
    kernel: str
    kind: str
    architecture: str
    registers: int
    stack: int
    spilled: int
    shared: int


@functools.cache
def library() -> ctypes.CDLL:
    """NVRTC's shared library.  Raises BackendUnavailable, with what to install, when there is none."""
    for path, builtins in _candidates():
        try:
            if builtins:  # NVRTC opens it by name alone, which finds it once it is loaded
                ctypes.CDLL(builtins)
            return ctypes.CDLL(path)
        except OSError:
            continue
    raise BackendUnavailable(
        "NVRTC was not found: 'pip install nvidia-cuda-nvrtc' (CUDA 13) or 'nvidia-cuda-nvrtc-cu12', "
        "or load the site's CUDA module"
    )


def version() -> str:
    """NVRTC's version, such as "13.0"."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def machine_code(source: ModuleSource, architecture: str) -> tuple[bytes, str]:
    """The module's machine code for `architecture`, and the assembler's log.  Raises CompileFailed."""
    nvrtc = library()
    program = ctypes.c_void_p()
    text = source.unit.encode()
    _check(
        nvrtc,
        nvrtc.nvrtcCreateProgram(ctypes.byref(program), text, f"{source.name}.cu".encode(), 0, None, None),
    )
    try:
        options = [
            f"-arch={architecture}",
            "--ptxas-options=-v",
            *FLAGS,
            *rounding_options(source),
            *source.include_flags,
            *source.define_flags,
        ]
        words = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
        failed = nvrtc.nvrtcCompileProgram(program, len(options), words)
        log = _read(nvrtc, program, "ProgramLog").rstrip(b"\0").decode(errors="replace")
        if failed:
            raise CompileFailed(f"NVRTC could not build '{source.name}' for {architecture}:\n{log}")
        return _read(nvrtc, program, "CUBIN"), log
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def resources(source: ModuleSource, architecture: str, label: str = "") -> list[Resources]:
    """Registers, stack, spills and shared memory of every kernel of the module.  Raises CompileFailed.

    label: what is said in the place of the defines
    """
    source = with_lanes(source)
    declared = {name: s for name, s in signatures(source).items() if s.kind != "host"}
    _, log = machine_code(source, architecture)
    defines = label or " ".join(f"{name}={value}" for name, value in source.defines if name != "LANES")
    found = []
    for kernel, lines in _entries(log):
        spills, used = SPILLS.search(lines), USED.search(lines)
        if kernel not in declared or spills is None or used is None:
            raise CompileFailed(f"the assembler's log for '{source.name}' cannot be read:\n{lines}")
        stack, stores, loads = map(int, spills.groups())
        found.append(
            Resources(
                source.name,
                defines,
                kernel,
                declared[kernel].kind,
                architecture,
                int(used[1]),
                stack,
                stores + loads,
                int(used[2] or 0),
            )
        )
    missing = set(declared) - {entry.kernel for entry in found}
    if missing:
        raise CompileFailed(
            f"'{source.name}' for {architecture} lacks kernels it declares: {', '.join(sorted(missing))}"
        )
    return found


def all_resources(architectures: Sequence[str] = ARCHITECTURES) -> Iterator[Resources]:
    """The resources of every kernel of every module in every variant that is in use."""
    for name, defines in variants():
        source = module_source(name, defines)
        for architecture in architectures:
            yield from resources(source, architecture)


def table(rows: Sequence[Resources], command: str = "hpcphys.kernels.nvrtc") -> str:
    """The rows as Markdown, one line per kernel and variant, the architectures side by side."""
    architectures = sorted({row.architecture for row in rows})
    lines = [
        "# Kernels on the GPU",
        "",
        f"Compiled by NVRTC {version()} without a device.  Written by",
        f"`python -m {command} --table docs/kernels.md`.",
        "Registers per thread / bytes spilled / bytes of shared memory per block.",
        "",
        "| module | defines | kernel | runs over | " + " | ".join(architectures) + " |",
        "|---|---|---|---|" + "---|" * len(architectures),
    ]
    cells: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for row in rows:
        key = (row.module, row.defines, row.kernel, row.kind)
        cells.setdefault(key, {})[row.architecture] = f"{row.registers} / {row.spilled} / {row.shared}"
    for (module, defines, kernel, kind), found in cells.items():
        counts = " | ".join(found.get(architecture, "") for architecture in architectures)
        lines.append(f"| {module} | {defines} | `{kernel}` | {kind} | {counts} |")
    return "\n".join(lines) + "\n"


def main(
    arguments: Sequence[str] | None = None,
    more: Iterable[Resources] = (),
    command: str = "hpcphys.kernels.nvrtc",
) -> int:
    """Compile every kernel and print or write the table."""
    parser = argparse.ArgumentParser(prog=f"python -m {command}", description=main.__doc__)
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="write the table to FILE instead of printing it"
    )
    options = parser.parse_args(arguments)
    text = table([*all_resources(), *more], command)
    if options.table:
        options.table.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _candidates() -> Iterator[tuple[str, str | None]]:
    spec = importlib.util.find_spec("nvidia")
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in sorted(Path(folder).glob("*/lib/libnvrtc.so.*"), reverse=True):
            builtins = [str(found) for found in path.parent.glob("libnvrtc-builtins.so.*")]
            yield str(path), builtins[0] if builtins else None
    system = ctypes.util.find_library("nvrtc")
    if system:
        yield system, None


def _entries(log: str) -> Iterator[tuple[str, str]]:
    starts = list(ENTRY.finditer(log))
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        yield start[1], log[start.end() : following.start() if following else len(log)]


def _read(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(nvrtc, getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _check(nvrtc, getattr(nvrtc, f"nvrtcGet{what}")(program, text))
    return text.raw


def _check(nvrtc: ctypes.CDLL, status: int) -> None:
    if status:
        nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p
        raise CompileFailed(f"NVRTC: {nvrtc.nvrtcGetErrorString(status).decode()}")


if __name__ == "__main__":
    sys.exit(main())
