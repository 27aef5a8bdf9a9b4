"""Whether a wave packet fits its grid: measured on the packet itself, before the first step."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi
from typing import Any

import numpy as np

from hpcphys.initial.wavefunctions import (
    axis_shares,
    gaussian_factor,
    outside_of_gaussian,
)
from hpcphys.physics.schrodinger.grid import AXES
from hpcphys.run.kind import Broken
from hpcphys.run.wavefunctions.declaration import Declaration, numeric

ALLOWED = 1e-6
"""Share of the norm that may lie outside the box, or beyond the momenta of the grid."""

LARGEST = 1 << 22
"""Points of the largest grid on which a packet is tried before the run; larger ones are tried by axes, or
when the ranks share them."""


def misfits(
    table: Any, parts: dict[str, Any], declaration: Declaration, path: tuple[str, ...]
) -> list[Broken]:
    """What of an initial state does not fit the grid.  parts: of Declaration.initial or reference."""
    if any(value is None for value in parts.values()):
        return []  # an expression that could not be read has its own problem
    if table.model == "gaussian":
        return list(_gaussian(parts, declaration, path))
    if table.model == "product" and "factors" in parts and "momentum" in parts:
        return list(_product(parts, declaration, path))
    if table.model == "expression" and declaration.grid.count <= LARGEST:
        return list(_expression(parts, declaration, path))
    return []


def _gaussian(parts: dict[str, Any], declaration: Declaration, path: tuple[str, ...]) -> Iterator[Broken]:
    if len(parts) < 3:
        return
    grid = declaration.grid
    for axis in range(grid.dimension):
        centre, width, momentum = (parts[key][axis] for key in ("centre", "width", "momentum"))
        name, spacing = AXES[axis], grid.spacing[axis]
        outside = outside_of_gaussian(grid.lower[axis], grid.upper[axis], centre, width)
        if outside > ALLOWED:
            yield (
                (*path, "centre"),
                (
                    f"along {name} {outside:.1e} of the packet lies outside the box {grid.lower[axis]:g} to "
                    f"{grid.upper[axis]:g} (centre {centre:g}, width {width:g}); at most {ALLOWED:g} may: "
                    f"move it, or widen the box"
                ),
            )
            continue
        shares = axis_shares(gaussian_factor(grid.coordinates(axis), centre, width, momentum), 0, spacing)
        yield from _too_fast(shares, momentum, 0.5 / width, axis, declaration, (*path, "momentum"))


def _too_fast(
    shares: Any, momentum: float, spread: float, axis: int, declaration: Declaration, path: tuple[str, ...]
) -> Iterator[Broken]:
    """A packet with momenta beyond the grid's; one far beyond comes back with another momentum."""
    grid, name = declaration.grid, AXES[axis]
    nyquist = pi / grid.spacing[axis]
    folded = abs(shares.momentum - momentum) > 1e-3 * nyquist
    if shares.fast <= ALLOWED and not folded:
        return
    needed = int(np.ceil((abs(momentum) + 5.0 * spread) * grid.lengths[axis] / (0.9 * pi)))
    what = (
        f"on the grid its mean is {shares.momentum:g}" if folded else
        f"{shares.fast:.1e} of the packet has more than 0.9 of that, at most {ALLOWED:g} may"
    )  # fmt: skip
    yield (
        path,
        (
            f"found {momentum:g} along {name} with a spread of {spread:.3g}; the grid holds momenta up to "
            f"{nyquist:.4g} (pi/spacing), and {what}: use at least {needed} points, or a slower packet"
        ),
    )


def _product(parts: dict[str, Any], declaration: Declaration, path: tuple[str, ...]) -> Iterator[Broken]:
    grid = declaration.grid
    for axis, (symbol, factor) in enumerate(zip(declaration.symbols, parts["factors"], strict=True)):
        x = grid.coordinates(axis)
        psi = numeric(factor, (symbol,))(x) * np.exp(1j * parts["momentum"][axis] * x)
        yield from _measured(psi, (axis,), declaration, (*path, "factors"))


def _expression(parts: dict[str, Any], declaration: Declaration, path: tuple[str, ...]) -> Iterator[Broken]:
    grid = declaration.grid
    points = [grid.along(axis, grid.coordinates(axis)) for axis in range(grid.dimension)]
    real, imaginary = (numeric(parts[key], declaration.symbols)(*points) for key in ("real", "imaginary"))
    psi = np.broadcast_to(real + 1j * imaginary, grid.points)
    yield from _measured(psi, range(grid.dimension), declaration, (*path, "real"))


def _measured(
    psi: np.ndarray, axes: Any, declaration: Declaration, path: tuple[str, ...]
) -> Iterator[Broken]:
    """Numbers that are none, no norm at all, and momenta beyond the grid's along the given axes."""
    bad = np.argwhere(~np.isfinite(psi))
    if len(bad):
        places = ", ".join(
            f"{AXES[axis]} = {declaration.grid.coordinates(axis)[index]:g}"
            for axis, index in zip(axes, bad[0], strict=True)
        )
        yield path, f"is {psi[tuple(bad[0])]} at {places}; it must be finite on every point of the grid"
        return
    if not np.any(psi):
        yield path, "is zero on every point of the grid; a state needs a norm"
        return
    for place, axis in enumerate(axes):
        spacing = declaration.grid.spacing[axis]
        shares = axis_shares(psi, place, spacing)
        if shares.fast > ALLOWED:
            cut = f" (at the edges of the box its density is {shares.edge:.1e} of the largest)"
            yield (
                path,
                (
                    f"along {AXES[axis]} {shares.fast:.1e} of the packet has momenta beyond 0.9 of the "
                    f"largest that the grid holds, {pi / spacing:.4g} (pi/spacing); at most {ALLOWED:g} "
                    f"may{cut}: use more points, or a box at whose ends the packet vanishes or repeats itself"
                ),
            )
