"""Compiled loops, one source for CPU and GPU: `backend(name).module("gravity").launch("kick", n, ...)`."""

from __future__ import annotations

from .backends import Backend, Module, backend
from .errors import (
    BackendUnavailable,
    CacheUnusable,
    CompileFailed,
    CompilerMissing,
    EmulationError,
    KernelError,
    LibraryMissing,
    SignatureError,
)

__all__ = [
    "Backend",
    "BackendUnavailable",
    "CacheUnusable",
    "CompileFailed",
    "CompilerMissing",
    "EmulationError",
    "KernelError",
    "LibraryMissing",
    "Module",
    "SignatureError",
    "backend",
]
