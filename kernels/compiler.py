"""The system's C++ compiler: which one, with which flags, and what it says when it fails."""

from __future__ import annotations

import errno
import functools
import importlib.metadata
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import CompileFailed, CompilerMissing

CANDIDATES = ("g++", "c++", "clang++")
# -ffast-math is left out on purpose: masks rely on infinities and NaNs being selected away.
FLAGS = (
    "-std=c++17",
    "-O3",
    "-march=native",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fPIC",
)
LINES_SHOWN = 30


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler: the words that start it, and what identifies its version without running it."""

    command: tuple[str, ...]
    identity: str
    openmp: bool

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags of every build: optimised for this machine, IEEE comparisons kept."""
        return FLAGS + (("-fopenmp",) if self.openmp else ())

    def run(self, arguments: Sequence[str], folder: Path, what: str) -> None:
        """Run the compiler with its temporary files in `folder`.

        Raises OSError (no space left) when the disk is full, CompileFailed for any other failure.
        """
        command = [*self.command, *arguments]
        environment = {**os.environ, "TMPDIR": str(folder), "LC_ALL": "C"}
        environment.pop("LD_PRELOAD", None)  # a sanitizer loaded into Python is not for the compiler
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace"
        )
        if done.returncode == 0:
            return
        said = (done.stderr + done.stdout).strip().splitlines()
        if "No space left on device" in done.stderr:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        raise CompileFailed(
            f"the compiler could not build {what} (exit status {done.returncode}).\n"
            f"  command: {shlex.join(command)}\n" + "\n".join(_telling(said))
        )


def system_compiler() -> Compiler:
    """The compiler named by $CXX, else g++, c++, clang++, else the Python package `ziglang` (without OpenMP).

    Raises CompilerMissing, with what to install, when there is none.
    """
    wanted = os.environ.get("CXX", "").strip()
    if wanted:
        words = shlex.split(wanted)
        path = shutil.which(words[0])
        if path is None:
            raise CompilerMissing(
                f"CXX={wanted}: '{words[0]}' was not found; unset CXX or name an installed C++ compiler"
            )
        return Compiler((path, *words[1:]), _identity(path, *words[1:]), True)
    for name in CANDIDATES:
        path = shutil.which(name)
        if path is not None:
            return Compiler((path,), _identity(path), True)
    if importlib.util.find_spec("ziglang") is not None:
        version = importlib.metadata.version("ziglang")
        return Compiler((sys.executable, "-m", "ziglang", "c++"), f"ziglang {version}", False)
    raise CompilerMissing(
        "no C++ compiler was found (looked for $CXX, g++, c++, clang++ and the Python package ziglang).\n"
        "Install one: 'apt-get install g++' (Debian, Ubuntu), 'module load gcc' (most clusters), "
        "or 'pip install ziglang' (no root needed; single-threaded kernels)."
    )


def version(compiler: Compiler) -> str:
    """The first line of `--version`, for reports only: it costs a process."""
    done = subprocess.run([*compiler.command, "--version"], capture_output=True, text=True, errors="replace")
    return (done.stdout or done.stderr).strip().splitlines()[0] if done.stdout or done.stderr else "unknown"


@functools.cache
def processor() -> str:
    """The CPU's model and instruction sets, because -march=native builds for exactly these."""
    words = [platform.machine()]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not line.strip():
                    break
                key, _, value = line.partition(":")
                if key.strip() in {"model name", "flags", "Features", "CPU part", "CPU implementer"}:
                    words.append(value.strip())
    except OSError:
        words.append(platform.processor())
    return "|".join(words)


def _telling(said: list[str]) -> list[str]:
    """From the first error on, where there is one: what follows it is mostly its consequence."""
    errors = [number for number, line in enumerate(said) if "error:" in line]
    return said[errors[0] : errors[0] + LINES_SHOWN] if errors else said[-LINES_SHOWN:]


def _identity(path: str, *words: str) -> str:
    """A compiler changes when its file does: cheaper to ask than `--version`."""
    real = os.path.realpath(path)
    found = os.stat(real)
    return f"{real} {found.st_size} {found.st_mtime_ns} {' '.join(words)}".strip()
