"""FFTW's measured plans, kept on disk: measured once per machine, so that every run and rank uses the same.

FFTW finds its fastest plan by a race of candidates, which another run may decide otherwise; its results then
differ by round-off.  A plan from the file makes a resumed run equal the uninterrupted one bit for bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .cache import cached
from .compiler import processor
from .errors import CacheUnusable


def measured_plans(module: Any, family: str, kind: str, measure: Callable[[], None]) -> bool:
    """Let FFTW know the plans of one kind; True if they are known, False if no folder can keep them.

    module: has the host functions <family>_read_plans(path) and <family>_write_plans(path)
    kind: names the plans, with sizes and precision;  measure: makes them, where no file has them yet
    Of the processes that ask at once one measures, the others wait.
    """

    def build(target: Path) -> None:
        measure()
        if not module.host(f"{family}_write_plans", _text(target)):
            raise OSError(f"FFTW could not write its plans to {target}")

    name = f"{family}-plans-{kind}-{hashlib.sha256(processor().encode()).hexdigest()[:16]}.fftw"
    try:
        return bool(module.host(f"{family}_read_plans", _text(cached(name, build))))
    except CacheUnusable:
        return False


def _text(path: Path) -> np.ndarray:
    """A path as C reads it."""
    return np.frombuffer(str(path).encode() + b"\0", dtype=np.uint8)
