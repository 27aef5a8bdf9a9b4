"""Conducting walls: tangential E and normal B vanish on them; images of particles behind them."""

from __future__ import annotations

from typing import Any

from .geometry import ELECTRIC, MAGNETIC, FieldGeometry


class Walls:
    """The outer faces of this rank's block, all backed by perfect conductors (absorbing layers too)."""

    def __init__(self, geometry: FieldGeometry):
        self._geometry = geometry
        blocks = geometry.blocks
        self._faces = [
            (axis, *geometry.face(axis, side))
            for axis in range(geometry.axes)
            for side in range(2)
            if blocks.boundary(axis, side)
        ]

    def mirror_electric(self, E: Any) -> None:
        """Outer guards ← images: tangential E odd and 0 on the wall, normal E even."""
        self._launch("mirror_face", E, ELECTRIC)

    def mirror_magnetic(self, B: Any) -> None:
        """Outer guards ← images: normal B odd and 0 on the wall, tangential B even."""
        self._launch("mirror_face", B, MAGNETIC)

    def mirror_potential(self, phi: Any) -> None:
        """Outer guards ← images of a potential (or charge) that is 0 on the walls: odd."""
        self._launch("mirror_face", phi, ((False,) * 3,))

    def fold_current(self, J: Any) -> None:
        """What was deposited behind walls comes back from image charges; tangential J is 0 on walls."""
        self._launch("fold_face", J, ELECTRIC)

    def fold_charge(self, rho: Any) -> None:
        """The same of a charge density: 0 on walls, where it meets its image."""
        self._launch("fold_face", rho, ((False,) * 3,))

    def _launch(self, kernel: str, field: Any, between: tuple[tuple[bool, ...], ...]) -> None:
        # Axis after axis over whole faces, guards included, so that edges are images of images.
        geometry = self._geometry
        for axis, lines, face in self._faces:
            bits = sum(1 << c for c, places in enumerate(between) if places[axis])
            layers = geometry.blocks.guards
            geometry.module.launch(kernel, len(between) * lines, face, field, bits, layers)
