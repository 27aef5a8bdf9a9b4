"""Molecules of one kind on the sites of a lattice, turned at random, from a template."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpcphys.initial.blocks import row_range, sampled_rows
from hpcphys.initial.liquids.atoms import ORIENTATIONS
from hpcphys.initial.liquids.lattices import Lattice


@dataclass(frozen=True)
class Template:
    """One molecule, made by `dumbbell`, `water` or `chain`, or by hand.

    offsets: (a, 3) from its centre of mass, to which they are shifted [length];  mass, type: (a,)
    bonds: (b, 2) pairs of its atoms
    Raises ValueError for shapes that differ, masses that are not positive, bonds to atoms that are not there.
    """

    name: str
    offsets: Any
    mass: Any
    type: Any
    bonds: Any

    def __post_init__(self) -> None:
        offsets, mass = np.array(self.offsets, dtype=float), np.array(self.mass, dtype=float)
        kind, bonds = np.array(self.type, np.int32), np.array(self.bonds, np.int64).reshape(-1, 2)
        atoms = len(offsets)
        if offsets.shape != (atoms, 3) or mass.shape != (atoms,) or kind.shape != (atoms,) or atoms < 1:
            raise ValueError(f"template '{self.name}': offsets (a, 3), mass (a,) and type (a,) are needed")
        if not (mass > 0.0).all() or (bonds < 0).any() or (bonds >= atoms).any():
            raise ValueError(
                f"template '{self.name}': masses {mass.tolist()} must be positive, bonds {bonds.tolist()} "
                f"must be of its atoms 0 … {atoms - 1}"
            )
        offsets -= (mass[:, None] * offsets).sum(axis=0) / mass.sum()
        for name, value in (("offsets", offsets), ("mass", mass), ("type", kind), ("bonds", bonds)):
            object.__setattr__(self, name, value)

    @property
    def atoms(self) -> int:
        """Atoms of one molecule."""
        return len(self.mass)

    @property
    def lengths(self) -> np.ndarray:
        """(b,) lengths of the bonds."""
        return np.linalg.norm(self.offsets[self.bonds[:, 0]] - self.offsets[self.bonds[:, 1]], axis=1)


def dumbbell(length: float, masses=(1.0, 1.0), types=(0, 0)) -> Template:
    """Two atoms at a distance.  Raises ValueError for a length that is not positive."""
    _positive(length=length)
    return Template("dumbbell", [[0.0, 0.0, 0.0], [length, 0.0, 0.0]], masses, types, [[0, 1]])


def water(
    bond: float, angle: float = math.radians(109.47), masses=(15.9994, 1.008), types=(0, 1)
) -> Template:
    """Three sites O, H, H: |OH| = bond, ∠HOH = angle [rad]; bonds O-H, O-H, H-H, as for rigid molecules.

    Raises ValueError for a bond that is not positive or an angle outside (0, π).
    """
    _positive(bond=bond)
    if not 0.0 < angle < math.pi:
        raise ValueError(f"angle {angle}: it must lie between 0 and π")
    x, y = bond * math.sin(0.5 * angle), bond * math.cos(0.5 * angle)
    return Template(
        "water", [[0.0, 0.0, 0.0], [x, y, 0.0], [-x, y, 0.0]], (masses[0], masses[1], masses[1]),
        (types[0], types[1], types[1]), [[0, 1], [0, 2], [1, 2]],
    )  # fmt: skip


def chain(beads: int, bond: float, angle: float = math.radians(112.0), mass: float = 1.0) -> Template:
    """A planar zigzag of equal beads, |bond| and inner angle [rad] between neighbours (π: straight).

    Raises ValueError for fewer than two beads, a bond that is not positive or an angle outside (0, π].
    """
    _positive(bond=bond, mass=mass)
    if beads < 2 or not 0.0 < angle <= math.pi:
        raise ValueError(f"beads {beads}, angle {angle}: needed are at least 2 and an angle in (0, π]")
    number = np.arange(beads)
    along, across = bond * math.sin(0.5 * angle), bond * math.cos(0.5 * angle)
    offsets = np.stack((number * along, (number % 2) * across, np.zeros(beads)), axis=1)
    return Template(
        "chain", offsets, np.full(beads, mass), np.zeros(beads), np.stack((number[:-1], number[1:]), axis=1)
    )


def molecules_on_lattice(
    lattice: Lattice, template: Template, rng_seed: int, *, turned: bool = True, first: int = 0,
    last: int | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Molecules [first, last) of one per site, centres of mass on the sites, in random orientations.

    Orientations are uniform rotations, drawn by the number of the molecule: the same for every rank count.
    turned=False leaves all as the template has them.
    Returns the arrays of a state with `molecule` (n,) int64; ids are molecule·atoms + place in the template.
    Positions lie in the box, and position + image·vectors puts each molecule together.
    """
    first, last = row_range(lattice.count, first, last)
    centre = lattice.sites(first, last)
    if turned:
        drawn = sampled_rows(
            lattice.count, rng_seed, lambda generator, rows: {"q": _quaternions(generator, rows)},
            first=first, last=last, stream=ORIENTATIONS,
        )  # fmt: skip
        offsets = _rotated(drawn["q"], template.offsets)
    else:
        offsets = np.broadcast_to(template.offsets, (last - first, template.atoms, 3))
    free = (centre[:, None] + offsets).reshape(-1, 3)
    edges, origin = np.diag(lattice.vectors), np.array(lattice.origin)
    image = np.floor((free - origin) / edges).astype(np.int32)
    count = last - first
    molecule = np.repeat(np.arange(first, last, dtype=np.int64), template.atoms)
    return {
        "position": free - image * edges, "velocity": np.zeros((len(free), 3)), "image": image,
        "mass": np.tile(template.mass, count), "type": np.tile(template.type, count),
        "id": np.arange(first * template.atoms, last * template.atoms, dtype=np.int64), "molecule": molecule,
    }  # fmt: skip


def bonds_of(template: Template, first: int, last: int) -> np.ndarray:
    """(bonds, 2) int64 ids of the bonded atoms of the molecules [first, last)."""
    start = np.arange(first, last, dtype=np.int64) * template.atoms
    return (start[:, None, None] + template.bonds).reshape(-1, 2)


def _quaternions(generator: np.random.Generator, rows: int) -> np.ndarray:
    """(rows, 4) uniform on the unit sphere, hence uniform rotations (Shoemake 1992, Graphics Gems III)."""
    q = generator.normal(size=(rows, 4))
    return q / np.sqrt((q * q).sum(axis=1, keepdims=True))


def _rotated(q: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """(m, a, 3): offsets turned by each unit quaternion (w, x, y, z): v + 2 u × (u × v + w v)."""
    w, u = q[:, :1, None], q[:, None, 1:]
    v = np.broadcast_to(offsets, (len(q), *offsets.shape))
    return v + 2.0 * np.cross(u, np.cross(u, v) + w * v)


def _positive(**numbers: float) -> None:
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0.0):
            raise ValueError(f"{name} {value}: it must be a finite number > 0")
