"""Softening kernels by name."""

from __future__ import annotations

SOFTENING_KERNELS = {"none": 0, "plummer": 1, "spline": 2}


def softening_define(name: str, length: float) -> int:
    """The SOFTENING define of kernels/gravity_pairs.h.  Raises ValueError for an unknown name or a bad
    length."""
    if name not in SOFTENING_KERNELS:
        raise ValueError(
            f"softening kernel '{name}' is unknown; choose one of {', '.join(SOFTENING_KERNELS)}"
        )
    if not length >= 0 or (length == 0 and name != "none"):
        raise ValueError(
            f"softening length {length} with kernel '{name}': it must be positive (or kernel 'none')"
        )
    return SOFTENING_KERNELS[name]
