"""Which modules the program compiles, and with which defines: what the GPU checks must cover."""

from __future__ import annotations

from collections.abc import Iterator

from .sources import Define

GRAVITY: tuple[dict[str, Define], ...] = tuple(
    {"REAL": real, "SOFTENING": softening} for real in ("float", "double") for softening in (0, 1, 2)
)
VARIANTS: dict[str, tuple[dict[str, Define], ...]] = {
    "gravity_direct": tuple({**defines, "SPARSE": 1 << 20} for defines in GRAVITY),
    "gravity_tree": tuple({**defines, "LEAF": 20} for defines in GRAVITY),
    "hilbert": ({},),
    "particles": ({},),
}


def variants() -> Iterator[tuple[str, dict[str, Define]]]:
    """Each module with each set of defines in use."""
    for name, used in VARIANTS.items():
        for defines in used:
            yield name, defines
