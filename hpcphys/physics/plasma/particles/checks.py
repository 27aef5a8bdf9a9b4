"""What particles need of their grid and of the rows that they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import ParticleError

WALLS = ("reflecting", "absorbing")
AXES = "xyz"


def checked_boundaries(
    boundaries: Mapping[int, tuple[str, str]] | None, blocks: Any
) -> list[tuple[str, str]]:
    """(lower, upper) for each axis; periodic axes need none.  Raises ParticleError."""
    given = dict(boundaries or {})
    found = []
    for axis, periodic in enumerate(blocks.periodic):
        sides = tuple(given.pop(axis, ("periodic", "periodic") if periodic else ("missing", "missing")))
        allowed = ("periodic",) if periodic else WALLS
        if len(sides) != 2 or any(side not in allowed for side in sides):
            raise ParticleError(
                f"boundaries of axis {AXES[axis]}: {' and '.join(sides)}; the grid's axis is "
                f"{'' if periodic else 'not '}periodic: {' or '.join(allowed)} is allowed on each side"
            )
        found.append((str(sides[0]), str(sides[1])))
    if given:
        raise ParticleError(f"boundaries for axes {sorted(given)}; the grid has {len(found)}")
    return found


def checked_rows(particles: Any, position: Any, momentum: Any, weight: Any, id: Any) -> tuple[Any, ...]:
    """Rows as the engine takes them, positions in cells.  Raises ParticleError naming the first bad one."""
    n = particles.dimensions
    species = particles.species
    x = np.ascontiguousarray(position, dtype=np.float64)
    u = np.ascontiguousarray(momentum, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 and n == 1 else x
    if x.ndim != 2 or x.shape[1] != n or u.shape != (len(x), 3):
        raise ParticleError(f"positions {x.shape} and momenta {u.shape}: (n, {n}) and (n, 3) are needed")
    weights = _column(weight, len(x), np.float64, species.weight is None, f"species '{species.name}': weight")
    ids = _column(id, len(x), np.int64, species.tracked, f"species '{species.name}': id")
    finite = np.isfinite(x).all(axis=1) & np.isfinite(u).all(axis=1)
    if weights is not None:
        finite &= np.isfinite(weights)
    if not finite.all():
        row = int(np.argmin(finite))
        raise ParticleError(
            f"species '{species.name}': row {row} is not finite: position {x[row].tolist()}, momentum "
            f"{u[row].tolist()}" + ("" if weights is None else f", weight {weights[row]:g}")
        )
    cells = x / particles.spacing
    low = np.array(particles.blocks.start, dtype=np.float64)
    high = low + particles.blocks.count
    inside = ((cells >= low) & (cells <= high)).all(axis=1)
    if not inside.all():
        row = int(np.argmin(inside))
        raise ParticleError(
            f"species '{species.name}': row {row} at {x[row].tolist()} lies outside this block, "
            f"{(low * particles.spacing).tolist()} to {(high * particles.spacing).tolist()}"
        )
    # A position that rounds to the block's upper face still belongs to its last cell.
    cells = np.minimum(cells, np.nextafter(high, low))
    return cells, u, weights, ids


def _column(values: Any, n: int, dtype: Any, needed: bool, what: str) -> Any:
    if (values is not None) != needed:
        raise ParticleError(
            f"{what}: {'one for each row is needed' if needed else 'the species has its own'}"
        )
    if values is None:
        return None
    column = np.ascontiguousarray(values, dtype=dtype)
    if column.shape != (n,):
        raise ParticleError(f"{what} of shape {column.shape} for {n} rows")
    return column
