"""What FFTW has learned about its plans, kept on disk beside the compiled kernels.

One file for each precision, version of FFTW and processor; written whole or not at all, with a checksum, and
merged with what other processes have put there meanwhile.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from hpcphys.kernels import CacheUnusable, cache, compiler

from .process_grid import import_mpi4py_fft

_CODES = {"double": "D", "single": "F"}
_ESTIMATE = 64  # FFTW_ESTIMATE
_PREFIXES = {"double": "fftw", "single": "fftwf"}


@functools.cache
def wisdom(precision: str) -> Wisdom:
    """The wisdom of this process for "double" or "single", read from disk at the first call."""
    return Wisdom(precision)


def fftw(precision: str) -> Any:
    """mpi4py-fft's module for FFTW in this precision.  Raises ImportError where it is not installed."""
    import_mpi4py_fft()
    from mpi4py_fft.fftw import fftlib

    return fftlib[_CODES[precision]]


def fftw_version(precision: str) -> str:
    """FFTW's own words on its version and vector units, "fftw-3.3.10-sse2-avx"."""
    library = ctypes.CDLL(fftw(precision).__file__)
    text = ctypes.c_char.in_dll(library, f"{_PREFIXES[precision]}_version")
    return ctypes.string_at(ctypes.addressof(text)).decode("ascii", "replace")


def _start_threads(library: Any, precision: str) -> None:
    """Let FFTW set up its threads, as its first threaded plan does.

    Until then it refuses wisdom that was made with them, and with them it forgets what it had learned before.
    """
    array = np.zeros(4, _CODES[precision])
    library.FFT(array, array, (0,), -1, 1, [_ESTIMATE], 1.0)


class Wisdom:
    """FFTW's wisdom in this process, which all its users share, and the file it is kept in.

    notes: a line about each file that was damaged and left alone, or that could not be written
    """

    def __init__(self, precision: str):
        self._library = fftw(precision)
        _start_threads(self._library, precision)
        self.notes: list[str] = []
        key = hashlib.sha256(f"{fftw_version(precision)}\0{compiler.processor()}".encode()).hexdigest()[:16]
        self.file = f"{_PREFIXES[precision]}-{key}.wisdom"
        self._known: list[str] = []
        self.load()

    def load(self) -> None:
        """Add what the file holds to what FFTW knows; a damaged file is passed over with a note."""
        path, damaged = cache.kept(self.file)
        self.notes += [f"FFTW wisdom {line}; passed over, plans are measured again" for line in damaged]
        if path is not None and not self._read(path):
            self.notes.append(f"FFTW wisdom {path}: FFTW does not take it; plans are measured again")
        self._known = self._learned()

    def save(self) -> None:
        """Write what FFTW knows, and what the file has got meanwhile; nothing if there is nothing new."""
        learned = self._learned()
        if learned == self._known:
            return
        try:
            cache.replace(self.file, self._merge)
        except CacheUnusable as problem:
            self.notes.append(f"FFTW wisdom is not kept: {' '.join(str(problem).split())}")
        self._known = self._learned()

    def _merge(self, old: Path | None, target: Path) -> None:
        if old is not None:
            self._read(old)
        self._write(target)

    def _read(self, path: Path) -> bool:
        return bool(self._library.import_wisdom(os.fsencode(path)))

    def _write(self, path: Path) -> None:
        if not self._library.export_wisdom(os.fsencode(path)):
            raise OSError(28, "FFTW could not write its wisdom", str(path))

    def _learned(self) -> list[str]:
        """The lines of what FFTW knows, in an order that does not change."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "wisdom"
            self._write(path)
            return sorted(path.read_text(encoding="ascii", errors="replace").splitlines())
