"""What can go wrong while a kernel is found, built, loaded or launched."""

from __future__ import annotations


class KernelError(Exception):
    """Base of every error of the kernel runtime."""


class CompilerMissing(KernelError):
    """No usable C++ compiler was found; the message says what to install."""


class CompileFailed(KernelError):
    """The compiler rejected a module; the message ends with its last lines."""


class LibraryMissing(KernelError):
    """A system library that a kernel calls was not found; the message says what to install."""


class CacheUnusable(KernelError):
    """No folder could hold the compiled module; the message lists what was tried and why each failed."""


class SignatureError(KernelError):
    """A launch does not fit the declaration in the source, or the declaration cannot be read."""


class BackendUnavailable(KernelError):
    """The wanted backend does not exist, or this machine lacks what it needs."""


class EmulationError(KernelError):
    """The emulated CUDA machine stopped a kernel: a divergent barrier, a bad warp mask, a deadlock."""
