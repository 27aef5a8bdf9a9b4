"""System libraries that kernels call on the CPU: which header needs which, and where they are found."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import CompileFailed, LibraryMissing

SYSTEM_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]+<([^>]+)>", re.MULTILINE)


@dataclass(frozen=True)
class Library:
    """A system library: header, what is linked, variables that may name its folder, what to install."""

    name: str
    header: str
    linked: tuple[str, ...]
    variables: tuple[str, ...]
    advice: str

    def folder(self, environment: Mapping[str, str] = os.environ) -> Path | None:
        """The folder that a variable of the user or of a module names; None for the compiler's own places."""
        return next((Path(environment[v]) for v in self.variables if environment.get(v)), None)

    def compile_flags(self) -> list[str]:
        """Where the header is, as a compiler flag."""
        folder = self.folder()
        return [f"-I{folder / 'include'}"] if folder else []

    def link_flags(self) -> list[str]:
        """What is linked and from where, now and when the kernels are loaded."""
        folder = self.folder()
        places = [folder / name for name in ("lib64", "lib") if (folder / name).is_dir()] if folder else []
        searched = [flag for place in places for flag in (f"-L{place}", f"-Wl,-rpath,{place}")]
        return [*searched, *(f"-l{name}" for name in self.linked)]


LIBRARIES = (
    Library(
        name="FFTW",
        header="fftw3.h",
        linked=("fftw3", "fftw3f"),
        variables=("FFTW_ROOT", "FFTW_DIR", "FFTW_HOME", "FFTW3_HOME"),
        advice="'apt-get install libfftw3-dev' (Debian, Ubuntu), 'module load fftw' (most clusters), or set "
        "FFTW_ROOT to the folder that holds include/fftw3.h and lib/libfftw3.so and libfftw3f.so",
    ),
)
"""The libraries that a kernel may include, by their headers."""


def libraries_of(text: str) -> tuple[Library, ...]:
    """The libraries whose headers a kernel's text includes."""
    included = set(SYSTEM_INCLUDE.findall(text))
    return tuple(library for library in LIBRARIES if library.header in included)


def telling(failure: CompileFailed, libraries: tuple[Library, ...]) -> CompileFailed | LibraryMissing:
    """The failure of a build, or the library whose absence explains it, with what to install."""
    said = str(failure)
    for library in libraries:
        absent = [f"cannot find -l{name}" for name in library.linked]
        if f"{library.header}: No such file" in said or f"'{library.header}' file not found" in said:
            return LibraryMissing(f"{library.name} was not found (no {library.header}): {library.advice}")
        if any(text in said for text in absent):
            names = " and ".join(f"lib{name}.so" for name in library.linked)
            return LibraryMissing(f"{library.name} is not complete ({names} needed): {library.advice}")
    return failure
