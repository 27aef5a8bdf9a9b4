"""Imports run one way: kernels <- decomposition <- hpcphys, and inside hpcphys down to run and cli."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Part of the program -> the parts it may import.  A part may always import itself and the package's root.
ALLOWED = {
    "kernels": set(),
    "decomposition": {"kernels"},
    "compiler": {"kernels", "decomposition"},
    "initial": {"decomposition", "compiler"},
    "forces": {"kernels", "decomposition", "compiler"},
    "spectral": {"compiler"},
    "physics": {"kernels", "decomposition", "compiler", "forces", "spectral"},
    "io": {"decomposition", "compiler"},
    "report": {"decomposition", "compiler", "initial", "physics", "io"},
    "run": {"kernels", "decomposition", "compiler", "initial", "forces", "physics", "io", "report"},
    "cli": {"kernels", "decomposition", "compiler", "initial", "forces", "physics", "io", "report", "run"},
}
# Packages of others -> the only parts that may import them.
RESERVED = {
    "mpi4py": {"decomposition"},
    "cupy": {"kernels"},
}
# A launch check and a report of what the machine has may look at these packages without using them.
EXCEPTIONS = {("cli", "mpi4py"), ("cli", "cupy")}


def part_of(path: Path) -> str:
    """The part of the program that a source file belongs to; `hpcphys` for files at the package's root."""
    first, *rest = path.relative_to(ROOT).parts
    if first != "hpcphys":
        return first
    return rest[0] if len(rest) > 1 else {"cli.py": "cli", "__main__.py": "cli"}.get(rest[0], "hpcphys")


def imported(path: Path, text: str) -> list[tuple[int, str]]:
    """(line, dotted name) of everything that the file imports, relative imports made absolute."""
    package = list(path.relative_to(ROOT).parts[:-1])
    if package[0] != "hpcphys":
        package.insert(0, "hpcphys")
    names = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            names += [(node.lineno, f"{module}.{alias.name}") for alias in node.names]
    return names


def violations(path: Path, text: str) -> list[str]:
    """What the file imports against the rule, one line each."""
    part = part_of(path)
    found = []
    for line, name in imported(path, text):
        words = name.split(".")
        where = f"{path.relative_to(ROOT)}:{line}: {part} imports {name}"
        if words[0] in RESERVED and part not in RESERVED[words[0]] and (part, words[0]) not in EXCEPTIONS:
            found.append(f"{where}; only {', '.join(sorted(RESERVED[words[0]]))} may")
        other = words[1] if words[0] == "hpcphys" and len(words) > 1 else words[0]
        if other in ALLOWED and part in ALLOWED and other != part and other not in ALLOWED[part]:
            found.append(f"{where}; it may import {', '.join(sorted(ALLOWED[part])) or 'no other part'}")
    return found


def sources() -> list[Path]:
    folders = ("kernels", "decomposition", "hpcphys")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def test_imports_run_one_way():
    assert len(sources()) > 10
    assert not [line for path in sources() for line in violations(path, path.read_text())]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("kernels/a.py", "from hpcphys.decomposition import cuts"),
        ("kernels/a.py", "import mpi4py"),
        ("decomposition/a.py", "from ..compiler import state"),
        ("decomposition/a.py", "import hpcphys.run.job"),
        ("hpcphys/physics/a.py", "def f():\n    from mpi4py import MPI"),
        ("hpcphys/physics/a.py", "import cupy as xp"),
        ("hpcphys/compiler/a.py", "from hpcphys.io.rows import write_rows"),
        ("hpcphys/compiler/a.py", "from ..physics import gravity"),
        ("hpcphys/io/a.py", "from ..run import job"),
    ],
)
def test_the_rule_finds(file, text):
    assert violations(ROOT / file, text)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("decomposition/a.py", "from hpcphys.kernels import backend\nfrom .keys import search"),
        ("hpcphys/run/a.py", "from ..physics import gravity\nfrom hpcphys.decomposition import cuts"),
        ("hpcphys/physics/a.py", "from .. import __version__\nimport numpy"),
    ],
)
def test_the_rule_allows(file, text):
    assert not violations(ROOT / file, text)
