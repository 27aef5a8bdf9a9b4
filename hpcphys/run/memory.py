"""Freed arrays go back to the system at once."""

from __future__ import annotations

import ctypes
import sys

M_MMAP_THRESHOLD = -3
THRESHOLD = 4 << 20  # bytes; smaller blocks are recycled by the allocator, which is faster


def return_freed_arrays() -> None:
    """Let the C library map every block above `THRESHOLD` by itself, so that freeing it returns its pages.

    By default glibc raises its own threshold up to 32 MiB as blocks are freed and then keeps their pages: a
    rank with a million particles would hold twice the memory of its arrays.  Does nothing where there is no
    glibc.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):
            library.mallopt(M_MMAP_THRESHOLD, THRESHOLD)
