"""Which modules the program compiles, and with which defines: what the GPU checks must cover."""

from __future__ import annotations

from collections.abc import Iterator

from .sources import Define

GRAVITY: tuple[dict[str, Define], ...] = tuple(
    {"REAL": real, "SOFTENING": softening} for real in ("float", "double") for softening in (0, 1, 2)
)
VARIANTS: dict[str, tuple[dict[str, Define], ...]] = {
    "constraints": (
        {"ATOMS": 2, "BONDS": 1, "PAIRS": "0,1"},
        {"ATOMS": 3, "BONDS": 3, "PAIRS": "0,1,0,2,1,2"},
        {"ATOMS": 10, "BONDS": 9, "PAIRS": "0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9"},
        {"ATOMS": 10, "BONDS": 9, "CHAIN": 1, "PAIRS": "0,1,1,2,2,3,3,4,4,5,5,6,6,7,7,8,8,9"},
    ),
    "gravity_direct": tuple({**defines, "SPARSE": 1 << 20} for defines in GRAVITY),
    "gravity_tree": tuple({**defines, "LEAF": 20} for defines in GRAVITY),
    "fields": tuple({"REAL": real, "DIMENSIONS": axes} for real in ("float", "double") for axes in (1, 2, 3)),
    "grid_blocks": ({"REAL": "float"}, {"REAL": "double"}),
    "halo": ({},),
    "hilbert": ({},),
    "md_flows": ({},),
    "md_molecules": ({},),
    "md_noise": ({},),
    "md_settle": ({},),
    "pair_field": (
        {"REAL": "float"},
        {"REAL": "double"},
        {"REAL": "double", "FIXED": 1},
        {"REAL": "float", "TYPES": 1, "SHIFT": 3},
        {"REAL": "float", "POTENTIAL": "Morse", "SHIFT": 2},
        {"REAL": "float", "POTENTIAL": "Buckingham", "SHIFT": 1},
        {"REAL": "float", "POTENTIAL": "SoftCore"},
        {"REAL": "float", "POTENTIAL": "Table"},
        {"REAL": "float", "POTENTIAL": "WCA", "TYPES": 1},
    ),
    "particles": ({},),
    "radial_distribution": ({"REAL": "double"},),
    "split_operator": tuple({"REAL": real} for real in ("float", "double")),
    "structure_factor": ({"REAL": "double"},),
    "vorticity_elements": ({"REAL": "float"}, {"REAL": "double"}),
}


def variants() -> Iterator[tuple[str, dict[str, Define]]]:
    """Each module with each set of defines in use."""
    for name, used in VARIANTS.items():
        for defines in used:
            yield name, defines
