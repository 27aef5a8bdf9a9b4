"""Templates of rigid molecules: which of their atoms are joined by bonds of which length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sqrt

from hpcphys.compiler.constraints.errors import ConstraintError


@dataclass(frozen=True)
class Template:
    """Molecules whose atoms have these types, in the order of their ids, and these rigid bonds.

    types: type of each atom;  bonds: pairs of atoms, counted from 0;  lengths: of each bond [length]
    Raises ConstraintError for bonds that cannot be.
    """

    types: tuple[int, ...]
    bonds: tuple[tuple[int, int], ...]
    lengths: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", tuple(int(kind) for kind in self.types))
        object.__setattr__(self, "bonds", tuple((int(i), int(j)) for i, j in self.bonds))
        object.__setattr__(self, "lengths", tuple(float(length) for length in self.lengths))
        atoms = len(self.types)
        seen: set[frozenset[int]] = set()
        if len(self.lengths) != len(self.bonds) or not self.bonds:
            raise ConstraintError(f"{len(self.bonds)} bonds, {len(self.lengths)} lengths; one each is needed")
        for (i, j), length in zip(self.bonds, self.lengths, strict=True):
            if not (0 <= i < atoms and 0 <= j < atoms and i != j and 0.0 < length < float("inf")):
                raise ConstraintError(
                    f"bond of atoms {i} and {j} with length {length!r} in a molecule of {atoms} atoms; two "
                    "different atoms, counted from 0, and a positive length are needed"
                )
            if frozenset((i, j)) in seen:
                raise ConstraintError(f"bond of atoms {i} and {j} is declared twice; leave one out")
            seen.add(frozenset((i, j)))
        if len(self.bonds) > 3 * atoms - 5 - (atoms > 2):
            raise ConstraintError(
                f"{len(self.bonds)} bonds in a molecule of {atoms} atoms: at most "
                f"{3 * atoms - 5 - (atoms > 2)} are independent"
            )

    @property
    def is_triangle(self) -> bool:
        """True for an apex 0 with equal bonds to 1 and 2, which are joined: SETTLE's shape."""
        return self.bonds == ((0, 1), (0, 2), (1, 2)) and self.lengths[0] == self.lengths[1]

    @property
    def is_chain(self) -> bool:
        """True if each bond joins an atom to the next."""
        return self.bonds == tuple((k, k + 1) for k in range(len(self.types) - 1))


def dumb_bell(types: Sequence[int], length: float) -> Template:
    """Two atoms at a fixed distance."""
    return Template(tuple(types), ((0, 1),), (length,))


def three_site(types: Sequence[int], length: float, angle: float) -> Template:
    """Rigid water: an apex (first id) with two equal bonds and the angle between them [radians]."""
    if not 0.0 < angle < pi:
        raise ConstraintError(f"angle = {angle!r}: must lie between 0 and pi [radians]")
    across = length * sqrt(2.0 - 2.0 * cos(angle))
    return Template(tuple(types), ((0, 1), (0, 2), (1, 2)), (length, length, across))


def chain(types: Sequence[int], length: float) -> Template:
    """A chain whose bonds, between atoms of neighbouring ids, all have one length; angles are free."""
    bonds = tuple((k, k + 1) for k in range(len(types) - 1))
    return Template(tuple(types), bonds, (length,) * len(bonds))
