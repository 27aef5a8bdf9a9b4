"""Dealiasing: what a product of two fields must lose so that no wavenumber is mistaken for another."""

from __future__ import annotations

from typing import Any

from .grid import SpectralGrid

RULES = ("two_thirds", "hou_li")


def two_thirds(grid: SpectralGrid) -> Any:
    """1 where |m_a| <= (n_a - 1)//3 along every axis, else 0: quadratic products are free of aliasing.

    Source: Orszag (1971), J. Atmos. Sci. 28, 1074.
    """
    kept: Any = True
    for m, n in zip(grid.indices, grid.transform.shape, strict=True):
        kept = kept & (abs(m) <= (n - 1) // 3)
    return kept.astype(grid.transform.real_type)


def hou_li(grid: SpectralGrid) -> Any:
    """Π_a exp(-36 (|m_a|/(n_a/2))^36): keeps 12 to 15 % more wavenumbers per axis, smooth at its end.

    The highest wavenumber is damped to round-off, exp(-36) = 2e-16.  Products are not free of aliasing, but
    what is left of it decays with the spectrum.
    Source: Hou & Li (2007), J. Comput. Phys. 226, 379.
    """
    factor: Any = 1.0
    for axis in range(len(grid.length)):
        factor = factor * grid.xp.exp(-36 * grid.relative(axis) ** 36)
    return factor.astype(grid.transform.real_type)


def dealias(grid: SpectralGrid, amplitudes: Any, rule: str = "two_thirds") -> Any:
    """amplitudes ← filter · amplitudes, in place; returns them.  rule: "two_thirds" or "hou_li".

    Raises ValueError for another rule.
    """
    if rule not in RULES:
        raise ValueError(f"dealiasing rule {rule!r} is unknown; use one of {', '.join(RULES)}")
    amplitudes *= two_thirds(grid) if rule == "two_thirds" else hou_li(grid)
    return amplitudes
