"""FFTW's wisdom in the cache of this machine: every process, and every resumed run, makes the same plans.

Plans that are measured anew may differ from process to process, and with them the rounding of a run.
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


def planned(module: Any, name: str, key: str, plan: Callable[[], None], exported: str, imported: str) -> None:
    """Call `plan` with the wisdom that the first process on this machine gathered when it did.

    module: a module whose host functions `exported` and `imported` write and read FFTW's wisdom, given a file
    name: of the cache entry, for people;  key: everything that the plans depend on
    plan: makes the plans; it is called once to gather wisdom and once to use it
    Without a folder for the cache the plans are measured here.
    """
    digest = hashlib.sha256("\0".join((processor(), key)).encode()).hexdigest()[:32]

    def build(target: Path) -> None:
        plan()
        if not module.host(exported, _text(target)):
            raise OSError(5, "FFTW could not write its wisdom", str(target))

    try:
        path = cached(f"{name}-{digest}.wisdom", build)
    except CacheUnusable:
        plan()
        return
    module.host(imported, _text(path))
    plan()


def _text(path: Path) -> np.ndarray:
    """A path as C reads it."""
    return np.frombuffer(str(path).encode() + b"\0", dtype=np.uint8)
