"""Finds a module's header, the local headers it includes, and writes its translation unit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import KernelError

FOLDER = Path(__file__).resolve().parent
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)

Define = bool | int | float | str


@dataclass(frozen=True)
class ModuleSource:
    """A kernel module as text: its header, every local header behind it, and its defines.

    generated: the module's own text where it was written by the program and stands in no file
    """

    name: str
    folders: tuple[Path, ...]
    files: tuple[tuple[str, str], ...]
    defines: tuple[tuple[str, str], ...]
    generated: str = ""

    @property
    def text(self) -> str:
        """All headers one after another, each once, the module's own first."""
        return "\n".join(content for _, content in self.files)

    @property
    def unit(self) -> str:
        """What a translation unit begins with: the include of the module's header, or its generated text."""
        return self.generated or f'#include "{self.name}.h"\n'

    @property
    def define_flags(self) -> list[str]:
        """The defines as compiler flags, `-Dname=value`."""
        return [f"-D{name}={value}" for name, value in self.defines]

    @property
    def rounding_flags(self) -> tuple[str, ...]:
        """Generated text writes its fused operations out: the compiler makes no others, anywhere alike."""
        return ("-ffp-contract=off",) if self.generated else ()

    @property
    def include_flags(self) -> list[str]:
        """The folders in which the headers stand, as compiler flags."""
        return [f"-I{folder}" for folder in self.folders]


def spelled(value: Define) -> str:
    """A define's value as C++ spells it: true -> 1, 0.5 -> 0.5, text unchanged."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def module_source(name: str, defines: Mapping[str, Define], folders: Sequence[Path] = ()) -> ModuleSource:
    """Read `<name>.h` and the headers it includes from `folders`, then from the package's own folder.

    Headers that are not found there (the compiler's own, or one included by another target's branch) are
    left to the compiler.  Raises KernelError when the module's own header does not exist.
    """
    searched = (*(Path(folder).resolve() for folder in folders), FOLDER)
    first = _found(f"{name}.h", None, searched)
    if first is None:
        known = sorted({path.stem for folder in searched for path in folder.glob("*.h")})
        raise KernelError(
            f"kernel module '{name}': no {name}.h in {', '.join(map(str, searched))}; "
            f"headers there: {', '.join(known)}"
        )
    contents = _with_includes([first], searched)
    files = tuple((path.name, content) for path, content in contents.items())
    return ModuleSource(name, searched, files, _spelled(defines))


def generated_source(
    name: str, text: str, defines: Mapping[str, Define], folders: Sequence[Path] = ()
) -> ModuleSource:
    """A module whose text the program has written itself, with the headers that it includes."""
    searched = (*(Path(folder).resolve() for folder in folders), FOLDER)
    included = [_found(include, None, searched) for include in INCLUDE.findall(text)]
    contents = _with_includes([path for path in included if path is not None], searched)
    files = ((f"{name}.h", text), *((path.name, content) for path, content in contents.items()))
    return ModuleSource(name, searched, files, _spelled(defines), text)


def _spelled(defines: Mapping[str, Define]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, spelled(value)) for key, value in defines.items()))


def _with_includes(waiting: list[Path], searched: Sequence[Path]) -> dict[Path, str]:
    """Text of each header and of every local one that it includes, each once."""
    contents: dict[Path, str] = {}
    while waiting:
        path = waiting.pop(0)
        if path in contents:
            continue
        contents[path] = path.read_text(encoding="utf-8")
        for include in INCLUDE.findall(contents[path]):
            found = _found(include, path.parent, searched)
            if found is not None:
                waiting.append(found)
    return contents


def _found(include: str, beside: Path | None, folders: Sequence[Path]) -> Path | None:
    for folder in (*([beside] if beside else []), *folders):
        path = folder / include
        if path.is_file():
            return path.resolve()
    return None
