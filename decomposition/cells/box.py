"""The box that atoms live in: orthorhombic or triclinic, each axis periodic or open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

AXES = "xyz"
# Name of a state's scalar -> where it stands in the vectors (row, column); the origin's are box.x0, y0, z0.
ELEMENTS = {"xx": (0, 0), "yy": (1, 1), "zz": (2, 2), "yx": (1, 0), "zx": (2, 0), "zy": (2, 1)}


@dataclass(frozen=True, eq=False)
class Box:
    """The points x = origin + s V with 0 ≤ s < 1; the rows of V are the vectors a, b, c.

    vectors: (3, 3) lower triangular with a positive diagonal: a along x, b in the x-y plane [length]
    origin: (3,) the corner s = 0 [length]
    periodic: of each axis.  Along an open axis the box only says what a fractional coordinate is: atoms may
        lie outside 0 ≤ s < 1 and stay there.

    Nothing of it changes afterwards; a box of another shape is another object.  Methods work on rows (n, 3)
    of NumPy's arrays or a GPU's alike.  Raises ValueError for vectors that span no volume or are not lower
    triangular.
    """

    vectors: np.ndarray
    origin: Any = (0.0, 0.0, 0.0)
    periodic: tuple[bool, bool, bool] = (True, True, True)

    def __post_init__(self) -> None:
        given = np.array(self.vectors, dtype=np.float64)
        vectors = np.diag(given) if given.shape == (3,) else given
        origin = np.array(self.origin, dtype=np.float64)
        if vectors.shape != (3, 3) or origin.shape != (3,) or len(self.periodic) != 3:
            raise ValueError(
                f"a box with vectors of shape {given.shape}, an origin of shape {origin.shape} and "
                f"{len(self.periodic)} axes; vectors (3, 3) or three edges, origin (3,) and three booleans "
                "are needed"
            )
        if not (np.isfinite(vectors).all() and np.isfinite(origin).all() and (np.diag(vectors) > 0).all()):
            raise ValueError(
                f"a box with the vectors {vectors.tolist()} from {origin.tolist()}; all must be finite and "
                "the diagonal positive: a box without a volume has collapsed or was given in a wrong order"
            )
        if np.triu(vectors, 1).any():
            raise ValueError(
                f"a box with the vectors {vectors.tolist()} is not lower triangular; rotate the system so "
                "that a lies along x and b in the x-y plane"
            )
        vectors.setflags(write=False)
        origin.setflags(write=False)
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "origin", origin)
        object.__setattr__(self, "periodic", tuple(bool(p) for p in self.periodic))

    @classmethod
    def from_scalars(cls, state: Any, periodic: Sequence[bool] = (True, True, True)) -> Box:
        """The box in state.scalars: box.xx, yy, zz, and if there, box.yx, zx, zy (tilts), x0, y0, z0.

        Raises KeyError that names what is missing.
        """
        scalars = state.scalars
        missing = [f"box.{name}" for name in ("xx", "yy", "zz") if f"box.{name}" not in scalars]
        if missing:
            raise KeyError(f"the state's scalars hold no box: {', '.join(missing)} missing")
        vectors = np.zeros((3, 3))
        for name, place in ELEMENTS.items():
            vectors[place] = scalars.get(f"box.{name}", 0.0)
        origin = [scalars.get(f"box.{axis}0", 0.0) for axis in AXES]
        return cls(vectors, origin, tuple(periodic))  # type: ignore[arg-type]

    def to_scalars(self, state: Any) -> None:
        """Put the box among state.scalars, where checkpoints keep it."""
        for name, place in ELEMENTS.items():
            state.scalars[f"box.{name}"] = float(self.vectors[place])
        for axis, value in zip(AXES, self.origin, strict=True):
            state.scalars[f"box.{axis}0"] = float(value)

    @property
    def volume(self) -> float:
        """a · (b × c) [length³]."""
        return float(np.prod(np.diag(self.vectors)))

    @cached_property
    def inverse(self) -> np.ndarray:
        """V⁻¹, lower triangular: s = (x - origin) V⁻¹."""
        return _unchanging(np.tril(np.linalg.inv(self.vectors)))

    @cached_property
    def widths(self) -> np.ndarray:
        """(3,) distances between opposite faces, at most the edges' lengths [length]."""
        # Column d of V⁻¹ is the gradient of s_d, normal to the faces of constant s_d.
        return _unchanging(1.0 / np.linalg.norm(self.inverse, axis=0))

    @property
    def normals(self) -> np.ndarray:
        """(3, 3) rows: unit normals of the upper faces of the three axes."""
        return self.inverse.T * self.widths[:, None]

    def fractional(self, x: Any) -> Any:
        """s = (x - origin) V⁻¹ of rows x (..., 3) [length]."""
        shifted = [x[..., d] - float(self.origin[d]) for d in range(3)]
        return _stacked(x, _product(shifted, self.inverse))

    def cartesian(self, s: Any) -> Any:
        """x = origin + s V of rows s (..., 3)."""
        rows = _product([s[..., d] for d in range(3)], self.vectors)
        return _stacked(s, [row + float(self.origin[d]) for d, row in enumerate(rows)])

    def wrap(self, position: Any, image: Any) -> None:
        """Take whole box vectors off until 0 ≤ s < 1 along periodic axes, and count them; in place.

        position: (n, 3) float64; image: (n, 3) integers, or None.  position + image @ vectors stays the same
        to rounding.
        """
        # Twice: a row just below 0 may be rounded to 1 when a box vector is added to it.
        for _ in range(2):
            s = self.fractional(position)
            whole = [np.floor(s[..., d]) * float(self.periodic[d]) for d in range(3)]
            for d, off in enumerate(_product(whole, self.vectors)):
                position[..., d] -= off
                if image is not None:
                    image[..., d] += whole[d].astype(image.dtype)

    def nearest(self, dx: Any) -> Any:
        """dx less whole box vectors along periodic axes: the shortest image wherever that is shorter than
        half of all widths.

        dx: (..., 3) differences of positions.  In a tilted box a longer difference may have a shorter image.
        """
        s = _product([dx[..., d] for d in range(3)], self.inverse)
        whole = [np.rint(s[d]) * float(self.periodic[d]) for d in range(3)]
        off = _product(whole, self.vectors)
        return _stacked(dx, [dx[..., d] - off[d] for d in range(3)])

    def scaled(self, factor: Any) -> Box:
        """The box with the vectors V F, about the same origin.

        factor: a number, three numbers (one for each Cartesian axis), or a lower triangular matrix F (3, 3).
        """
        matrix = np.asarray(factor, dtype=np.float64)
        if matrix.ndim < 2:
            matrix = np.diag(np.broadcast_to(matrix, 3))
        return Box(self.vectors @ matrix, self.origin, self.periodic)

    def describe(self) -> str:
        """One line for logs: shape, lengths, periodicity."""
        tilted = bool(np.tril(self.vectors, -1).any())
        lengths = " × ".join(f"{edge:.6g}" for edge in np.linalg.norm(self.vectors, axis=1))
        open_axes = [axis for axis, periodic in zip(AXES, self.periodic, strict=True) if not periodic]
        ends = f"open along {', '.join(open_axes)}" if open_axes else "periodic"
        return f"{'triclinic' if tilted else 'orthorhombic'} box {lengths}, {ends}"


def _unchanging(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array


def _product(rows: Sequence[Any], matrix: np.ndarray) -> list[Any]:
    """The columns of rows @ matrix, for a lower triangular matrix and rows given by their columns."""
    return [sum(rows[k] * float(matrix[k, d]) for k in range(d, 3)) for d in range(3)]


def _stacked(like: Any, columns: Sequence[Any]) -> Any:
    """The columns as rows (..., 3), in memory of the same kind as `like`."""
    result = np.empty_like(like, dtype=np.float64)
    for d, column in enumerate(columns):
        result[..., d] = column
    return result
